#include "services/common/identity.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "services/common/agency.h"
#include "services/common/certificate.h"
#include "services/common/environment.h"

namespace baton {
namespace {

// Whoever mixes up two exchanges is told so; any other stranger is a stranger.
absl::Status OtherTrustDomain(absl::string_view uri,
                              absl::string_view trust_domain) {
  const v1::Environment theirs = EnvironmentOf(TrustDomainOf(uri));
  const v1::Environment ours = EnvironmentOf(trust_domain);
  return absl::UnauthenticatedError(absl::StrCat(
      "the certificate's SPIFFE URI is not of trust domain ", trust_domain,
      theirs == v1::ENVIRONMENT_UNSPECIFIED || theirs == ours
          ? ""
          : absl::StrCat(": it is of a ", EnvironmentName(theirs),
                         " exchange, this one is ", EnvironmentName(ours),
                         ", and the two never mix")));
}

}  // namespace

absl::StatusOr<v1::Agency> AgencyFromSpiffe(
    const std::vector<std::string>& uris, absl::string_view trust_domain) {
  if (uris.size() != 1) {
    return absl::UnauthenticatedError(absl::StrCat(
        "the client certificate must hold exactly one SPIFFE URI, not ",
        uris.size()));
  }
  absl::string_view rest = uris[0];
  if (!absl::ConsumePrefix(&rest,
                           absl::StrCat("spiffe://", trust_domain, "/"))) {
    return OtherTrustDomain(uris[0], trust_domain);
  }
  const std::vector<absl::string_view> steps = absl::StrSplit(rest, '/');
  if (steps.size() >= 3 && steps.size() <= 4 && steps[0] == "agency" &&
      !steps.back().empty()) {
    if (absl::StatusOr<v1::Agency> agency =
            ParseAgency(absl::StrCat(steps[1], "/", steps[2]));
        agency.ok()) {
      return agency;
    }
  }
  return absl::UnauthenticatedError(
      "the certificate's SPIFFE URI must be spiffe://<trust "
      "domain>/agency/<class>/<code>[/<service>]");
}

}  // namespace baton
