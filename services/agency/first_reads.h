#ifndef BATON_SERVICES_AGENCY_FIRST_READS_H_
#define BATON_SERVICES_AGENCY_FIRST_READS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/common/clock.h"

namespace baton {

// First readings of matters that the exchange has not been told of yet.
//
// In memory only: what is here is in the intake records too, and loaded from
// them at start. Not thread-safe: owned by the agency loop.
class FirstReads {
 public:
  static constexpr size_t kMaxInFlight = 16;
  static constexpr absl::Duration kRetryDelay = absl::Seconds(5);

  void Add(const std::string& matter_id, Instant now);

  // Matters to tell now, each in flight until OnTold or OnFailed.
  std::vector<std::string> TakeDue(Instant now);

  void OnTold(const std::string& matter_id);
  // Tried again after a delay when the error may pass. When the exchange
  // refuses (the matter may be somebody else's by now) it is left until the
  // process starts again.
  void OnFailed(const std::string& matter_id, const absl::Status& error,
                Instant now);
  // The exchange is back: everything is due now.
  void RetryNow(Instant now);

  // When TakeDue has something next, on the steady clock.
  std::optional<absl::Duration> NextDue() const;

 private:
  struct Pending {
    absl::Duration next_try;  // On the steady clock.
    bool in_flight = false;
  };

  std::map<std::string, Pending> pending_;  // By matter.
  size_t in_flight_ = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_FIRST_READS_H_
