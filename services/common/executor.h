#ifndef BATON_SERVICES_COMMON_EXECUTOR_H_
#define BATON_SERVICES_COMMON_EXECUTOR_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace baton {

// A few threads and a bounded line of work: for reads that may block on the
// disk, which a gRPC reaction never may.
//
// Thread-safe. The destructor runs what is in line, then joins.
class Executor {
 public:
  Executor(int threads, size_t max_pending);
  ~Executor();

  // False, and nothing happens, when `max_pending` pieces wait already.
  [[nodiscard]] bool Submit(std::function<void()> work)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const size_t max_pending_;

  Mutex mu_;
  CondVar changed_;
  std::deque<std::function<void()>> pending_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  std::vector<std::thread> threads_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_EXECUTOR_H_
