#ifndef BATON_SERVICES_AGENCY_AGENCY_LOOP_H_
#define BATON_SERVICES_AGENCY_AGENCY_LOOP_H_

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/agency/agency_store.h"
#include "services/common/clock.h"
#include "storage/mutex.h"

namespace baton {

// What an agency service decides: the domain on top of outbox and inbox.
class AgencyDesk {
 public:
  virtual ~AgencyDesk() = default;

  // Called in every step after its events: takes what is due. Returns when it
  // wants to be called next although nothing happened, on the steady clock.
  virtual absl::StatusOr<std::optional<absl::Duration>> Turn(Instant now) = 0;

  // The disk failed and the loop has ended: forgets the callers who wait for a
  // later step, so that they are answered.
  virtual void Forget() {}
};

// The one thread of an agency service: events in, one commit, then everything
// that is to be told. Nothing is told, sent or acknowledged before the commit.
//
// Step() holds everything between two syncs, for tests and the simulator;
// Run() repeats it on a thread.
class AgencyLoop {
 public:
  static constexpr size_t kMaxPending = 10000;
  static constexpr size_t kMaxStepEvents = 256;

  using Event = std::function<void(Instant now)>;

  // `store` and `clock` must outlive the loop; so must the desk, set before
  // the first Step.
  AgencyLoop(AgencyStore* store, const Clock* clock)
      : store_(store), clock_(clock) {}
  void set_desk(AgencyDesk* desk) { desk_ = desk; }

  // Runs `event` on the loop. False when kMaxPending wait or it has stopped;
  // then nothing happens. Thread-safe.
  [[nodiscard]] bool Post(Event event) ABSL_LOCKS_EXCLUDED(mu_);

  // Runs `effect` after the commit of the step that is running. On the loop
  // only.
  void Tell(std::function<void()> effect) {
    effects_.push_back(std::move(effect));
  }

  // Ends the loop with `error` after the running event: the disk failed. On
  // the loop only.
  void Fail(absl::Status error) {
    if (failed_.ok()) failed_ = std::move(error);
  }

  // Runs pending events, the desk's turn and one commit; then the effects.
  // True when more is pending.
  absl::StatusOr<bool> Step(Instant now) ABSL_LOCKS_EXCLUDED(mu_);

  // The time of the step that is running; on the loop only.
  Instant now() const { return now_; }

  // When the desk wants its next turn; on the loop only.
  std::optional<absl::Duration> next_turn() const { return next_turn_; }

  // Steps until Stop(), or until the disk fails; then what waits is dropped and
  // nothing more is taken.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status RunUntilStopped() ABSL_LOCKS_EXCLUDED(mu_);

  AgencyStore* const store_;
  const Clock* const clock_;
  AgencyDesk* desk_ = nullptr;

  Mutex mu_;
  CondVar arrived_;
  std::deque<Event> pending_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  // Owned by the thread that steps.
  Instant now_{};
  std::vector<std::function<void()>> effects_;
  std::optional<absl::Duration> next_turn_;
  absl::Status failed_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_AGENCY_LOOP_H_
