#include "services/common/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace baton {

Instant SystemClock::Now() const {
  return {.wall = absl::Now(),
          .steady = absl::FromChrono(
              std::chrono::steady_clock::now().time_since_epoch())};
}

}  // namespace baton
