#include "services/broker/jobs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/broker/copies.h"
#include "services/broker/sealed_records.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kReadAtOnce = 256;

bool Runs(const v1::JobRecord& record) {
  return record.job().state() == v1::JOB_STATE_RUNNING;
}

bool SameAsked(const v1::Job& one, const v1::Job& other) {
  return one.kind() == other.kind() && one.queue() == other.queue() &&
         one.dry_run() == other.dry_run() &&
         one.max_per_second() == other.max_per_second() &&
         one.reason() == other.reason() &&
         google::protobuf::util::MessageDifferencer::Equals(one.filter(),
                                                            other.filter());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Jobs>> Jobs::Open(Ledger* ledger,
                                                 const Queues* queues,
                                                 Touch touch) {
  std::unique_ptr<Jobs> jobs(new Jobs(ledger, queues, std::move(touch)));
  KeyRange range = JobKeys();
  std::vector<KeyValue> found;
  do {
    ASSIGN_OR_RETURN(found, ledger->committed().Scan(range, kReadAtOnce));
    for (const KeyValue& pair : found) {
      ASSIGN_OR_RETURN(const uint64_t number, SequenceOf(pair.key));
      v1::JobRecord record;
      if (!record.ParseFromString(pair.value)) {
        return absl::DataLossError(
            absl::StrCat("the record of ", JobId(number), " is damaged"));
      }
      jobs->Insert(number, std::move(record));
      range.begin = JobKey(number + 1);
    }
  } while (found.size() == kReadAtOnce);
  return jobs;
}

void Jobs::Insert(uint64_t number, v1::JobRecord record) {
  Entry& entry = entries_[number];
  entry.filter = std::make_unique<MessageFilter>(record.job().filter());
  entry.record = std::move(record);
}

Jobs::Entries::iterator Jobs::FindEntry(const std::string& job_id) {
  const absl::StatusOr<uint64_t> number = ParseJobId(job_id);
  return number.ok() ? entries_.find(*number) : entries_.end();
}

const v1::Job* Jobs::Find(const std::string& job_id) const {
  const auto it = const_cast<Jobs*>(this)->FindEntry(job_id);
  return it == entries_.end() ? nullptr : &it->second.record.job();
}

std::vector<v1::Job> Jobs::Of(const std::string& queue) const {
  std::vector<v1::Job> jobs;
  for (auto it = entries_.rbegin(); it != entries_.rend(); ++it) {
    const v1::Job& job = it->second.record.job();
    if (job.queue() == queue) jobs.push_back(job);
  }
  return jobs;
}

// --- Starting and stopping.

absl::StatusOr<const v1::JobRecord*> Jobs::FindRepeat(
    const Identity& requester, const std::string& request_id,
    const v1::Job& wanted) const {
  for (const auto& [number, entry] : entries_) {
    if (entry.record.request_id() != request_id ||
        !SameAgency(entry.record.job().requester(), requester.agency)) {
      continue;
    }
    if (SameAsked(entry.record.job(), wanted)) return &entry.record;
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(
            "request_id was used for ", entry.record.job().job_id(),
            ", which does something else; nothing was begun: use a new one")),
        "REQUEST_ID_REUSED");
  }
  return nullptr;
}

absl::StatusOr<v1::Job> Jobs::Start(const Identity& requester,
                                    const std::string& request_id,
                                    v1::Job wanted, uint64_t last_sequence) {
  ASSIGN_OR_RETURN(const v1::JobRecord* const repeat,
                   FindRepeat(requester, request_id, wanted));
  if (repeat != nullptr) return repeat->job();
  for (const auto& [number, entry] : entries_) {
    if (!Runs(entry.record) || entry.record.job().queue() != wanted.queue()) {
      continue;
    }
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            entry.record.job().job_id(), " works on queue ", wanted.queue(),
            ": wait until it has ended, or cancel it")),
        "JOB_RUNNING");
  }
  const uint64_t number = ledger_->NextSequence();
  v1::JobRecord record;
  *record.mutable_job() = std::move(wanted);
  record.mutable_job()->set_job_id(JobId(number));
  record.mutable_job()->set_state(v1::JOB_STATE_RUNNING);
  *record.mutable_job()->mutable_requester() = requester.agency;
  *record.mutable_job()->mutable_create_time() =
      ToProto(ledger_->commit_time());
  record.set_last_sequence(std::min(last_sequence, number));
  record.set_requester_key_id(requester.key_id);
  record.set_request_id(request_id);
  const MessageFilter filter(record.job().filter());
  if (const auto bounds = filter.bounds(); bounds.has_value()) {
    record.set_cursor(bounds->first - 1);
    record.set_last_sequence(std::min(number, bounds->second));
  }
  ledger_->Append(LeafOf(v1::AUDIT_TYPE_JOB, record));
  Put(number, record);
  v1::Job job = record.job();
  Insert(number, std::move(record));
  ForgetOld(job.queue());
  return job;
}

void Jobs::ForgetOld(const std::string& queue) {
  std::vector<uint64_t> ended;
  for (const auto& [number, entry] : entries_) {
    if (entry.record.job().queue() == queue && !Runs(entry.record)) {
      ended.push_back(number);
    }
  }
  for (size_t i = 0; i + kMaxPerQueue <= ended.size(); ++i) {
    ledger_->batch()->Delete(JobKey(ended[i]));
    entries_.erase(ended[i]);
  }
}

absl::StatusOr<v1::Job> Jobs::Stop(const std::string& job_id) {
  const auto it = FindEntry(job_id);
  if (it == entries_.end()) {
    return absl::NotFoundError(absl::StrCat("no job ", job_id));
  }
  v1::JobRecord& record = it->second.record;
  if (Runs(record)) {
    End(v1::JOB_STATE_CANCELLED, &record);
    Put(it->first, record);
  }
  return record.job();
}

void Jobs::End(v1::JobState state, v1::JobRecord* record) {
  record->mutable_job()->set_state(state);
  *record->mutable_job()->mutable_end_time() = ToProto(ledger_->commit_time());
  ledger_->Append(LeafOf(v1::AUDIT_TYPE_JOB, *record));
}

void Jobs::Put(uint64_t number, const v1::JobRecord& record) {
  ledger_->batch()->Put(JobKey(number), record.SerializeAsString());
}

v1::AuditEntry Jobs::LeafOf(v1::AuditType type,
                            const v1::JobRecord& record) const {
  v1::AuditEntry leaf;
  leaf.set_type(type);
  leaf.add_queues(record.job().queue());
  *leaf.mutable_actor() = record.job().requester();
  leaf.set_actor_key_id(record.requester_key_id());
  if (type == v1::AUDIT_TYPE_JOB) {
    leaf.set_code(absl::StrCat(record.job().job_id(), "/",
                               v1::JobKind_Name(record.job().kind()), "/",
                               v1::JobState_Name(record.job().state())));
  }
  return leaf;
}

// --- Working.

// A tenth of a second's worth, so that the rate is steady.
int Jobs::Allowed(const Entry& entry) const {
  const int rate = entry.record.job().max_per_second();
  return rate == 0 ? static_cast<int>(kMaxAtOnce)
                   : std::clamp(rate / 10, 1, static_cast<int>(kMaxAtOnce));
}

absl::Status Jobs::Work(Instant now) {
  size_t turns = 0;
  for (auto& [number, entry] : entries_) {
    if (!Runs(entry.record) || entry.due > now.steady) continue;
    if (turns++ == kMaxTurns) break;
    const v1::Job& job = entry.record.job();
    const auto queue = queues_->find(job.queue());
    Turn turn{.ended = true};
    if (queue != queues_->end()) {
      if (job.kind() == v1::JOB_KIND_PURGE) {
        turn = Purge(&entry, queue->second.get(), now);
      } else {
        ASSIGN_OR_RETURN(turn, Redrive(&entry, queue->second.get(), now));
      }
      if (turn.changed > 0 && !job.dry_run()) touch_(queue->second.get());
    }
    entry.record.mutable_job()->set_changed_messages(job.changed_messages() +
                                                     turn.changed);
    if (turn.ended) End(v1::JOB_STATE_DONE, &entry.record);
    Put(number, entry.record);
    const int rate = job.max_per_second();
    entry.due = now.steady;
    if (turn.no_room) entry.due += kRoomInterval;
    if (rate > 0) entry.due += absl::Seconds(1) * turn.changed / rate;
  }
  return absl::OkStatus();
}

std::optional<absl::Duration> Jobs::NextTurn() const {
  std::optional<absl::Duration> next;
  for (const auto& [number, entry] : entries_) {
    if (!Runs(entry.record)) continue;
    next = std::min(next.value_or(entry.due), entry.due);
  }
  return next;
}

absl::StatusOr<Jobs::Turn> Jobs::Redrive(Entry* entry, Queue* queue,
                                         Instant now) {
  v1::JobRecord& record = entry->record;
  ASSIGN_OR_RETURN(
      const std::vector<KeyValue> found,
      ledger_->committed().Scan(DeadLetters(queue->name(), record.cursor() + 1),
                                kMaxAtOnce));
  Turn turn;
  v1::AuditEntry leaf = LeafOf(v1::AUDIT_TYPE_REDRIVEN, record);
  turn.ended = found.size() < kMaxAtOnce;
  for (const KeyValue& pair : found) {
    ASSIGN_OR_RETURN(const bool goes_on,
                     RedriveOne(pair, entry, queue, now, &turn, &leaf));
    if (!goes_on) break;
  }
  if (!leaf.message_ids().empty()) ledger_->Append(std::move(leaf));
  return turn;
}

// Returns whether the turn goes on with the next.
absl::StatusOr<bool> Jobs::RedriveOne(const KeyValue& pair, Entry* entry,
                                      Queue* queue, Instant now, Turn* turn,
                                      v1::AuditEntry* leaf) {
  v1::JobRecord& record = entry->record;
  ASSIGN_OR_RETURN(const uint64_t sequence, SequenceOf(pair.key));
  if (sequence > record.last_sequence()) {
    turn->ended = true;
    return false;
  }
  v1::DeliveryRecord dead;
  if (!dead.ParseFromString(pair.value)) {
    return absl::DataLossError(absl::StrCat("the dead letter of ",
                                            MessageId(sequence), " in queue ",
                                            queue->name(), " is damaged"));
  }
  ASSIGN_OR_RETURN(const v1::MessageRecord message,
                   ReadMessageRecord(ledger_->committed(), sequence));
  const v1::Message& envelope = message.envelope();
  if (entry->filter->Matches(envelope)) {
    if (turn->changed == Allowed(*entry)) {
      turn->ended = false;
      return false;
    }
    if (!record.job().dry_run()) {
      NewCopy copy =
          CopyFor(queue->name(), envelope, sequence, message.ByteSizeLong());
      copy.deliver_time =
          std::max(copy.deliver_time, FromProto(envelope.publish_time()));
      if (envelope.priority() != v1::PRIORITY_IMMEDIATE_DANGER &&
          !queue->CheckRoom(1, copy.copy.size_bytes).ok()) {
        turn->no_room = true;
        turn->ended = false;
        return false;
      }
      queue->Redrive(copy, dead, now);
      leaf->add_message_ids(MessageId(sequence));
    }
    ++turn->changed;
  }
  record.set_cursor(sequence);
  record.mutable_job()->set_scanned_messages(record.job().scanned_messages() +
                                             1);
  return true;
}

Jobs::Turn Jobs::Purge(Entry* entry, Queue* queue, Instant now) {
  v1::JobRecord& record = entry->record;
  Turn turn;
  const std::vector<uint64_t> found =
      queue->Unsettled(record.cursor(), kMaxAtOnce);
  v1::AuditEntry leaf = LeafOf(v1::AUDIT_TYPE_DEAD_LETTERED, record);
  leaf.set_code("PURGED");
  turn.ended = found.size() < kMaxAtOnce;
  for (const uint64_t sequence : found) {
    if (sequence > record.last_sequence()) {
      turn.ended = true;
      break;
    }
    if (queue->MayPurge(sequence)) {
      queue->Purge(sequence, absl::StrCat("purged: ", record.job().reason()),
                   now);
      leaf.add_message_ids(MessageId(sequence));
      ++turn.changed;
    }
    record.set_cursor(sequence);
    record.mutable_job()->set_scanned_messages(record.job().scanned_messages() +
                                               1);
  }
  if (!leaf.message_ids().empty()) ledger_->Append(std::move(leaf));
  return turn;
}

}  // namespace baton
