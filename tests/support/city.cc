#include "tests/support/city.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/city/calendar.h"
#include "tests/support/city/identifiers.h"
#include "tests/support/city/story.h"

namespace baton {
namespace {

using city::Dice;
using city::Stream;

// What dice are for; streams have their own numbers, from 0.
constexpr uint64_t kTagDice = 'T';
constexpr uint64_t kFamilyDice = 'N';
constexpr uint64_t kStoryDice = 's' << 8;

constexpr uint64_t kTags = 160'000;  // Four consonants.
constexpr uint64_t kMostPerHour = 1 << 20;
constexpr int kUnborn = -1;

// Of those who come again: first missing, now waiting, say. Ours.
constexpr double kInAnotherWay = 0.3;

// Who a stream is about, and how often it is somebody seen within the last
// 12 months. Ours; missing children go missing again.
struct Subject {
  city::Ages ages;
  double again;
};

Subject SubjectOf(Stream stream) {
  switch (stream) {
    case Stream::kSchoolContact:
      return {{4, 17}, 0.22};
    case Stream::kHospitalContact:
    case Stream::kPhoneContact:
      return {{kUnborn, 17}, 0.22};
    case Stream::kPoliceContact:
    case Stream::kPublicContact:
      return {{0, 17}, 0.22};
    case Stream::kNotice:
      return {{0, 16}, 0.3};
    case Stream::kMissing:
      return {{11, 17}, 0.6};
    case Stream::kWait:
      return {{10, 17}, 0.3};
    case Stream::kHomeless:
      return {{16, 17}, 0.15};
  }
  return {{0, 17}, 0};  // Not reached.
}

// Of a child of `age` on `day`.
absl::CivilDay BirthDate(int age, absl::CivilDay day, Dice* dice) {
  if (age == kUnborn) return day + 14 + static_cast<int>(dice->Below(190));
  return day - (age * 1461 / 4 + 1 + static_cast<int>(dice->Below(363)));
}

absl::Time Floor(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time) / 3600 * 3600);
}

}  // namespace

City::City(CityOptions options)
    : options_(std::move(options)),
      tag_(city::Consonants(
          Dice(options_.seed, kTagDice, absl::ToUnixSeconds(options_.from))
              .Below(kTags),
          4)),
      rates_(options_.volumes, options_.scale),
      hour_(Floor(options_.from)),
      // So that the cities of two seeds share few numbers.
      families_(Dice(options_.seed, kFamilyDice, 0)
                    .Below(city::kFamiliesWithOwnNumbers)) {}

// The earlier story first when two have something to say at once.
bool City::IsLater(const Live& a, const Live& b) {
  return std::pair(a.left.front().time, a.number) >
         std::pair(b.left.front().time, b.number);
}

Arrival City::Next() {
  while (live_.empty() || live_.front().left.front().time >= hour_) {
    BeginHour();
  }
  std::pop_heap(live_.begin(), live_.end(), IsLater);
  Live story = std::move(live_.back());
  live_.pop_back();
  Arrival next = std::move(story.left.front());
  story.left.pop_front();
  if (!story.left.empty()) GoOn(std::move(story));
  return next;
}

void City::GoOn(Live story) {
  live_.push_back(std::move(story));
  std::push_heap(live_.begin(), live_.end(), IsLater);
}

void City::BeginHour() {
  const uint64_t hour = absl::ToUnixSeconds(hour_) / 3600;
  for (uint64_t stream = 0; stream < city::kStreams; ++stream) {
    Dice dice(options_.seed, stream, hour);
    const auto which = static_cast<Stream>(stream);
    const int stories = dice.Poisson(rates_.PerHour(which, hour_));
    for (int i = 0; i < stories; ++i) {
      BeginStory(
          which,
          hour_ + dice.Between(absl::ZeroDuration(), absl::Seconds(3599)),
          Dice(options_.seed, kStoryDice + stream, hour * kMostPerHour + i));
    }
  }
  hour_ += absl::Hours(1);
}

void City::BeginStory(Stream stream, absl::Time time, Dice dice) {
  city::Family family = FamilyFor(stream, time, &dice);
  city::Scene scene{
      .agencies = options_.agencies,
      .time = time,
      .name = absl::StrCat(tag_, "-", city::Consonants(stories_, 4)),
      .family = std::move(family),
      .dice = std::move(dice)};
  GoOn({.number = stories_++, .left = city::Tell(stream, &scene)});
}

city::Family City::FamilyFor(Stream stream, absl::Time time, Dice* dice) {
  const Subject subject = SubjectOf(stream);
  const absl::CivilDay day(city::ToLondon(time));
  city::RecentFamilies& same = recent_[static_cast<size_t>(stream)];
  std::optional<city::FamilyKey> key;
  if (dice->Chance(subject.again)) {
    const city::RecentFamilies& seen =
        dice->Chance(kInAnotherWay) ? dice->Pick(recent_) : same;
    key = seen.Meet(day, subject.ages, dice);
  }
  if (!key.has_value()) {
    const int span = subject.ages.most - subject.ages.least + 1;
    const int age = subject.ages.least + static_cast<int>(dice->Below(span));
    key = {.number = families_++, .birth_date = BirthDate(age, day, dice)};
  }
  same.Remember(*key, day);
  return city::FamilyOf(options_.seed, *key, options_.agencies);
}

}  // namespace baton
