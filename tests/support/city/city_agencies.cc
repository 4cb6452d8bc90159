#include "tests/support/city/city_agencies.h"

#include "absl/strings/str_cat.h"

namespace baton {
namespace {

v1::Agency AgencyOf(v1::AgencyClass agency_class, absl::string_view code) {
  v1::Agency agency;
  agency.set_agency_class(agency_class);
  agency.set_code(std::string(code));
  return agency;
}

constexpr int kFirstSchool = 123'401;

}  // namespace

v1::Address DeskOf(const v1::Agency& agency, absl::string_view desk) {
  v1::Address address;
  *address.mutable_agency() = agency;
  address.set_desk(std::string(desk));
  return address;
}

CityAgencies InventedCity(int schools) {
  CityAgencies city;
  city.emergency = AgencyOf(v1::AGENCY_CLASS_EMERGENCY, "RX1RA");
  city.police = AgencyOf(v1::AGENCY_CLASS_POLICE, "E23000019");
  for (int i = 0; i < schools; ++i) {
    city.schools.push_back(
        AgencyOf(v1::AGENCY_CLASS_SCHOOL, absl::StrCat(kFirstSchool + i)));
  }
  city.councils = {AgencyOf(v1::AGENCY_CLASS_COUNCIL, "E06000018"),
                   AgencyOf(v1::AGENCY_CLASS_COUNCIL, "E10000024")};
  city.out_of_hours = DeskOf(city.councils[0], "out-of-hours");
  city.unknown_recipient = DeskOf(city.councils[1], "intake");
  city.education_authority = "892";
  return city;
}

}  // namespace baton
