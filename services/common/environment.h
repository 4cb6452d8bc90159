#ifndef BATON_SERVICES_COMMON_ENVIRONMENT_H_
#define BATON_SERVICES_COMMON_ENVIRONMENT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "baton/v1/message.pb.h"
#include "google/protobuf/message.h"
#include "services/common/faults.h"

// Live and training never mix. What keeps them apart, from the outside in:
//
//   certificates    other authorities, other trust domains: a certificate
//                   shows which exchange it is of
//   disks           a database says what it is, and opens for nothing else
//   messages        each says its environment, which must be the exchange's
//   NHS numbers     training carries only those that are never issued (999
//                   000 0000 to 999 999 9999), live only others
//
// Pure functions.
namespace baton {

// "live", "training"; "unknown" when unspecified.
absl::string_view EnvironmentName(v1::Environment environment);

// What a trust domain stands for: training when it ends in ".test" or holds
// "training", otherwise live; unspecified when empty.
v1::Environment EnvironmentOf(absl::string_view trust_domain);

// Adds a fault unless `trust_domain` is one of `environment`.
void CheckTrustDomain(absl::string_view trust_domain,
                      v1::Environment environment, absl::string_view field,
                      Faults* faults);

// Ten digits, spaces and hyphens aside, of the range that is never issued.
bool IsNeverIssued(absl::string_view nhs_number);

// Adds a fault for each NhsNumber anywhere in `content` that `environment`
// must not carry; its path is below `path`. The value is never repeated. Text
// that is not ten digits is nobody's number and passes: a typo must not lose
// a child.
void CheckNhsNumbers(const google::protobuf::Message& content,
                     v1::Environment environment, const std::string& path,
                     Faults* faults);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_ENVIRONMENT_H_
