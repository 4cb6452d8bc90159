#ifndef BATON_SERVICES_COMMON_AGENCY_H_
#define BATON_SERVICES_COMMON_AGENCY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/agency.pb.h"

// Names of agencies, desks and queues in text: certificates, queue names,
// records and the command line all use these.
namespace baton {

// "council" for AGENCY_CLASS_COUNCIL; empty when unspecified.
absl::string_view ClassName(v1::AgencyClass agency_class);
// AGENCY_CLASS_UNSPECIFIED when no class has this name.
v1::AgencyClass ClassFromName(absl::string_view name);

// "council/E06000018".
std::string AgencyName(const v1::Agency& agency);
// INVALID_ARGUMENT unless "<class>/<code>".
absl::StatusOr<v1::Agency> ParseAgency(absl::string_view name);
bool SameAgency(const v1::Agency& a, const v1::Agency& b);

// 1 to 16 of A-Z and 0-9, and no NHS-number shape.
bool IsAgencyCode(absl::string_view code);
// 1 to 32 of a-z, 0-9 and '-'.
bool IsDeskName(absl::string_view desk);

// "council/E06000018/intake".
std::string QueueName(const v1::Address& address);
// INVALID_ARGUMENT unless "<class>/<code>/<desk>".
absl::StatusOr<v1::Address> ParseQueueName(absl::string_view name);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_AGENCY_H_
