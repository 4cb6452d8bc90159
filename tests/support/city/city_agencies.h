#ifndef BATON_TESTS_SUPPORT_CITY_CITY_AGENCIES_H_
#define BATON_TESTS_SUPPORT_CITY_CITY_AGENCIES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "baton/v1/agency.pb.h"

namespace baton {

// The agencies of a generated city. Whoever generates one says which they are.
struct CityAgencies {
  v1::Agency emergency;
  v1::Agency police;
  std::vector<v1::Agency> schools;  // At least one.
  // The city's own, then its neighbours; at least one. Each has a desk
  // "intake", the city's own also "housing".
  std::vector<v1::Agency> councils;
  // Acts for the city's council when offices are shut.
  v1::Address out_of_hours;
  // Owns what is addressed to somebody unknown.
  v1::Address unknown_recipient;
  // Number of the city's education authority in pupil numbers: three digits.
  std::string education_authority;
};

v1::Address DeskOf(const v1::Agency& agency, absl::string_view desk);

// Of an invented city.
inline constexpr int kMostSchools = 5;

// One to play with: real codes of organisations, and `schools` invented ones, 1
// to kMostSchools.
CityAgencies InventedCity(int schools = kMostSchools);

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_CITY_CITY_AGENCIES_H_
