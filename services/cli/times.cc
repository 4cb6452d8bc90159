#include "services/cli/times.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace baton::cli {
namespace {

absl::StatusOr<absl::Time> TimeOfDay(absl::Time parsed, const LocalClock& clock,
                                     Direction direction) {
  // `parsed` is that time of day in 1970; move it to the reader's date.
  const absl::CivilMinute clock_time(absl::ToCivilMinute(parsed, clock.zone));
  const absl::CivilDay today = absl::ToCivilDay(clock.now, clock.zone);
  auto on = [&](absl::CivilDay day) {
    return absl::FromCivil(
        absl::CivilMinute(day.year(), day.month(), day.day(), clock_time.hour(),
                          clock_time.minute()),
        clock.zone);
  };
  const absl::Time time = on(today);
  if (direction == Direction::kPast && time > clock.now) return on(today - 1);
  if (direction == Direction::kAhead && time < clock.now) return on(today + 1);
  return time;
}

}  // namespace

std::string DurationText(absl::Duration duration) {
  if (duration < absl::ZeroDuration()) {
    return absl::StrCat("-", DurationText(-duration));
  }
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 60) return absl::StrCat(seconds, " s");
  const int64_t minutes = seconds / 60;
  if (minutes < 60) return absl::StrCat(minutes, " min");
  return absl::StrFormat("%d h %02d min", minutes / 60, minutes % 60);
}

std::string Iso(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string ClockText(absl::Time time, const LocalClock& clock) {
  const bool today = absl::ToCivilDay(time, clock.zone) ==
                     absl::ToCivilDay(clock.now, clock.zone);
  const bool this_year = absl::ToCivilYear(time, clock.zone) ==
                         absl::ToCivilYear(clock.now, clock.zone);
  return absl::FormatTime(
      today ? "%H:%M" : (this_year ? "%e %b %H:%M" : "%e %b %Y %H:%M"), time,
      clock.zone);
}

std::string TimeText(absl::Time time, const LocalClock& clock) {
  const std::string at = ClockText(time, clock);
  if (time > clock.now) {
    return absl::StrCat(at, " (in ", DurationText(time - clock.now), ")");
  }
  return absl::StrCat(at, " (", DurationText(clock.now - time), " ago)");
}

absl::StatusOr<absl::Time> ParseTimeText(absl::string_view text,
                                         const LocalClock& clock,
                                         Direction direction) {
  if (text == "now") return clock.now;
  absl::Duration offset;
  if (!text.empty() && (text[0] == '+' || text[0] == '-') &&
      absl::ParseDuration(text, &offset)) {
    return clock.now + offset;
  }
  absl::Time time;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return time;
  for (const char* format : {"%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"}) {
    if (absl::ParseTime(format, text, clock.zone, &time, nullptr)) return time;
  }
  if (absl::ParseTime("%H:%M", text, clock.zone, &time, nullptr)) {
    return TimeOfDay(time, clock, direction);
  }
  return absl::InvalidArgumentError(
      "is not a time; write 21:40, \"2026-01-03 21:40\" (local), "
      "2026-01-03T21:40:00Z, now, +2h or -90m");
}

}  // namespace baton::cli
