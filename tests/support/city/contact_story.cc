// A contact: somebody is worried, the front door decides.

#include <string>
#include <utility>
#include <vector>

#include "baton/v1/council_service.pb.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "tests/support/city/addressing.h"
#include "tests/support/city/amendments.h"
#include "tests/support/city/calendar.h"
#include "tests/support/city/description.h"
#include "tests/support/city/front_door.h"
#include "tests/support/city/known.h"
#include "tests/support/city/story.h"
#include "tests/support/city/words.h"

namespace baton::city {
namespace {

using absl::Hours;
using absl::Minutes;

// How often: ours.
constexpr double kImmediateDanger = 0.015;
constexpr double kNeverTaken = 0.015;
constexpr double kStaffAllegation = 0.004;
constexpr double kOneChildOnly = 0.55;
constexpr double kAnonymous = 0.6;        // Of callers from the public.
constexpr double kFormNeverComes = 0.15;  // After a professional's call.
constexpr double kConfidential = 0.1;

// Who raises it about whom.
struct Occasion {
  Scene* scene;
  v1::Agency caller = {};
  v1::Actor actor = {};
  std::string source_code = {};  // Of the children-in-need census.
  bool danger = false;
  std::vector<const Child*> children = {};
  absl::CivilDay day = {};
};

std::vector<const Child*> ChildrenOf(const Family& family, absl::CivilDay day,
                                     Dice* dice) {
  std::vector<const Child*> children = {&family.children[0]};
  if (dice->Chance(kOneChildOnly)) return children;
  for (size_t i = 1; i < family.children.size(); ++i) {
    const int age = AgeOn(family.children[i].birth_date, day);
    if (age >= 0 && age < 18) children.push_back(&family.children[i]);
  }
  return children;
}

// The school the child goes to; another one when that is not on the exchange.
v1::Agency SchoolOf(Scene* scene) {
  std::string& code = scene->family.children[0].school;
  for (const v1::Agency& school : scene->agencies.schools) {
    if (school.code() == code) return school;
  }
  const v1::Agency& school = scene->dice.Pick(scene->agencies.schools);
  code = school.code();
  return school;
}

void SetCaller(v1::Agency agency, absl::string_view role,
               absl::string_view source_code, Occasion* occasion) {
  occasion->caller = std::move(agency);
  occasion->actor = Worker(role, "", &occasion->scene->dice);
  occasion->source_code = std::string(source_code);
}

Occasion Begin(Stream stream, Scene* scene) {
  Occasion occasion{.scene = scene};
  const CityAgencies& agencies = scene->agencies;
  occasion.day = absl::CivilDay(ToLondon(scene->time));
  switch (stream) {
    case Stream::kHospitalContact:
      SetCaller(agencies.emergency, "safeguarding nurse", "3E", &occasion);
      break;
    case Stream::kPoliceContact:
      SetCaller(agencies.police, "public protection officer", "6", &occasion);
      break;
    case Stream::kPublicContact:
      SetCaller(agencies.councils[0], "contact officer", "9", &occasion);
      break;
    case Stream::kPhoneContact:
      if (scene->dice.Chance(0.4)) {
        SetCaller(agencies.emergency, "safeguarding nurse", "3E", &occasion);
        break;
      }
      [[fallthrough]];
    default:
      SetCaller(SchoolOf(scene), "designated safeguarding lead", "2A",
                &occasion);
  }
  occasion.danger = scene->dice.Chance(kImmediateDanger);
  occasion.children = ChildrenOf(scene->family, occasion.day, &scene->dice);
  return occasion;
}

v1::Referrer ReferrerOf(const Occasion& occasion) {
  v1::Referrer referrer;
  referrer.set_role(occasion.actor.role());
  referrer.set_name(occasion.actor.name());
  referrer.set_phone(occasion.actor.phone());
  referrer.set_source_code(occasion.source_code);
  referrer.set_confidential(occasion.scene->dice.Chance(kConfidential));
  return referrer;
}

v1::Referrer PublicReferrer(Dice* dice) {
  v1::Referrer referrer;
  referrer.set_confidential(true);
  referrer.set_anonymous(dice->Chance(kAnonymous));
  referrer.set_role(dice->OneOf({"neighbour", "relative", "passer-by"}));
  referrer.set_source_code(referrer.anonymous() ? "9" : "1D");
  if (!referrer.anonymous()) {
    const v1::Actor person = Worker("", "", dice);
    referrer.set_name(person.name());
    referrer.set_phone(person.phone());
  }
  return referrer;
}

v1::Consent ConsentOf(Dice* dice) {
  v1::Consent consent;
  const bool sought = dice->Chance(0.65);
  *consent.mutable_sought() = Flag(sought);
  if (sought) {
    consent.set_given_by("a parent");
    consent.set_covers("the family");
  } else {
    consent.set_why_not("it could raise the risk to the child");
  }
  return consent;
}

v1::ContactIncident IncidentOf(const Occasion& occasion,
                               v1::Referrer referrer) {
  Dice* const dice = &occasion.scene->dice;
  v1::ContactIncident incident;
  *incident.mutable_household() =
      DescribeHousehold(occasion.scene->family, occasion.day, dice);
  *incident.mutable_what_happened() = Text(dice->Pick(kIncidents));
  *incident.mutable_happened_time() =
      dice->Chance(0.8) ? At(occasion.scene->time - dice->Around(Hours(20)))
                        : No<v1::KnownTime>(v1::ABSENCE_UNKNOWN);
  *incident.mutable_referrer() = std::move(referrer);
  *incident.mutable_previous_help() =
      dice->Chance(0.5) ? Text("early help last year; it helped for a while")
                        : No<v1::KnownText>(v1::ABSENCE_UNKNOWN);
  *incident.mutable_desired_outcome() =
      dice->Chance(0.7) ? Text("an assessment of the family")
                        : No<v1::KnownText>(v1::ABSENCE_NOT_ASKED);
  *incident.mutable_consent() = ConsentOf(dice);
  return incident;
}

v1::Contact ConcernAbout(const Occasion& occasion, const Child& child) {
  Dice* const dice = &occasion.scene->dice;
  const bool born = child.birth_date <= occasion.day;
  v1::Contact concern;
  *concern.mutable_child() = Describe(occasion.scene->family, child,
                                      occasion.caller, occasion.day, dice);
  *concern.mutable_concern() =
      Text(born ? dice->Pick(kConcerns)
                : "drinking in pregnancy, no ante-natal care");
  concern.set_source(
      dice->OneOf({v1::CONCERN_SOURCE_SEEN, v1::CONCERN_SOURCE_TOLD_BY_CHILD,
                   v1::CONCERN_SOURCE_REPORTED}));
  *concern.mutable_immediate_danger() =
      occasion.danger || dice->Chance(0.95)
          ? Flag(occasion.danger)
          : No<v1::KnownFlag>(v1::ABSENCE_UNKNOWN);
  *concern.mutable_childs_words() =
      !born               ? No<v1::KnownText>(v1::ABSENCE_NOT_APPLICABLE)
      : dice->Chance(0.6) ? Text(dice->Pick(kOwnWords))
                          : No<v1::KnownText>(v1::ABSENCE_NOT_ASKED);
  *concern.mutable_safety_now() = Text(dice->Pick(kSafetyNow));
  *concern.mutable_impact() = Text(dice->Pick(kImpacts));
  concern.set_threshold_level(dice->OneOf(
      {v1::THRESHOLD_LEVEL_UNSPECIFIED, v1::THRESHOLD_LEVEL_EARLY_HELP,
       v1::THRESHOLD_LEVEL_CHILD_IN_NEED,
       v1::THRESHOLD_LEVEL_SIGNIFICANT_HARM}));
  concern.set_restricted(occasion.scene->family.restricted);
  return concern;
}

v1::RaiseContactRequest FormOf(const Occasion& occasion,
                               const std::string& reference,
                               v1::Referrer referrer) {
  v1::RaiseContactRequest form;
  form.set_sender_reference(reference);
  *form.mutable_incident() = IncidentOf(occasion, std::move(referrer));
  for (const Child* child : occasion.children) {
    *form.add_children() = ConcernAbout(occasion, *child);
  }
  *form.mutable_actor() = occasion.actor;
  form.set_legal_basis(occasion.danger ? v1::LEGAL_BASIS_CHILDREN_ACT_1989_S47
                                       : v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  return form;
}

// Mistypes what it can; whoever notices, corrects.
void TypeOut(const Occasion& occasion, v1::RaiseContactRequest* form,
             Story* story) {
  Dice* const dice = &occasion.scene->dice;
  for (int i = 0; i < form->children_size(); ++i) {
    const v1::Contact right = form->children(i);
    if (Mistype(form->mutable_children(i)->mutable_child(), dice)) {
      MaybeCorrect(right, i + 1, occasion.actor, dice, story);
    }
    MaybeWithdraw(i + 1, occasion.actor, dice, story);
  }
}

void Answer(const Occasion& occasion, const Addressed& addressed,
            Story* story) {
  FrontDoor front_door(occasion.scene, story, addressed, occasion.danger);
  for (size_t i = 0; i < occasion.children.size(); ++i) {
    const int child = static_cast<int>(i + 1);
    front_door.Handle(child, occasion.danger);
    MaybeRecall(child, occasion.actor, addressed.council, &occasion.scene->dice,
                story);
  }
}

Silence SilenceOf(const Occasion& occasion) {
  return !occasion.danger && occasion.scene->dice.Chance(kNeverTaken)
             ? Silence::kRecipient
             : Silence::kNone;
}

std::deque<Arrival> TellWritten(const Occasion& occasion,
                                v1::Referrer referrer) {
  Scene* const scene = occasion.scene;
  Dice* const dice = &scene->dice;
  const Addressed addressed = AddressFor(scene->agencies, scene->family,
                                         scene->time, occasion.danger, dice);
  Story story(scene->time, occasion.caller, "con-" + scene->name, dice);
  v1::RaiseContactRequest form =
      FormOf(occasion, story.reference(), std::move(referrer));
  if (addressed.recipient.has_value()) {
    *form.mutable_recipient() = *addressed.recipient;
  } else if (occasion.caller.agency_class() == v1::AGENCY_CLASS_COUNCIL) {
    // A council's service has no default recipient.
    *form.mutable_recipient() = DeskOf(addressed.council, "intake");
  }
  form.mutable_children(0)->set_staff_allegation(
      dice->Chance(kStaffAllegation));
  TypeOut(occasion, &form, &story);
  const Silence silence = SilenceOf(occasion);
  story.Open(std::move(form), silence);
  if (silence == Silence::kNone) Answer(occasion, addressed, &story);
  return std::move(story).Told();
}

v1::PhoneContact CallAbout(const Occasion& occasion, const Child& child,
                           const v1::Agency& council) {
  Dice* const dice = &occasion.scene->dice;
  v1::PhoneContact call;
  *call.mutable_child() =
      Describe(occasion.scene->family, child, council, occasion.day, dice);
  // Who rings has no number at hand.
  call.mutable_child()->clear_nhs_number();
  call.mutable_child()->clear_pupil_number();
  *call.mutable_call_time() =
      ToProto(occasion.scene->time - dice->Between(Minutes(1), Minutes(9)));
  *call.mutable_caller() = ReferrerOf(occasion);
  *call.mutable_caller_agency() = occasion.caller;
  *call.mutable_concern() = Text(dice->Pick(kConcerns));
  *call.mutable_immediate_danger() = Flag(occasion.danger);
  *call.mutable_advice_given() =
      Text("write it down today, and keep the child");
  return call;
}

// The council writes down a call; the caller's form joins it within a day or
// so, or never.
std::deque<Arrival> TellRungIn(const Occasion& occasion) {
  Scene* const scene = occasion.scene;
  Dice* const dice = &scene->dice;
  const v1::Agency& council = scene->agencies.councils[0];
  scene->family.restricted = false;  // Nobody says so on the telephone.
  Story story(scene->time, council, "tel-" + scene->name, dice);
  v1::RecordPhoneContactRequest call;
  call.set_sender_reference(story.reference());
  for (const Child* child : occasion.children) {
    *call.add_children() = CallAbout(occasion, *child, council);
  }
  *call.mutable_actor() = Worker("contact officer", "MASH", dice);
  call.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  story.Open(std::move(call), Silence::kNone);
  if (!dice->Chance(kFormNeverComes)) {
    const absl::Time written = scene->time + dice->Around(Hours(9));
    story.Respond(written + Minutes(5), occasion.caller, /*child=*/0,
                  FormOf(occasion, "con-" + scene->name, ReferrerOf(occasion)));
  }
  Addressed addressed;
  addressed.council = council;
  addressed.wrong_authority = !SameAgency(council, scene->family.authority);
  Answer(occasion, addressed, &story);
  return std::move(story).Told();
}

}  // namespace

std::deque<Arrival> TellContact(Stream stream, Scene* scene) {
  const Occasion occasion = Begin(stream, scene);
  switch (stream) {
    case Stream::kPhoneContact:
      return TellRungIn(occasion);
    case Stream::kPublicContact:
      return TellWritten(occasion, PublicReferrer(&scene->dice));
    default:
      return TellWritten(occasion, ReferrerOf(occasion));
  }
}

}  // namespace baton::city
