// A young person of 16 or 17 has nowhere to sleep: both services answer.

#include <utility>

#include "baton/v1/council_service.pb.h"
#include "services/common/proto_time.h"
#include "tests/support/city/addressing.h"
#include "tests/support/city/calendar.h"
#include "tests/support/city/description.h"
#include "tests/support/city/known.h"
#include "tests/support/city/story.h"
#include "tests/support/city/words.h"

namespace baton::city {
namespace {

using absl::Hours;
using absl::Minutes;

v1::PresentHomelessRequest PresentationOf(Scene* scene,
                                          const std::string& reference) {
  Dice* const dice = &scene->dice;
  v1::PresentHomelessRequest request;
  request.set_sender_reference(reference);
  v1::HomelessPresentation* const child = request.mutable_child();
  *child->mutable_child() = Describe(
      scene->family, scene->family.children[0], scene->agencies.councils[0],
      absl::CivilDay(ToLondon(scene->time)), dice);
  Mistype(child->mutable_child(), dice);
  *child->mutable_presented_time() =
      ToProto(scene->time - dice->Between(Minutes(5), Hours(2)));
  *child->mutable_found_place() = Text(dice->Pick(kPlaces));
  *child->mutable_slept_last() = dice->Chance(0.8)
                                     ? Text("on a friend's sofa")
                                     : No<v1::KnownText>(v1::ABSENCE_REFUSED);
  *child->mutable_family_contact() = Text("none since the argument");
  *child->mutable_immediate_danger() = Flag(dice->Chance(0.02));
  *child->mutable_reason() = Text("told to leave home");
  *request.mutable_actor() = Worker("housing officer", "housing", dice);
  request.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_1989_S17);
  return request;
}

// One of the two services takes it the same day, and closes it on where the
// young person sleeps. `desk` is empty for children's services.
void Answer(Scene* scene, absl::string_view desk, Story* story) {
  Dice* const dice = &scene->dice;
  const v1::Actor worker =
      Worker(desk.empty() ? "duty social worker" : "housing officer",
             desk.empty() ? "MASH" : "housing", dice);
  const absl::Time taken =
      story->time() + dice->Between(Minutes(10), Minutes(50));
  v1::TakeMatterRequest take;
  *take.mutable_taken()->mutable_worker() = worker;
  *take.mutable_taken()->mutable_taken_time() = ToProto(taken);
  take.mutable_taken()->set_desk(std::string(desk));
  story->Respond(taken, story->raised_by(), /*child=*/1, std::move(take));

  const absl::Time decided = taken + dice->Between(Minutes(30), Hours(5));
  v1::DecideMatterRequest decide;
  v1::Decision* const decision = decide.mutable_decision();
  decision->set_outcome(v1::OUTCOME_REFERRAL_SECTION_17);
  decision->set_next_step(dice->Pick(kNextSteps));
  *decision->mutable_worker() = worker;
  *decision->mutable_decided_time() = ToProto(decided);
  decision->set_desk(std::string(desk));
  const bool refused = dice->Chance(0.15);
  *decision->mutable_homeless()->mutable_sleeps_tonight() =
      Text(refused ? "on a friend's sofa" : "supported lodgings");
  decision->mutable_homeless()->set_accommodation(
      refused ? v1::ACCOMMODATION_ANSWER_REFUSED
              : v1::ACCOMMODATION_ANSWER_ACCEPTED);
  story->Respond(decided, story->raised_by(), /*child=*/1, std::move(decide));
}

}  // namespace

std::deque<Arrival> TellHomeless(Scene* scene) {
  Story story(scene->time, scene->agencies.councils[0], "hom-" + scene->name,
              &scene->dice);
  story.Open(PresentationOf(scene, story.reference()), Silence::kNone);
  Answer(scene, "", &story);
  Answer(scene, "housing", &story);
  return std::move(story).Told();
}

}  // namespace baton::city
