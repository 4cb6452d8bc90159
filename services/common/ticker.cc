#include "services/common/ticker.h"

#include <utility>

#include "absl/time/clock.h"

namespace baton {

Ticker::Ticker(absl::Duration interval, std::function<void()> work)
    : interval_(interval), work_(std::move(work)), thread_([this] { Run(); }) {}

Ticker::~Ticker() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

void Ticker::Run() {
  while (true) {
    {
      MutexLock lock(&mu_);
      const absl::Time next = absl::Now() + interval_;
      while (!stopping_ && absl::Now() < next) {
        changed_.WaitWithTimeout(&mu_, next - absl::Now());
      }
      if (stopping_) return;
    }
    work_();
  }
}

}  // namespace baton
