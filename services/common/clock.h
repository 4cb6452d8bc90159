#ifndef BATON_SERVICES_COMMON_CLOCK_H_
#define BATON_SERVICES_COMMON_CLOCK_H_

#include "absl/time/time.h"

namespace baton {

// One moment, read once and passed on: `wall` is what people and records see
// and may jump; `steady` only grows and measures deadlines within a process.
struct Instant {
  absl::Time wall;
  absl::Duration steady;
};

// Where time comes from. Passed in, so that a simulator can own it.
// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Instant Now() const override;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_CLOCK_H_
