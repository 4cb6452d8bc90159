#ifndef BATON_SERVICES_AGENCY_ROUND_TRIPS_H_
#define BATON_SERVICES_AGENCY_ROUND_TRIPS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/case_service.pb.h"
#include "baton/v1/message.pb.h"
#include "services/agency/agency_loop.h"
#include "services/agency/outbox.h"
#include "services/common/clock.h"

namespace baton {

// Test messages: from this agency over the exchange and back to it, the way
// that every message takes, past everybody who reads.
//
//   Begin -> outbox HELD -> published -> ACCEPTED -> pulled -> "returned" in
//   the outbox's record, committed -> acknowledged -> the caller is answered
//
// One is HELD at a time, so an exchange that is away collects no heap of them;
// and one that is refused is nobody's to attend to: it is withdrawn at once.
//
// What a call changes is in the running step's commit; callers are told after
// it.
// Not thread-safe: owned by the agency loop.
class RoundTrips {
 public:
  static constexpr size_t kMaxWaiting = 16;

  // All outlive this.
  struct Parts {
    AgencyLoop* loop;
    Outbox* outbox;
  };
  // Called once, on the loop; or destroyed uncalled, when the loop has failed.
  using Done = std::function<void(v1::TestExchangeResponse)>;

  // Messages go to `back`, a desk of our own whose queue this service
  // consumes; without a desk to the agency's first.
  RoundTrips(const Parts& parts, v1::Address back, v1::Environment environment)
      : parts_(parts), back_(std::move(back)), environment_(environment) {}

  // Sends a test message, unless `request_id` names an earlier one or one is
  // still HELD, and tells `done` how far it came once it is back or refused,
  // or after `wait`. RESOURCE_EXHAUSTED when kMaxWaiting wait already;
  // ALREADY_EXISTS when the request_id was used for something else.
  absl::Status Begin(const std::string& request_id, absl::Duration wait,
                     Instant now, Done done);

  // A TEST_MESSAGE has arrived. One that is not ours is dropped.
  absl::Status OnReturned(const v1::Message& message, Instant now);

  // Entry `outbox_id` was refused. True when it is a test message.
  absl::StatusOr<bool> OnRefused(uint64_t outbox_id, Instant now);

  // Answers who need not wait longer.
  absl::Status Answer(Instant now);
  // When somebody's patience ends, on the steady clock.
  std::optional<absl::Duration> NextDue() const;

  // Drops everybody who waits.
  void Forget() { waiting_.clear(); }

 private:
  struct Waiting {
    uint64_t outbox_id;
    absl::Duration deadline;  // On the steady clock.
    Done done;
  };

  absl::StatusOr<uint64_t> Send(const v1::TestExchangeRequest& request,
                                Instant now);

  const Parts parts_;
  const v1::Address back_;
  const v1::Environment environment_;

  std::vector<Waiting> waiting_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_ROUND_TRIPS_H_
