#include "services/agency/agency_loop.h"

#include <utility>

#include "storage/status.h"

namespace baton {

bool AgencyLoop::Post(Event event) {
  MutexLock lock(&mu_);
  if (stopping_ || pending_.size() >= kMaxPending) return false;
  pending_.push_back(std::move(event));
  if (pending_.size() == 1) arrived_.Signal();
  return true;
}

absl::StatusOr<bool> AgencyLoop::Step(Instant now) {
  now_ = now;
  std::vector<Event> events;
  bool more = false;
  {
    MutexLock lock(&mu_);
    while (!pending_.empty() && events.size() < kMaxStepEvents) {
      events.push_back(std::move(pending_.front()));
      pending_.pop_front();
    }
    more = !pending_.empty();
  }
  for (const Event& event : events) {
    event(now);
    RETURN_IF_ERROR(failed_);
  }
  ASSIGN_OR_RETURN(next_turn_, desk_->Turn(now));
  RETURN_IF_ERROR(failed_);
  RETURN_IF_ERROR(store_->Commit(now.wall));
  for (const std::function<void()>& effect : std::exchange(effects_, {})) {
    effect();
  }
  return more;
}

absl::Status AgencyLoop::Run() {
  const absl::Status ended = RunUntilStopped();
  if (ended.ok()) return ended;
  // Nothing runs any more: dropping what waits lets its callers be answered,
  // and keeps others from waiting.
  std::deque<Event> dropped;
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    dropped.swap(pending_);
  }
  effects_.clear();
  desk_->Forget();
  return ended;
}

absl::Status AgencyLoop::RunUntilStopped() {
  while (true) {
    ASSIGN_OR_RETURN(const bool more, Step(clock_->Now()));
    if (more) continue;
    MutexLock lock(&mu_);
    while (pending_.empty() && !stopping_) {
      const absl::Duration left =
          next_turn_.value_or(absl::InfiniteDuration()) - clock_->Now().steady;
      if (left <= absl::ZeroDuration()) break;
      arrived_.WaitWithTimeout(&mu_, left);
    }
    if (stopping_ && pending_.empty()) return absl::OkStatus();
  }
}

void AgencyLoop::Stop() {
  MutexLock lock(&mu_);
  stopping_ = true;
  arrived_.SignalAll();
}

}  // namespace baton
