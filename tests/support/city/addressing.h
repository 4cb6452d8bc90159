#ifndef BATON_TESTS_SUPPORT_CITY_ADDRESSING_H_
#define BATON_TESTS_SUPPORT_CITY_ADDRESSING_H_

#include <optional>

#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "tests/support/city/city_agencies.h"
#include "tests/support/city/people.h"

namespace baton::city {

// Where a sender sends, and who gets it.
struct Addressed {
  std::optional<v1::Address> recipient;  // Nothing: the configured default.
  v1::Agency council;  // Whose desk gets it, once its way is corrected.
  bool wrong_authority = false;  // The family lives in another's area.
};

// Most senders choose the authority in which the family lives; some the wrong
// one, a few mistype its code. What cannot wait goes to the out-of-hours desk
// when offices are shut.
Addressed AddressFor(const CityAgencies& agencies, const Family& family,
                     absl::Time time, bool cannot_wait, Dice* dice);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_ADDRESSING_H_
