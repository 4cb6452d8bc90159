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
#include "services/broker/consumers.h"
#include "services/broker/dispatch_order.h"
#include "services/broker/key_lines.h"
#include "services/broker/queue_log.h"
#include "services/broker/sender_usage.h"
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
  bool came_back = false;  // It was a dead letter.
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
// waits for it. A message that is to be delivered later holds up nobody until
// it is due. Then it stands where it was published, as a dead letter does that
// comes back: in front of what is later, but for what is with a consumer just
// then; beside immediate danger, which overtook it.
//
// A paused queue hands out nothing; what is leased goes on.
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
  // Settled copies the log tells of before they go to pages: for each of
  // QueuePolicy::max_log_records.
  static constexpr size_t kUnfoldedPerRecord = 8;

  // `usage` is told of what is unsettled; may be null; outlives the queue.
  Queue(std::string name, QueuePolicy policy, SenderUsage* usage = nullptr);

  const std::string& name() const { return name_; }
  // From the next decision on.
  void set_policy(const QueuePolicy& policy) { policy_ = policy; }
  v1::QueueMode mode() const {
    return record_.mode() == v1::QUEUE_MODE_UNSPECIFIED ? v1::QUEUE_MODE_SERVING
                                                        : record_.mode();
  }
  // Unsettled messages, and their bytes.
  uint64_t message_count() const { return items_.size(); }
  uint64_t total_bytes() const { return total_bytes_; }

  // --- At the start, in this order: Restore, Replay every record from
  // record.first_commit, Adopt what format 1 left, Start.

  // What the queue's own record says, and which dead letters there are.
  void Restore(v1::QueueRecord record) { record_ = std::move(record); }
  void RestoreDeadLetter(uint64_t sequence) { dead_letters_.insert(sequence); }

  // DATA_LOSS when the record makes no sense.
  absl::Status Replay(uint64_t commit, const v1::QueueChanges& changes);
  // Takes a copy as format 1 stored it; it is written again.
  void Adopt(uint64_t sequence, v1::QueueEntry entry);
  // Format 1 left nothing more; until then nobody stops looking for it.
  void NoteAdopted() { may_hold_format_1_ = false; }
  // Leases found are those of the process before: they get `ack_deadline` from
  // now, or end when a consumer of the same name is back (see Subscribe).
  void Start(absl::Duration ack_deadline, Instant now);

  // --- Publishing.

  // RESOURCE_EXHAUSTED when `count` more messages of `bytes` would pass the
  // quota, or the queue is draining. Not to be asked for immediate danger.
  absl::Status CheckRoom(uint64_t count, uint64_t bytes) const;
  void Add(const NewCopy& copy, Instant now);

  // --- Consumers.

  absl::Status CheckAlone(const Consumer& consumer) const {
    return consumers_.CheckAlone(name_, consumer);
  }
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
  void Grant(uint64_t consumer_id, int max_messages, int64_t max_bytes) {
    consumers_.Grant(consumer_id, max_messages, max_bytes);
  }
  // Its leases go on until they are settled or expire.
  void Unsubscribe(uint64_t consumer_id) { consumers_.Remove(consumer_id); }
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

  // --- By hand.

  void SetMode(v1::QueueMode mode, const std::string& reason, Instant now);
  // FAILED_PRECONDITION unless the copy of message `sequence` waits for its
  // time and was never delivered; NOT_FOUND when it is not unsettled.
  absl::Status CheckCancel(uint64_t sequence) const;
  // Requires CheckCancel to hold.
  QueueEvent Cancel(uint64_t sequence, Instant now);
  // Whether the copy, which is unsettled, may be given up: nobody holds it, and
  // it is not immediate danger.
  bool MayPurge(uint64_t sequence) const;
  QueueEvent Purge(uint64_t sequence, const std::string& reason, Instant now);
  // Looks at every message: some milliseconds for each 100,000.
  struct Purgeable {
    uint64_t messages = 0;
    uint64_t last_sequence = 0;  // Of all that are here.
  };
  Purgeable CountPurgeable() const;
  bool HasDeadLetter(uint64_t sequence) const {
    return dead_letters_.contains(sequence);
  }
  // Brings back the dead letter `dead` of `copy`, to be delivered at once, or
  // when it is due if it never was: its deliver_time says when. Its expire_time
  // does not count. Attempts are counted on, and limited anew.
  void Redrive(const NewCopy& copy, const v1::DeliveryRecord& dead,
               Instant now);

  // --- Looking.

  // Everything but the name, the owner and the limits of the policy.
  v1::Queue Describe(Instant now) const;
  // Unsettled copies after message `after`, at most `limit`.
  std::vector<uint64_t> Unsettled(uint64_t after, size_t limit) const;
  // The same of those that were settled, were not cancelled, and are in no page
  // yet.
  std::vector<uint64_t> SettledLately(uint64_t after, size_t limit) const {
    return settled_.After(after, limit);
  }

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
    std::vector<uint64_t> stalled;  // See Consumers; still registered.
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

  uint32_t PlaceOf(const std::string& sender);
  Item ItemOf(const v1::QueueEntry& entry);
  // Keeps of `entry` what an Item does not hold.
  void KeepRare(uint64_t sequence, v1::QueueEntry entry);
  v1::QueueEntry* Rare(uint64_t sequence, Item* item);
  const v1::QueueEntry* FindRare(uint64_t sequence, const Item& item) const;
  v1::QueueEntry EntryOf(uint64_t sequence) const;
  void ForgetReplayed(Items::iterator it);
  absl::Status ReplayAdded(const v1::QueueChanges& changes);
  absl::Status ReplaySettled(uint64_t commit, const v1::QueueChanges& changes);

  // Delayed by whoever published it, and never delivered: it stands in no line,
  // for nobody is to wait for it.
  static bool WaitsForItsTime(const Item& item) {
    return item.state == v1::DELIVERY_STATE_DELAYED && item.attempt == 0;
  }
  // Makes `item` ready if its delay is over.
  void EndDelay(Instant now, uint64_t sequence, Item* item);
  void Insert(uint64_t sequence, Item item);
  // Takes its place in publish order, which may be in front of others.
  void EnterLine(uint64_t sequence, Item* item);
  // Counts a copy that is unsettled from now on, or no more.
  void Count(uint64_t sequence, const Item& item);
  void Uncount(uint64_t sequence, const Item& item);
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
  void NoteLeased(uint64_t sequence, const Item& item);
  // The lease, which there may be, ends.
  void EndLease(uint64_t sequence, const Item& item);
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
  bool IsLong() const { return log_.IsLong(policy_.max_log_records); }
  void Fold(uint64_t commit, Batch* batch);
  void PutRecord(Batch* batch);

  const std::string name_;
  SenderUsage* const usage_;

  QueuePolicy policy_;
  uint64_t total_bytes_ = 0;

  Items items_;  // Everything unsettled.
  absl::flat_hash_map<uint64_t, std::unique_ptr<v1::QueueEntry>> rare_;
  absl::flat_hash_map<uint64_t, Lease> leases_;
  struct Sender {
    std::string name;
    SenderUsage::Account* account;  // May be null.
  };
  std::vector<Sender> senders_;
  absl::flat_hash_map<std::string, uint32_t> sender_places_;
  KeyLines lines_;
  DispatchOrder ready_;                                    // Dispatchable now.
  absl::btree_set<std::pair<int64_t, uint64_t>> delayed_;  // By ready time.
  absl::btree_set<std::pair<int64_t, uint64_t>> expiring_;
  absl::btree_set<std::pair<absl::Duration, uint64_t>> deadlines_;
  // URGENT and IMMEDIATE_DANGER, by when they were first due.
  absl::btree_set<std::pair<int64_t, uint64_t>> urgent_;
  // By ordering key: its one message with a consumer that is not immediate
  // danger. Whoever has entered the line in front of it waits for it.
  absl::flat_hash_map<uint64_t, uint64_t> leased_of_key_;
  absl::btree_set<uint64_t> dead_letters_;

  Consumers consumers_;

  SettledCopies settled_;
  QueueLog log_;
  // Of copies settled since the last Flush that need a key of their own.
  std::vector<std::pair<uint64_t, v1::DeliveryRecord>> records_;
  std::vector<uint64_t> redriven_;  // Since the last Flush.
  bool may_hold_format_1_ = true;
  v1::QueueRecord record_;  // As on disk after the next Flush.
  bool record_changed_ = false;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_H_
