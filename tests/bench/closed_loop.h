#ifndef BATON_TESTS_BENCH_CLOSED_LOOP_H_
#define BATON_TESTS_BENCH_CLOSED_LOOP_H_

#include <cstdint>
#include <functional>

#include "baton/v1/broker_service.grpc.pb.h"
#include "tests/bench/peers/common.h"

namespace baton::bench {

struct LoopOptions {
  int outstanding = 1;          // Calls in flight at any moment.
  double seconds = 1e9;         // No new call after this long,
  uint64_t calls = UINT64_MAX;  // or after this many.
};

struct LoopResult {
  uint64_t calls = 0;
  ::bench::Samples latency;  // From just before a call to its answer.
};

// Publishes in a closed loop over one completion queue on this thread: as soon
// as a call is answered the next one starts. `fill` makes a new request of the
// last one of its slot (empty at first); `answered` sees each answer. Every
// call must succeed: a failed one stops the process.
LoopResult PublishInLoop(
    v1::BrokerService::Stub* stub, const LoopOptions& options,
    const std::function<void(v1::PublishRequest*)>& fill,
    const std::function<void(const v1::PublishResponse&)>& answered);

}  // namespace baton::bench

#endif  // BATON_TESTS_BENCH_CLOSED_LOOP_H_
