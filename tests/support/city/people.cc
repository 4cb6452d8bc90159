#include "tests/support/city/people.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/support/city/identifiers.h"
#include "tests/support/city/words.h"

namespace baton::city {
namespace {

constexpr uint64_t kFamilyDice = 'F';
constexpr int kTries = 24;
constexpr int kYear = 365;

// Shares of families; all ours.
constexpr double kOtherAuthority = 0.14;
constexpr double kSchoolOnTheExchange = 0.8;
constexpr double kFormerName = 0.06;
constexpr double kTemporaryPupilNumber = 0.04;
constexpr double kOtherLanguage = 0.12;
constexpr double kLookedAfter = 0.09;
constexpr double kRestricted = 0.01;
constexpr double kProtectedAddress = 0.03;
constexpr double kRiskToWorkers = 0.06;
constexpr double kDoNotTell = 0.08;
constexpr double kMedication = 0.07;

v1::Agency HomeOf(const CityAgencies& agencies, Dice* dice) {
  const size_t neighbours = agencies.councils.size() - 1;
  if (neighbours == 0 || !dice->Chance(kOtherAuthority)) {
    return agencies.councils[0];
  }
  return agencies.councils[1 + dice->Below(neighbours)];
}

// Brothers and sisters are up to six years older or younger.
absl::CivilDay BirthDateOf(const FamilyKey& key, int child, Dice* dice) {
  if (child == 0) return key.birth_date;
  constexpr int kSpread = 6 * kYear;
  return key.birth_date - kSpread +
         static_cast<int64_t>(dice->Below(2 * kSpread));
}

Child ChildOf(const FamilyKey& key, int number, absl::string_view family,
              const CityAgencies& agencies, Dice* dice) {
  Child child;
  child.sex = dice->OneOf({v1::SEX_FEMALE, v1::SEX_MALE});
  child.given =
      child.sex == v1::SEX_FEMALE ? dice->Pick(kGirls) : dice->Pick(kBoys);
  child.family = std::string(family);
  if (dice->Chance(kFormerName)) child.former_family = dice->Pick(kFamilies);
  child.birth_date = BirthDateOf(key, number, dice);
  child.nhs_number = NhsNumberOf(key.number, number);
  child.pupil_number =
      PupilNumberOf(agencies.education_authority, key.number, number,
                    child.birth_date, dice->Chance(kTemporaryPupilNumber));
  if (dice->Chance(kSchoolOnTheExchange)) {
    child.school = dice->Pick(agencies.schools).code();
  } else {
    child.school = absl::StrCat(900'000 + dice->Below(90'000));
  }
  return child;
}

// ZZ99 is nobody's postcode.
std::string PostcodeOf(Dice* dice) {
  const uint64_t number = dice->Below(10 * 26 * 26);
  return absl::StrFormat("ZZ99 %d%c%c", number % 10, 'A' + number / 10 % 26,
                         'A' + number / 260);
}

}  // namespace

Family FamilyOf(uint64_t seed, const FamilyKey& key,
                const CityAgencies& agencies) {
  Dice dice(seed, kFamilyDice, key.number);
  Family family;
  family.name = dice.Pick(kFamilies);
  const int children = 1 + static_cast<int>(dice.Weighted({40, 34, 17, 7, 2}));
  for (int i = 0; i < children; ++i) {
    family.children.push_back(ChildOf(key, i, family.name, agencies, &dice));
  }
  family.parent = dice.Chance(0.7) ? dice.Pick(kGirls) : dice.Pick(kBoys);
  family.street = dice.Pick(kStreets);
  family.house = 1 + static_cast<int>(dice.Below(180));
  family.postcode = PostcodeOf(&dice);
  family.ethnicity = dice.Pick(kEthnicities);
  if (dice.Chance(kOtherLanguage)) family.language = dice.Pick(kLanguages);
  family.authority = HomeOf(agencies, &dice);
  family.looked_after = dice.Chance(kLookedAfter);
  family.restricted = dice.Chance(kRestricted);
  family.protected_address =
      family.restricted || dice.Chance(kProtectedAddress);
  family.risk_to_workers = dice.Chance(kRiskToWorkers);
  family.do_not_tell_a_parent = dice.Chance(kDoNotTell);
  family.medication = dice.Chance(kMedication);
  return family;
}

int AgeOn(absl::CivilDay birth_date, absl::CivilDay day) {
  if (day < birth_date) return -1;
  const bool birthday_to_come = std::pair(day.month(), day.day()) <
                                std::pair(birth_date.month(), birth_date.day());
  return static_cast<int>(day.year() - birth_date.year()) -
         (birthday_to_come ? 1 : 0);
}

void RecentFamilies::Remember(const FamilyKey& key, absl::CivilDay day) {
  if (seen_.size() < kCapacity) {
    seen_.push_back({key, day});
    return;
  }
  seen_[next_] = {key, day};
  next_ = (next_ + 1) % kCapacity;
}

std::optional<FamilyKey> RecentFamilies::Meet(absl::CivilDay day, Ages ages,
                                              Dice* dice) const {
  for (int i = 0; i < kTries && !seen_.empty(); ++i) {
    const Seen& seen = dice->Pick(seen_);
    const int age = AgeOn(seen.key.birth_date, day);
    if (day - seen.day <= kYear && ages.least <= age && age <= ages.most) {
      return seen.key;
    }
  }
  return std::nullopt;
}

}  // namespace baton::city
