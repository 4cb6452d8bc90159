#ifndef BATON_SERVICES_COMMON_IDENTITY_H_
#define BATON_SERVICES_COMMON_IDENTITY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/agency.pb.h"

namespace baton {

// Who is calling: an agency, by its certificate. People are asserted by it.
struct Identity {
  v1::Agency agency;
  std::string key_id;  // First 8 bytes of SHA-256 over the certificate's PEM.
};

// The agency in the SPIFFE URIs of a certificate:
// spiffe://<trust domain>/agency/<class>/<code>[/<service>]
// UNAUTHENTICATED unless `uris` is exactly one such URI of `trust_domain`.
absl::StatusOr<v1::Agency> AgencyFromSpiffe(
    const std::vector<std::string>& uris, absl::string_view trust_domain);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_IDENTITY_H_
