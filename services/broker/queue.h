#ifndef BATON_SERVICES_BROKER_QUEUE_H_
#define BATON_SERVICES_BROKER_QUEUE_H_

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/audit_service.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/dispatch_order.h"
#include "services/common/clock.h"
#include "services/common/ids.h"
#include "storage/batch.h"

namespace baton {

struct QueuePolicy {
  int max_delivery_attempts = 20;
  uint64_t max_messages = 1'000'000;
  uint64_t max_bytes = 8ULL << 30;
  absl::Duration min_retry_delay = absl::Seconds(1);
  absl::Duration max_retry_delay = absl::Seconds(600);
  size_t window = 4096;  // Unsettled entries held in memory.
  absl::Duration aging_delay = absl::Minutes(10);  // See DispatchOrder.
};

// Somebody who takes messages from a queue, with credit.
struct Consumer {
  uint64_t id = 0;        // Unique in the process.
  std::string name = {};  // For tracking; chosen by the consumer.
  int max_messages = 0;
  int64_t max_bytes = 0;
  absl::Duration ack_deadline = {};
  int outstanding = 0;
  int64_t outstanding_bytes = 0;
};

// A message handed to a consumer.
struct Leased {
  uint64_t consumer_id;
  uint64_t sequence;
  int attempt;
  absl::Time expire_time;
  // Immediate danger overtook an earlier message of its key.
  bool earlier_pending = false;
};

// Something that happened to a message of a queue, for the audit log.
struct QueueEvent {
  v1::AuditType type;
  uint64_t sequence;
  int attempt;
  uint64_t receipt_conversation = 0;  // See v1::QueueEntry.
};

// One queue: which messages are ready, leased or delayed, and who takes them.
//
// Decisions only: no disk, no clock. What a call changes it writes into the
// given batch and remembers; the caller commits the batch before anybody is
// told, and stops the process when that fails.
//
// Order: as DispatchOrder says. Of the entries with one ordering key only the
// oldest unsettled one is dispatchable, so at most one is leased, and a nack
// delay holds up its key; it goes out with the highest priority that waits
// behind it. A dead-lettered head releases its key. Immediate danger overtakes:
// of its key it waits only for earlier immediate danger, while everything later
// waits for it. (What stood behind the window when the process started does so
// once it is loaded.)
//
// Memory: at most QueuePolicy::window entries, the oldest ones; up to
// kMaxStretch windows while everything in the first is leased, delayed or
// waits behind such. The rest stays on disk until there is room: see
// WantsMore().
//
// Not thread-safe: owned by the commit thread.
class Queue {
 public:
  static constexpr size_t kMaxStretch = 16;
  // Leases one Dispatch hands out at most; call again for more. What comes in
  // meanwhile waits for no more than these.
  static constexpr size_t kMaxDispatch = 64;
  // Likewise for what one Tick changes.
  static constexpr size_t kMaxTick = 1024;
  static constexpr size_t kMaxAttemptsKept = 16;

  // `record` as stored; a new queue's is empty.
  Queue(std::string name, QueuePolicy policy, v1::QueueRecord record);

  const std::string& name() const { return name_; }
  // From the next decision on.
  void set_policy(const QueuePolicy& policy) { policy_ = policy; }
  const v1::QueueRecord& record() const { return record_; }
  size_t items_in_memory() const { return items_.size(); }

  // --- Window.

  struct LoadRequest {
    uint64_t from_sequence;
    size_t limit;
  };
  // Set when the window has room and the disk may hold more.
  std::optional<LoadRequest> WantsMore() const;

  // Takes what a scan for `request` found, in order; fewer entries than its
  // limit mean that there are no more. Leases found on disk are those of the
  // process before: they get `ack_deadline` from now, or end when a consumer
  // of the same name is back (see Subscribe).
  std::vector<QueueEvent> Load(
      const LoadRequest& request,
      std::vector<std::pair<uint64_t, v1::QueueEntry>> entries,
      absl::Duration ack_deadline, Instant now, Batch* batch);

  // Takes an entry from behind the window when it holds the lease `ack`, which
  // is then held; answers as CheckLease.
  absl::Status LoadLease(const AckId& ack, v1::QueueEntry entry,
                         absl::Duration ack_deadline, Instant now);

  // --- Publishing.

  // RESOURCE_EXHAUSTED when `count` more messages of `bytes` would pass the
  // quota.
  absl::Status CheckRoom(uint64_t count, uint64_t bytes) const;

  // Adds a message. `entry` comes without state; a `deliver_time` after now
  // delays it.
  void Add(uint64_t sequence, v1::QueueEntry entry, absl::Time deliver_time,
           Instant now, Batch* batch);

  // --- Consumers.

  // Registers `consumer`. Leases that a consumer of the same name holds from
  // an earlier stream or process end now and their messages are ready again
  // (a counted attempt): the name's owner is back, so nobody else works on
  // them, and an earlier stream of that name gets nothing more. A consumer
  // without a name takes over nothing.
  std::vector<QueueEvent> Subscribe(Consumer consumer, Instant now,
                                    Batch* batch);
  // Replaces the credit; 0 keeps a value. Unknown ids are ignored.
  void Grant(uint64_t consumer_id, int max_messages, int64_t max_bytes);
  // Its leases go on until they are settled or expire.
  void Unsubscribe(uint64_t consumer_id);
  bool HasConsumers() const { return !consumers_.empty(); }

  // --- Settling. `ack` must name a lease that is held. FAILED_PRECONDITION
  // says when it ended; NOT_FOUND: not among the unsettled, look it up among
  // the settled.

  absl::Status CheckLease(const AckId& ack) const;
  // The rest require CheckLease to hold.
  QueueEvent Acknowledge(const AckId& ack, Instant now, Batch* batch);
  // A delay of nullopt is the retry policy's.
  std::vector<QueueEvent> Nack(const AckId& ack, const std::string& reason,
                               std::optional<absl::Duration> delay, Instant now,
                               Batch* batch);
  QueueEvent Reject(const AckId& ack, const std::string& reason, Instant now,
                    Batch* batch);
  void ModifyDeadline(const AckId& ack, absl::Duration ack_deadline,
                      Instant now);

  // --- Time and dispatch.

  // Ends leases and delays that are due, and dead-letters what expired: at
  // most kMaxTick of them; NextTick is then in the past.
  std::vector<QueueEvent> Tick(Instant now, Batch* batch);
  // When to call Tick next, on the steady clock; nullopt: nothing is due.
  std::optional<absl::Duration> NextTick(Instant now) const;

  // Leases ready messages to consumers with credit, in turn.
  std::vector<Leased> Dispatch(Instant now, Batch* batch);

  // Writes the queue's own record when it changed.
  void Flush(Batch* batch);

 private:
  struct Item {
    v1::QueueEntry entry;
    std::optional<DispatchOrder::Candidate> ready = {};  // Its place in ready_.
    uint64_t consumer_id = 0;
    absl::Duration deadline = {};  // Of the lease, on the steady clock.
  };
  using Items = std::map<uint64_t, Item>;

  void Insert(uint64_t sequence, Item item);
  // Puts `item` into the index its state belongs in, anew when it is there;
  // Unindex takes it out.
  void Index(uint64_t sequence, Item* item);
  void Unindex(uint64_t sequence, Item* item);
  // The unsettled entries of one ordering key.
  struct Line {
    std::set<uint64_t> all;
    std::set<uint64_t> danger;
    std::array<uint32_t, v1::Priority_ARRAYSIZE> count = {};  // By priority.
  };
  // The heads of a line may have changed, or what waits behind them.
  void IndexHeads(const Line& line);
  DispatchOrder::Candidate CandidateOf(uint64_t sequence, const Item& item);

  bool IsHeadOfKey(uint64_t sequence, const Item& item) const;
  // Whether an earlier entry of its key is unsettled, or may be, on disk.
  bool Overtakes(uint64_t sequence, const Item& item) const;
  void SetState(uint64_t sequence, Item* item, v1::DeliveryState state,
                Instant now);
  void Store(uint64_t sequence, const Item& item, Batch* batch);
  void ReturnCredit(const Item& item);
  void KeepAttempt(const std::string& reason, Instant now, Item* item);
  // Back to READY or DELAYED, or to the dead letters when attempts are used
  // up.
  std::vector<QueueEvent> GiveBack(Items::iterator it, v1::AuditType why,
                                   const std::string& reason,
                                   absl::Duration delay, Instant now,
                                   Batch* batch);
  QueueEvent Settle(Items::iterator it, v1::DeliveryState state,
                    const std::string& reason, Instant now, Batch* batch);
  absl::Duration RetryDelay(int attempt) const;
  Consumer* NextWithCredit(int64_t bytes);
  size_t MaxItems() const;
  bool HasConsumerNamed(const std::string& name) const;

  const std::string name_;

  QueuePolicy policy_;
  v1::QueueRecord record_;
  bool record_changed_ = false;

  Items items_;                  // The oldest unsettled entries.
  uint64_t loaded_through_ = 0;  // Everything up to here was loaded or added.
  bool loaded_all_ = false;      // The disk holds nothing behind items_.
  bool danger_known_ = false;    // Every immediate danger is in items_.
  DispatchOrder ready_;          // Dispatchable now.
  absl::flat_hash_map<std::string, uint32_t> sender_numbers_;
  std::set<std::pair<int64_t, uint64_t>> delayed_;   // By ready_time_micros.
  std::set<std::pair<int64_t, uint64_t>> expiring_;  // By expire_time_micros.
  std::set<std::pair<absl::Duration, uint64_t>> leases_;  // By deadline.
  absl::flat_hash_map<uint64_t, Line> keys_;              // By hash.
  std::map<uint64_t, Consumer> consumers_;
  uint64_t last_served_ = 0;  // Consumer that got the last message.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_H_
