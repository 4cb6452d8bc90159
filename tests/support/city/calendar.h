#ifndef BATON_TESTS_SUPPORT_CITY_CALENDAR_H_
#define BATON_TESTS_SUPPORT_CITY_CALENDAR_H_

#include "absl/time/civil_time.h"
#include "absl/time/time.h"

// The days of the city. London time by rule instead of by time-zone file, so
// that a plan does not depend on the machine. Pure functions.
//
// The services have their own calendar, versioned and exact; this one only
// gives arrivals their shape, and knows no proclaimed holidays.
namespace baton::city {

// Summer time from 01:00 UTC on the last Sunday of March to that of October.
absl::CivilSecond ToLondon(absl::Time time);
// An hour that the clocks repeat is read as summer time, one they skip as
// winter time.
absl::Time FromLondon(absl::CivilSecond london);

absl::CivilDay EasterSunday(int64_t year);

// England and Wales, with substitutes.
bool IsBankHoliday(absl::CivilDay day);
// Monday to Friday, no bank holiday.
bool IsWorkingDay(absl::CivilDay day);
// Working days outside the school holidays. Term dates differ between
// authorities and years: these are ours.
bool IsSchoolDay(absl::CivilDay day);

// Offices are open on working days from 08:30 to 17:00.
bool IsOfficeTime(absl::Time time);
// `time`, or the next opening when offices are shut.
absl::Time NextOfficeTime(absl::Time time);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_CALENDAR_H_
