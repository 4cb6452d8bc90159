// A wait in an emergency department: flag, heartbeats, moves, end.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "baton/v1/emergency_service.pb.h"
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
constexpr double kImmediateDanger = 0.02;
constexpr double kSenderFallsSilent = 0.03;
constexpr double kNeverTaken = 0.015;
constexpr double kMissedHeartbeat = 0.05;
constexpr double kMoved = 0.2;
constexpr double kLeftUnexpectedly = 0.06;
constexpr double kRaisedInError = 0.03;

constexpr absl::Duration kLongestWait = Hours(24 * 14);

// How one wait goes.
struct Wait {
  Scene* scene;
  Story* story;
  v1::Actor nurse = {};
  v1::WaitingReason reason = v1::WAITING_REASON_UNSPECIFIED;
  v1::BlockedBy blocked_by = v1::BLOCKED_BY_UNSPECIFIED;
  bool danger = false;
  absl::Duration review = {};  // Between two heartbeats.
  absl::Time end = {};
  Silence silence = Silence::kNone;
};

// Most are over by the next morning; a few last for days.
absl::Duration Length(Dice* dice) {
  constexpr absl::Duration kMeans[] = {Hours(6), Hours(24), Hours(80)};
  const absl::Duration length =
      dice->Around(kMeans[dice->Weighted({70, 24, 6})]);
  return Minutes(50) + std::min(length, kLongestWait);
}

Silence SilenceOf(bool danger, Dice* dice) {
  constexpr Silence kSilences[] = {Silence::kSender, Silence::kRecipient,
                                   Silence::kNone};
  if (danger) return Silence::kNone;
  return kSilences[dice->Weighted(
      {kSenderFallsSilent, kNeverTaken, 1 - kSenderFallsSilent - kNeverTaken})];
}

void ChooseReason(Wait* wait) {
  struct Cause {
    v1::WaitingReason reason;
    v1::BlockedBy blocked_by;
  };
  constexpr Cause kCauses[] = {
      {v1::WAITING_REASON_NO_MENTAL_HEALTH_BED,
       v1::BLOCKED_BY_MENTAL_HEALTH_BED},
      {v1::WAITING_REASON_PLACEMENT_BREAKDOWN, v1::BLOCKED_BY_PLACEMENT},
      {v1::WAITING_REASON_REFUSED_HOME, v1::BLOCKED_BY_ASSESSMENT},
      {v1::WAITING_REASON_POLICE_BROUGHT, v1::BLOCKED_BY_ASSESSMENT},
      {v1::WAITING_REASON_OTHER, v1::BLOCKED_BY_TRANSPORT}};
  const Cause& cause = kCauses[wait->scene->dice.Weighted({38, 22, 20, 12, 8})];
  wait->reason = cause.reason;
  wait->blocked_by = cause.blocked_by;
}

Wait Begin(Scene* scene, Story* story) {
  Dice* const dice = &scene->dice;
  Wait wait{.scene = scene, .story = story};
  wait.nurse = Worker("charge nurse", "emergency department", dice);
  wait.danger = dice->Chance(kImmediateDanger);
  wait.review = dice->OneOf({Hours(2), Hours(4)});
  wait.end = scene->time + Length(dice);
  wait.silence = SilenceOf(wait.danger, dice);
  ChooseReason(&wait);
  return wait;
}

std::string PlaceOf(const Wait& wait, absl::string_view where) {
  return absl::StrCat(wait.scene->agencies.emergency.code(), " ", where);
}

v1::WaitingFlag FlagOf(const Wait& wait) {
  Scene* const scene = wait.scene;
  Dice* const dice = &scene->dice;
  const absl::Time arrived = scene->time - dice->Between(Minutes(30), Hours(5));
  v1::WaitingFlag flag;
  flag.set_sender_reference(wait.story->reference());
  *flag.mutable_child() = Describe(scene->family, scene->family.children[0],
                                   scene->agencies.emergency,
                                   absl::CivilDay(ToLondon(scene->time)), dice);
  *flag.mutable_arrived_time() = At(arrived);
  *flag.mutable_ready_to_proceed_time() =
      dice->Chance(0.6) ? At(arrived + Minutes(25))
                        : No<v1::KnownTime>(v1::ABSENCE_NOT_APPLICABLE);
  flag.set_reason(wait.reason);
  *flag.mutable_reason_detail() = Text("safe to leave, nowhere to go");
  flag.set_blocked_by(wait.blocked_by);
  flag.set_legal_status(LegalStatusOf(scene->family, dice));
  *flag.mutable_ordinary_residence() =
      dice->Chance(0.8) ? Text("with a parent in the area")
                        : No<v1::KnownText>(v1::ABSENCE_UNKNOWN);
  *flag.mutable_supervised_one_to_one() = Flag(dice->Chance(0.4));
  *flag.mutable_next_review_time() = At(scene->time + wait.review);
  *flag.mutable_immediate_danger() = Flag(wait.danger);
  flag.set_location(PlaceOf(wait, "emergency department"));
  *flag.mutable_childs_words() = Text(dice->Pick(kOwnWords));
  *flag.mutable_safety_now() = Text("in a side room, a nurse nearby");
  return flag;
}

// SNOMED CT: looked-after child, child is cause for safeguarding concern.
void AddCodes(const Family& family, v1::WaitingFlag* flag) {
  flag->add_safeguarding_codes("836881000000105");
  if (family.looked_after) flag->add_safeguarding_codes("764841000000100");
}

void Raise(const Wait& wait, const Addressed& addressed) {
  Scene* const scene = wait.scene;
  v1::FlagWaitingRequest request;
  if (addressed.recipient.has_value()) {
    *request.mutable_recipient() = *addressed.recipient;
  }
  v1::WaitingFlag right = FlagOf(wait);
  AddCodes(scene->family, &right);
  *request.mutable_flag() = right;
  if (Mistype(request.mutable_flag()->mutable_child(), &scene->dice) &&
      wait.silence != Silence::kSender) {
    MaybeCorrect(right, /*child=*/1, wait.nurse, &scene->dice, wait.story);
  }
  *request.mutable_incident()->mutable_household() = DescribeHousehold(
      scene->family, absl::CivilDay(ToLondon(scene->time)), &scene->dice);
  *request.mutable_incident()->mutable_what_happened() =
      Text(scene->dice.Pick(kIncidents));
  *request.mutable_actor() = wait.nurse;
  request.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  wait.story->Open(std::move(request), wait.silence);
}

void Heartbeat(const Wait& wait, absl::Time time) {
  Dice* const dice = &wait.scene->dice;
  v1::UpdateWaitingRequest request;
  v1::WaitingUpdate* const update = request.mutable_update();
  *update->mutable_seen_time() = ToProto(time);
  update->set_blocked_by(wait.blocked_by);
  *update->mutable_supervised_one_to_one() = Flag(dice->Chance(0.4));
  *update->mutable_next_review_time() = At(time + wait.review);
  if (dice->Chance(0.4)) {
    *update->mutable_note() = Text("slept a little, asks when it is time");
  }
  *request.mutable_actor() = wait.nurse;
  wait.story->Follow(time, std::move(request));
}

void Move(const Wait& wait, absl::Time time) {
  v1::MoveWaitingRequest request;
  *request.mutable_moved()->mutable_moved_time() = ToProto(time);
  request.mutable_moved()->set_location(PlaceOf(wait, "children's ward"));
  request.mutable_moved()->set_phone("0115 496 0150");
  *request.mutable_moved()->mutable_next_review_time() = At(time + wait.review);
  *request.mutable_actor() = wait.nurse;
  wait.story->Follow(time, std::move(request));
}

// Heartbeats until the end, one of them missed now and then, and perhaps a
// move. A silent sender falls silent after the first.
void Continue(const Wait& wait) {
  Dice* const dice = &wait.scene->dice;
  const bool moves = dice->Chance(kMoved);
  absl::Time time = wait.scene->time + wait.review - Minutes(5);
  for (int i = 1; time < wait.end; ++i, time += wait.review) {
    if (wait.silence == Silence::kSender && i > 1) return;
    if (moves && i == 2) Move(wait, time - Minutes(40));
    if (!dice->Chance(kMissedHeartbeat)) Heartbeat(wait, time);
  }
}

v1::EndWaitingRequest EndAt(const Wait& wait, absl::Time time,
                            v1::WaitingEndReason reason) {
  v1::EndWaitingRequest request;
  request.mutable_end()->set_end_reason(reason);
  *request.mutable_end()->mutable_end_time() = ToProto(time);
  *request.mutable_actor() = wait.nurse;
  return request;
}

void Discharge(const Wait& wait, absl::Time time) {
  Dice* const dice = &wait.scene->dice;
  v1::EndWaitingRequest request =
      EndAt(wait, time, v1::WAITING_END_REASON_DISCHARGED);
  *request.mutable_end()->mutable_destination() =
      Text(dice->OneOf({"home", "a foster placement", "a children's home",
                        "a mental-health unit"}));
  *request.mutable_end()->mutable_taken_by() =
      Text(dice->OneOf({"a parent", "a social worker", "hospital transport"}));
  wait.story->Follow(time, std::move(request));
}

// Leaving unexpectedly ends nothing: the child is brought back, then leaves.
// The police's own report of that is no part of the plan.
void End(const Wait& wait) {
  Dice* const dice = &wait.scene->dice;
  if (dice->Chance(kRaisedInError)) {
    v1::EndWaitingRequest request =
        EndAt(wait, wait.end, v1::WAITING_END_REASON_RAISED_IN_ERROR);
    request.mutable_end()->set_reason("flagged for the wrong encounter");
    wait.story->Follow(wait.end, std::move(request));
    return;
  }
  if (!dice->Chance(kLeftUnexpectedly)) return Discharge(wait, wait.end);
  v1::EndWaitingRequest request =
      EndAt(wait, wait.end, v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY);
  if (dice->Chance(0.5)) {
    request.mutable_end()->set_police_reference("mis-" + wait.scene->name);
  } else {
    request.mutable_end()->set_reason("the police declined to attend");
  }
  wait.story->Follow(wait.end, std::move(request));
  Discharge(wait, wait.end + dice->Between(Hours(1), Hours(9)));
}

void Respond(const Wait& wait, const Addressed& addressed) {
  FrontDoor front_door(wait.scene, wait.story, addressed,
                       /*cannot_wait=*/true);
  const absl::Time taken =
      front_door.Take(/*child=*/1, wait.danger ? Minutes(12) : Minutes(80));
  Dice* const dice = &wait.scene->dice;
  const absl::Time decided =
      std::max(taken, wait.end) + dice->Between(Minutes(10), Hours(20));
  front_door.Decide(
      decided, /*child=*/1,
      dice->OneOf({v1::OUTCOME_INFORMATION_ON_OPEN_CASE,
                   v1::OUTCOME_REFERRAL_SECTION_17, v1::OUTCOME_EARLY_HELP}));
}

}  // namespace

std::deque<Arrival> TellWait(Scene* scene) {
  const Addressed addressed =
      AddressFor(scene->agencies, scene->family, scene->time,
                 /*cannot_wait=*/true, &scene->dice);
  Story story(scene->time, scene->agencies.emergency, "enc-" + scene->name,
              &scene->dice);
  const Wait wait = Begin(scene, &story);
  Raise(wait, addressed);
  Continue(wait);
  if (wait.silence != Silence::kSender) End(wait);
  if (wait.silence != Silence::kRecipient) Respond(wait, addressed);
  return std::move(story).Told();
}

}  // namespace baton::city
