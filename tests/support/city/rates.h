#ifndef BATON_TESTS_SUPPORT_CITY_RATES_H_
#define BATON_TESTS_SUPPORT_CITY_RATES_H_

#include <array>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

// How many stories begin in each hour.
namespace baton::city {

// What begins a story.
enum class Stream {
  kSchoolContact,
  kHospitalContact,
  kPoliceContact,
  kPublicContact,  // Rung in by the public, raised by the council.
  kPhoneContact,   // A professional rings; the written form joins later.
  kNotice,
  kMissing,
  kWait,
  kHomeless,
};
inline constexpr int kStreams = 9;

}  // namespace baton::city

namespace baton {

// Stories a year. The first three are as stated for the city this project
// starts from; the others are ours. See tests/support/README.md.
struct CityVolumes {
  double contacts = 6'500;  // However many children each is about.
  double missing_episodes = 2'000;
  double emergency_waits = 800;
  double police_notices = 3'600;
  double homeless_presentations = 120;
};

}  // namespace baton

namespace baton::city {

// The expected number of arrivals per hour, so that every calendar year comes
// out at the stated volumes times `scale`. The shape over hours, weekdays,
// school terms and seasons is ours: plausible, and measured nowhere.
//
// Remembers the last day it was asked about; not thread-safe.
class Rates {
 public:
  Rates(const CityVolumes& volumes, double scale);

  // Arrivals expected in the hour from `hour`.
  double PerHour(Stream stream, absl::Time hour);

 private:
  void BeginYear(int64_t year);
  void BeginDay(absl::CivilDay day);

  std::array<double, kStreams> per_year_;
  absl::CivilYear year_;
  std::array<double, kStreams> year_weights_;  // Sum over the days of `year_`.
  absl::CivilDay day_;
  std::array<double, kStreams> per_day_;  // Arrivals expected on `day_`.
};

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_RATES_H_
