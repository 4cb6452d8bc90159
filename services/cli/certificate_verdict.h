#ifndef BATON_SERVICES_CLI_CERTIFICATE_VERDICT_H_
#define BATON_SERVICES_CLI_CERTIFICATE_VERDICT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "services/cli/facts.h"
#include "services/cli/finding.h"
#include "services/common/certificate.h"

// Verdicts on certificates. Pure functions.
namespace baton::cli {

inline constexpr int kDefaultExpiryDays = 30;

// What to do about a certificate of our own agency that ends.
inline constexpr char kRenewOwn[] =
    "renew it with the authority and replace the file; a running service takes "
    "it up by itself";

// Files, identity, authority and dates of the certificate that this machine
// shows.
std::vector<Finding> JudgeOwnCertificate(const Facts& facts);

// Whether a certificate is good at `now`, and for at least `expiring`.
// `renew` says who does something about it.
Finding JudgeDates(const std::string& check, const Certificate& certificate,
                   absl::Time now, absl::Duration expiring,
                   const std::string& renew);

// Whose it is: UNAUTHENTICATED unless it has exactly one SPIFFE URI, of an
// agency.
absl::StatusOr<v1::Agency> AgencyOf(const Certificate& certificate);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CERTIFICATE_VERDICT_H_
