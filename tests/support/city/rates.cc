#include "tests/support/city/rates.h"

#include <numeric>

#include "tests/support/city/calendar.h"

namespace baton::city {
namespace {

using absl::CivilDay;

// Relative weights: what counts is their proportion.
struct Shape {
  std::array<double, 24> hours;    // By London hour of day.
  std::array<double, 7> weekdays;  // Monday first; bank holidays are Sundays.
  std::array<double, 12> months;
  double no_school;      // On days without school, as against days with.
  double after_a_break;  // On the first school day after a week or more.
};

constexpr std::array<double, 12> kEvenMonths = {1, 1, 1, 1, 1, 1,
                                                1, 1, 1, 1, 1, 1};
// Lighter evenings, more children out.
constexpr std::array<double, 12> kOutdoorMonths = {
    0.85, 0.88, 0.95, 1.0, 1.08, 1.12, 1.15, 1.1, 1.05, 1.0, 0.92, 0.9};
constexpr std::array<double, 12> kWinterMonths = {
    1.12, 1.08, 1.05, 1.0, 0.98, 0.95, 0.9, 0.88, 0.98, 1.02, 1.08, 1.1};

// Schools: what came up over the weekend is written on Monday morning; a peak
// before lunch, another when the children have gone home.
constexpr Shape kSchool = {.hours = {0, 0, 0,  0,  0,  0, 0, 1, 6, 12, 13, 12,
                                     9, 9, 11, 14, 10, 4, 1, 0, 0, 0,  0,  0},
                           .weekdays = {1.35, 1.05, 0.95, 0.95, 1.0, 0.3, 0.3},
                           .months = kEvenMonths,
                           .no_school = 0.04,
                           .after_a_break = 1.6};
// Day and night; fullest in the evening.
constexpr Shape kHospital = {.hours = {4, 3, 3, 2, 2, 2, 2, 2, 3, 5, 6, 6,
                                       6, 6, 6, 6, 6, 7, 7, 7, 7, 6, 6, 5},
                             .weekdays = {1.1, 1, 1, 1, 1, 0.95, 1},
                             .months = kWinterMonths,
                             .no_school = 0.9,
                             .after_a_break = 1.1};
constexpr Shape kPolice = {.hours = {6, 5, 4, 3, 2, 2, 2, 2, 3, 3, 4, 4,
                                     4, 4, 5, 6, 6, 6, 7, 8, 8, 8, 8, 7},
                           .weekdays = {1, 0.9, 0.9, 0.9, 1.05, 1.2, 1.2},
                           .months = kOutdoorMonths,
                           .no_school = 1.05,
                           .after_a_break = 1};
// Neighbours and relatives ring by day and in the evening.
constexpr Shape kPublic = {
    .hours = {1, 1, 0.5, 0.5, 0.5, 0.5, 1, 2, 4, 7, 8, 7,
              6, 6, 6,   7,   7,   7,   6, 6, 5, 4, 3, 2},
    .weekdays = {1.25, 1, 1, 1, 1, 0.8, 0.75},
    .months = kEvenMonths,
    .no_school = 1,
    .after_a_break = 1};
constexpr Shape kOffice = {.hours = {0, 0, 0,  0,  0, 0, 0,   0, 5, 11, 12, 11,
                                     8, 9, 11, 12, 8, 1, 0.5, 0, 0, 0,  0,  0},
                           .weekdays = {1.3, 1.05, 1, 1, 1, 0.08, 0.05},
                           .months = kEvenMonths,
                           .no_school = 0.8,
                           .after_a_break = 1.2};
// Not home by bedtime: evening, and past midnight.
constexpr Shape kAway = {.hours = {9, 6, 4, 2, 1, 1, 1, 1, 2, 2,  2,  2,
                                   2, 2, 3, 5, 6, 6, 7, 8, 9, 11, 13, 13},
                         .weekdays = {0.95, 0.9, 0.92, 0.98, 1.15, 1.15, 0.95},
                         .months = kOutdoorMonths,
                         .no_school = 1.05,
                         .after_a_break = 1.05};

const Shape& ShapeOf(Stream stream) {
  switch (stream) {
    case Stream::kSchoolContact:
      return kSchool;
    case Stream::kHospitalContact:
    case Stream::kWait:
      return kHospital;
    case Stream::kPoliceContact:
    case Stream::kNotice:
      return kPolice;
    case Stream::kPublicContact:
      return kPublic;
    case Stream::kPhoneContact:
    case Stream::kHomeless:
      return kOffice;
    case Stream::kMissing:
      return kAway;
  }
  return kOffice;  // Not reached.
}

// Who raises the contacts of a year: ours.
constexpr double kSchoolShare = 0.44;
constexpr double kHospitalShare = 0.15;
constexpr double kPoliceShare = 0.16;
constexpr double kPublicShare = 0.14;
constexpr double kPhoneShare = 0.11;
static_assert(kSchoolShare + kHospitalShare + kPoliceShare + kPublicShare +
                      kPhoneShare >
                  0.9999 &&
              kSchoolShare + kHospitalShare + kPoliceShare + kPublicShare +
                      kPhoneShare <
                  1.0001);

bool IsAfterABreak(CivilDay day) {
  for (int i = 1; i <= 7; ++i) {
    if (IsSchoolDay(day - i)) return false;
  }
  return true;
}

double WeightOfDay(const Shape& shape, CivilDay day) {
  const size_t weekday =
      IsBankHoliday(day) ? 6 : static_cast<size_t>(absl::GetWeekday(day));
  const double of_date =
      shape.weekdays[weekday] * shape.months[day.month() - 1];
  if (!IsSchoolDay(day)) return of_date * shape.no_school;
  return IsAfterABreak(day) ? of_date * shape.after_a_break : of_date;
}

double Sum(const std::array<double, 24>& hours) {
  return std::accumulate(hours.begin(), hours.end(), 0.0);
}

}  // namespace

Rates::Rates(const CityVolumes& volumes, double scale)
    : per_year_(
          {volumes.contacts * kSchoolShare, volumes.contacts * kHospitalShare,
           volumes.contacts * kPoliceShare, volumes.contacts * kPublicShare,
           volumes.contacts * kPhoneShare, volumes.police_notices,
           volumes.missing_episodes, volumes.emergency_waits,
           volumes.homeless_presentations}) {
  for (double& figure : per_year_) figure *= scale;
  // The day before the first that anybody asks about is never this one.
  BeginYear(year_.year());
  BeginDay(day_);
}

void Rates::BeginYear(int64_t year) {
  year_ = absl::CivilYear(year);
  year_weights_.fill(0);
  for (CivilDay day(year_); day < CivilDay(year_ + 1); ++day) {
    for (int i = 0; i < kStreams; ++i) {
      year_weights_[i] += WeightOfDay(ShapeOf(static_cast<Stream>(i)), day);
    }
  }
}

void Rates::BeginDay(CivilDay day) {
  day_ = day;
  if (absl::CivilYear(day) != year_) BeginYear(day.year());
  for (int i = 0; i < kStreams; ++i) {
    per_day_[i] = per_year_[i] / year_weights_[i] *
                  WeightOfDay(ShapeOf(static_cast<Stream>(i)), day);
  }
}

double Rates::PerHour(Stream stream, absl::Time hour) {
  const absl::CivilSecond london = ToLondon(hour);
  if (CivilDay(london) != day_) BeginDay(CivilDay(london));
  const Shape& shape = ShapeOf(stream);
  return per_day_[static_cast<int>(stream)] * shape.hours[london.hour()] /
         Sum(shape.hours);
}

}  // namespace baton::city
