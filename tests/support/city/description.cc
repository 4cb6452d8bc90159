#include "tests/support/city/description.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/city/identifiers.h"
#include "tests/support/city/known.h"
#include "tests/support/city/words.h"

namespace baton::city {
namespace {

constexpr int kSchoolAge = 5;
constexpr int kGrownUp = 18;

// How often: ours.
constexpr double kPoliceKnowNhsNumber = 0.04;
constexpr double kSchoolsKnowNhsNumber = 0.1;
constexpr double kGroupedDigits = 0.1;
constexpr double kNicknameOnly = 0.01;
constexpr double kWrongNhsNumber = 0.03;
constexpr double kWrongPupilNumber = 0.03;
constexpr double kWrongDate = 0.012;
constexpr double kWrongCode = 0.008;

std::string Grouped(absl::string_view nhs_number) {
  return absl::StrCat(nhs_number.substr(0, 3), " ", nhs_number.substr(3, 3),
                      " ", nhs_number.substr(6));
}

bool KnowsNhsNumber(v1::AgencyClass recorder, Dice* dice) {
  switch (recorder) {
    case v1::AGENCY_CLASS_EMERGENCY:
      return true;
    case v1::AGENCY_CLASS_POLICE:
      return dice->Chance(kPoliceKnowNhsNumber);
    case v1::AGENCY_CLASS_SCHOOL:
      return dice->Chance(kSchoolsKnowNhsNumber);
    default:
      return dice->Chance(0.6);
  }
}

v1::NhsNumber DescribeNhsNumber(const Child& child, v1::AgencyClass recorder,
                                Dice* dice) {
  v1::NhsNumber number;
  if (!KnowsNhsNumber(recorder, dice)) {
    number.set_verification(v1::NHS_NUMBER_VERIFICATION_ABSENT);
    return number;
  }
  number.set_value(dice->Chance(kGroupedDigits) ? Grouped(child.nhs_number)
                                                : child.nhs_number);
  number.set_verification(recorder == v1::AGENCY_CLASS_EMERGENCY
                              ? v1::NHS_NUMBER_VERIFICATION_VERIFIED
                              : v1::NHS_NUMBER_VERIFICATION_NOT_VERIFIED);
  return number;
}

void DescribeNames(const Child& child, Dice* dice, v1::Child* described) {
  v1::PersonName* const name = described->add_names();
  name->set_given(child.given);
  if (!dice->Chance(kNicknameOnly)) name->set_family(child.family);
  if (child.former_family.empty()) return;
  v1::PersonName* const former = described->add_names();
  former->set_given(child.given);
  former->set_family(child.former_family);
  former->set_alias(true);
}

v1::ChildBodies DescribeBodies(const Family& family, const Child& child,
                               bool at_school, Dice* dice) {
  v1::ChildBodies bodies;
  *bodies.mutable_responsible_authority() =
      dice->Chance(0.85) ? Code(family.authority.code())
                         : No<v1::KnownAgency>(v1::ABSENCE_UNKNOWN);
  *bodies.mutable_host_authority() = Code(family.authority.code());
  *bodies.mutable_school() =
      at_school ? Code(child.school)
                : No<v1::KnownAgency>(v1::ABSENCE_NOT_APPLICABLE);
  *bodies.mutable_general_practice() =
      No<v1::KnownAgency>(v1::ABSENCE_NOT_ASKED);
  return bodies;
}

void DescribeNeeds(const Family& family, Dice* dice, v1::Child* described) {
  *described->mutable_ethnicity() =
      dice->Chance(0.8) ? Text(family.ethnicity)
                        : No<v1::KnownText>(v1::ABSENCE_REFUSED);
  if (family.language.empty()) {
    *described->mutable_first_language() = Text("English");
    *described->mutable_interpreter() =
        No<v1::KnownText>(v1::ABSENCE_NOT_APPLICABLE);
  } else {
    *described->mutable_first_language() = Text(family.language);
    *described->mutable_interpreter() =
        Text(absl::StrCat("for the parents: ", family.language));
  }
  *described->mutable_medication() =
      family.medication ? Text("insulin, twice a day")
                        : No<v1::KnownText>(v1::ABSENCE_NOT_ASKED);
  *described->mutable_disability() = No<v1::KnownText>(v1::ABSENCE_NOT_ASKED);
  if (family.do_not_tell_a_parent) {
    v1::DoNotTell* const telling = described->add_do_not_tell();
    telling->set_whom("the parent who lives elsewhere");
    telling->set_why("a court order; violence in the past");
  }
}

void DescribeHome(const Family& family, v1::Child* described) {
  v1::PostalAddress* const address = described->mutable_address();
  address->add_lines(absl::StrCat(family.house, " ", family.street));
  address->set_postcode(family.postcode);
  address->set_protected_address(family.protected_address);
  *described->mutable_parental_responsibility() =
      family.looked_after ? Text("shared with the authority")
                          : Text(absl::StrCat(family.parent, " ", family.name));
}

// Everything but names, birth and numbers of a born child.
v1::Child DescribeUnborn(const Family& family, const Child& child, Dice* dice) {
  v1::Child described;
  *described.mutable_expected_birth_date() =
      Date(absl::FormatCivilTime(child.birth_date));
  described.set_sex(v1::SEX_NOT_KNOWN);
  DescribeHome(family, &described);
  DescribeNeeds(family, dice, &described);
  *described.mutable_bodies() =
      DescribeBodies(family, child, /*at_school=*/false, dice);
  return described;
}

bool IsChild(const Child& child, absl::CivilDay day) {
  const int age = AgeOn(child.birth_date, day);
  return age >= 0 && age < kGrownUp;
}

}  // namespace

v1::Child Describe(const Family& family, const Child& child,
                   const v1::Agency& recorder, absl::CivilDay day, Dice* dice) {
  if (day < child.birth_date) return DescribeUnborn(family, child, dice);
  const v1::AgencyClass who = recorder.agency_class();
  const bool at_school = AgeOn(child.birth_date, day) >= kSchoolAge;
  v1::Child described;
  DescribeNames(child, dice, &described);
  *described.mutable_birth_date() =
      Date(absl::FormatCivilTime(child.birth_date));
  described.set_sex(child.sex);
  *described.mutable_nhs_number() = DescribeNhsNumber(child, who, dice);
  if (at_school && (who == v1::AGENCY_CLASS_SCHOOL ||
                    (who == v1::AGENCY_CLASS_COUNCIL && dice->Chance(0.5)))) {
    described.mutable_pupil_number()->set_value(child.pupil_number);
  }
  DescribeHome(family, &described);
  DescribeNeeds(family, dice, &described);
  *described.mutable_bodies() = DescribeBodies(family, child, at_school, dice);
  return described;
}

bool Mistype(v1::Child* child, Dice* dice) {
  bool mistyped = false;
  if (child->nhs_number().value().size() == 10 &&
      dice->Chance(kWrongNhsNumber)) {
    std::string* const nhs = child->mutable_nhs_number()->mutable_value();
    *nhs = MistypedNhsNumber(*nhs, dice);
    mistyped = true;
  }
  if (child->has_pupil_number() && dice->Chance(kWrongPupilNumber)) {
    std::string* const upn = child->mutable_pupil_number()->mutable_value();
    *upn = MistypedPupilNumber(*upn, dice);
    mistyped = true;
  }
  absl::CivilDay born;
  if (absl::ParseCivilTime(child->birth_date().value(), &born) &&
      dice->Chance(kWrongDate)) {
    *child->mutable_birth_date() = Date(MistypedDate(born, dice));
    mistyped = true;
  }
  const v1::KnownAgency& school = child->bodies().school();
  if (school.has_code() && dice->Chance(kWrongCode)) {
    *child->mutable_bodies()->mutable_school() =
        Code(MistypedCode(school.code()));
    mistyped = true;
  }
  return mistyped;
}

v1::Household DescribeHousehold(const Family& family, absl::CivilDay day,
                                Dice* dice) {
  v1::Household household;
  v1::HouseholdMember* const parent = household.add_members();
  parent->mutable_name()->set_given(family.parent);
  parent->mutable_name()->set_family(family.name);
  parent->set_relationship("parent");
  *parent->mutable_whereabouts() = Text("at home");
  for (const Child& child : family.children) {
    if (!IsChild(child, day)) continue;
    v1::HouseholdMember* const member = household.add_members();
    member->mutable_name()->set_given(child.given);
    member->mutable_name()->set_family(child.family);
    member->set_relationship("child of the family");
    *member->mutable_birth_date() =
        Date(absl::FormatCivilTime(child.birth_date));
    *member->mutable_whereabouts() =
        dice->Chance(0.7) ? Text("at home")
                          : No<v1::KnownText>(v1::ABSENCE_UNKNOWN);
  }
  *household.mutable_risk_to_workers() =
      family.risk_to_workers ? Text("visit in pairs; threats in the past")
                             : No<v1::KnownText>(v1::ABSENCE_UNKNOWN);
  return household;
}

v1::LegalStatus LegalStatusOf(const Family& family, Dice* dice) {
  if (family.looked_after) {
    return dice->OneOf(
        {v1::LEGAL_STATUS_CARE_ORDER, v1::LEGAL_STATUS_SECTION_20});
  }
  return dice->Chance(0.9) ? v1::LEGAL_STATUS_NONE : v1::LEGAL_STATUS_NOT_KNOWN;
}

}  // namespace baton::city
