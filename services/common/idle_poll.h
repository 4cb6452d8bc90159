#ifndef BATON_SERVICES_COMMON_IDLE_POLL_H_
#define BATON_SERVICES_COMMON_IDLE_POLL_H_

#include <atomic>
#include <cstdint>
#include <thread>

#include "absl/time/time.h"

namespace baton {

// Keeps a processor from sleeping for a moment, as the run times of Go and
// Erlang do: a thread that is woken on a processor that sleeps starts 30 to
// 60 us later (on a virtual machine), and the answer to a lone call waits for
// four or five of them. What it gives is in tests/bench/README.md.
//
// Its thread turns round at the lowest priority there is (SCHED_IDLE): whatever
// else can run runs at once in its place. It sleeps when it was not asked.
//
// Thread-safe.
class IdlePoll {
 public:
  // `span` is how long one call of Extend() lasts.
  explicit IdlePoll(absl::Duration span);
  // Nobody may be in Extend().
  ~IdlePoll();

  // Polls from now on for `span`. Takes no lock: a thread of the lowest
  // priority would hold it for as long as the machine is busy.
  void Extend();

  bool polling() const { return polling_; }

 private:
  void Run();

  const int64_t span_nanos_;
  std::atomic<int64_t> until_nanos_{0};  // On the steady clock; or kStop.
  std::atomic<bool> polling_{false};

  std::thread thread_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_IDLE_POLL_H_
