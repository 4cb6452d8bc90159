#include "services/common/executor.h"

#include <utility>

namespace baton {

Executor::Executor(int threads, size_t max_pending)
    : max_pending_(max_pending) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

Executor::~Executor() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool Executor::Submit(std::function<void()> work) {
  MutexLock lock(&mu_);
  if (stopping_ || pending_.size() >= max_pending_) return false;
  pending_.push_back(std::move(work));
  changed_.Signal();
  return true;
}

void Executor::Run() {
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(&mu_);
      while (pending_.empty() && !stopping_) changed_.Wait(&mu_);
      if (pending_.empty()) return;
      work = std::move(pending_.front());
      pending_.pop_front();
    }
    work();
  }
}

}  // namespace baton
