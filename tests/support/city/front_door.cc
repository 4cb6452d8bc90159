#include "tests/support/city/front_door.h"

#include <utility>
#include <vector>

#include "baton/v1/council_service.pb.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "tests/support/city/calendar.h"
#include "tests/support/city/words.h"

namespace baton::city {
namespace {

using absl::Hours;
using absl::Minutes;

constexpr double kAsksPartners = 0.25;
constexpr double kPartnerIsSilent = 0.1;
constexpr double kPartnerRefuses = 0.04;
constexpr double kOfferDeclined = 0.12;
constexpr double kDecidedLate = 0.08;
constexpr double kAllocatedOn = 0.1;
constexpr double kChallenged = 0.03;  // Of those without further action.

constexpr v1::TriageGrade kRed = v1::TRIAGE_GRADE_RED;

v1::TriageGrade GradeOf(Dice* dice) {
  constexpr v1::TriageGrade kGrades[] = {kRed, v1::TRIAGE_GRADE_AMBER,
                                         v1::TRIAGE_GRADE_GREEN};
  return kGrades[dice->Weighted({4, 28, 68})];
}

absl::Duration TimeToDecide(v1::TriageGrade grade, Dice* dice) {
  const absl::Duration allowed = grade == kRed                     ? Hours(4)
                                 : grade == v1::TRIAGE_GRADE_AMBER ? Hours(24)
                                                                   : Hours(72);
  if (dice->Chance(kDecidedLate)) return allowed + dice->Around(allowed);
  return dice->Between(Minutes(20), allowed - Minutes(20));
}

v1::Outcome OutcomeFor(v1::TriageGrade grade, Dice* dice) {
  constexpr v1::Outcome kOutcomes[] = {
      v1::OUTCOME_NO_FURTHER_ACTION,
      v1::OUTCOME_INFORMATION_AND_ADVICE,
      v1::OUTCOME_EARLY_HELP,
      v1::OUTCOME_REFERRAL_SECTION_17,
      v1::OUTCOME_STRATEGY_DISCUSSION_SECTION_47,
      v1::OUTCOME_INFORMATION_ON_OPEN_CASE};
  return kOutcomes[grade == kRed ? dice->Weighted({5, 3, 5, 35, 45, 7})
                                 : dice->Weighted({38, 22, 17, 13, 3, 7})];
}

}  // namespace

FrontDoor::FrontDoor(Scene* scene, Story* story, const Addressed& addressed,
                     bool cannot_wait)
    : scene_(scene),
      story_(story),
      dice_(&scene->dice),
      cannot_wait_(cannot_wait),
      wrong_authority_(addressed.wrong_authority),
      council_(addressed.council) {}

absl::Time FrontDoor::WhenAtWork(absl::Time time) const {
  return cannot_wait_ ? time : NextOfficeTime(time);
}

void FrontDoor::Act(absl::Time time, int child, v1::ActOnMatterRequest act) {
  *act.mutable_actor() = worker_;
  story_->Respond(time, council_, child, std::move(act));
}

void FrontDoor::Handle(int child, bool danger) {
  const absl::Time taken = Take(child, Minutes(14));
  const v1::TriageGrade grade = danger ? kRed : GradeOf(dice_);
  const absl::Time triaged = Triage(taken, child, grade);
  if (scene_->family.restricted) Release(triaged, child);
  if (wrong_authority_) return Offer(triaged, child);
  if (dice_->Chance(kAsksPartners)) AskPartners(triaged, child);
  const absl::Time decided = WhenAtWork(triaged + TimeToDecide(grade, dice_));
  const v1::Outcome outcome = OutcomeFor(grade, dice_);
  Decide(decided, child, outcome);
  FollowUp(decided, child, outcome);
}

absl::Time FrontDoor::Take(int child, absl::Duration longest) {
  const absl::Time opened =
      cannot_wait_ ? story_->time() + dice_->Between(Minutes(2), longest)
                   : WhenAtWork(NextOfficeTime(story_->time()) +
                                dice_->Around(Minutes(90)));
  if (worker_.name().empty()) {
    const bool night = !IsOfficeTime(opened);
    worker_ = Worker("duty social worker",
                     night ? "emergency duty team" : "MASH", dice_);
  }
  v1::OpenMatterRequest look;
  *look.mutable_actor() = worker_;
  story_->Respond(opened, council_, child, std::move(look));
  const absl::Time taken = opened + dice_->Between(Minutes(1), Minutes(8));
  v1::TakeMatterRequest take;
  *take.mutable_taken()->mutable_worker() = worker_;
  *take.mutable_taken()->mutable_taken_time() = ToProto(taken);
  story_->Respond(taken, council_, child, std::move(take));
  return taken;
}

absl::Time FrontDoor::Triage(absl::Time time, int child,
                             v1::TriageGrade grade) {
  const absl::Time triaged =
      WhenAtWork(time + dice_->Between(Minutes(3), Minutes(40)));
  v1::ActOnMatterRequest act;
  act.mutable_triage()->set_grade(grade);
  act.mutable_triage()->set_reason("by the local threshold document");
  Act(triaged, child, std::move(act));
  return triaged;
}

void FrontDoor::Release(absl::Time time, int child) {
  v1::ActOnMatterRequest act;
  act.mutable_release()->set_reason("checked with the family's own worker");
  Act(time + dice_->Between(Minutes(10), Minutes(50)), child, std::move(act));
}

// Whoever accepts it has taken it, and decides.
void FrontDoor::Offer(absl::Time time, int child) {
  const v1::Agency other = scene_->family.authority;
  v1::ActOnMatterRequest offer;
  *offer.mutable_transfer_offer()->mutable_offered_to() =
      DeskOf(other, "intake");
  offer.mutable_transfer_offer()->set_ground(
      v1::TRANSFER_GROUND_WRONG_AUTHORITY);
  offer.mutable_transfer_offer()->set_why("the family lives in your area");
  const absl::Time offered = time + dice_->Between(Minutes(5), Hours(1));
  Act(offered, child, std::move(offer));

  const absl::Time answered = NextOfficeTime(offered + dice_->Around(Hours(4)));
  const v1::Actor there = Worker("duty social worker", "MASH", dice_);
  const bool declined = dice_->Chance(kOfferDeclined);
  v1::ActOnMatterRequest answer;
  *answer.mutable_actor() = there;
  if (declined) {
    answer.mutable_transfer_declined()->set_reason(
        "they moved back to your area last month");
  } else {
    answer.mutable_transfer_accepted();
  }
  story_->Respond(answered, other, child, std::move(answer));
  const absl::Time decided =
      NextOfficeTime(answered + dice_->Around(Hours(12)));
  const v1::Outcome outcome = OutcomeFor(v1::TRIAGE_GRADE_GREEN, dice_);
  if (declined) return Decide(decided, child, outcome);
  Decide(decided, child, outcome, other, there);
}

void FrontDoor::AskPartners(absl::Time time, int child) {
  const CityAgencies& agencies = scene_->agencies;
  std::vector<v1::Agency> partners;
  for (const v1::Agency& agency :
       {agencies.police, agencies.emergency, dice_->Pick(agencies.schools)}) {
    if (dice_->Chance(0.6)) partners.push_back(agency);
  }
  if (partners.empty()) return;
  v1::ActOnMatterRequest act;
  for (const v1::Agency& partner : partners) {
    *act.add_recipients()->mutable_agency() = partner;
  }
  const absl::Time asked = time + dice_->Between(Minutes(2), Minutes(15));
  act.mutable_information_request()->set_question(
      "what do you know of this child and family in the last 12 months?");
  *act.mutable_information_request()->mutable_deadline() =
      ToProto(asked + Hours(cannot_wait_ ? 4 : 24));
  Act(asked, child, std::move(act));
  for (const v1::Agency& partner : partners) {
    PartnerAnswers(asked, partner, child);
  }
}

void FrontDoor::PartnerAnswers(absl::Time asked, const v1::Agency& partner,
                               int child) {
  if (dice_->Chance(kPartnerIsSilent)) return;
  v1::ActOnMatterRequest act;
  *act.mutable_actor() =
      Worker("safeguarding officer", ClassName(partner.agency_class()), dice_);
  v1::InformationResponse* const answer = act.mutable_information_response();
  if (dice_->Chance(kPartnerRefuses)) {
    answer->set_answer(v1::INFORMATION_ANSWER_REFUSED);
    answer->set_reason("held for an investigation; ring us");
  } else if (dice_->Chance(0.4)) {
    answer->set_answer(v1::INFORMATION_ANSWER_NOT_KNOWN);
  } else {
    answer->set_answer(v1::INFORMATION_ANSWER_GIVEN);
    answer->set_information("two earlier concerns; details by telephone");
  }
  story_->Respond(asked + dice_->Between(Minutes(15), Hours(20)), partner,
                  child, std::move(act));
}

void FrontDoor::Decide(absl::Time time, int child, v1::Outcome outcome,
                       const v1::Agency& council, const v1::Actor& worker) {
  v1::DecideMatterRequest request;
  v1::Decision* const decision = request.mutable_decision();
  decision->set_outcome(outcome);
  decision->set_reason("below or above the threshold as described there");
  decision->set_next_step(dice_->Pick(kNextSteps));
  *decision->mutable_worker() = worker;
  decision->set_contact_phone(worker.phone());
  *decision->mutable_decided_time() = ToProto(time);
  if (outcome == v1::OUTCOME_INFORMATION_ON_OPEN_CASE) {
    decision->set_open_case_reference("case-" + scene_->name);
  }
  story_->Respond(time, council, child, std::move(request));
}

void FrontDoor::FollowUp(absl::Time decided, int child, v1::Outcome outcome) {
  if (dice_->Chance(kAllocatedOn)) {
    v1::ActOnMatterRequest act;
    *act.mutable_allocation()->mutable_worker() =
        Worker("social worker", "assessment team", dice_);
    act.mutable_allocation()->set_reason("shift handover");
    Act(decided + Minutes(30), child, std::move(act));
  }
  if (outcome == v1::OUTCOME_STRATEGY_DISCUSSION_SECTION_47) {
    Milestone(decided + dice_->Between(Hours(1), Hours(23)), child,
              v1::MILESTONE_CODE_STRATEGY_DISCUSSION);
  }
  if (outcome == v1::OUTCOME_REFERRAL_SECTION_17 ||
      outcome == v1::OUTCOME_STRATEGY_DISCUSSION_SECTION_47) {
    Milestone(NextOfficeTime(decided + dice_->Between(Hours(20), Hours(300))),
              child, v1::MILESTONE_CODE_CHILD_SEEN);
  }
  // Nobody disagrees with their own council here.
  if (outcome == v1::OUTCOME_NO_FURTHER_ACTION &&
      !SameAgency(story_->raised_by(), council_) &&
      dice_->Chance(kChallenged)) {
    Challenge(decided, child);
  }
}

void FrontDoor::Milestone(absl::Time time, int child, v1::MilestoneCode code) {
  v1::ActOnMatterRequest act;
  act.mutable_milestone()->set_code(code);
  *act.mutable_milestone()->mutable_time() = ToProto(time);
  Act(time, child, std::move(act));
}

void FrontDoor::Challenge(absl::Time decided, int child) {
  const absl::Time challenged =
      NextOfficeTime(decided + dice_->Around(Hours(24)));
  v1::ActOnMatterRequest challenge;
  *challenge.mutable_actor() = Worker("safeguarding lead", "", dice_);
  challenge.mutable_challenge()->set_stage(1);
  challenge.mutable_challenge()->set_disagreement(
      "the fourth concern in a year; the pattern was not weighed");
  challenge.mutable_challenge()->set_wanted("an assessment");
  story_->Respond(challenged, story_->raised_by(), child, std::move(challenge));

  v1::ActOnMatterRequest answer;
  answer.mutable_challenge_response()->set_stage(1);
  answer.mutable_challenge_response()->set_answer(
      dice_->Chance(0.4) ? v1::CHALLENGE_ANSWER_CHANGED
                         : v1::CHALLENGE_ANSWER_STANDS);
  answer.mutable_challenge_response()->set_reason("read again with a manager");
  Act(NextOfficeTime(challenged + dice_->Around(Hours(20))), child,
      std::move(answer));
}

}  // namespace baton::city
