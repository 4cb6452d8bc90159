#ifndef BATON_TESTS_SUPPORT_CITY_H_
#define BATON_TESTS_SUPPORT_CITY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/support/city/arrival.h"
#include "tests/support/city/city_agencies.h"
#include "tests/support/city/dice.h"
#include "tests/support/city/people.h"
#include "tests/support/city/rates.h"

namespace baton {

struct CityOptions {
  uint64_t seed = 1;
  // Rounded down to the hour.
  absl::Time from;
  // Of all volumes: 2 is a city twice as busy.
  double scale = 1;
  CityVolumes volumes;
  CityAgencies agencies;
};

// A generated city: everything its agencies call, and what its councils
// answer, in time order and without end. Invented children, NHS numbers of the
// range 999.
//
// The same options give the same calls, byte for byte, on every machine. What
// is kept are the stories that go on and the families of the last months: no
// more after ten years than after one.
//
// Not thread-safe.
class City {
 public:
  explicit City(CityOptions options);

  Arrival Next();

  // Stories begun and not told to the end.
  size_t live_stories() const { return live_.size(); }

 private:
  struct Live {
    uint64_t number;
    std::deque<Arrival> left;  // Never empty.
  };
  static bool IsLater(const Live& a, const Live& b);

  void BeginHour();
  void BeginStory(city::Stream stream, absl::Time time, city::Dice dice);
  city::Family FamilyFor(city::Stream stream, absl::Time time,
                         city::Dice* dice);
  void GoOn(Live story);

  const CityOptions options_;
  const std::string tag_;  // Begins every reference.
  city::Rates rates_;
  std::array<city::RecentFamilies, city::kStreams> recent_;
  absl::Time hour_;  // Stories of earlier hours have begun.
  uint64_t stories_ = 0;
  uint64_t families_;       // Number of the next one.
  std::vector<Live> live_;  // A heap; the first has the next arrival.
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_CITY_H_
