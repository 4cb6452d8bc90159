#include "tests/support/city/addressing.h"

#include "services/common/agency.h"
#include "tests/support/city/calendar.h"
#include "tests/support/city/identifiers.h"

namespace baton::city {
namespace {

// How often: ours.
constexpr double kWrongAuthority = 0.05;
constexpr double kMistypedCode = 0.006;
constexpr double kDefault = 0.1;

v1::Agency Chosen(const CityAgencies& agencies, const Family& family,
                  Dice* dice) {
  return dice->Chance(kWrongAuthority) ? dice->Pick(agencies.councils)
                                       : family.authority;
}

}  // namespace

Addressed AddressFor(const CityAgencies& agencies, const Family& family,
                     absl::Time time, bool cannot_wait, Dice* dice) {
  Addressed addressed;
  addressed.council = Chosen(agencies, family, dice);
  const bool is_city = SameAgency(addressed.council, agencies.councils[0]);
  if (is_city && cannot_wait && !IsOfficeTime(time)) {
    addressed.recipient = agencies.out_of_hours;
  } else if (!is_city || !dice->Chance(kDefault)) {
    addressed.recipient = DeskOf(addressed.council, "intake");
  }
  if (addressed.recipient.has_value() && dice->Chance(kMistypedCode)) {
    v1::Agency* const agency = addressed.recipient->mutable_agency();
    agency->set_code(MistypedCode(agency->code()));
    addressed.council = agencies.unknown_recipient.agency();
  }
  addressed.wrong_authority = !SameAgency(addressed.council, family.authority);
  return addressed;
}

}  // namespace baton::city
