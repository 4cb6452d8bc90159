#ifndef BATON_SERVICES_COMMON_CERTIFICATE_H_
#define BATON_SERVICES_COMMON_CERTIFICATE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// What certificates say, without a connection. Pure functions.
namespace baton {

// The SPIFFE URIs of all certificates in `pem`, in order; empty when there is
// none.
std::vector<std::string> SpiffeUris(absl::string_view pem);

// "baton.test" of "spiffe://baton.test/agency/council/E06000018"; empty when
// `uri` is no SPIFFE URI.
absl::string_view TrustDomainOf(absl::string_view uri);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_CERTIFICATE_H_
