#include "services/common/opening_hours.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"

namespace baton {
namespace {

constexpr int kMinutesPerDay = 24 * 60;
constexpr int kDaysAhead = 8;  // A week, and the day it begins again.

// Minutes since midnight of "HH:MM"; nullopt unless that is 00:00 to 24:00.
std::optional<int> MinuteOf(absl::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (const int i : {0, 1, 3, 4}) {
    if (!absl::ascii_isdigit(text[i])) return std::nullopt;
  }
  const int hours = (text[0] - '0') * 10 + (text[1] - '0');
  const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
  const int minute = hours * 60 + minutes;
  if (minutes > 59 || minute > kMinutesPerDay) return std::nullopt;
  return minute;
}

bool BeginsOn(const v1::OpeningHours& span, absl::CivilDay day) {
  // absl counts from Monday 0.
  const int weekday = static_cast<int>(absl::GetWeekday(day)) + 1;
  return std::find(span.weekdays().begin(), span.weekdays().end(), weekday) !=
         span.weekdays().end();
}

void CheckSpan(const v1::OpeningHours& span, const std::string& path,
               Faults* faults) {
  std::set<int> days;
  for (const int day : span.weekdays()) {
    if (!v1::Weekday_IsValid(day) || day == v1::WEEKDAY_UNSPECIFIED ||
        !days.insert(day).second) {
      faults->Add(path + ".weekdays", "each is Monday to Sunday, none twice");
      break;
    }
  }
  if (span.weekdays().empty()) {
    faults->Add(path + ".weekdays", "at least one day is required");
  }
  const std::optional<int> from = MinuteOf(span.from());
  const std::optional<int> to = MinuteOf(span.to());
  if (!from.has_value() || *from == kMinutesPerDay) {
    faults->Add(path + ".from", "must be HH:MM, 00:00 to 23:59");
  }
  if (!to.has_value() || *to == 0 || to == from) {
    faults->Add(path + ".to",
                "must be HH:MM, 00:01 to 24:00, and not when it begins");
  }
}

}  // namespace

void CheckOpeningHours(const OpeningHoursList& hours, const std::string& path,
                       Faults* faults) {
  if (hours.size() > kMaxOpeningSpans) {
    faults->Add(path, absl::StrCat("at most ", kMaxOpeningSpans));
  }
  for (int i = 0; i < hours.size(); ++i) {
    CheckSpan(hours[i], absl::StrCat(path, "[", i, "]"), faults);
  }
}

std::optional<bool> IsOpen(const OpeningHoursList& hours, absl::Time time,
                           absl::TimeZone zone) {
  if (hours.empty()) return std::nullopt;
  const absl::CivilMinute now = absl::ToCivilMinute(time, zone);
  const absl::CivilDay today(now);
  const int minute = static_cast<int>(now - absl::CivilMinute(today));
  for (const v1::OpeningHours& span : hours) {
    const int from = MinuteOf(span.from()).value_or(0);
    const int to = MinuteOf(span.to()).value_or(0);
    const bool overnight = to < from;
    if (BeginsOn(span, today) && minute >= from && (overnight || minute < to)) {
      return true;
    }
    if (overnight && BeginsOn(span, today - 1) && minute < to) return true;
  }
  return false;
}

std::optional<absl::Time> NextOpening(const OpeningHoursList& hours,
                                      absl::Time time, absl::TimeZone zone) {
  std::optional<absl::Time> next;
  const absl::CivilDay today = absl::ToCivilDay(time, zone);
  for (const v1::OpeningHours& span : hours) {
    for (int ahead = 0; ahead < kDaysAhead; ++ahead) {
      const absl::CivilDay day = today + ahead;
      if (!BeginsOn(span, day)) continue;
      const absl::Time begins = absl::FromCivil(
          absl::CivilMinute(day) + MinuteOf(span.from()).value_or(0), zone);
      if (begins <= time) continue;
      if (!next.has_value() || begins < *next) next = begins;
      break;
    }
  }
  return next;
}

absl::StatusOr<absl::TimeZone> LondonTime() {
  absl::TimeZone zone;
  if (absl::LoadTimeZone("Europe/London", &zone)) return zone;
  return absl::FailedPreconditionError(
      "this machine does not know the time zone Europe/London: install tzdata");
}

}  // namespace baton
