#ifndef BATON_TESTS_SUPPORT_CITY_STORY_H_
#define BATON_TESTS_SUPPORT_CITY_STORY_H_

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "baton/v1/case_service.pb.h"
#include "tests/support/city/arrival.h"
#include "tests/support/city/city_agencies.h"
#include "tests/support/city/dice.h"
#include "tests/support/city/people.h"
#include "tests/support/city/rates.h"

namespace baton::city {

// What a story begins with.
struct Scene {
  const CityAgencies& agencies;
  absl::Time time;
  std::string name;  // Part of every reference of the story; never personal.
  Family family;
  Dice dice;
};

// All calls about one case, added in any order.
class Story {
 public:
  // The case that `raised_by` opens at `time` and calls `reference`.
  Story(absl::Time time, v1::Agency raised_by, std::string reference,
        Dice* dice)
      : time_(time),
        raised_by_(std::move(raised_by)),
        reference_(std::move(reference)),
        dice_(dice) {}

  // The opening call; once.
  template <typename Request>
  void Open(Request request, Silence silence) {
    Arrival& arrival = Add(time_, raised_by_, std::move(request));
    arrival.opens_case = true;
    arrival.silence = silence;
  }

  // The one who opened it says more.
  template <typename Request>
  void Follow(absl::Time time, Request request) {
    request.set_sender_reference(reference_);
    Add(time, raised_by_, std::move(request));
  }

  // `agency` says something about child `child`.
  template <typename Request>
  void Respond(absl::Time time, const v1::Agency& agency, int child,
               Request request) {
    Add(time, agency, std::move(request)).response =
        Response{raised_by_, child, time - time_};
  }

  absl::Time time() const { return time_; }
  const v1::Agency& raised_by() const { return raised_by_; }
  const std::string& reference() const { return reference_; }

  // What was added, in time order.
  std::deque<Arrival> Told() &&;

 private:
  template <typename Request>
  Arrival& Add(absl::Time time, const v1::Agency& agency, Request request) {
    if constexpr (requires { request.set_request_id(""); }) {
      request.set_request_id(dice_->Uuid());
    }
    return Keep(time, agency, std::make_shared<Request>(std::move(request)));
  }
  Arrival& Keep(absl::Time time, const v1::Agency& agency,
                std::shared_ptr<const google::protobuf::Message> request);

  const absl::Time time_;
  const v1::Agency raised_by_;
  const std::string reference_;
  Dice* const dice_;
  std::deque<Arrival> arrivals_;
};

// One function for each kind of story; `scene->dice` says how it goes.
std::deque<Arrival> TellContact(Stream stream, Scene* scene);
std::deque<Arrival> TellNotice(Scene* scene);
std::deque<Arrival> TellMissing(Scene* scene);
std::deque<Arrival> TellWait(Scene* scene);
std::deque<Arrival> TellHomeless(Scene* scene);

// The story that `stream` begins.
std::deque<Arrival> Tell(Stream stream, Scene* scene);

}  // namespace baton::city

#endif  // BATON_TESTS_SUPPORT_CITY_STORY_H_
