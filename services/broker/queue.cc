#include "services/broker/queue.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr char kTakenOver[] = "taken over by a new stream of the same consumer";

std::string FormatMicros(int64_t micros) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMicros(micros),
                          absl::UTCTimeZone());
}

// OK when `entry` is leased as `ack` says.
absl::Status CheckEntry(const v1::QueueEntry& entry, const AckId& ack) {
  if (entry.state() == v1::DELIVERY_STATE_LEASED &&
      entry.delivery_attempt() == ack.attempt) {
    return absl::OkStatus();
  }
  for (const v1::AttemptRecord& attempt : entry.attempts()) {
    if (attempt.delivery_attempt() != ack.attempt) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("lease ", FormatAckId(ack), " ended at ",
                     FormatMicros(attempt.end_time_micros()),
                     attempt.reason().empty() ? "" : ": ", attempt.reason(),
                     "; the message is delivered again"));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("lease ", FormatAckId(ack), " is not held"));
}

}  // namespace

Queue::Queue(std::string name, QueuePolicy policy, v1::QueueRecord record)
    : name_(std::move(name)),
      policy_(policy),
      record_(std::move(record)),
      loaded_through_(
          record_.floor_sequence() == 0 ? 0 : record_.floor_sequence() - 1),
      loaded_all_(record_.message_count() == 0),
      danger_known_(loaded_all_) {}

// --- Window.

// Entries that are leased, delayed or wait behind such do not use up the
// window while nothing else can be dispatched.
size_t Queue::MaxItems() const {
  return ready_.empty() ? policy_.window * kMaxStretch : policy_.window;
}

std::optional<Queue::LoadRequest> Queue::WantsMore() const {
  if (loaded_all_) return std::nullopt;
  const bool starved = ready_.empty() && items_.size() < MaxItems();
  if (!starved && items_.size() > policy_.window / 2) return std::nullopt;
  return LoadRequest{.from_sequence = loaded_through_ + 1,
                     .limit = std::min(policy_.window - policy_.window / 2,
                                       MaxItems() - items_.size())};
}

std::vector<QueueEvent> Queue::Load(
    const LoadRequest& request,
    std::vector<std::pair<uint64_t, v1::QueueEntry>> entries,
    absl::Duration ack_deadline, Instant now, Batch* batch) {
  std::vector<QueueEvent> events;
  loaded_all_ = entries.size() < request.limit;
  danger_known_ |= loaded_all_;
  for (auto& [sequence, entry] : entries) {
    loaded_through_ = sequence;
    if (items_.count(sequence) > 0) continue;  // Came by LoadLease.
    const bool taken_over = entry.state() == v1::DELIVERY_STATE_LEASED &&
                            HasConsumerNamed(entry.consumer());
    Insert(sequence,
           {.entry = std::move(entry), .deadline = now.steady + ack_deadline});
    if (!taken_over) continue;
    for (QueueEvent& event :
         GiveBack(items_.find(sequence), v1::AUDIT_TYPE_LEASE_EXPIRED,
                  kTakenOver, absl::ZeroDuration(), now, batch)) {
      events.push_back(std::move(event));
    }
  }
  return events;
}

absl::Status Queue::LoadLease(const AckId& ack, v1::QueueEntry entry,
                              absl::Duration ack_deadline, Instant now) {
  RETURN_IF_ERROR(CheckEntry(entry, ack));
  Insert(ack.sequence,
         {.entry = std::move(entry), .deadline = now.steady + ack_deadline});
  return absl::OkStatus();
}

void Queue::Insert(uint64_t sequence, Item item) {
  const auto [it, inserted] = items_.emplace(sequence, std::move(item));
  assert(inserted);
  const v1::QueueEntry& entry = it->second.entry;
  if (entry.expire_time_micros() != 0) {
    expiring_.insert({entry.expire_time_micros(), sequence});
  }
  if (entry.ordering_key_hash() == 0) return Index(sequence, &it->second);
  Line& line = keys_[entry.ordering_key_hash()];
  line.all.insert(sequence);
  if (entry.immediate_danger()) line.danger.insert(sequence);
  ++line.count[entry.priority()];
  Index(sequence, &it->second);
  IndexHeads(line);
}

void Queue::IndexHeads(const Line& line) {
  for (const std::set<uint64_t>* some : {&line.all, &line.danger}) {
    if (!some->empty()) Index(*some->begin(), &items_.at(*some->begin()));
  }
}

// Danger behind it lends it nothing: that overtakes.
DispatchOrder::Candidate Queue::CandidateOf(uint64_t sequence,
                                            const Item& item) {
  v1::Priority level = item.entry.priority();
  const uint64_t key = item.entry.ordering_key_hash();
  if (item.entry.immediate_danger()) {
    level = v1::PRIORITY_IMMEDIATE_DANGER;
  } else if (key != 0) {
    const Line& line = keys_.at(key);
    for (const v1::Priority each : {v1::PRIORITY_HIGH, v1::PRIORITY_URGENT}) {
      if (line.count[each] > 0) level = std::max(level, each);
    }
  }
  const auto [sender, first] = sender_numbers_.try_emplace(
      item.entry.sender(), static_cast<uint32_t>(sender_numbers_.size() + 1));
  return {.sequence = sequence,
          .level = level,
          .sender = sender->second,
          .due_micros = item.entry.due_time_micros()};
}

bool Queue::IsHeadOfKey(uint64_t sequence, const Item& item) const {
  const uint64_t key = item.entry.ordering_key_hash();
  if (key == 0) return true;
  const Line& line = keys_.at(key);
  return sequence == (item.entry.immediate_danger() ? *line.danger.begin()
                                                    : *line.all.begin());
}

bool Queue::Overtakes(uint64_t sequence, const Item& item) const {
  const uint64_t key = item.entry.ordering_key_hash();
  return key != 0 &&
         (*keys_.at(key).all.begin() != sequence || sequence > loaded_through_);
}

void Queue::Index(uint64_t sequence, Item* item) {
  Unindex(sequence, item);
  switch (item->entry.state()) {
    case v1::DELIVERY_STATE_READY:
      if (IsHeadOfKey(sequence, *item)) {
        item->ready = CandidateOf(sequence, *item);
        ready_.Add(*item->ready);
      }
      break;
    case v1::DELIVERY_STATE_DELAYED:
      delayed_.insert({item->entry.ready_time_micros(), sequence});
      break;
    case v1::DELIVERY_STATE_LEASED:
      leases_.insert({item->deadline, sequence});
      break;
    default:
      assert(false);
  }
}

void Queue::Unindex(uint64_t sequence, Item* item) {
  if (item->ready.has_value()) ready_.Remove(*item->ready);
  item->ready.reset();
  delayed_.erase({item->entry.ready_time_micros(), sequence});
  leases_.erase({item->deadline, sequence});
}

void Queue::SetState(uint64_t sequence, Item* item, v1::DeliveryState state,
                     Instant now) {
  Unindex(sequence, item);
  item->entry.set_state(state);
  item->entry.set_state_time_micros(absl::ToUnixMicros(now.wall));
}

void Queue::Store(uint64_t sequence, const Item& item, Batch* batch) {
  batch->Put(QueueEntryKey(name_, sequence), item.entry.SerializeAsString());
}

// --- Publishing.

absl::Status Queue::CheckRoom(uint64_t count, uint64_t bytes) const {
  if (record_.message_count() + count > policy_.max_messages) {
    return LimitReached("max_messages",
                        absl::StrCat("queue ", name_, " holds ",
                                     record_.message_count(), " messages"),
                        absl::Seconds(30));
  }
  if (record_.total_bytes() + bytes > policy_.max_bytes) {
    return LimitReached("max_bytes",
                        absl::StrCat("queue ", name_, " holds ",
                                     record_.total_bytes(), " bytes"),
                        absl::Seconds(30));
  }
  return absl::OkStatus();
}

void Queue::Add(uint64_t sequence, v1::QueueEntry entry,
                absl::Time deliver_time, Instant now, Batch* batch) {
  const bool delayed = deliver_time > now.wall;
  entry.set_state(delayed ? v1::DELIVERY_STATE_DELAYED
                          : v1::DELIVERY_STATE_READY);
  entry.set_ready_time_micros(
      absl::ToUnixMicros(delayed ? deliver_time : now.wall));
  entry.set_due_time_micros(entry.ready_time_micros());
  entry.set_state_time_micros(absl::ToUnixMicros(now.wall));
  if (record_.message_count() == 0) record_.set_floor_sequence(sequence);
  record_.set_message_count(record_.message_count() + 1);
  record_.set_total_bytes(record_.total_bytes() + entry.size_bytes());
  record_changed_ = true;

  Item item{.entry = std::move(entry)};
  Store(sequence, item, batch);
  if (loaded_all_ && items_.size() >= policy_.window) loaded_all_ = false;
  if (loaded_all_) loaded_through_ = sequence;
  // Danger does not overtake danger that may still be on disk.
  const bool danger = item.entry.immediate_danger();
  if (danger) danger_known_ &= items_.size() < policy_.window * kMaxStretch;
  danger_known_ |= loaded_all_;
  if (loaded_all_ || (danger && danger_known_)) {
    Insert(sequence, std::move(item));
  }
}

// --- Consumers.

std::vector<QueueEvent> Queue::Subscribe(Consumer consumer, Instant now,
                                         Batch* batch) {
  std::vector<QueueEvent> events;
  std::vector<uint64_t> held;
  for (const auto& [deadline, sequence] : leases_) {
    if (!consumer.name.empty() &&
        items_.at(sequence).entry.consumer() == consumer.name) {
      held.push_back(sequence);
    }
  }
  std::sort(held.begin(), held.end());
  for (const uint64_t sequence : held) {
    for (QueueEvent& event :
         GiveBack(items_.find(sequence), v1::AUDIT_TYPE_LEASE_EXPIRED,
                  kTakenOver, absl::ZeroDuration(), now, batch)) {
      events.push_back(std::move(event));
    }
  }
  for (auto it = consumers_.begin(); it != consumers_.end();) {
    const bool replaced =
        !consumer.name.empty() && it->second.name == consumer.name;
    it = replaced ? consumers_.erase(it) : std::next(it);
  }
  const uint64_t id = consumer.id;
  consumers_[id] = std::move(consumer);
  return events;
}

bool Queue::HasConsumerNamed(const std::string& name) const {
  return !name.empty() && std::any_of(consumers_.begin(), consumers_.end(),
                                      [&name](const auto& pair) {
                                        return pair.second.name == name;
                                      });
}

void Queue::Grant(uint64_t consumer_id, int max_messages, int64_t max_bytes) {
  const auto it = consumers_.find(consumer_id);
  if (it == consumers_.end()) return;
  if (max_messages > 0) it->second.max_messages = max_messages;
  if (max_bytes > 0) it->second.max_bytes = max_bytes;
}

void Queue::Unsubscribe(uint64_t consumer_id) { consumers_.erase(consumer_id); }

void Queue::ReturnCredit(const Item& item) {
  const auto it = consumers_.find(item.consumer_id);
  if (it == consumers_.end()) return;
  --it->second.outstanding;
  it->second.outstanding_bytes -= item.entry.size_bytes();
}

// The consumer after the last served one that has credit for `bytes`. One
// message is always allowed, however large.
Consumer* Queue::NextWithCredit(int64_t bytes) {
  auto it = consumers_.upper_bound(last_served_);
  for (size_t i = 0; i < consumers_.size(); ++i, ++it) {
    if (it == consumers_.end()) it = consumers_.begin();
    Consumer& consumer = it->second;
    if (consumer.outstanding < consumer.max_messages &&
        (consumer.outstanding == 0 ||
         consumer.outstanding_bytes + bytes <= consumer.max_bytes)) {
      return &consumer;
    }
  }
  return nullptr;
}

// --- Settling.

absl::Status Queue::CheckLease(const AckId& ack) const {
  const auto it = items_.find(ack.sequence);
  if (it == items_.end()) return absl::NotFoundError("not unsettled");
  return CheckEntry(it->second.entry, ack);
}

// Moves a message from the unsettled to the settled.
QueueEvent Queue::Settle(Items::iterator it, v1::DeliveryState state,
                         const std::string& reason, Instant now, Batch* batch) {
  const uint64_t sequence = it->first;
  Item& item = it->second;
  Unindex(sequence, &item);
  expiring_.erase({item.entry.expire_time_micros(), sequence});

  v1::DeliveryRecord settled;
  settled.set_state(state);
  settled.set_delivery_attempt(item.entry.delivery_attempt());
  settled.set_consumer(item.entry.consumer());
  settled.set_state_time_micros(absl::ToUnixMicros(now.wall));
  settled.set_reason(reason);
  *settled.mutable_attempts() = std::move(*item.entry.mutable_attempts());
  std::string bytes = settled.SerializeAsString();
  if (state != v1::DELIVERY_STATE_ACKNOWLEDGED) {
    batch->Put(DeadLetterKey(name_, sequence), bytes);
  }
  batch->Put(DeliveryKey(sequence, name_), std::move(bytes));
  batch->Delete(QueueEntryKey(name_, sequence));

  QueueEvent event{.type = state == v1::DELIVERY_STATE_ACKNOWLEDGED
                               ? v1::AUDIT_TYPE_DELIVERED
                               : (state == v1::DELIVERY_STATE_EXPIRED
                                      ? v1::AUDIT_TYPE_EXPIRED
                                      : v1::AUDIT_TYPE_DEAD_LETTERED),
                   .sequence = sequence,
                   .attempt = item.entry.delivery_attempt(),
                   .receipt_conversation = item.entry.receipt_conversation()};
  const uint64_t key = item.entry.ordering_key_hash();
  const v1::Priority priority = item.entry.priority();
  record_.set_message_count(record_.message_count() - 1);
  record_.set_total_bytes(record_.total_bytes() - item.entry.size_bytes());
  items_.erase(it);
  // An item from LoadLease may stand behind entries still on disk.
  record_.set_floor_sequence(
      items_.empty() ? loaded_through_ + 1
                     : std::min(items_.begin()->first, loaded_through_ + 1));
  record_changed_ = true;

  if (key != 0) {
    Line& line = keys_[key];
    line.all.erase(sequence);
    line.danger.erase(sequence);
    --line.count[priority];
    IndexHeads(line);
    if (line.all.empty()) keys_.erase(key);
  }
  return event;
}

QueueEvent Queue::Acknowledge(const AckId& ack, Instant now, Batch* batch) {
  const auto it = items_.find(ack.sequence);
  ReturnCredit(it->second);
  return Settle(it, v1::DELIVERY_STATE_ACKNOWLEDGED, "", now, batch);
}

void Queue::KeepAttempt(const std::string& reason, Instant now, Item* item) {
  auto* attempts = item->entry.mutable_attempts();
  if (attempts->size() >= static_cast<int>(kMaxAttemptsKept)) {
    attempts->DeleteSubrange(0, 1);
  }
  v1::AttemptRecord* attempt = attempts->Add();
  attempt->set_delivery_attempt(item->entry.delivery_attempt());
  attempt->set_consumer(item->entry.consumer());
  attempt->set_end_time_micros(absl::ToUnixMicros(now.wall));
  attempt->set_reason(reason);
}

std::vector<QueueEvent> Queue::GiveBack(Items::iterator it, v1::AuditType why,
                                        const std::string& reason,
                                        absl::Duration delay, Instant now,
                                        Batch* batch) {
  const uint64_t sequence = it->first;
  Item& item = it->second;
  std::vector<QueueEvent> events = {{.type = why,
                                     .sequence = sequence,
                                     .attempt = item.entry.delivery_attempt()}};
  ReturnCredit(item);
  KeepAttempt(reason, now, &item);
  if (item.entry.delivery_attempt() >= policy_.max_delivery_attempts) {
    events.push_back(
        Settle(it, v1::DELIVERY_STATE_DEAD_LETTERED,
               absl::StrCat("not settled in ", item.entry.delivery_attempt(),
                            " attempts; the last: ",
                            reason.empty() ? "the lease expired" : reason),
               now, batch));
    return events;
  }
  SetState(sequence, &item,
           delay > absl::ZeroDuration() ? v1::DELIVERY_STATE_DELAYED
                                        : v1::DELIVERY_STATE_READY,
           now);
  item.entry.set_ready_time_micros(absl::ToUnixMicros(now.wall + delay));
  item.entry.set_reason(reason);
  item.consumer_id = 0;
  Store(sequence, item, batch);
  Index(sequence, &item);
  return events;
}

absl::Duration Queue::RetryDelay(int attempt) const {
  absl::Duration delay = policy_.min_retry_delay;
  for (int i = 1; i < attempt && delay < policy_.max_retry_delay; ++i) {
    delay *= 2;
  }
  return std::min(delay, policy_.max_retry_delay);
}

std::vector<QueueEvent> Queue::Nack(const AckId& ack, const std::string& reason,
                                    std::optional<absl::Duration> delay,
                                    Instant now, Batch* batch) {
  return GiveBack(items_.find(ack.sequence), v1::AUDIT_TYPE_NACKED, reason,
                  delay.value_or(RetryDelay(ack.attempt)), now, batch);
}

QueueEvent Queue::Reject(const AckId& ack, const std::string& reason,
                         Instant now, Batch* batch) {
  const auto it = items_.find(ack.sequence);
  ReturnCredit(it->second);
  KeepAttempt(reason, now, &it->second);
  return Settle(it, v1::DELIVERY_STATE_DEAD_LETTERED, reason, now, batch);
}

void Queue::ModifyDeadline(const AckId& ack, absl::Duration ack_deadline,
                           Instant now) {
  Item& item = items_.at(ack.sequence);
  Unindex(ack.sequence, &item);
  item.deadline = now.steady + ack_deadline;
  Index(ack.sequence, &item);
}

// --- Time and dispatch.

std::vector<QueueEvent> Queue::Tick(Instant now, Batch* batch) {
  std::vector<QueueEvent> events;
  size_t room = kMaxTick;
  for (; room > 0 && !leases_.empty() && leases_.begin()->first <= now.steady;
       --room) {
    for (QueueEvent& event : GiveBack(items_.find(leases_.begin()->second),
                                      v1::AUDIT_TYPE_LEASE_EXPIRED, "",
                                      absl::ZeroDuration(), now, batch)) {
      events.push_back(std::move(event));
    }
  }
  const int64_t wall_micros = absl::ToUnixMicros(now.wall);
  for (;
       room > 0 && !delayed_.empty() && delayed_.begin()->first <= wall_micros;
       --room) {
    const uint64_t sequence = delayed_.begin()->second;
    Item& item = items_.at(sequence);
    SetState(sequence, &item, v1::DELIVERY_STATE_READY, now);
    Store(sequence, item, batch);
    Index(sequence, &item);
  }
  // A leased message may still be settled; it expires when it comes back.
  for (auto it = expiring_.begin();
       room > 0 && it != expiring_.end() && it->first <= wall_micros;) {
    const auto item = items_.find(it->second);
    ++it;
    if (item->second.entry.state() == v1::DELIVERY_STATE_LEASED) continue;
    --room;
    events.push_back(Settle(item, v1::DELIVERY_STATE_EXPIRED,
                            "expired before it was taken", now, batch));
  }
  return events;
}

std::optional<absl::Duration> Queue::NextTick(Instant now) const {
  std::optional<absl::Duration> next;
  const auto consider = [&next](absl::Duration at) {
    if (!next.has_value() || at < *next) next = at;
  };
  const auto steady = [&now](int64_t wall_micros) {
    return now.steady + (absl::FromUnixMicros(wall_micros) - now.wall);
  };
  if (!leases_.empty()) consider(leases_.begin()->first);
  if (!delayed_.empty()) consider(steady(delayed_.begin()->first));
  for (const auto& [micros, sequence] : expiring_) {
    if (items_.at(sequence).entry.state() == v1::DELIVERY_STATE_LEASED) {
      continue;
    }
    consider(steady(micros));
    break;
  }
  return next;
}

std::vector<Leased> Queue::Dispatch(Instant now, Batch* batch) {
  std::vector<Leased> leased;
  while (!ready_.empty() && leased.size() < kMaxDispatch) {
    const uint64_t sequence = *ready_.Next(now.wall, policy_.aging_delay);
    Item& item = items_.at(sequence);
    Consumer* const consumer = NextWithCredit(item.entry.size_bytes());
    if (consumer == nullptr) break;
    ready_.Serve(*std::exchange(item.ready, std::nullopt), now.wall,
                 policy_.aging_delay);
    SetState(sequence, &item, v1::DELIVERY_STATE_LEASED, now);
    item.entry.set_delivery_attempt(item.entry.delivery_attempt() + 1);
    item.entry.set_consumer(consumer->name);
    item.consumer_id = consumer->id;
    item.deadline = now.steady + consumer->ack_deadline;
    Store(sequence, item, batch);
    Index(sequence, &item);
    ++consumer->outstanding;
    consumer->outstanding_bytes += item.entry.size_bytes();
    last_served_ = consumer->id;
    leased.push_back({.consumer_id = consumer->id,
                      .sequence = sequence,
                      .attempt = item.entry.delivery_attempt(),
                      .expire_time = now.wall + consumer->ack_deadline,
                      .earlier_pending = Overtakes(sequence, item)});
  }
  return leased;
}

void Queue::Flush(Batch* batch) {
  if (!record_changed_) return;
  record_changed_ = false;
  batch->Put(QueueKey(name_), record_.SerializeAsString());
}

}  // namespace baton
