#include "services/agency/outbox.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kLoadPage = 1000;
constexpr size_t kSweepPage = 16;
constexpr absl::Duration kFirstRetryDelay = absl::Seconds(1);

v1::OutboxState Held() { return v1::OUTBOX_STATE_HELD; }

bool NeedsSending(v1::OutboxState state) {
  return state == v1::OUTBOX_STATE_HELD || state == v1::OUTBOX_STATE_REFUSED;
}

// "#2" becomes the thread's second matter.
void NameMatter(const v1::OutboxThreadRecord& thread, std::string* matter_id) {
  int number = 0;
  if (absl::StartsWith(*matter_id, "#") &&
      absl::SimpleAtoi(matter_id->substr(1), &number) && number >= 1 &&
      number <= thread.matter_ids_size()) {
    *matter_id = thread.matter_ids(number - 1);
  }
}

}  // namespace

bool MayPass(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kUnimplemented:
      return false;
    default:
      return true;
  }
}

absl::StatusOr<std::unique_ptr<Outbox>> Outbox::Open(AgencyStore* store,
                                                     Options options,
                                                     Instant now) {
  std::unique_ptr<Outbox> outbox(new Outbox(store, std::move(options)));
  RETURN_IF_ERROR(outbox->Load(now));
  return outbox;
}

absl::Status Outbox::Load(Instant now) {
  while (true) {
    ASSIGN_OR_RETURN(
        const std::vector<KeyValue> page,
        store_->committed().Scan(OutboxEntries(last_id_ + 1), kLoadPage));
    for (const KeyValue& pair : page) {
      ASSIGN_OR_RETURN(last_id_, SequenceOf(pair.key));
      v1::OutboxRecord record;
      if (!record.ParseFromString(pair.value)) {
        return absl::DataLossError("an outbox record is damaged");
      }
      if (NeedsSending(record.state())) Track(last_id_, record, now);
    }
    if (page.size() < kLoadPage) return absl::OkStatus();
  }
}

void Outbox::Track(uint64_t outbox_id, const v1::OutboxRecord& record,
                   Instant now) {
  unsettled_[outbox_id] = {.state = record.state(),
                           .thread = record.thread(),
                           .kind = record.kind(),
                           .priority = record.priority(),
                           .held_time = FromProto(record.held_time()),
                           .next_try = now.steady,
                           .document = {.number = record.document_number(),
                                        .after = record.after_outbox_id()}};
  threads_[record.thread()].push_back(outbox_id);
}

void Outbox::Untrack(uint64_t outbox_id) {
  const auto it = unsettled_.find(outbox_id);
  const auto line = threads_.find(it->second.thread);
  line->second.erase(
      std::find(line->second.begin(), line->second.end(), outbox_id));
  if (line->second.empty()) threads_.erase(line);
  unsettled_.erase(it);
}

std::string Outbox::RequestHash(absl::string_view request_id) const {
  return store_->Pseudonym(absl::StrCat("request/", request_id));
}

absl::StatusOr<uint64_t> Outbox::FindRequest(
    absl::string_view request_id,
    const google::protobuf::Message& request) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   store_->Get(RequestKey(RequestHash(request_id))));
  if (!bytes.has_value()) return 0;
  v1::RequestRecord record;
  if (!record.ParseFromString(*bytes)) {
    return absl::DataLossError("a request record is damaged");
  }
  if (record.request_hmac() != store_->Digest(request)) {
    return WithReason(
        absl::AlreadyExistsError(
            "this request_id was used for another request; nothing was done: "
            "use a new one"),
        "REQUEST_ID_REUSED");
  }
  return record.outbox_id();
}

absl::StatusOr<uint64_t> Outbox::Hold(absl::string_view request_id,
                                      const google::protobuf::Message& request,
                                      absl::string_view thread,
                                      v1::Message message, Instant now,
                                      Document document) {
  if (unsettled_.size() >= options_.max_held) {
    return LimitReached("max_held_messages",
                        "this machine holds too many messages that the "
                        "exchange has not taken: ring instead",
                        absl::Seconds(60));
  }
  const uint64_t outbox_id = ++last_id_;
  message.set_idempotency_key(store_->Pseudonym(
      absl::StrCat("key/", AgencyName(options_.sender), "/", request_id)));
  *message.mutable_idempotency_time() = ToProto(now.wall);
  message.set_format_version(1);

  v1::OutboxRecord record;
  record.set_state(Held());
  record.set_thread(store_->Pseudonym(absl::StrCat("thread/", thread)));
  *record.mutable_held_time() = ToProto(now.wall);
  *record.mutable_state_time() = ToProto(now.wall);
  record.set_kind(message.kind());
  record.set_priority(message.priority());
  record.set_document_number(document.number);
  record.set_after_outbox_id(document.after);
  const std::string key = OutboxKey(outbox_id);
  record.set_sealed_message(store_->Seal(key, message));
  store_->batch()->Put(key, record.SerializeAsString());

  v1::RequestRecord request_record;
  request_record.set_outbox_id(outbox_id);
  request_record.set_request_hmac(store_->Digest(request));
  *request_record.mutable_create_time() = ToProto(now.wall);
  store_->batch()->Put(RequestKey(RequestHash(request_id)),
                       request_record.SerializeAsString());
  Track(outbox_id, record, now);
  return outbox_id;
}

absl::StatusOr<v1::OutboxRecord> Outbox::Read(uint64_t outbox_id) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   store_->Get(OutboxKey(outbox_id)));
  if (!bytes.has_value()) {
    return absl::NotFoundError(absl::StrCat("no outbox entry ", outbox_id));
  }
  v1::OutboxRecord record;
  if (!record.ParseFromString(*bytes)) {
    return absl::DataLossError("an outbox record is damaged");
  }
  return record;
}

absl::StatusOr<std::optional<v1::OutboxThreadRecord>> Outbox::ReadThread(
    absl::string_view pseudonym) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   store_->Get(OutboxThreadKey(pseudonym)));
  if (!bytes.has_value()) return std::optional<v1::OutboxThreadRecord>();
  v1::OutboxThreadRecord record;
  if (!record.ParseFromString(*bytes)) {
    return absl::DataLossError("an outbox thread record is damaged");
  }
  return std::optional<v1::OutboxThreadRecord>(std::move(record));
}

absl::StatusOr<std::optional<v1::OutboxThreadRecord>> Outbox::Thread(
    absl::string_view thread) const {
  return ReadThread(store_->Pseudonym(absl::StrCat("thread/", thread)));
}

// --- Sending.

// The frozen message; once its thread is known to the exchange, with the ids
// that the thread's first receipt gave. The outcome is the same at every try.
absl::StatusOr<v1::Message> Outbox::OpenForSending(
    uint64_t outbox_id, const Unsettled& entry) const {
  ASSIGN_OR_RETURN(const v1::OutboxRecord record, Read(outbox_id));
  v1::Message message;
  RETURN_IF_ERROR(
      store_->Open(OutboxKey(outbox_id), record.sealed_message(), &message));
  if (!message.conversation_id().empty()) return message;
  ASSIGN_OR_RETURN(const std::optional<v1::OutboxThreadRecord> thread,
                   ReadThread(entry.thread));
  if (!thread.has_value()) return message;
  message.set_conversation_id(thread->conversation_id());
  for (v1::PayloadPart& part : *message.mutable_payload()) {
    NameMatter(*thread, part.mutable_matter_id());
  }
  for (v1::Attachment& attachment : *message.mutable_attachments()) {
    NameMatter(*thread, attachment.mutable_matter_id());
  }
  return message;
}

// In the order held within a thread; documents once their conversation is
// there.
bool Outbox::MayLeave(uint64_t outbox_id, const Unsettled& entry) const {
  if (entry.document.number != 0) return !IsUnsettled(entry.document.after);
  for (const uint64_t id : threads_.at(entry.thread)) {
    if (unsettled_.at(id).document.number == 0) return id == outbox_id;
  }
  return true;
}

absl::StatusOr<std::vector<Outbox::Outgoing>> Outbox::TakeDue(Instant now) {
  for (auto& [outbox_id, entry] : unsettled_) {
    if (entry.in_flight && entry.next_try <= now.steady) {
      entry.in_flight = false;
    }
  }
  std::vector<Outgoing> outgoing;
  int in_flight = InFlight(/*uploads_only=*/false);
  int uploads = InFlight(/*uploads_only=*/true);
  for (auto& [outbox_id, entry] : unsettled_) {
    if (in_flight >= kMaxInFlight) break;
    const bool upload = entry.document.number != 0;
    if (entry.state != Held() || entry.in_flight ||
        entry.next_try > now.steady || !MayLeave(outbox_id, entry) ||
        (upload && uploads >= kMaxUploads)) {
      continue;
    }
    ASSIGN_OR_RETURN(v1::Message message, OpenForSending(outbox_id, entry));
    entry.in_flight = true;
    entry.next_try = now.steady + kMaxFlight;
    ++in_flight;
    uploads += upload;
    outgoing.push_back({outbox_id, std::move(message), entry.document.number});
  }
  return outgoing;
}

int Outbox::InFlight(bool uploads_only) const {
  return static_cast<int>(std::count_if(
      unsettled_.begin(), unsettled_.end(), [uploads_only](const auto& pair) {
        return pair.second.in_flight &&
               (!uploads_only || pair.second.document.number != 0);
      }));
}

void Outbox::OnProgress(uint64_t outbox_id, Instant now) {
  const auto it = unsettled_.find(outbox_id);
  if (it == unsettled_.end() || !it->second.in_flight) return;
  it->second.next_try = now.steady + kMaxFlight;
}

std::optional<absl::Duration> Outbox::NextDue() const {
  std::optional<absl::Duration> next;
  // An answer makes room; until then nothing can be taken.
  if (InFlight(/*uploads_only=*/false) >= kMaxInFlight) return next;
  const bool uploads = InFlight(/*uploads_only=*/true) < kMaxUploads;
  for (const auto& [outbox_id, entry] : unsettled_) {
    if (entry.state != Held() || entry.in_flight ||
        (entry.document.number != 0 && !uploads) ||
        !MayLeave(outbox_id, entry)) {
      continue;
    }
    if (!next.has_value() || entry.next_try < *next) next = entry.next_try;
  }
  return next;
}

void Outbox::RetryNow(Instant now) {
  for (auto& [outbox_id, entry] : unsettled_) {
    if (!entry.in_flight) entry.next_try = std::min(entry.next_try, now.steady);
  }
}

absl::Status Outbox::SetState(uint64_t outbox_id, v1::OutboxState state,
                              Instant now, v1::OutboxRecord* record) {
  record->set_state(state);
  *record->mutable_state_time() = ToProto(now.wall);
  store_->batch()->Put(OutboxKey(outbox_id), record->SerializeAsString());
  return absl::OkStatus();
}

absl::Status Outbox::OnAccepted(uint64_t outbox_id,
                                const v1::PublishReceipt& receipt,
                                Instant now) {
  const auto it = unsettled_.find(outbox_id);
  if (it == unsettled_.end()) return absl::OkStatus();
  const std::string thread_key = OutboxThreadKey(it->second.thread);
  ASSIGN_OR_RETURN(const std::optional<v1::OutboxThreadRecord> known,
                   ReadThread(it->second.thread));
  if (!known.has_value()) {
    v1::OutboxThreadRecord thread;
    thread.set_conversation_id(receipt.conversation_id());
    *thread.mutable_matter_ids() = receipt.matter_ids();
    store_->batch()->Put(thread_key, thread.SerializeAsString());
  }
  ASSIGN_OR_RETURN(v1::OutboxRecord record, Read(outbox_id));
  *record.mutable_receipt() = receipt;
  Untrack(outbox_id);
  return SetState(outbox_id, v1::OUTBOX_STATE_ACCEPTED, now, &record);
}

absl::Status Outbox::OnFailed(uint64_t outbox_id, const absl::Status& error,
                              Instant now) {
  const auto it = unsettled_.find(outbox_id);
  if (it == unsettled_.end()) return absl::OkStatus();
  Unsettled& entry = it->second;
  entry.in_flight = false;
  if (MayPass(error)) {
    const absl::Duration delay =
        std::min(kFirstRetryDelay * (1 << std::min(entry.tries, 10)),
                 options_.max_retry_delay);
    ++entry.tries;
    entry.next_try = now.steady + delay;
    return absl::OkStatus();
  }
  entry.state = v1::OUTBOX_STATE_REFUSED;
  ASSIGN_OR_RETURN(v1::OutboxRecord record, Read(outbox_id));
  record.set_refusal(absl::StrCat(absl::StatusCodeToString(error.code()), ": ",
                                  error.message()));
  return SetState(outbox_id, v1::OUTBOX_STATE_REFUSED, now, &record);
}

absl::Status Outbox::OnReturned(uint64_t outbox_id, Instant now) {
  ASSIGN_OR_RETURN(v1::OutboxRecord record, Read(outbox_id));
  if (record.has_returned_time()) return absl::OkStatus();
  *record.mutable_returned_time() = ToProto(now.wall);
  store_->batch()->Put(OutboxKey(outbox_id), record.SerializeAsString());
  return absl::OkStatus();
}

uint64_t Outbox::FirstHeld(v1::MessageKind kind) const {
  for (const auto& [outbox_id, entry] : unsettled_) {
    if (entry.kind == kind && entry.state == Held()) return outbox_id;
  }
  return 0;
}

Outbox::Backlog Outbox::BacklogBut(v1::MessageKind kind) const {
  Backlog backlog;
  for (const auto& [outbox_id, entry] : unsettled_) {
    if (entry.kind == kind) continue;
    if (entry.state != Held()) {
      ++backlog.refused;
      continue;
    }
    ++backlog.held;
    if (!backlog.oldest_held_time.has_value()) {
      backlog.oldest_held_time = entry.held_time;
    }
  }
  return backlog;
}

// --- Needs attention.

absl::Status Outbox::Resend(uint64_t outbox_id, Instant now) {
  const auto it = unsettled_.find(outbox_id);
  if (it == unsettled_.end() || it->second.state == Held()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "outbox entry ", outbox_id, " is not waiting for attention"));
  }
  it->second.state = Held();
  it->second.tries = 0;
  it->second.next_try = now.steady;
  ASSIGN_OR_RETURN(v1::OutboxRecord record, Read(outbox_id));
  record.clear_refusal();
  return SetState(outbox_id, Held(), now, &record);
}

absl::Status Outbox::Withdraw(uint64_t outbox_id, const v1::Actor& by,
                              absl::string_view reason, Instant now) {
  const auto it = unsettled_.find(outbox_id);
  if (it == unsettled_.end() || it->second.state == Held()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "outbox entry ", outbox_id, " is not waiting for attention"));
  }
  const std::string thread = it->second.thread;
  ASSIGN_OR_RETURN(const std::optional<v1::OutboxThreadRecord> known,
                   ReadThread(thread));
  std::vector<uint64_t> withdrawn = {outbox_id};
  const bool is_document = it->second.document.number != 0;
  for (const uint64_t id : threads_.at(thread)) {
    const Document& document = unsettled_.at(id).document;
    const bool goes_too =
        document.number == 0 ? !known.has_value() : document.after == outbox_id;
    if (id != outbox_id && !is_document && goes_too) withdrawn.push_back(id);
  }
  v1::WithdrawalRecord resolution;
  *resolution.mutable_by() = by;
  resolution.set_reason(std::string(reason));
  for (const uint64_t id : withdrawn) {
    ASSIGN_OR_RETURN(v1::OutboxRecord record, Read(id));
    record.set_sealed_resolution(store_->Seal(OutboxKey(id), resolution));
    RETURN_IF_ERROR(SetState(id, v1::OUTBOX_STATE_WITHDRAWN, now, &record));
    Untrack(id);
  }
  return absl::OkStatus();
}

std::vector<uint64_t> Outbox::Waiting(absl::string_view thread) const {
  const auto it =
      threads_.find(store_->Pseudonym(absl::StrCat("thread/", thread)));
  if (it == threads_.end()) return {};
  return {it->second.begin(), it->second.end()};
}

std::vector<uint64_t> Outbox::Refused() const {
  std::vector<uint64_t> refused;
  for (const auto& [outbox_id, entry] : unsettled_) {
    if (entry.state == v1::OUTBOX_STATE_REFUSED) refused.push_back(outbox_id);
  }
  return refused;
}

// --- Alarms.

bool Outbox::IsAlarming(const Unsettled& entry, absl::Duration delay,
                        Instant now) const {
  return entry.priority == v1::PRIORITY_IMMEDIATE_DANGER &&
         now.wall - entry.held_time >= delay;
}

bool Outbox::IsDangerHeld(absl::string_view thread, absl::Duration delay,
                          Instant now) const {
  for (const uint64_t outbox_id : Waiting(thread)) {
    if (IsAlarming(unsettled_.at(outbox_id), delay, now)) return true;
  }
  return false;
}

std::vector<uint64_t> Outbox::TakeNewAlarms(absl::Duration delay, Instant now) {
  std::vector<uint64_t> alarms;
  for (auto& [outbox_id, entry] : unsettled_) {
    if (entry.alarmed || !IsAlarming(entry, delay, now)) continue;
    entry.alarmed = true;
    alarms.push_back(outbox_id);
  }
  return alarms;
}

std::optional<absl::Duration> Outbox::NextAlarm(absl::Duration delay,
                                                Instant now) const {
  std::optional<absl::Duration> next;
  for (const auto& [outbox_id, entry] : unsettled_) {
    if (entry.alarmed || entry.priority != v1::PRIORITY_IMMEDIATE_DANGER) {
      continue;
    }
    const absl::Duration at = now.steady + (entry.held_time + delay - now.wall);
    if (!next.has_value() || at < *next) next = at;
  }
  return next;
}

// --- Retention.

absl::Status Outbox::Sweep(Instant now) {
  ASSIGN_OR_RETURN(
      const std::vector<KeyValue> page,
      store_->committed().Scan(OutboxEntries(sweep_from_), kSweepPage));
  for (const KeyValue& pair : page) {
    ASSIGN_OR_RETURN(const uint64_t outbox_id, SequenceOf(pair.key));
    v1::OutboxRecord record;
    if (!record.ParseFromString(pair.value)) {
      return absl::DataLossError("an outbox record is damaged");
    }
    sweep_from_ = outbox_id + 1;
    if (NeedsSending(record.state()) ||
        FromProto(record.state_time()) > now.wall - options_.sent_retention ||
        record.sealed_message().empty()) {
      continue;
    }
    // Only the bytes go; what became of the message stays.
    record.clear_sealed_message();
    store_->batch()->Put(pair.key, record.SerializeAsString());
  }
  if (page.size() < kSweepPage) sweep_from_ = 0;
  return absl::OkStatus();
}

}  // namespace baton
