#ifndef BATON_SERVICES_BROKER_SEQUENCER_H_
#define BATON_SERVICES_BROKER_SEQUENCER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "baton/v1/conversation.pb.h"
#include "services/broker/command.h"
#include "services/broker/exchange.h"
#include "services/common/clock.h"
#include "storage/mutex.h"

namespace baton {

// The only writer of the store. Commands from every RPC meet here, become one
// batch and share one sync, so a reply means "on disk". What arrived during
// the last sync is the next batch: no linger timer.
//
// The commit thread is the one that calls Run(). While commands come one at a
// time, it rests, and who brings one takes its place for that step: to wake a
// thread on a sleeping processor takes as long as a quarter of the sync.
//
// Thread-safe, except that exactly one thread calls Run() and one Finish().
class Sequencer {
 public:
  // What one step takes at most.
  static constexpr size_t kMaxStepCommands = 512;
  static constexpr size_t kMaxStepBytes = 8 << 20;
  // Far below what a store commits at once: a step also ends leases and hands
  // out messages.
  static constexpr size_t kMaxStepOperations = 32 << 10;
  // Steps committed and not yet told; the commit thread waits at this many.
  static constexpr size_t kMaxUntold = 64;
  // Of these, how many may keep the messages that nobody wants.
  static constexpr size_t kMaxUntoldSpent = 4;
  // So many commands have come one by one before the next is stepped where it
  // comes from: under load the threads of gRPC must not wait for a sync.
  static constexpr size_t kCallsOneByOne = 4;
  // Steps told by who brought their command and not yet taken apart.
  static constexpr size_t kMaxTold = 16;

  struct Options {
    size_t max_pending = 4096;
    // Called between steps, at least this often; an error ends Run().
    std::function<absl::Status()> upkeep;
    absl::Duration upkeep_interval = absl::Seconds(1);
    // Called before a lone command is stepped where it comes from; of known
    // cost.
    std::function<void()> lone_step;
    // Opens and hands over what a step leased; called by Finish().
    std::function<void(StepResult::Delivery)> deliver;
    // Tells watchers; called by Finish() or, like a lone reply, by who stepped.
    std::function<void(const v1::Conversation&)> changed;
  };

  // `exchange` and `clock` must outlive the sequencer.
  Sequencer(Exchange* exchange, const Clock* clock, Options options);

  // Prepares `command` and takes it for the next batch, or refuses it with
  // RESOURCE_EXHAUSTED: new messages and chunks when `max_pending` commands
  // wait already, settlements and the rest at twice that, so that there is
  // always room to finish what was begun. UNAVAILABLE after Stop(). Never
  // blocks. `done` is not called on refusal.
  absl::Status Submit(Command command) ABSL_LOCKS_EXCLUDED(mu_);

  // The same for a call that waits for nothing but this, and holds no lock:
  // may decide, commit and tell it here, and so block for a sync.
  absl::Status SubmitAndStep(Command command) ABSL_LOCKS_EXCLUDED(mu_);

  // While not OK, new messages and chunks are refused with `reason` (the disk
  // is low), messages of immediate danger only if `danger_too`; settlements go
  // on.
  void RefusePublish(absl::Status reason, bool danger_too)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Commits batches until Stop(), or until the store fails: then the disk's
  // content is unknown and the process must restart from it.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Tells what was committed, in commit order, until Run() has ended and
  // everything is told. Who steps tells a lone reply himself when this is idle.
  void Finish() ABSL_LOCKS_EXCLUDED(mu_);

  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Commands that wait for the next batch.
  size_t pending() ABSL_LOCKS_EXCLUDED(mu_);
  // Commands that Submit() refused since the start.
  int64_t refused() const { return refused_; }

 private:
  struct Pending {
    Command command;
    size_t bytes;
    size_t operations;
  };

  absl::Status Add(Command command, bool may_step) ABSL_LOCKS_EXCLUDED(mu_);
  // Submit's refusals.
  absl::Status CheckRoom(const Command& command) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Commands come one by one, the commit thread rests, nothing is being told.
  bool IsQuiet() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // In place of the commit thread, when `lent_`.
  void StepLone(Command command) ABSL_LOCKS_EXCLUDED(mu_);
  // Notes when to step again, and whether commands come one by one.
  void SawStep(size_t commands, const StepResult& result)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Until there is work, a tick is due, or `until`.
  void AwaitWork(absl::Duration until) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What the next step takes; empty when stopping or a tick is due.
  std::vector<Command> Take(absl::Duration until) ABSL_LOCKS_EXCLUDED(mu_);
  void HandOver(StepResult result) ABSL_LOCKS_EXCLUDED(mu_);
  // Whether the commit thread may tell `result` itself, in order: a lone reply
  // while nothing else is going on. It spares an idle exchange one waking of a
  // thread per call; under load the next sync must not wait for replies.
  bool CanTellAtOnce(const StepResult& result) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Tell(StepResult* result);

  Exchange* const exchange_;
  const Clock* const clock_;
  const Options options_;
  std::atomic<int64_t> refused_{0};

  Mutex mu_;
  CondVar arrived_;    // Something for Run().
  CondVar committed_;  // Something for Finish(), or it made room.
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mu_);
  std::deque<StepResult> untold_ ABSL_GUARDED_BY(mu_);
  std::deque<StepResult> told_ ABSL_GUARDED_BY(mu_);  // By StepLone().
  // A thread that brought its command is stepping it, outside mu_.
  bool lent_ ABSL_GUARDED_BY(mu_) = false;
  bool resting_ ABSL_GUARDED_BY(mu_) = false;  // Run() is, in AwaitWork().
  absl::Duration rests_until_ ABSL_GUARDED_BY(mu_);
  size_t one_by_one_ ABSL_GUARDED_BY(mu_) = 0;
  // The first step loads what the disk holds.
  bool more_work_ ABSL_GUARDED_BY(mu_) = true;
  absl::Duration next_tick_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
  absl::Status failed_ ABSL_GUARDED_BY(mu_);  // A step that was lent.
  absl::Status refuse_publish_ ABSL_GUARDED_BY(mu_);
  bool refuse_danger_ ABSL_GUARDED_BY(mu_) = false;
  bool telling_ ABSL_GUARDED_BY(mu_) = false;  // Finish() is, outside mu_.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool run_ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_SEQUENCER_H_
