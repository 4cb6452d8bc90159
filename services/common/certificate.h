#ifndef BATON_SERVICES_COMMON_CERTIFICATE_H_
#define BATON_SERVICES_COMMON_CERTIFICATE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// What certificates say, without a connection. Pure functions.
namespace baton {

// The SPIFFE URIs of all certificates in `pem`, in order; empty when there is
// none.
std::vector<std::string> SpiffeUris(absl::string_view pem);

// What the first certificate of a PEM text says.
struct Certificate {
  std::vector<std::string> spiffe_uris;  // A good one has exactly one.
  absl::Time not_before;
  absl::Time not_after;
};

// INVALID_ARGUMENT when `pem` begins with no certificate.
absl::StatusOr<Certificate> ReadCertificate(absl::string_view pem);

// FAILED_PRECONDITION unless an authority in `authorities` vouches for the
// first certificate of `pem`, by way of the others when need be. Its dates are
// the caller's to judge.
absl::Status CheckAuthority(absl::string_view pem,
                            absl::string_view authorities);

// FAILED_PRECONDITION unless the first certificate of `pem` is of the host
// `name`, a DNS name or an address.
absl::Status CheckServerName(absl::string_view pem, const std::string& name);

// "baton.test" of "spiffe://baton.test/agency/council/E06000018"; empty when
// `uri` is no SPIFFE URI.
absl::string_view TrustDomainOf(absl::string_view uri);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_CERTIFICATE_H_
