#ifndef BATON_SERVICES_BROKER_SETTLING_H_
#define BATON_SERVICES_BROKER_SETTLING_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/broker/command.h"
#include "services/broker/ledger.h"
#include "services/broker/publisher.h"
#include "services/broker/queue.h"
#include "services/common/clock.h"
#include "services/common/ids.h"

namespace baton {

// Ends leases as their consumers say, with the leaves and the receipts on
// custody that follow. Errors of the calls are the disk's; refusals stand in
// the answers.
//
// Not thread-safe: owned by the commit thread.
class Settling {
 public:
  // Leases that are to be acknowledged together, or not at all.
  struct Held {
    SettleResult answers;              // One for each ack_id.
    bool all = true;                   // Every answer is OK.
    std::map<uint64_t, AckId> leases;  // By sequence; not those settled before.
    Queue* queue = nullptr;
  };

  // Both must outlive it.
  Settling(Ledger* ledger, const Queues* queues)
      : ledger_(ledger), queues_(queues) {}

  // Settles each ack_id by itself. A repeated acknowledgement whose answer got
  // lost is OK; whatever else comes too late is told when and how the lease
  // ended.
  absl::StatusOr<SettleResult> Settle(const SettleCommand& command,
                                      Instant now);

  // Looks, and changes nothing.
  absl::StatusOr<Held> Check(const std::string& queue,
                             const std::vector<std::string>& ack_ids);
  // Acknowledges what Check found, which must be all, in the same step.
  absl::Status Acknowledge(const Identity& caller, const Held& held,
                           Instant now);

 private:
  struct Answer {
    absl::Status status;
  };

  Queue* FindQueue(const std::string& name) const;
  absl::StatusOr<Answer> ExplainUnknownLease(SettleKind kind,
                                             const Queue& queue,
                                             const AckId& ack) const;
  absl::StatusOr<Answer> SettleOne(const SettleCommand& command,
                                   const std::string& ack_id, Queue* queue,
                                   Instant now,
                                   std::vector<QueueEvent>* delivered);
  absl::Status AppendDelivered(const Identity& caller, const Queue& queue,
                               const std::vector<QueueEvent>& delivered);
  absl::Status ApplyDelivered(const Identity& caller, const QueueEvent& event,
                              int64_t audit_index);

  Ledger* const ledger_;
  const Queues* const queues_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_SETTLING_H_
