#ifndef BATON_TESTS_SUPPORT_CITY_FRONT_DOOR_H_
#define BATON_TESTS_SUPPORT_CITY_FRONT_DOOR_H_

#include "absl/time/time.h"
#include "baton/v1/decision.pb.h"
#include "tests/support/city/addressing.h"
#include "tests/support/city/story.h"

namespace baton::city {

// What the front door of a council does with a matter: opens it, a named
// person takes it, triages, asks partners, decides or offers it on; and what
// others answer to that. Delays and shares are ours.
//
// Writes into `story`; both must outlive it.
class FrontDoor {
 public:
  FrontDoor(Scene* scene, Story* story, const Addressed& addressed,
            bool cannot_wait);

  // All of it, for a contact or a notice. `danger` makes the triage red.
  void Handle(int child, bool danger);

  // A named person has it; returns when. `longest` is how late somebody is
  // who cannot wait for offices to open.
  absl::Time Take(int child, absl::Duration longest);

  // A decision at `time`, by the person who took it.
  void Decide(absl::Time time, int child, v1::Outcome outcome) {
    Decide(time, child, outcome, council_, worker_);
  }

  // Something else that person says.
  void Act(absl::Time time, int child, v1::ActOnMatterRequest act);

 private:
  absl::Time WhenAtWork(absl::Time time) const;
  absl::Time Triage(absl::Time time, int child, v1::TriageGrade grade);
  void Release(absl::Time time, int child);
  void Offer(absl::Time time, int child);
  void AskPartners(absl::Time time, int child);
  void PartnerAnswers(absl::Time asked, const v1::Agency& partner, int child);
  void FollowUp(absl::Time decided, int child, v1::Outcome outcome);
  void Milestone(absl::Time time, int child, v1::MilestoneCode code);
  void Challenge(absl::Time decided, int child);
  void Decide(absl::Time time, int child, v1::Outcome outcome,
              const v1::Agency& council, const v1::Actor& worker);

  Scene* const scene_;
  Story* const story_;
  Dice* const dice_;
  const bool cannot_wait_;
  const bool wrong_authority_;
  const v1::Agency council_;
  v1::Actor worker_;  // Has a name after the first Take.
};

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_FRONT_DOOR_H_
