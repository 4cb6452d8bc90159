// A police notice: officers met children in circumstances others must know of.

#include <utility>

#include "baton/v1/police_service.pb.h"
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

// How often: ours.
constexpr double kDomesticAbuse = 0.45;
constexpr double kNeverTaken = 0.01;

v1::NoticeGrade GradeOf(Dice* dice) {
  constexpr v1::NoticeGrade kGrades[] = {
      v1::NOTICE_GRADE_RED, v1::NOTICE_GRADE_AMBER, v1::NOTICE_GRADE_GREEN};
  return kGrades[dice->Weighted({4, 30, 66})];
}

v1::PoliceIncident IncidentOf(Scene* scene, const std::string& reference) {
  Dice* const dice = &scene->dice;
  const absl::CivilDay day(ToLondon(scene->time));
  v1::PoliceIncident incident;
  incident.set_incident_reference(reference);
  *incident.mutable_incident_time() =
      At(scene->time - dice->Between(absl::Minutes(20), absl::Hours(9)));
  *incident.mutable_what_happened() = Text(dice->Pick(kIncidents));
  incident.set_domestic_abuse(dice->Chance(kDomesticAbuse));
  *incident.mutable_present() = Text("two adults and the children");
  *incident.mutable_weapons() =
      dice->Chance(0.05) ? Text("a kitchen knife, taken away")
                         : No<v1::KnownText>(v1::ABSENCE_NOT_APPLICABLE);
  *incident.mutable_home_conditions() =
      dice->Chance(0.6) ? Text("clean, little food")
                        : No<v1::KnownText>(v1::ABSENCE_UNKNOWN);
  *incident.mutable_household() = DescribeHousehold(scene->family, day, dice);
  return incident;
}

v1::PoliceNotice NoticeAbout(Scene* scene, const Child& child,
                             v1::NoticeGrade grade) {
  Dice* const dice = &scene->dice;
  const absl::CivilDay day(ToLondon(scene->time));
  v1::PoliceNotice notice;
  *notice.mutable_child() =
      Describe(scene->family, child, scene->agencies.police, day, dice);
  notice.set_grade(grade);
  *notice.mutable_presence() =
      Text(dice->Chance(0.5) ? "upstairs, awake" : "in the room");
  *notice.mutable_injuries() =
      dice->Chance(0.08) ? Text("a graze on the knee")
                         : No<v1::KnownText>(v1::ABSENCE_NOT_APPLICABLE);
  *notice.mutable_demeanour() = Text("quiet, stayed close to the door");
  *notice.mutable_childs_words() =
      dice->Chance(0.4) ? Text(dice->Pick(kOwnWords))
                        : No<v1::KnownText>(v1::ABSENCE_NOT_ASKED);
  *notice.mutable_immediate_danger() = Flag(grade == v1::NOTICE_GRADE_RED);
  *notice.mutable_action_taken() = Text("one adult left for the night");
  notice.set_restricted(scene->family.restricted);
  return notice;
}

// Every child of the family under 18 who is born; the first always.
std::vector<const Child*> ChildrenOf(const Scene& scene) {
  const absl::CivilDay day(ToLondon(scene.time));
  std::vector<const Child*> children;
  for (const Child& child : scene.family.children) {
    const int age = AgeOn(child.birth_date, day);
    if (children.empty() || (age >= 0 && age < 18)) children.push_back(&child);
  }
  return children;
}

void AddChildren(Scene* scene, v1::NoticeGrade grade, Story* story,
                 v1::SendNoticeRequest* request) {
  int number = 0;
  for (const Child* child : ChildrenOf(*scene)) {
    const v1::PoliceNotice right = NoticeAbout(scene, *child, grade);
    v1::PoliceNotice typed = right;
    ++number;
    if (Mistype(typed.mutable_child(), &scene->dice)) {
      MaybeCorrect(right, number, request->actor(), &scene->dice, story);
    }
    MaybeWithdraw(number, request->actor(), &scene->dice, story);
    *request->add_children() = std::move(typed);
  }
}

}  // namespace

std::deque<Arrival> TellNotice(Scene* scene) {
  Dice* const dice = &scene->dice;
  const v1::NoticeGrade grade = GradeOf(dice);
  const bool danger = grade == v1::NOTICE_GRADE_RED;
  const Addressed addressed =
      AddressFor(scene->agencies, scene->family, scene->time, danger, dice);
  Story story(scene->time, scene->agencies.police, "ppn-" + scene->name, dice);
  v1::SendNoticeRequest request;
  request.set_sender_reference(story.reference());
  if (addressed.recipient.has_value()) {
    *request.mutable_recipient() = *addressed.recipient;
  }
  *request.mutable_actor() = Worker("response officer", "", dice);
  *request.mutable_incident() = IncidentOf(scene, story.reference());
  AddChildren(scene, grade, &story, &request);
  request.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  const int children = request.children_size();
  const v1::Actor officer = request.actor();
  const bool never = !danger && dice->Chance(kNeverTaken);
  story.Open(std::move(request), never ? Silence::kRecipient : Silence::kNone);
  FrontDoor front_door(scene, &story, addressed, danger);
  for (int child = 1; !never && child <= children; ++child) {
    front_door.Handle(child, danger);
    MaybeRecall(child, officer, addressed.council, dice, &story);
  }
  return std::move(story).Told();
}

}  // namespace baton::city
