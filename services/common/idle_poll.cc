#include "services/common/idle_poll.h"

#include <pthread.h>
#include <sched.h>

#include <chrono>

namespace baton {
namespace {

constexpr int64_t kStop = -1;

// Not a Clock's: this is about processors, not about what is decided.
int64_t NowNanos() {
  return std::chrono::steady_clock::now().time_since_epoch() /
         std::chrono::nanoseconds(1);
}

}  // namespace

IdlePoll::IdlePoll(absl::Duration span)
    : span_nanos_(absl::ToInt64Nanoseconds(span)), thread_([this] { Run(); }) {}

IdlePoll::~IdlePoll() {
  until_nanos_ = kStop;
  until_nanos_.notify_one();
  thread_.join();
}

void IdlePoll::Extend() {
  until_nanos_ = NowNanos() + span_nanos_;
  until_nanos_.notify_one();  // A system call only when it sleeps.
}

void IdlePoll::Run() {
  const sched_param none{};  // SCHED_IDLE has none.
  // It needs no privilege. Where it is refused we do not poll.
  if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &none) != 0) return;
  while (true) {
    const int64_t until = until_nanos_;
    if (until == kStop) return;
    const bool polls = NowNanos() < until;
    if (polls != polling_) polling_ = polls;
    if (!polls) until_nanos_.wait(until);
  }
}

}  // namespace baton
