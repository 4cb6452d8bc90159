#ifndef BATON_SERVICES_CLI_TIMES_H_
#define BATON_SERVICES_CLI_TIMES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Times as people read and type them, and as programs do.
namespace baton::cli {

// "45 s", "3 min", "2 h 05 min", "76 h 00 min": hours never become days,
// because the ladders count hours.
std::string DurationText(absl::Duration duration);

// UTC, "2026-01-03T21:40:00Z".
std::string Iso(absl::Time time);

// What the reader's clock and calendar say.
struct LocalClock {
  absl::Time now;
  absl::TimeZone zone;
};

// "21:40 (3 min ago)"; with the date unless it is today.
std::string TimeText(absl::Time time, const LocalClock& clock);
// "21:40"; with the date unless it is today.
std::string ClockText(absl::Time time, const LocalClock& clock);

// Which way from now a time of day without a date lies.
enum class Direction { kPast, kAhead };

// "2026-01-03T21:40:00Z", "2026-01-03 21:40" (local), "21:40" (the last or
// the next one), "now", "+2h" or "-90m". INVALID_ARGUMENT lists these forms.
absl::StatusOr<absl::Time> ParseTimeText(absl::string_view text,
                                         const LocalClock& clock,
                                         Direction direction);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_TIMES_H_
