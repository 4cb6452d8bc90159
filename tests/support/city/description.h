#ifndef BATON_TESTS_SUPPORT_CITY_DESCRIPTION_H_
#define BATON_TESTS_SUPPORT_CITY_DESCRIPTION_H_

#include "absl/time/civil_time.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/child.pb.h"
#include "tests/support/city/dice.h"
#include "tests/support/city/people.h"

// What an agency writes down about the people in people.h: only what such an
// agency knows, and not always right.
namespace baton::city {

// A child of `family`, as `recorder` knows it on `day`, without mistakes. The
// police rarely have an NHS number, only schools and councils know pupil
// numbers; what nobody asked is said to be so.
v1::Child Describe(const Family& family, const Child& child,
                   const v1::Agency& recorder, absl::CivilDay day, Dice* dice);

// Now and then mistypes an identifier, a date or a code. True when it did.
bool Mistype(v1::Child* child, Dice* dice);

// The household: a parent and the children who are born and under 18.
v1::Household DescribeHousehold(const Family& family, absl::CivilDay day,
                                Dice* dice);

v1::LegalStatus LegalStatusOf(const Family& family, Dice* dice);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_DESCRIPTION_H_
