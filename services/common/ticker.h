#ifndef BATON_SERVICES_COMMON_TICKER_H_
#define BATON_SERVICES_COMMON_TICKER_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace baton {

// Calls `work` every `interval` on a thread of its own, until destroyed.
class Ticker {
 public:
  Ticker(absl::Duration interval, std::function<void()> work);
  ~Ticker();

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const absl::Duration interval_;
  const std::function<void()> work_;

  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_TICKER_H_
