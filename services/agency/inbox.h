#ifndef BATON_SERVICES_AGENCY_INBOX_H_
#define BATON_SERVICES_AGENCY_INBOX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/agency/agency_store.h"
#include "services/common/clock.h"

namespace baton {

// Messages an agency has received: stored before they are acknowledged, once
// each, numbered from 1 in the order of arrival.
//
// Decisions only; what a call changes it writes into the AgencyStore's batch:
// acknowledge after its commit. Not thread-safe: owned by the agency loop.
class Inbox {
 public:
  // `store` must outlive the inbox.
  static absl::StatusOr<std::unique_ptr<Inbox>> Open(AgencyStore* store);

  // The number of `message`; nullopt when it was received before (deliveries
  // repeat; messages do not).
  absl::StatusOr<std::optional<uint64_t>> Receive(const v1::Message& message,
                                                  Instant now);

  // NOT_FOUND when there is none of this number.
  absl::StatusOr<v1::InboxRecord> Read(uint64_t number) const;

  uint64_t last_number() const { return last_number_; }

  // --- Consuming systems, each with its own position.

  // Numbers after the consumer's acknowledged ones, at most `limit`, above
  // `after`.
  absl::StatusOr<std::vector<uint64_t>> Unacknowledged(
      absl::string_view consumer, uint64_t after, size_t limit) const;
  // Acknowledging twice is fine; unknown numbers are ignored.
  absl::Status Acknowledge(absl::string_view consumer,
                           const std::vector<uint64_t>& numbers);
  // The number of a message id; nullopt when it was never received.
  absl::StatusOr<std::optional<uint64_t>> Find(
      absl::string_view message_id) const;

 private:
  explicit Inbox(AgencyStore* store) : store_(store) {}
  absl::StatusOr<v1::ConsumerRecord> Position(absl::string_view consumer) const;

  AgencyStore* const store_;
  uint64_t last_number_ = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_INBOX_H_
