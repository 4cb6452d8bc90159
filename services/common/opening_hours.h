#ifndef BATON_SERVICES_COMMON_OPENING_HOURS_H_
#define BATON_SERVICES_COMMON_OPENING_HOURS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "services/common/faults.h"

// When a team is there. Spans are read on the clocks of `zone` (London): on
// the two nights a year when they change, a span is an hour shorter or longer.
// Bank holidays are no part of this. Pure functions.
namespace baton {

using OpeningHoursList = google::protobuf::RepeatedPtrField<v1::OpeningHours>;

constexpr int kMaxOpeningSpans = 21;

// Reports every fault, with paths such as `path`[0].from.
void CheckOpeningHours(const OpeningHoursList& hours, const std::string& path,
                       Faults* faults);

// Whether the team is there; nullopt: not known. `hours` have passed the
// check.
std::optional<bool> IsOpen(const OpeningHoursList& hours, absl::Time time,
                           absl::TimeZone zone);

// When a span begins next, after `time`; nullopt: not known.
std::optional<absl::Time> NextOpening(const OpeningHoursList& hours,
                                      absl::Time time, absl::TimeZone zone);

// FAILED_PRECONDITION when this machine does not know London's clocks.
absl::StatusOr<absl::TimeZone> LondonTime();

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_OPENING_HOURS_H_
