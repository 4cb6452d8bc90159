#include "services/broker/queue.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr char kTakenOver[] = "taken over by a new stream of the same consumer";

std::string FormatMicros(int64_t micros) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMicros(micros),
                          absl::UTCTimeZone());
}

v1::Priority PriorityOf(int value) {
  return value > v1::PRIORITY_UNSPECIFIED && value < v1::Priority_ARRAYSIZE
             ? static_cast<v1::Priority>(value)
             : v1::PRIORITY_ROUTINE;
}

bool IsUrgent(int priority) { return priority >= v1::PRIORITY_URGENT; }

v1::AuditType TypeOf(v1::DeliveryState settled) {
  switch (settled) {
    case v1::DELIVERY_STATE_ACKNOWLEDGED:
      return v1::AUDIT_TYPE_DELIVERED;
    case v1::DELIVERY_STATE_EXPIRED:
      return v1::AUDIT_TYPE_EXPIRED;
    case v1::DELIVERY_STATE_CANCELLED:
      return v1::AUDIT_TYPE_CANCELLED;
    default:
      return v1::AUDIT_TYPE_DEAD_LETTERED;
  }
}

bool IsSettled(uint32_t state) {
  return v1::DeliveryState_IsValid(static_cast<int>(state)) &&
         state != v1::DELIVERY_STATE_UNSPECIFIED &&
         !IsUnsettled(static_cast<v1::DeliveryState>(state));
}

// Columns of what was added are equally long, and so on.
bool IsWhole(const v1::QueueChanges& changes) {
  const int added = changes.added_sequences_size();
  const int settled = changes.settled_sequences_size();
  const auto known = [&changes](const auto& places) {
    return std::all_of(places.begin(), places.end(), [&](uint32_t place) {
      return place < static_cast<uint32_t>(changes.names_size());
    });
  };
  return changes.added_key_hashes_size() == added &&
         changes.added_sizes_size() == added &&
         changes.added_senders_size() == added &&
         changes.added_traits_size() == added &&
         changes.leased_consumers_size() == changes.leased_sequences_size() &&
         (changes.settled_states().empty() ||
          changes.settled_states_size() == settled) &&
         std::all_of(changes.settled_states().begin(),
                     changes.settled_states().end(), IsSettled) &&
         known(changes.added_senders()) && known(changes.leased_consumers());
}

}  // namespace

Queue::Queue(std::string name, QueuePolicy policy, SenderUsage* usage)
    : name_(std::move(name)), usage_(usage), policy_(policy), log_(name_) {}

// --- Copies, and the rest that is known of some.

uint32_t Queue::PlaceOf(const std::string& sender) {
  const auto [place, is_new] = sender_places_.try_emplace(
      sender, static_cast<uint32_t>(senders_.size()));
  if (is_new) {
    senders_.push_back({sender, usage_ ? usage_->Of(sender) : nullptr});
  }
  return place->second;
}

Queue::Item Queue::ItemOf(const v1::QueueEntry& entry) {
  Item item;
  item.key = entry.ordering_key_hash();
  item.due_micros = entry.due_time_micros();
  item.size_bytes = static_cast<uint32_t>(entry.size_bytes());
  item.sender = PlaceOf(entry.sender());
  item.attempt = static_cast<uint16_t>(entry.delivery_attempt());
  item.priority = entry.immediate_danger() ? v1::PRIORITY_IMMEDIATE_DANGER
                                           : PriorityOf(entry.priority());
  item.state = static_cast<uint8_t>(entry.state());
  item.opens_matters = entry.receipt_conversation() != 0;
  return item;
}

void Queue::KeepRare(uint64_t sequence, v1::QueueEntry entry) {
  entry.clear_consumer();  // Is with the lease, if there is one.
  rare_[sequence] = std::make_unique<v1::QueueEntry>(std::move(entry));
}

v1::QueueEntry* Queue::Rare(uint64_t sequence, Item* item) {
  std::unique_ptr<v1::QueueEntry>& rare = rare_[sequence];
  if (rare == nullptr) {
    rare = std::make_unique<v1::QueueEntry>();
    rare->set_state_time_micros(item->due_micros);
  }
  item->is_rare = true;
  return rare.get();
}

const v1::QueueEntry* Queue::FindRare(uint64_t sequence,
                                      const Item& item) const {
  return item.is_rare ? rare_.at(sequence).get() : nullptr;
}

v1::QueueEntry Queue::EntryOf(uint64_t sequence) const {
  const Item& item = items_.at(sequence);
  v1::QueueEntry entry;
  if (const v1::QueueEntry* const rare = FindRare(sequence, item)) {
    entry = *rare;
  } else {
    entry.set_state_time_micros(item.due_micros);
  }
  entry.set_state(static_cast<v1::DeliveryState>(item.state));
  entry.set_delivery_attempt(item.attempt);
  entry.set_ordering_key_hash(item.key);
  entry.set_size_bytes(static_cast<int32_t>(item.size_bytes));
  entry.set_priority(static_cast<v1::Priority>(item.priority));
  entry.set_sender(senders_[item.sender].name);
  entry.set_due_time_micros(item.due_micros);
  entry.set_receipt_conversation(item.opens_matters ? sequence : 0);
  if (const auto lease = leases_.find(sequence); lease != leases_.end()) {
    entry.set_consumer(lease->second.consumer);
    entry.set_state_time_micros(lease->second.time_micros);
  }
  return entry;
}

// --- Replay: copies only; Start makes the indexes of what is left.

absl::Status Queue::Replay(uint64_t commit, const v1::QueueChanges& changes) {
  const absl::Status damaged = absl::DataLossError(absl::StrCat(
      "the record of commit ", commit, " of queue ", name_, " is damaged"));
  if (!IsWhole(changes)) return damaged;
  log_.Replay(commit);
  RETURN_IF_ERROR(ReplayAdded(changes));
  uint64_t sequence = 0;
  for (int i = 0; i < changes.leased_sequences_size(); ++i) {
    sequence += static_cast<uint64_t>(changes.leased_sequences(i));
    const auto it = items_.find(sequence);
    if (it == items_.end()) continue;
    it->second.state = v1::DELIVERY_STATE_LEASED;
    ++it->second.attempt;
    leases_[sequence] = {.consumer = changes.names(
                             static_cast<int>(changes.leased_consumers(i))),
                         .time_micros = changes.time_micros()};
  }
  for (const v1::QueueCopy& copy : changes.whole()) {
    if (!IsUnsettled(copy.entry().state())) return damaged;
    Item item = ItemOf(copy.entry());
    const auto old = items_.find(copy.sequence());
    item.home = log_.Replayed(copy.sequence(),
                              old == items_.end() ? 0 : old->second.home);
    item.is_rare = true;
    leases_.erase(copy.sequence());
    if (item.state == v1::DELIVERY_STATE_LEASED) {
      leases_[copy.sequence()] = {
          .consumer = copy.entry().consumer(),
          .time_micros = copy.entry().state_time_micros()};
    }
    KeepRare(copy.sequence(), copy.entry());
    items_.insert_or_assign(copy.sequence(), item);
  }
  return ReplaySettled(commit, changes);
}

absl::Status Queue::ReplayAdded(const v1::QueueChanges& changes) {
  uint64_t sequence = 0;
  v1::QueueEntry entry;
  entry.set_state(v1::DELIVERY_STATE_READY);
  entry.set_due_time_micros(changes.time_micros());
  for (int i = 0; i < changes.added_sequences_size(); ++i) {
    sequence += static_cast<uint64_t>(changes.added_sequences(i));
    const uint32_t traits = changes.added_traits(i);
    entry.set_ordering_key_hash(changes.added_key_hashes(i));
    entry.set_size_bytes(static_cast<int32_t>(changes.added_sizes(i)));
    entry.set_sender(changes.names(static_cast<int>(changes.added_senders(i))));
    entry.set_priority(
        PriorityOf(static_cast<int>(traits % kOpensMattersTrait)));
    entry.set_receipt_conversation((traits & kOpensMattersTrait) != 0 ? sequence
                                                                      : 0);
    Item item = ItemOf(entry);
    item.home = log_.Replayed(sequence, 0);
    const size_t before = items_.size();
    items_.try_emplace(items_.end(), sequence, item);
    if (items_.size() == before) {
      return absl::DataLossError(
          absl::StrCat("queue ", name_, " was given a message twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status Queue::ReplaySettled(uint64_t commit,
                                  const v1::QueueChanges& changes) {
  uint64_t sequence = 0;
  for (int i = 0; i < changes.settled_sequences_size(); ++i) {
    sequence += static_cast<uint64_t>(changes.settled_sequences(i));
    const auto it = items_.find(sequence);
    if (it == items_.end()) continue;
    if (commit > record_.folded_commit()) {
      const auto lease = leases_.find(sequence);
      const v1::QueueEntry* const rare = FindRare(sequence, it->second);
      const bool failed_before = rare != nullptr && !rare->attempts().empty();
      settled_.Add(
          sequence,
          {.state =
               changes.settled_states().empty()
                   ? v1::DELIVERY_STATE_ACKNOWLEDGED
                   : static_cast<v1::DeliveryState>(changes.settled_states(i)),
           .attempt = it->second.attempt,
           .consumer = lease == leases_.end() ? "" : lease->second.consumer,
           .time_micros = changes.time_micros(),
           .has_record =
               failed_before ||
               (!changes.settled_states().empty() &&
                changes.settled_states(i) != v1::DELIVERY_STATE_ACKNOWLEDGED)});
    }
    log_.ReplayedSettled(it->second.home);
    leases_.erase(sequence);
    rare_.erase(sequence);
    items_.erase(it);
  }
  return absl::OkStatus();
}

void Queue::Adopt(uint64_t sequence, v1::QueueEntry entry) {
  if (entry.due_time_micros() == 0) {
    entry.set_due_time_micros(entry.state_time_micros());
  }
  Item item = ItemOf(entry);
  item.is_rare = true;
  item.home = log_.Changed(sequence, 0);
  if (item.state == v1::DELIVERY_STATE_LEASED) {
    leases_[sequence] = {.consumer = entry.consumer(),
                         .time_micros = entry.state_time_micros()};
  }
  KeepRare(sequence, std::move(entry));
  items_.insert_or_assign(sequence, item);
}

void Queue::Start(absl::Duration ack_deadline, Instant now) {
  total_bytes_ = 0;
  for (auto& [sequence, item] : items_) {
    Count(sequence, item);
    if (WaitsForItsTime(item)) EndDelay(now, sequence, &item);
    if (!WaitsForItsTime(item)) {
      lines_.Add(item.key, sequence, static_cast<v1::Priority>(item.priority));
    }
    if (const v1::QueueEntry* const rare = FindRare(sequence, item);
        rare != nullptr && rare->expire_time_micros() != 0) {
      expiring_.insert({rare->expire_time_micros(), sequence});
    }
    if (item.state != v1::DELIVERY_STATE_LEASED) continue;
    leases_.at(sequence).deadline = now.steady + ack_deadline;
    NoteLeased(sequence, item);
  }
  for (auto& [sequence, item] : items_) Index(sequence, &item);
}

// Nothing of it is written: a delay that is over ends again at a restart, and
// all of them at once, so that nobody passes whoever is still to be let in.
void Queue::EndDelay(Instant now, uint64_t sequence, Item* item) {
  v1::QueueEntry* const rare = Rare(sequence, item);
  if (rare->ready_time_micros() > absl::ToUnixMicros(now.wall)) return;
  item->state = v1::DELIVERY_STATE_READY;
  rare->set_state_time_micros(rare->ready_time_micros());
}

// --- Indexes.

void Queue::Count(uint64_t sequence, const Item& item) {
  total_bytes_ += item.size_bytes;
  if (IsUrgent(item.priority)) urgent_.insert({item.due_micros, sequence});
  SenderUsage::Account* const account = senders_[item.sender].account;
  if (account != nullptr) account->Add(item.size_bytes, item.due_micros);
}

void Queue::Uncount(uint64_t sequence, const Item& item) {
  total_bytes_ -= item.size_bytes;
  if (IsUrgent(item.priority)) urgent_.erase({item.due_micros, sequence});
  SenderUsage::Account* const account = senders_[item.sender].account;
  if (account != nullptr) account->Remove(item.size_bytes, item.due_micros);
}

void Queue::Insert(uint64_t sequence, Item item) {
  Count(sequence, item);
  const auto it = items_.insert_or_assign(items_.end(), sequence, item);
  if (WaitsForItsTime(item)) {
    Index(sequence, &it->second);
  } else {
    EnterLine(sequence, &it->second);
  }
}

void Queue::EnterLine(uint64_t sequence, Item* item) {
  const uint64_t key = item->key;
  if (key == 0) return Index(sequence, item);
  const uint64_t before[] = {lines_.First(key), lines_.FirstDanger(key)};
  lines_.Add(key, sequence, static_cast<v1::Priority>(item->priority));
  Index(sequence, item);
  IndexHeads(key);
  // Whoever was in front may be so no more.
  for (const uint64_t head : before) {
    if (head > sequence) Index(head, &items_.at(head));
  }
}

void Queue::IndexHeads(uint64_t key) {
  if (key == 0) return;
  const uint64_t heads[] = {lines_.First(key), lines_.FirstDanger(key)};
  for (const uint64_t head : heads) {
    if (head != 0) Index(head, &items_.at(head));
  }
}

// Danger behind it lends it nothing: that overtakes.
DispatchOrder::Candidate Queue::CandidateOf(uint64_t sequence,
                                            const Item& item) const {
  auto level = static_cast<v1::Priority>(item.priority);
  if (level != v1::PRIORITY_IMMEDIATE_DANGER && item.key != 0) {
    level = std::max(level, lines_.Lends(item.key));
  }
  return {.sequence = sequence,
          .level = level,
          .sender = item.sender,
          .due_micros = item.due_micros};
}

bool Queue::IsHeadOfKey(uint64_t sequence, const Item& item) const {
  if (item.key == 0) return true;
  if (item.priority == v1::PRIORITY_IMMEDIATE_DANGER) {
    return sequence == lines_.FirstDanger(item.key);
  }
  return sequence == lines_.First(item.key) &&
         !leased_of_key_.contains(item.key);
}

void Queue::Index(uint64_t sequence, Item* item) {
  Unindex(sequence, item);
  switch (item->state) {
    case v1::DELIVERY_STATE_READY:
      if (IsHeadOfKey(sequence, *item)) {
        const DispatchOrder::Candidate candidate = CandidateOf(sequence, *item);
        item->ready_level = static_cast<uint8_t>(candidate.level);
        ready_.Add(candidate);
      }
      break;
    case v1::DELIVERY_STATE_DELAYED:
      delayed_.insert(
          {FindRare(sequence, *item)->ready_time_micros(), sequence});
      break;
    case v1::DELIVERY_STATE_LEASED:
      deadlines_.insert({leases_.at(sequence).deadline, sequence});
      break;
    default:
      assert(false);
  }
}

void Queue::Unindex(uint64_t sequence, Item* item) {
  switch (item->state) {
    case v1::DELIVERY_STATE_READY:
      if (item->ready_level == 0) break;
      ready_.Remove({.sequence = sequence,
                     .level = static_cast<v1::Priority>(item->ready_level),
                     .sender = item->sender,
                     .due_micros = item->due_micros});
      item->ready_level = 0;
      break;
    case v1::DELIVERY_STATE_DELAYED:
      delayed_.erase(
          {FindRare(sequence, *item)->ready_time_micros(), sequence});
      break;
    default:
      deadlines_.erase({leases_.at(sequence).deadline, sequence});
  }
}

// --- Publishing.

absl::Status Queue::CheckRoom(uint64_t count, uint64_t bytes) const {
  if (mode() == v1::QUEUE_MODE_DRAINING) {
    return LimitReached(
        "queue_mode",
        absl::StrCat("queue ", name_, " is draining and takes nothing new"),
        absl::Seconds(60));
  }
  if (items_.size() + count > policy_.max_messages) {
    return LimitReached(
        "max_messages",
        absl::StrCat("queue ", name_, " holds ", items_.size(), " messages"),
        absl::Seconds(30));
  }
  if (total_bytes_ + bytes > policy_.max_bytes) {
    return LimitReached(
        "max_bytes",
        absl::StrCat("queue ", name_, " holds ", total_bytes_, " bytes"),
        absl::Seconds(30));
  }
  return absl::OkStatus();
}

void Queue::Add(const NewCopy& added, Instant now) {
  const FreshCopy& copy = added.copy;
  const bool delayed = added.deliver_time > now.wall;
  Item item;
  item.key = copy.ordering_key_hash;
  item.due_micros = absl::ToUnixMicros(delayed ? added.deliver_time : now.wall);
  item.size_bytes = copy.size_bytes;
  item.sender = PlaceOf(added.sender);
  item.priority = static_cast<uint8_t>(PriorityOf(copy.priority));
  item.opens_matters = copy.opens_matters;
  if (delayed || added.expire_time != absl::InfiniteFuture()) {
    v1::QueueEntry* const rare = Rare(copy.sequence, &item);
    rare->set_state_time_micros(absl::ToUnixMicros(now.wall));
    if (delayed) {
      item.state = v1::DELIVERY_STATE_DELAYED;
      rare->set_ready_time_micros(item.due_micros);
    }
    if (added.expire_time != absl::InfiniteFuture()) {
      rare->set_expire_time_micros(absl::ToUnixMicros(added.expire_time));
      expiring_.insert({rare->expire_time_micros(), copy.sequence});
    }
    item.home = log_.Changed(copy.sequence, 0);
  } else {
    item.home = log_.Added(copy, added.sender);
  }
  Insert(copy.sequence, item);
}

// --- Consumers.

Queue::Subscribed Queue::Subscribe(Consumer consumer, Instant now) {
  std::vector<uint64_t> held;
  for (const auto& [sequence, lease] : leases_) {
    if (!consumer.name.empty() && lease.consumer == consumer.name) {
      held.push_back(sequence);
    }
  }
  std::sort(held.begin(), held.end());
  Subscribed subscribed;
  for (const uint64_t sequence : held) {
    for (QueueEvent& event :
         GiveBack(items_.find(sequence), v1::AUDIT_TYPE_LEASE_EXPIRED,
                  kTakenOver, absl::ZeroDuration(), now)) {
      subscribed.events.push_back(std::move(event));
    }
  }
  subscribed.replaced = consumers_.Add(std::move(consumer));
  return subscribed;
}

void Queue::NoteSign(uint64_t sequence) {
  consumers_.NoteSign(leases_.at(sequence).consumer_id);
}

void Queue::ReturnCredit(uint64_t sequence, const Item& item) {
  consumers_.Returned(leases_.at(sequence).consumer_id, item.size_bytes);
}

void Queue::NoteLeased(uint64_t sequence, const Item& item) {
  if (item.key == 0 || item.priority == v1::PRIORITY_IMMEDIATE_DANGER) return;
  leased_of_key_[item.key] = sequence;
}

void Queue::EndLease(uint64_t sequence, const Item& item) {
  leases_.erase(sequence);
  const auto leased = leased_of_key_.find(item.key);
  if (leased != leased_of_key_.end() && leased->second == sequence) {
    leased_of_key_.erase(leased);
  }
}

// --- Settling.

absl::Status Queue::CheckLease(const AckId& ack) const {
  const auto it = items_.find(ack.sequence);
  if (it == items_.end()) return absl::NotFoundError("not unsettled");
  if (it->second.state == v1::DELIVERY_STATE_LEASED &&
      it->second.attempt == ack.attempt) {
    return absl::OkStatus();
  }
  const v1::QueueEntry* const rare = FindRare(ack.sequence, it->second);
  if (rare != nullptr) {
    for (const v1::AttemptRecord& attempt : rare->attempts()) {
      if (attempt.delivery_attempt() != ack.attempt) continue;
      return absl::FailedPreconditionError(
          absl::StrCat("lease ", FormatAckId(ack), " ended at ",
                       FormatMicros(attempt.end_time_micros()),
                       attempt.reason().empty() ? "" : ": ", attempt.reason(),
                       "; the message is delivered again"));
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("lease ", FormatAckId(ack), " is not held"));
}

// Moves a copy from the unsettled to the settled.
QueueEvent Queue::Settle(Items::iterator it, v1::DeliveryState state,
                         const std::string& reason, Instant now) {
  const uint64_t sequence = it->first;
  Item& item = it->second;
  Unindex(sequence, &item);
  const auto lease = leases_.find(sequence);
  Settled settled{.state = state,
                  .attempt = item.attempt,
                  .consumer = lease == leases_.end() ? std::string()
                                                     : lease->second.consumer,
                  .time_micros = absl::ToUnixMicros(now.wall)};
  const bool failed_before =
      item.is_rare && !rare_.at(sequence)->attempts().empty();
  if (IsDeadLetter(state)) dead_letters_.insert(sequence);
  if (state != v1::DELIVERY_STATE_ACKNOWLEDGED || failed_before) {
    settled.has_record = true;
    v1::DeliveryRecord& dead = records_.emplace_back().second;
    records_.back().first = sequence;
    dead.set_state(state);
    dead.set_delivery_attempt(settled.attempt);
    dead.set_consumer(settled.consumer);
    dead.set_state_time_micros(settled.time_micros);
    dead.set_reason(reason);
    if (const v1::QueueEntry* const rare = FindRare(sequence, item)) {
      *dead.mutable_attempts() = rare->attempts();
      dead.set_redrives(rare->redrives());
    }
  }
  log_.Settled(sequence, state, item.home, [&] { return EntryOf(sequence); });
  settled_.Add(sequence, std::move(settled));

  const QueueEvent event{
      .type = TypeOf(state),
      .sequence = sequence,
      .attempt = item.attempt,
      .receipt_conversation = item.opens_matters ? sequence : 0};
  const uint64_t key = item.key;
  if (!WaitsForItsTime(item)) {
    lines_.Remove(key, sequence, static_cast<v1::Priority>(item.priority));
  }
  Uncount(sequence, item);
  if (item.is_rare) {
    expiring_.erase({rare_.at(sequence)->expire_time_micros(), sequence});
    rare_.erase(sequence);
  }
  EndLease(sequence, item);
  items_.erase(it);
  IndexHeads(key);
  return event;
}

QueueEvent Queue::Acknowledge(const AckId& ack, Instant now) {
  const auto it = items_.find(ack.sequence);
  NoteSign(ack.sequence);
  ReturnCredit(ack.sequence, it->second);
  return Settle(it, v1::DELIVERY_STATE_ACKNOWLEDGED, "", now);
}

void Queue::KeepAttempt(uint64_t sequence, const std::string& reason,
                        Instant now, Item* item) {
  auto* const attempts = Rare(sequence, item)->mutable_attempts();
  if (attempts->size() >= static_cast<int>(kMaxAttemptsKept)) {
    attempts->DeleteSubrange(0, 1);
  }
  v1::AttemptRecord* const attempt = attempts->Add();
  attempt->set_delivery_attempt(item->attempt);
  attempt->set_consumer(leases_.at(sequence).consumer);
  attempt->set_end_time_micros(absl::ToUnixMicros(now.wall));
  attempt->set_reason(reason);
}

std::vector<QueueEvent> Queue::GiveBack(Items::iterator it, v1::AuditType why,
                                        const std::string& reason,
                                        absl::Duration delay, Instant now) {
  const uint64_t sequence = it->first;
  Item& item = it->second;
  std::vector<QueueEvent> events = {
      {.type = why,
       .sequence = sequence,
       .attempt = item.attempt,
       .consumer_id = leases_.at(sequence).consumer_id}};
  ReturnCredit(sequence, item);
  KeepAttempt(sequence, reason, now, &item);
  const int attempts = item.attempt - Rare(sequence, &item)->attempt_base();
  if (attempts >= policy_.max_delivery_attempts) {
    events.push_back(Settle(
        it, v1::DELIVERY_STATE_DEAD_LETTERED,
        absl::StrCat("not settled in ", attempts, " attempts; the last: ",
                     reason.empty() ? "the lease expired" : reason),
        now));
    return events;
  }
  Unindex(sequence, &item);
  EndLease(sequence, item);
  v1::QueueEntry* const rare = Rare(sequence, &item);
  rare->set_state_time_micros(absl::ToUnixMicros(now.wall));
  rare->set_ready_time_micros(absl::ToUnixMicros(now.wall + delay));
  rare->set_reason(reason);
  item.state = delay > absl::ZeroDuration() ? v1::DELIVERY_STATE_DELAYED
                                            : v1::DELIVERY_STATE_READY;
  item.home = log_.Changed(sequence, item.home);
  Index(sequence, &item);
  IndexHeads(item.key);  // One that came back may have waited for it.
  return events;
}

// Shortened by chance; but the chance is the lease's own, so that equal
// commands make equal commits.
absl::Duration Queue::RetryDelay(const AckId& ack) const {
  absl::Duration delay = policy_.min_retry_delay;
  for (int i = 1; i < ack.attempt && delay < policy_.max_retry_delay; ++i) {
    delay *= 2;
  }
  delay = std::min(delay, policy_.max_retry_delay);
  uint64_t mixed =
      ack.sequence * 0x9e3779b97f4a7c15 + static_cast<uint64_t>(ack.attempt);
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  const double chance = static_cast<double>(mixed >> 11) / (1ULL << 53);
  return delay - delay * (chance * policy_.retry_jitter_percent / 100);
}

std::vector<QueueEvent> Queue::Nack(const AckId& ack, const std::string& reason,
                                    std::optional<absl::Duration> delay,
                                    Instant now) {
  NoteSign(ack.sequence);
  return GiveBack(items_.find(ack.sequence), v1::AUDIT_TYPE_NACKED, reason,
                  delay.value_or(RetryDelay(ack)), now);
}

QueueEvent Queue::Reject(const AckId& ack, const std::string& reason,
                         Instant now) {
  const auto it = items_.find(ack.sequence);
  NoteSign(ack.sequence);
  ReturnCredit(ack.sequence, it->second);
  KeepAttempt(ack.sequence, reason, now, &it->second);
  return Settle(it, v1::DELIVERY_STATE_DEAD_LETTERED, reason, now);
}

void Queue::ModifyDeadline(const AckId& ack, absl::Duration ack_deadline,
                           Instant now) {
  NoteSign(ack.sequence);
  Item& item = items_.at(ack.sequence);
  Unindex(ack.sequence, &item);
  leases_.at(ack.sequence).deadline = now.steady + ack_deadline;
  Index(ack.sequence, &item);
}

// --- By hand.

void Queue::SetMode(v1::QueueMode mode, const std::string& reason,
                    Instant now) {
  record_.set_mode(mode);
  record_.set_mode_reason(reason);
  record_.set_mode_time_micros(absl::ToUnixMicros(now.wall));
  record_changed_ = true;
}

absl::Status Queue::CheckCancel(uint64_t sequence) const {
  const auto it = items_.find(sequence);
  if (it == items_.end()) return absl::NotFoundError("not unsettled");
  if (WaitsForItsTime(it->second)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      MessageId(sequence), " is due in queue ", name_,
      " already: it can be withdrawn or corrected, but not cancelled"));
}

QueueEvent Queue::Cancel(uint64_t sequence, Instant now) {
  return Settle(items_.find(sequence), v1::DELIVERY_STATE_CANCELLED, "", now);
}

bool Queue::MayPurge(uint64_t sequence) const {
  const Item& item = items_.at(sequence);
  return item.state != v1::DELIVERY_STATE_LEASED &&
         item.priority != v1::PRIORITY_IMMEDIATE_DANGER;
}

QueueEvent Queue::Purge(uint64_t sequence, const std::string& reason,
                        Instant now) {
  return Settle(items_.find(sequence), v1::DELIVERY_STATE_DEAD_LETTERED, reason,
                now);
}

Queue::Purgeable Queue::CountPurgeable() const {
  Purgeable purgeable;
  for (const auto& [sequence, item] : items_) {
    if (MayPurge(sequence)) ++purgeable.messages;
    purgeable.last_sequence = sequence;
  }
  return purgeable;
}

void Queue::Redrive(const NewCopy& copy, const v1::DeliveryRecord& dead,
                    Instant now) {
  const uint64_t sequence = copy.copy.sequence;
  dead_letters_.erase(sequence);
  redriven_.push_back(sequence);
  const bool delayed =
      copy.deliver_time > now.wall && dead.delivery_attempt() == 0;
  v1::QueueEntry entry;
  entry.set_state(delayed ? v1::DELIVERY_STATE_DELAYED
                          : v1::DELIVERY_STATE_READY);
  if (delayed) {
    entry.set_ready_time_micros(absl::ToUnixMicros(copy.deliver_time));
  }
  entry.set_delivery_attempt(dead.delivery_attempt());
  entry.set_ordering_key_hash(copy.copy.ordering_key_hash);
  entry.set_size_bytes(static_cast<int32_t>(copy.copy.size_bytes));
  entry.set_state_time_micros(absl::ToUnixMicros(now.wall));
  entry.set_reason(dead.reason());
  *entry.mutable_attempts() = dead.attempts();
  entry.set_receipt_conversation(copy.copy.opens_matters ? sequence : 0);
  entry.set_priority(copy.copy.priority);
  entry.set_sender(copy.sender);
  entry.set_due_time_micros(absl::ToUnixMicros(copy.deliver_time));
  entry.set_redrives(dead.redrives() + 1);
  entry.set_attempt_base(dead.delivery_attempt());
  Item item = ItemOf(entry);
  item.is_rare = true;
  item.home = log_.Changed(sequence, 0);
  KeepRare(sequence, std::move(entry));
  Insert(sequence, item);
}

// --- Looking.

v1::Queue Queue::Describe(Instant now) const {
  v1::Queue queue;
  queue.set_queue(name_);
  queue.set_mode(mode());
  queue.set_mode_reason(record_.mode_reason());
  if (record_.mode_time_micros() != 0) {
    *queue.mutable_mode_time() =
        ToProto(absl::FromUnixMicros(record_.mode_time_micros()));
  }
  queue.set_leased_messages(static_cast<int64_t>(leases_.size()));
  queue.set_delayed_messages(static_cast<int64_t>(delayed_.size()));
  queue.set_ready_messages(static_cast<int64_t>(items_.size()) -
                           queue.leased_messages() - queue.delayed_messages());
  queue.set_unsettled_bytes(static_cast<int64_t>(total_bytes_));
  queue.set_dead_letters(static_cast<int64_t>(dead_letters_.size()));
  int64_t oldest = ready_.OldestDueMicros();
  for (const auto& [sequence, lease] : leases_) {
    oldest = std::min(oldest, items_.at(sequence).due_micros);
  }
  const int64_t now_micros = absl::ToUnixMicros(now.wall);
  if (oldest <= now_micros) {
    *queue.mutable_oldest_due_time() = ToProto(absl::FromUnixMicros(oldest));
  }
  if (!urgent_.empty() && urgent_.begin()->first <= now_micros) {
    *queue.mutable_oldest_urgent_due_time() =
        ToProto(absl::FromUnixMicros(urgent_.begin()->first));
  }
  for (const auto& [id, consumer] : consumers_.by_id()) {
    v1::QueueConsumer* const shown = queue.add_consumers();
    shown->set_consumer(consumer.name);
    shown->set_outstanding_messages(consumer.outstanding);
    shown->set_max_outstanding_messages(consumer.max_messages);
    shown->set_exclusive(consumer.exclusive);
  }
  queue.set_max_messages(static_cast<int64_t>(policy_.max_messages));
  queue.set_max_bytes(static_cast<int64_t>(policy_.max_bytes));
  return queue;
}

std::vector<uint64_t> Queue::Unsettled(uint64_t after, size_t limit) const {
  std::vector<uint64_t> found;
  for (auto it = items_.upper_bound(after);
       it != items_.end() && found.size() < limit; ++it) {
    found.push_back(it->first);
  }
  return found;
}

std::optional<v1::DeliveryRecord> Queue::Find(uint64_t sequence) const {
  v1::DeliveryRecord found;
  if (const auto it = items_.find(sequence); it != items_.end()) {
    v1::QueueEntry entry = EntryOf(sequence);
    found.set_state(entry.state());
    found.set_delivery_attempt(entry.delivery_attempt());
    found.set_consumer(entry.consumer());
    found.set_state_time_micros(entry.state_time_micros());
    found.set_reason(entry.reason());
    *found.mutable_attempts() = std::move(*entry.mutable_attempts());
    return found;
  }
  const Settled* const settled = settled_.Find(sequence);
  if (settled == nullptr || settled->has_record) return std::nullopt;
  found.set_state(settled->state);
  found.set_delivery_attempt(settled->attempt);
  found.set_consumer(settled->consumer);
  found.set_state_time_micros(settled->time_micros);
  return found;
}

// --- Time and dispatch.

Queue::Ticked Queue::Tick(Instant now) {
  Ticked ticked;
  std::vector<QueueEvent>& events = ticked.events;
  size_t room = kMaxTick;
  for (; room > 0 && !deadlines_.empty() &&
         deadlines_.begin()->first <= now.steady;
       --room) {
    for (QueueEvent& event : GiveBack(items_.find(deadlines_.begin()->second),
                                      v1::AUDIT_TYPE_LEASE_EXPIRED, "",
                                      absl::ZeroDuration(), now)) {
      events.push_back(std::move(event));
    }
  }
  std::set<uint64_t> losers;
  for (const QueueEvent& event : events) {
    if (event.type == v1::AUDIT_TYPE_LEASE_EXPIRED) {
      losers.insert(event.consumer_id);
    }
  }
  ticked.stalled = consumers_.NoteLost(losers, now);
  const int64_t wall_micros = absl::ToUnixMicros(now.wall);
  for (;
       room > 0 && !delayed_.empty() && delayed_.begin()->first <= wall_micros;
       --room) {
    const uint64_t sequence = delayed_.begin()->second;
    Item& item = items_.at(sequence);
    Unindex(sequence, &item);
    const bool enters = WaitsForItsTime(item);
    EndDelay(now, sequence, &item);
    if (enters) {
      EnterLine(sequence, &item);
    } else {
      Index(sequence, &item);
    }
  }
  // A leased message may still be settled; it expires when it comes back.
  for (auto it = expiring_.begin();
       room > 0 && it != expiring_.end() && it->first <= wall_micros;) {
    const auto item = items_.find(it->second);
    if (item->second.state == v1::DELIVERY_STATE_LEASED) {
      ++it;
      continue;
    }
    --room;
    const std::pair<int64_t, uint64_t> expired = *it;
    events.push_back(Settle(item, v1::DELIVERY_STATE_EXPIRED,
                            "expired before it was taken", now));
    it = expiring_.upper_bound(expired);
  }
  return ticked;
}

std::optional<absl::Duration> Queue::NextTick(Instant now) const {
  std::optional<absl::Duration> next;
  const auto consider = [&next](absl::Duration at) {
    if (!next.has_value() || at < *next) next = at;
  };
  const auto steady = [&now](int64_t wall_micros) {
    return now.steady + (absl::FromUnixMicros(wall_micros) - now.wall);
  };
  if (!deadlines_.empty()) consider(deadlines_.begin()->first);
  if (!delayed_.empty()) consider(steady(delayed_.begin()->first));
  for (const auto& [micros, sequence] : expiring_) {
    if (items_.at(sequence).state == v1::DELIVERY_STATE_LEASED) continue;
    consider(steady(micros));
    break;
  }
  return next;
}

std::vector<Leased> Queue::Dispatch(Instant now) {
  std::vector<Leased> leased;
  if (mode() == v1::QUEUE_MODE_PAUSED) return leased;
  while (!ready_.empty() && leased.size() < kMaxDispatch) {
    const uint64_t sequence = *ready_.Next(now.wall, policy_.aging_delay);
    Item& item = items_.at(sequence);
    const Consumer* const consumer = consumers_.Next(item.size_bytes);
    if (consumer == nullptr) break;
    ready_.Serve({.sequence = sequence,
                  .level = static_cast<v1::Priority>(item.ready_level),
                  .sender = item.sender,
                  .due_micros = item.due_micros},
                 now.wall, policy_.aging_delay);
    item.ready_level = 0;
    item.state = v1::DELIVERY_STATE_LEASED;
    ++item.attempt;
    leases_[sequence] = {.consumer_id = consumer->id,
                         .consumer = consumer->name,
                         .deadline = now.steady + consumer->ack_deadline,
                         .time_micros = absl::ToUnixMicros(now.wall)};
    NoteLeased(sequence, item);
    log_.Leased(sequence, consumer->name);
    Index(sequence, &item);
    consumers_.Took(consumer->id, item.size_bytes);
    const v1::QueueEntry* const rare = FindRare(sequence, item);
    leased.push_back(
        {.consumer_id = consumer->id,
         .sequence = sequence,
         .attempt = item.attempt,
         .expire_time = now.wall + consumer->ack_deadline,
         .earlier_pending = item.key != 0 && lines_.First(item.key) != sequence,
         .came_back = rare != nullptr && rare->redrives() > 0});
  }
  return leased;
}

// --- The disk.

void Queue::Flush(uint64_t commit, Instant now, bool fold, Batch* batch) {
  for (const uint64_t sequence : redriven_) {
    batch->Delete(DeadLetterKey(name_, sequence));
  }
  redriven_.clear();
  for (const auto& [sequence, record] : records_) {
    batch->Put(IsDeadLetter(record.state()) ? DeadLetterKey(name_, sequence)
                                            : DeliveryKey(sequence, name_),
               record.SerializeAsString());
  }
  records_.clear();
  if (fold || settled_.size() >= kUnfoldedPerRecord * policy_.max_log_records ||
      IsLong()) {
    Fold(commit, batch);
  } else if (record_changed_) {
    PutRecord(batch);
  }
  log_.Write(
      commit, absl::ToUnixMicros(now.wall),
      [this](uint64_t sequence) { return EntryOf(sequence); }, batch);
}

void Queue::PutRecord(Batch* batch) {
  if (!may_hold_format_1_) record_.set_floor_sequence(kNothingOfFormat1);
  batch->Put(QueueKey(name_), record_.SerializeAsString());
  record_changed_ = false;
}

void Queue::Fold(uint64_t commit, Batch* batch) {
  settled_.Fold(name_, commit, batch);
  record_.set_first_commit(log_.Trim(commit, batch));
  record_.set_folded_commit(commit);
  PutRecord(batch);
  if (!IsLong()) return;
  QueueLog::Home below = 0;
  for (const uint64_t sequence : log_.Stale(&below)) {
    const auto it = items_.find(sequence);
    if (it == items_.end() || it->second.home >= below) continue;
    it->second.home = log_.Changed(sequence, it->second.home);
  }
}

}  // namespace baton
