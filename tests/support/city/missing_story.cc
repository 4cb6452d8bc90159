// A missing episode: report, changes, find, and the interviews after it.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "baton/v1/police_service.pb.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "tests/support/city/addressing.h"
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
constexpr double kTogether = 0.08;  // A brother or sister is missing too.
constexpr double kSenderFallsSilent = 0.02;
constexpr double kNeverTaken = 0.01;
constexpr double kReturnTimeKnown = 0.65;
constexpr double kReturnTimeNeverTold = 0.15;
constexpr double kExploitation = 0.25;

constexpr int kYoungestTogether = 8;

// How one episode goes.
struct Episode {
  Scene* scene;
  Story* story;
  v1::Actor coordinator = {};
  std::vector<const Child*> children = {};
  v1::RiskGrade grade = v1::RISK_GRADE_UNSPECIFIED;
  absl::Duration review = {};  // Between two looks at the grade.
  absl::Time end = {};         // Found, or last heard of.
  Silence silence = Silence::kNone;
};

std::vector<const Child*> ChildrenOf(Scene* scene) {
  std::vector<const Child*> children = {&scene->family.children[0]};
  const absl::CivilDay day(ToLondon(scene->time));
  if (!scene->dice.Chance(kTogether)) return children;
  for (const Child& child : scene->family.children) {
    const int age = AgeOn(child.birth_date, day);
    if (&child != children[0] && age >= kYoungestTogether && age < 18) {
      children.push_back(&child);
      break;
    }
  }
  return children;
}

v1::RiskGrade GradeOf(Dice* dice) {
  constexpr v1::RiskGrade kGrades[] = {
      v1::RISK_GRADE_NO_APPARENT_RISK, v1::RISK_GRADE_LOW,
      v1::RISK_GRADE_MEDIUM, v1::RISK_GRADE_HIGH};
  return kGrades[dice->Weighted({8, 22, 55, 15})];
}

Silence SilenceOf(Dice* dice) {
  constexpr Silence kSilences[] = {Silence::kSender, Silence::kRecipient,
                                   Silence::kNone};
  return kSilences[dice->Weighted(
      {kSenderFallsSilent, kNeverTaken, 1 - kSenderFallsSilent - kNeverTaken})];
}

Episode Begin(Scene* scene, Story* story) {
  Dice* const dice = &scene->dice;
  Episode episode{.scene = scene, .story = story};
  episode.coordinator = Worker("missing-from-home coordinator", "", dice);
  episode.children = ChildrenOf(scene);
  episode.grade = GradeOf(dice);
  episode.review = episode.grade == v1::RISK_GRADE_HIGH ? Hours(2) : Hours(6);
  episode.end = scene->time + Minutes(25) + dice->Around(Hours(13));
  episode.silence = SilenceOf(dice);
  return episode;
}

v1::RiskAssessment Assessment(v1::RiskGrade grade, absl::Time time,
                              const v1::Actor& by) {
  v1::RiskAssessment risk;
  risk.set_grade(grade);
  *risk.mutable_rationale() = Text("age, earlier episodes, the company kept");
  risk.set_graded_by(by.role());
  *risk.mutable_graded_time() = ToProto(time);
  v1::RiskInput* const input = risk.add_inputs();
  input->set_what("two episodes in the last month");
  input->set_source("force records");
  *input->mutable_time() = At(time - Hours(1));
  return risk;
}

void AddExploitation(Dice* dice, v1::MissingReport* report) {
  if (!dice->Chance(kExploitation)) return;
  report->add_exploitation_flags(dice->OneOf(
      {v1::EXPLOITATION_FLAG_SEXUAL, v1::EXPLOITATION_FLAG_CRIMINAL,
       v1::EXPLOITATION_FLAG_COUNTY_LINES, v1::EXPLOITATION_FLAG_TRAFFICKING}));
}

v1::MissingReport ReportAbout(const Episode& episode, const Child& child) {
  Scene* const scene = episode.scene;
  Dice* const dice = &scene->dice;
  const bool in_care = scene->family.looked_after;
  v1::MissingReport report;
  report.set_episode_reference(episode.story->reference());
  *report.mutable_child() =
      Describe(scene->family, child, scene->agencies.police,
               absl::CivilDay(ToLondon(scene->time)), dice);
  *report.mutable_reported_by() =
      Text(in_care ? "staff of the placement" : "a parent");
  *report.mutable_last_seen_time() =
      dice->Chance(0.9) ? At(scene->time - Minutes(20) - dice->Around(Hours(5)))
                        : No<v1::KnownTime>(v1::ABSENCE_UNKNOWN);
  *report.mutable_last_seen_place() = Text(dice->Pick(kPlaces));
  *report.mutable_last_seen_by() = Text(in_care ? "a key worker" : "a friend");
  *report.mutable_clothing() = Text("dark jacket, white trainers");
  *report.mutable_risk() =
      Assessment(episode.grade, scene->time, episode.coordinator);
  *report.mutable_next_review_time() = At(scene->time + episode.review);
  AddExploitation(dice, &report);
  report.set_legal_status(LegalStatusOf(scene->family, dice));
  *report.mutable_placing_authority() =
      in_care ? Code(scene->family.authority.code())
              : No<v1::KnownAgency>(v1::ABSENCE_NOT_APPLICABLE);
  if (in_care) report.set_ssda_type(v1::SSDA_TYPE_MISSING);
  *report.mutable_likely_whereabouts() =
      dice->Chance(0.4) ? Text(dice->Pick(kPlaces))
                        : No<v1::KnownText>(v1::ABSENCE_UNKNOWN);
  report.set_restricted(scene->family.restricted);
  // Nobody corrects this one: by then the child is back.
  Mistype(report.mutable_child(), dice);
  return report;
}

void Report(const Episode& episode, const Addressed& addressed) {
  v1::ReportMissingRequest request;
  request.set_sender_reference(episode.story->reference());
  if (addressed.recipient.has_value()) {
    *request.mutable_recipient() = *addressed.recipient;
  }
  for (const Child* child : episode.children) {
    *request.add_children() = ReportAbout(episode, *child);
  }
  *request.mutable_actor() = episode.coordinator;
  request.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  episode.story->Open(std::move(request), episode.silence);
}

v1::Sighting SightingAt(absl::Time time, Dice* dice) {
  v1::Sighting sighting;
  *sighting.mutable_time() = At(time - dice->Between(Minutes(5), Hours(1)));
  *sighting.mutable_place() = Text(dice->Pick(kPlaces));
  *sighting.mutable_by() = Text("a member of the public");
  *sighting.mutable_with() = No<v1::KnownText>(v1::ABSENCE_UNKNOWN);
  return sighting;
}

v1::MissingUpdate UpdateAt(const Episode& episode, absl::Time time) {
  Dice* const dice = &episode.scene->dice;
  v1::MissingUpdate update;
  switch (dice->Weighted({20, 25, 45, 10})) {
    case 0:
      *update.mutable_regrade() =
          Assessment(GradeOf(dice), time, episode.coordinator);
      break;
    case 1:
      *update.mutable_sighting() = SightingAt(time, dice);
      break;
    case 2:
      update.set_information("phone switched off; officers visited two homes");
      break;
    default:
      update.set_ssda_type(v1::SSDA_TYPE_AWAY);
  }
  *update.mutable_known_time() = ToProto(time);
  *update.mutable_next_review_time() = At(time + episode.review);
  return update;
}

// At every review until the end.
void Update(const Episode& episode) {
  Dice* const dice = &episode.scene->dice;
  absl::Time time = episode.scene->time + episode.review;
  for (; time < episode.end; time += episode.review) {
    v1::UpdateMissingRequest request;
    *request.mutable_update() = UpdateAt(episode, time);
    *request.mutable_actor() = episode.coordinator;
    const absl::Time said = time + dice->Between(Minutes(0), Minutes(20));
    episode.story->Follow(std::min(said, episode.end), std::move(request));
  }
}

void Find(const Episode& episode) {
  Dice* const dice = &episode.scene->dice;
  v1::ReportFoundRequest request;
  v1::FoundReport* const found = request.mutable_found();
  *found->mutable_found_time() = At(episode.end - Minutes(15));
  *found->mutable_return_time() = No<v1::KnownTime>(v1::ABSENCE_UNKNOWN);
  *found->mutable_found_place() = Text(dice->Pick(kPlaces));
  *found->mutable_how() =
      Text(dice->Chance(0.6) ? "came back alone" : "found by officers");
  *found->mutable_condition() = Text("tired, no injuries seen");
  *found->mutable_whereabouts_now() = Text("at home");
  *found->mutable_found_authority() =
      Code(episode.scene->family.authority.code());
  *found->mutable_immediate_danger() = Flag(false);
  *request.mutable_actor() = episode.coordinator;
  const bool known = dice->Chance(kReturnTimeKnown);
  if (known) *found->mutable_return_time() = At(episode.end - Minutes(5));
  v1::ReportFoundRequest later = request;
  episode.story->Follow(episode.end, std::move(request));
  // Whoever reported the find owes the time of the return.
  if (known || dice->Chance(kReturnTimeNeverTold)) return;
  const absl::Time told = episode.end + dice->Between(Minutes(20), Hours(4));
  *later.mutable_found()->mutable_return_time() = At(told - Minutes(10));
  episode.story->Follow(told, std::move(later));
}

void PreventionInterview(const Episode& episode) {
  constexpr v1::InterviewState kStates[] = {v1::INTERVIEW_STATE_DONE,
                                            v1::INTERVIEW_STATE_DECLINED,
                                            v1::INTERVIEW_STATE_MISSING_AGAIN};
  Dice* const dice = &episode.scene->dice;
  const absl::Time time = episode.end + dice->Between(Minutes(30), Hours(26));
  v1::RecordPreventionInterviewRequest request;
  v1::PreventionInterview* const interview = request.mutable_interview();
  interview->set_state(kStates[dice->Weighted({80, 17, 3})]);
  *interview->mutable_time() = ToProto(time);
  interview->set_by(episode.coordinator.role());
  if (interview->state() == v1::INTERVIEW_STATE_DONE) {
    *interview->mutable_summary() = Text(dice->Pick(kOwnWords));
    *interview->mutable_disclosed() =
        No<v1::KnownText>(v1::ABSENCE_NOT_APPLICABLE);
  }
  *request.mutable_actor() = episode.coordinator;
  episode.story->Follow(time, std::move(request));
}

v1::ActOnMatterRequest Interview(const Episode& episode,
                                 v1::InterviewState state, absl::Time time) {
  v1::ActOnMatterRequest act;
  v1::ReturnInterview* const interview = act.mutable_return_interview();
  interview->set_state(state);
  *interview->mutable_time() = ToProto(time);
  interview->set_by("return interviewer");
  *interview->mutable_independent() = Flag(true);
  if (state == v1::INTERVIEW_STATE_DONE) {
    *interview->mutable_themes() = Text("friends, arguments at home");
    *interview->mutable_childs_views() =
        Text(episode.scene->dice.Pick(kOwnWords));
    *interview->mutable_safety_plan() = Text("rings a named adult first");
  }
  interview->add_episode_references(episode.story->reference());
  return act;
}

// Offered, then done, declined or forgotten; some later than 72 hours.
void ReturnInterview(const Episode& episode, int child, FrontDoor* front_door) {
  Dice* const dice = &episode.scene->dice;
  const absl::Time offered =
      NextOfficeTime(episode.end + dice->Between(Hours(1), Hours(30)));
  front_door->Act(offered, child,
                  Interview(episode, v1::INTERVIEW_STATE_OFFERED, offered));
  const absl::Time met =
      NextOfficeTime(offered + dice->Between(Hours(2), Hours(44)));
  switch (dice->Weighted({65, 25, 10})) {
    case 0:
      front_door->Act(met, child,
                      Interview(episode, v1::INTERVIEW_STATE_DONE, met));
      break;
    case 1:
      front_door->Act(met, child,
                      Interview(episode, v1::INTERVIEW_STATE_DECLINED, met));
      break;
    default:
      break;
  }
}

void Respond(const Episode& episode, const Addressed& addressed) {
  FrontDoor front_door(episode.scene, episode.story, addressed,
                       /*cannot_wait=*/true);
  for (size_t i = 0; i < episode.children.size(); ++i) {
    const int child = static_cast<int>(i + 1);
    const absl::Time taken = front_door.Take(child, Minutes(55));
    if (episode.silence == Silence::kSender) continue;
    ReturnInterview(episode, child, &front_door);
    front_door.Decide(
        NextOfficeTime(std::max(taken, episode.end) + Hours(2)), child,
        episode.scene->dice.OneOf({v1::OUTCOME_INFORMATION_ON_OPEN_CASE,
                                   v1::OUTCOME_EARLY_HELP,
                                   v1::OUTCOME_NO_FURTHER_ACTION}));
  }
}

}  // namespace

std::deque<Arrival> TellMissing(Scene* scene) {
  const Addressed addressed =
      AddressFor(scene->agencies, scene->family, scene->time,
                 /*cannot_wait=*/true, &scene->dice);
  Story story(scene->time, scene->agencies.police, "mis-" + scene->name,
              &scene->dice);
  const Episode episode = Begin(scene, &story);
  Report(episode, addressed);
  Update(episode);
  if (episode.silence != Silence::kSender) {
    Find(episode);
    PreventionInterview(episode);
  }
  if (episode.silence != Silence::kRecipient) Respond(episode, addressed);
  return std::move(story).Told();
}

}  // namespace baton::city
