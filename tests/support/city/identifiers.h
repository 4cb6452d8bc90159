#ifndef BATON_TESTS_SUPPORT_CITY_IDENTIFIERS_H_
#define BATON_TESTS_SUPPORT_CITY_IDENTIFIERS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "tests/support/city/dice.h"

// Numbers of invented children, right and mistyped. Written without the
// checks of services/common, which the tests hold against them.
namespace baton::city {

// Most children of one family that have a number of their own.
inline constexpr int kMaxChildren = 5;
// Families with NHS numbers of their own; then the numbers come round again.
inline constexpr uint64_t kFamiliesWithOwnNumbers = 142'857;

// An NHS number of the range 999, check digit right: each child of each
// family has another. `child` is less than kMaxChildren.
std::string NhsNumberOf(uint64_t family, int child);

// A unique pupil number of education authority `authority` (three digits),
// check letter right, given when the child started school. A temporary one
// ends in a letter.
std::string PupilNumberOf(absl::string_view authority, uint64_t family,
                          int child, absl::CivilDay birth_date, bool temporary);

// What a tired person makes of it. An NHS number stays in the range 999 and a
// code keeps its form, but neither passes for what it was; a date may.
std::string MistypedNhsNumber(std::string number, Dice* dice);
std::string MistypedPupilNumber(std::string number, Dice* dice);
std::string MistypedDate(absl::CivilDay date, Dice* dice);
std::string MistypedCode(std::string code);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_IDENTIFIERS_H_
