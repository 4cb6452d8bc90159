#include "tests/support/city/calendar.h"

namespace baton::city {
namespace {

using absl::CivilDay;
using absl::Weekday;

constexpr absl::Duration kOpens = absl::Minutes(8 * 60 + 30);
constexpr absl::Duration kCloses = absl::Hours(17);

CivilDay FirstMonday(int64_t year, int month) {
  return absl::NextWeekday(CivilDay(year, month, 1) - 1, Weekday::monday);
}

// The last `weekday` of a month that has 31 days.
CivilDay Last(Weekday weekday, int64_t year, int month) {
  return absl::PrevWeekday(CivilDay(year, month, 31) + 1, weekday);
}

bool IsSummerTime(absl::Time time) {
  const absl::CivilSecond utc = absl::ToCivilSecond(time, absl::UTCTimeZone());
  const auto change = [&utc](int month) {
    return absl::CivilSecond(Last(Weekday::sunday, utc.year(), month)) + 3600;
  };
  return change(3) <= utc && utc < change(10);
}

bool IsWeekend(CivilDay day) {
  const Weekday weekday = absl::GetWeekday(day);
  return weekday == Weekday::saturday || weekday == Weekday::sunday;
}

// New Year's Day, or the Monday after it when it falls on a weekend.
bool IsNewYearHoliday(CivilDay day) {
  const CivilDay first(day.year(), 1, 1);
  return day ==
         (IsWeekend(first) ? absl::NextWeekday(first, Weekday::monday) : first);
}

// Two days from 25 December; each that falls on a weekend moves to the first
// two working days after it.
bool IsChristmasHoliday(CivilDay day) {
  if (day.month() != 12 || day.day() < 25 || day.day() > 28) return false;
  if (day.day() <= 26) return true;
  // 27 and 28 stand in for the 25th and 26th two days before.
  return IsWeekend(day - 2);
}

bool IsBetween(CivilDay day, CivilDay first, CivilDay last) {
  return first <= day && day <= last;
}

// The week from Monday `monday`.
bool IsInWeekOf(CivilDay day, CivilDay monday) {
  return IsBetween(day, monday, monday + 6);
}

bool IsSchoolHoliday(CivilDay day) {
  const int64_t year = day.year();
  const CivilDay easter = EasterSunday(year);
  return IsBetween(day, CivilDay(year, 7, 24), CivilDay(year, 9, 2)) ||
         day >= CivilDay(year, 12, 20) || day <= CivilDay(year, 1, 4) ||
         IsBetween(day, easter - 6, easter + 7) ||
         IsInWeekOf(day, FirstMonday(year, 2) + 14) ||
         IsInWeekOf(day, Last(Weekday::monday, year, 5)) ||
         IsInWeekOf(day, Last(Weekday::monday, year, 10));
}

// Since midnight.
absl::Duration TimeOfDay(absl::CivilSecond time) {
  return absl::Seconds(time - absl::CivilSecond(CivilDay(time)));
}

absl::Time OpeningOf(CivilDay day) {
  return FromLondon(absl::CivilSecond(day) + absl::ToInt64Seconds(kOpens));
}

}  // namespace

absl::CivilSecond ToLondon(absl::Time time) {
  return absl::ToCivilSecond(time, absl::UTCTimeZone()) +
         (IsSummerTime(time) ? 3600 : 0);
}

absl::Time FromLondon(absl::CivilSecond london) {
  const absl::Time winter = absl::FromCivil(london, absl::UTCTimeZone());
  const absl::Time summer = winter - absl::Hours(1);
  return IsSummerTime(summer) ? summer : winter;
}

// The anonymous Gregorian algorithm (Nature, 1876).
CivilDay EasterSunday(int64_t year) {
  const int64_t a = year % 19;
  const int64_t b = year / 100;
  const int64_t c = year % 100;
  const int64_t d = b / 4;
  const int64_t e = b % 4;
  const int64_t f = (b + 8) / 25;
  const int64_t g = (b - f + 1) / 3;
  const int64_t h = (19 * a + b - d - g + 15) % 30;
  const int64_t i = c / 4;
  const int64_t k = c % 4;
  const int64_t l = (32 + 2 * e + 2 * i - h - k) % 7;
  const int64_t m = (a + 11 * h + 22 * l) / 451;
  const int64_t n = h + l - 7 * m + 114;
  return CivilDay(year, n / 31, n % 31 + 1);
}

bool IsBankHoliday(CivilDay day) {
  const int64_t year = day.year();
  const CivilDay easter = EasterSunday(year);
  return IsNewYearHoliday(day) || day == easter - 2 || day == easter + 1 ||
         day == FirstMonday(year, 5) || day == Last(Weekday::monday, year, 5) ||
         day == Last(Weekday::monday, year, 8) || IsChristmasHoliday(day);
}

bool IsWorkingDay(CivilDay day) {
  return !IsWeekend(day) && !IsBankHoliday(day);
}

bool IsSchoolDay(CivilDay day) {
  return IsWorkingDay(day) && !IsSchoolHoliday(day);
}

bool IsOfficeTime(absl::Time time) {
  const absl::CivilSecond london = ToLondon(time);
  const absl::Duration of_day = TimeOfDay(london);
  return IsWorkingDay(CivilDay(london)) && of_day >= kOpens && of_day < kCloses;
}

absl::Time NextOfficeTime(absl::Time time) {
  if (IsOfficeTime(time)) return time;
  const absl::CivilSecond london = ToLondon(time);
  CivilDay day(london);
  if (TimeOfDay(london) >= kOpens) ++day;
  while (!IsWorkingDay(day)) ++day;
  return OpeningOf(day);
}

}  // namespace baton::city
