#ifndef BATON_SERVICES_BROKER_QUEUE_H_
#define BATON_SERVICES_BROKER_QUEUE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/audit_service.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/dispatch_order.h"
#include "services/broker/key_lines.h"
#include "services/broker/queue_log.h"
#include "services/broker/settled_copies.h"
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
  int retry_jitter_percent = 20;
  absl::Duration aging_delay = absl::Minutes(10);  // See DispatchOrder.
  size_t max_log_records = 512;                    // See QueueLog.
};

// QueueRecord.floor_sequence of a queue that has no copies of format 1.
inline constexpr uint64_t kNothingOfFormat1 = UINT64_MAX;

// READY, LEASED or DELAYED.
inline bool IsUnsettled(v1::DeliveryState state) {
  return state == v1::DELIVERY_STATE_READY ||
         state == v1::DELIVERY_STATE_LEASED ||
         state == v1::DELIVERY_STATE_DELAYED;
}

// Somebody who takes messages from a queue, with credit.
struct Consumer {
  uint64_t id = 0;        // Unique in the process.
  std::string name = {};  // For tracking; chosen by the consumer.
  int max_messages = 0;
  int64_t max_bytes = 0;
  absl::Duration ack_deadline = {};
  bool exclusive = false;  // Nobody else consumes the queue meanwhile.
  int outstanding = 0;
  int64_t outstanding_bytes = 0;
  // Rounds in which leases of it ran out, a lease's length apart, since it last
  // settled or extended one; and when the last was, on the steady clock.
  int rounds_lost = 0;
  absl::Duration last_lost = -absl::InfiniteDuration();
};

// One recipient's copy of a message.
struct NewCopy {
  FreshCopy copy = {};
  std::string sender = {};  // "emergency/RX1RA".
  absl::Time deliver_time = absl::InfinitePast();
  absl::Time expire_time = absl::InfiniteFuture();
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
  uint64_t consumer_id = 0;           // AUDIT_TYPE_LEASE_EXPIRED: who had it.
};

// One queue: which messages are ready, leased or delayed, and who takes them.
//
// Decisions only: no disk, no clock. What a call changes it remembers; Flush
// writes it into the coming commit's batch. The caller commits that before
// anybody is told, and stops the process when it fails.
//
// Order: as DispatchOrder says. Of the messages with one ordering key only the
// oldest unsettled one is dispatchable, so at most one is leased, and a nack
// delay holds up its key; it goes out with the highest priority that waits
// behind it. A dead-lettered head releases its key. Immediate danger overtakes:
// of its key it waits only for earlier immediate danger, while everything later
// waits for it.
//
// Memory: every unsettled message, about 100 bytes each, so
// QueuePolicy::max_messages bounds it; bodies stay on disk. Nothing has to be
// looked for there: an urgent message behind a million others is found at once.
//
// Not thread-safe: owned by the commit thread.
class Queue {
 public:
  // Leases one Dispatch hands out at most; call again for more. What comes in
  // meanwhile waits for no more than these.
  static constexpr size_t kMaxDispatch = 64;
  // Likewise for what one Tick changes.
  static constexpr size_t kMaxTick = 1024;
  static constexpr size_t kMaxAttemptsKept = 16;
  // A consumer that lost leases in so many rounds, and settled nothing in
  // between, is dead or stuck.
  static constexpr int kMaxRoundsLost = 2;
  // Settled copies the log tells of before they go to pages: for each of
  // QueuePolicy::max_log_records.
  static constexpr size_t kUnfoldedPerRecord = 8;

  Queue(std::string name, QueuePolicy policy);

  const std::string& name() const { return name_; }
  // From the next decision on.
  void set_policy(const QueuePolicy& policy) { policy_ = policy; }
  // Unsettled messages, and their bytes.
  uint64_t message_count() const { return items_.size(); }
  uint64_t total_bytes() const { return total_bytes_; }

  // --- At the start, in this order: Replay every record from
  // record.first_commit, Adopt what format 1 left, Start.

  // DATA_LOSS when the record makes no sense.
  absl::Status Replay(const v1::QueueRecord& record, uint64_t commit,
                      const v1::QueueChanges& changes);
  // Takes a copy as format 1 stored it; it is written again.
  void Adopt(uint64_t sequence, v1::QueueEntry entry);
  // Format 1 left nothing more; until then nobody stops looking for it.
  void NoteAdopted() { may_hold_format_1_ = false; }
  // Leases found are those of the process before: they get `ack_deadline` from
  // now, or end when a consumer of the same name is back (see Subscribe).
  void Start(absl::Duration ack_deadline, Instant now);

  // --- Publishing.

  // RESOURCE_EXHAUSTED when `count` more messages of `bytes` would pass the
  // quota.
  absl::Status CheckRoom(uint64_t count, uint64_t bytes) const;
  void Add(const NewCopy& copy, Instant now);

  // --- Consumers.

  // FAILED_PRECONDITION when `consumer` or one that is there wants to be alone.
  // One of the same name does not count: it is replaced.
  absl::Status CheckAlone(const Consumer& consumer) const;
  // Registers `consumer`. Leases that a consumer of the same name holds from
  // an earlier stream or process end now and their messages are ready again
  // (a counted attempt): the name's owner is back, so nobody else works on
  // them, and an earlier stream of that name gets nothing more. A consumer
  // without a name takes over nothing.
  struct Subscribed {
    std::vector<QueueEvent> events;
    std::vector<uint64_t> replaced;  // Consumers that are registered no more.
  };
  Subscribed Subscribe(Consumer consumer, Instant now);
  // Replaces the credit; 0 keeps a value. Unknown ids are ignored.
  void Grant(uint64_t consumer_id, int max_messages, int64_t max_bytes);
  // Its leases go on until they are settled or expire.
  void Unsubscribe(uint64_t consumer_id);
  bool HasConsumers() const { return !consumers_.empty(); }

  // --- Settling. `ack` must name a lease that is held. FAILED_PRECONDITION
  // says when it ended; NOT_FOUND: not among the unsettled, see Find.

  absl::Status CheckLease(const AckId& ack) const;
  // The rest require CheckLease to hold.
  QueueEvent Acknowledge(const AckId& ack, Instant now);
  // A delay of nullopt is the retry policy's.
  std::vector<QueueEvent> Nack(const AckId& ack, const std::string& reason,
                               std::optional<absl::Duration> delay,
                               Instant now);
  QueueEvent Reject(const AckId& ack, const std::string& reason, Instant now);
  void ModifyDeadline(const AckId& ack, absl::Duration ack_deadline,
                      Instant now);

  // --- Looking.

  // How the copy of message `sequence` stands, or was settled; nullopt: what
  // there is to say is on disk once this commit is (ReadSettled), or it was
  // never here.
  std::optional<v1::DeliveryRecord> Find(uint64_t sequence) const;
  // The bare facts of a copy settled lately; null: see ReadSettled.
  const Settled* FindSettled(uint64_t sequence) const {
    return settled_.Find(sequence);
  }

  // --- Time and dispatch.

  // Ends leases and delays that are due, and dead-letters what expired: at
  // most kMaxTick of them; NextTick is then in the past.
  struct Ticked {
    std::vector<QueueEvent> events;
    std::vector<uint64_t> stalled;  // See kMaxRoundsLost; still registered.
  };
  Ticked Tick(Instant now);
  // When to call Tick next, on the steady clock; nullopt: nothing is due.
  std::optional<absl::Duration> NextTick(Instant now) const;

  // Leases ready messages to consumers with credit, in turn.
  std::vector<Leased> Dispatch(Instant now);

  // --- The disk.

  // Settled copies that are in no page yet.
  size_t unfolded() const { return settled_.size(); }
  size_t records() const { return log_.records(); }
  // Writes what happened since the last Flush; commit numbers grow. `fold`:
  // also brings settled copies to their pages and shortens the log, as it does
  // by itself now and then.
  void Flush(uint64_t commit, Instant now, bool fold, Batch* batch);

 private:
  // What is known of every copy; anything rarer is in rare_ or leases_.
  struct Item {
    uint64_t key = 0;        // QueueEntry.ordering_key_hash
    int64_t due_micros = 0;  // When it was first due.
    QueueLog::Home home = 0;
    uint32_t size_bytes = 0;
    uint32_t sender = 0;  // Place in senders_.
    uint16_t attempt = 0;
    uint8_t priority = v1::PRIORITY_ROUTINE;
    uint8_t state = v1::DELIVERY_STATE_READY;
    uint8_t ready_level = 0;  // Under which it stands in ready_; 0: not there.
    bool opens_matters = false;
    bool is_rare = false;
  };
  using Items = absl::btree_map<uint64_t, Item>;
  struct Lease {
    uint64_t consumer_id = 0;
    std::string consumer = {};
    absl::Duration deadline = {};  // On the steady clock.
    int64_t time_micros = 0;
  };

  Item ItemOf(const v1::QueueEntry& entry);
  // Keeps of `entry` what an Item does not hold.
  void KeepRare(uint64_t sequence, v1::QueueEntry entry);
  v1::QueueEntry* Rare(uint64_t sequence, Item* item);
  const v1::QueueEntry* FindRare(uint64_t sequence, const Item& item) const;
  v1::QueueEntry EntryOf(uint64_t sequence) const;
  void ForgetReplayed(Items::iterator it);
  absl::Status ReplayAdded(const v1::QueueChanges& changes);
  absl::Status ReplaySettled(const v1::QueueRecord& record, uint64_t commit,
                             const v1::QueueChanges& changes);

  void Insert(uint64_t sequence, Item item);
  // Puts the copy into the index its state belongs in, anew when it is there;
  // Unindex takes it out.
  void Index(uint64_t sequence, Item* item);
  void Unindex(uint64_t sequence, Item* item);
  // The heads of a line may have changed, or what waits behind them.
  void IndexHeads(uint64_t key);
  DispatchOrder::Candidate CandidateOf(uint64_t sequence,
                                       const Item& item) const;
  bool IsHeadOfKey(uint64_t sequence, const Item& item) const;

  void ReturnCredit(uint64_t sequence, const Item& item);
  // The consumer that has the lease shows that it lives.
  void NoteSign(uint64_t sequence);
  std::vector<uint64_t> NoteLost(const std::vector<QueueEvent>& expired,
                                 Instant now);
  void KeepAttempt(uint64_t sequence, const std::string& reason, Instant now,
                   Item* item);
  // Back to READY or DELAYED, or to the dead letters when attempts are used
  // up.
  std::vector<QueueEvent> GiveBack(Items::iterator it, v1::AuditType why,
                                   const std::string& reason,
                                   absl::Duration delay, Instant now);
  QueueEvent Settle(Items::iterator it, v1::DeliveryState state,
                    const std::string& reason, Instant now);
  absl::Duration RetryDelay(const AckId& ack) const;
  Consumer* NextWithCredit(int64_t bytes);
  bool IsLong() const { return log_.IsLong(policy_.max_log_records); }
  void Fold(uint64_t commit, Batch* batch);

  const std::string name_;

  QueuePolicy policy_;
  uint64_t total_bytes_ = 0;

  Items items_;  // Everything unsettled.
  absl::flat_hash_map<uint64_t, std::unique_ptr<v1::QueueEntry>> rare_;
  absl::flat_hash_map<uint64_t, Lease> leases_;
  std::vector<std::string> senders_;
  absl::flat_hash_map<std::string, uint32_t> sender_places_;
  KeyLines lines_;
  DispatchOrder ready_;                                    // Dispatchable now.
  absl::btree_set<std::pair<int64_t, uint64_t>> delayed_;  // By ready time.
  absl::btree_set<std::pair<int64_t, uint64_t>> expiring_;
  absl::btree_set<std::pair<absl::Duration, uint64_t>> deadlines_;

  std::map<uint64_t, Consumer> consumers_;
  uint64_t last_served_ = 0;  // Consumer that got the last message.

  SettledCopies settled_;
  QueueLog log_;
  // Of copies settled since the last Flush that need a key of their own.
  std::vector<std::pair<uint64_t, v1::DeliveryRecord>> records_;
  bool may_hold_format_1_ = true;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_H_
