#ifndef BATON_TESTS_SUPPORT_CITY_PEOPLE_H_
#define BATON_TESTS_SUPPORT_CITY_PEOPLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/civil_time.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/child.pb.h"
#include "tests/support/city/city_agencies.h"
#include "tests/support/city/dice.h"

// Who lives in the city, as it is; what an agency writes down is in
// description.h.
namespace baton::city {

// All that has to be remembered to meet the same family again.
struct FamilyKey {
  uint64_t number = 0;
  // Of the child by whom the family came to notice; expected, when that child
  // is not born yet.
  absl::CivilDay birth_date;
};

struct Child {
  std::string given;
  std::string family;
  std::string former_family;  // Empty when there is none.
  v1::Sex sex = v1::SEX_UNSPECIFIED;
  absl::CivilDay birth_date;
  std::string nhs_number;
  // From the fifth birthday on.
  std::string pupil_number;
  std::string school;  // URN.
};

struct Family {
  // The child by whom the family came to notice first, then brothers and
  // sisters; 1 to kMaxChildren.
  std::vector<Child> children;
  std::string name;
  std::string parent;  // Given name.
  int house = 0;
  std::string street;
  std::string postcode;
  std::string ethnicity;
  std::string language;  // English when empty.
  v1::Agency authority;  // Where the family lives.
  bool looked_after = false;
  bool restricted = false;  // Adopted, protected identity, refuge.
  bool protected_address = false;
  bool risk_to_workers = false;
  bool do_not_tell_a_parent = false;
  bool medication = false;
};

// Always the same family for the same city, seed and key.
Family FamilyOf(uint64_t seed, const FamilyKey& key,
                const CityAgencies& agencies);

// In whole years, both ends included.
struct Ages {
  int least;
  int most;
};

// Whole years on `day`; -1 before birth.
int AgeOn(absl::CivilDay birth_date, absl::CivilDay day);

// The families of the last months: those who come again. Keeps the newest
// kCapacity, so that it does not grow with time.
class RecentFamilies {
 public:
  static constexpr size_t kCapacity = 4096;

  // `key` came to notice on `day`; days do not go back.
  void Remember(const FamilyKey& key, absl::CivilDay day);

  // One that came to notice within 12 months before `day` and whose first
  // child is `ages` old; nothing when none was met in a few tries.
  std::optional<FamilyKey> Meet(absl::CivilDay day, Ages ages,
                                Dice* dice) const;

 private:
  struct Seen {
    FamilyKey key;
    absl::CivilDay day;
  };
  std::vector<Seen> seen_;  // A ring once it is full.
  size_t next_ = 0;
};

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_PEOPLE_H_
