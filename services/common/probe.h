#ifndef BATON_SERVICES_COMMON_PROBE_H_
#define BATON_SERVICES_COMMON_PROBE_H_

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace baton {

// Asks another thread how it stands, without ever waiting long for it: a
// thread that is stuck is asked once, waited for once, and after that known to
// be stuck until it answers. So at most one question is under way.
//
// One thread calls Look(). Answers may come from any thread, also after the
// probe is gone.
template <typename Answer>
class Probe {
 public:
  using Done = std::function<void(Answer)>;
  // Puts the question; false when it is not taken. Must not block.
  using Ask = std::function<bool(Done)>;

  Probe(Ask ask, absl::Duration max_wait)
      : ask_(std::move(ask)),
        max_wait_(max_wait),
        state_(std::make_shared<State>()) {}

  // The answer of now; nullopt when there was none within `max_wait`, or at
  // once when the last question has not been answered yet.
  std::optional<Answer> Look() {
    if (!state_->Begin()) return std::nullopt;
    if (!ask_([state = state_](Answer answer) {
          state->End(std::move(answer));
        })) {
      state_->Forget();
      return std::nullopt;
    }
    return state_->Wait(absl::Now() + max_wait_);
  }

 private:
  class State {
   public:
    bool Begin() ABSL_LOCKS_EXCLUDED(mu_) {
      MutexLock lock(&mu_);
      answer_.reset();
      return !std::exchange(asked_, true);
    }

    void End(Answer answer) ABSL_LOCKS_EXCLUDED(mu_) {
      MutexLock lock(&mu_);
      answer_ = std::move(answer);
      asked_ = false;
      answered_.Signal();
    }

    void Forget() ABSL_LOCKS_EXCLUDED(mu_) {
      MutexLock lock(&mu_);
      asked_ = false;
    }

    std::optional<Answer> Wait(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_) {
      MutexLock lock(&mu_);
      while (asked_ && absl::Now() < deadline) {
        answered_.WaitWithTimeout(&mu_, deadline - absl::Now());
      }
      return std::exchange(answer_, std::nullopt);
    }

   private:
    Mutex mu_;
    CondVar answered_;
    bool asked_ ABSL_GUARDED_BY(mu_) = false;  // And not answered.
    std::optional<Answer> answer_ ABSL_GUARDED_BY(mu_);
  };

  const Ask ask_;
  const absl::Duration max_wait_;
  const std::shared_ptr<State> state_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_PROBE_H_
