#include "services/emergency/emergency_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/environment.h"
#include "services/common/faults.h"
#include "services/common/log.h"
#include "services/common/proto_time.h"
#include "services/emergency/headline.h"
#include "services/emergency/waiting_check.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr absl::Duration kDefaultAlarmDelay = absl::Seconds(120);
constexpr absl::Duration kSweepInterval = absl::Minutes(1);
constexpr absl::Duration kLookupRetryDelay = absl::Seconds(5);
constexpr size_t kLoadPage = 1000;
constexpr int kDefaultPageSize = 100;
constexpr int kMaxPageSize = 500;

std::string ThreadOf(const v1::WaitRecord& wait) {
  return absl::StrCat("wait/", wait.number());
}

absl::Duration AlarmDelay(const v1::EmergencyConfig& config) {
  return config.has_danger_alarm_delay()
             ? FromProto(config.danger_alarm_delay())
             : kDefaultAlarmDelay;
}

void AddPart(const std::string& matter_id,
             const google::protobuf::Message& content, v1::Message* message) {
  v1::PayloadPart* const part = message->add_payload();
  part->set_matter_id(matter_id);
  part->set_type(content.GetDescriptor()->full_name());
  part->set_content(content.SerializeAsString());
}

void AddMarks(const std::vector<v1::Mark>& marks, v1::Message* message) {
  for (const v1::Mark& mark : marks) *message->add_marks() = mark;
}

void AddRecipient(const v1::Address& address, v1::RecipientRole role,
                  v1::WaitRecord* wait) {
  for (const v1::Recipient& recipient : wait->recipients()) {
    if (QueueName(recipient.address()) == QueueName(address)) return;
  }
  v1::Recipient* const recipient = wait->add_recipients();
  *recipient->mutable_address() = address;
  recipient->set_role(role);
}

// What is known stays known: an exchange that forgot a receipt (it was
// restored from a copy) does not make us take it back.
void KeepReceipts(const v1::Matter& known, v1::Matter* matter) {
  if (known.has_delivered() && !matter->has_delivered()) {
    *matter->mutable_delivered() = known.delivered();
  }
  if (known.has_first_read() && !matter->has_first_read()) {
    *matter->mutable_first_read() = known.first_read();
  }
  if (known.has_taken() && !matter->has_taken()) {
    *matter->mutable_taken() = known.taken();
  }
  if (known.has_decided() && !matter->has_decided()) {
    *matter->mutable_decided() = known.decided();
    *matter->mutable_decision() = known.decision();
  }
  matter->set_state(std::max(matter->state(), known.state()));
}

void PutElapsed(const v1::Matter& matter, v1::WaitingStatus* status) {
  const absl::Time received = FromProto(matter.received_time());
  const auto after = [&received](const v1::Receipt& receipt) {
    return ToProto(FromProto(receipt.time()) - received);
  };
  if (matter.has_delivered()) {
    *status->mutable_delivered_after() = after(matter.delivered());
  }
  if (matter.has_first_read()) {
    *status->mutable_first_read_after() = after(matter.first_read());
  }
  if (matter.has_taken()) {
    *status->mutable_taken_after() = after(matter.taken());
  }
  if (matter.has_decided()) {
    *status->mutable_decided_after() = after(matter.decided());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<EmergencyDesk>> EmergencyDesk::Open(
    Parts parts, Instant now) {
  std::unique_ptr<EmergencyDesk> desk(new EmergencyDesk(std::move(parts)));
  RETURN_IF_ERROR(desk->Load(now));
  return desk;
}

absl::Status EmergencyDesk::Load(Instant now) {
  const v1::AgencyServiceConfig& config = parts_.config->service();
  Outbox::Options options;
  options.sender = config.agency();
  if (config.max_held_messages() > 0) {
    options.max_held = config.max_held_messages();
  }
  if (config.has_sent_retention()) {
    options.sent_retention = FromProto(config.sent_retention());
  }
  if (config.exchange().has_max_retry_delay()) {
    options.max_retry_delay = FromProto(config.exchange().max_retry_delay());
  }
  ASSIGN_OR_RETURN(outbox_, Outbox::Open(parts_.store, options, now));
  ASSIGN_OR_RETURN(inbox_, Inbox::Open(parts_.store));
  next_sweep_ = now.steady;

  KeyRange range = Waits();
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<KeyValue> page,
                     parts_.store->committed().Scan(range, kLoadPage));
    for (const KeyValue& pair : page) {
      v1::WaitRecord wait;
      RETURN_IF_ERROR(parts_.store->Open(pair.key, pair.value, &wait));
      Know(wait, pair.key);
    }
    if (page.size() < kLoadPage) return absl::OkStatus();
    range.begin = page.back().key + '\0';
  }
}

void EmergencyDesk::Know(const v1::WaitRecord& wait, const std::string& key) {
  waits_[wait.number()] = key;
  if (!wait.conversation().conversation_id().empty()) {
    key_of_conversation_[wait.conversation().conversation_id()] = key;
  }
  for (const uint64_t outbox_id : outbox_->Waiting(ThreadOf(wait))) {
    key_of_outbox_[outbox_id] = key;
  }
}

// --- Records.

absl::StatusOr<v1::WaitRecord> EmergencyDesk::ReadWaitAt(
    const std::string& key) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> sealed,
                   parts_.store->Get(key));
  if (!sealed.has_value()) {
    return absl::NotFoundError(
        "no wait with this sender_reference was flagged here");
  }
  v1::WaitRecord wait;
  RETURN_IF_ERROR(parts_.store->Open(key, *sealed, &wait));
  return wait;
}

std::string EmergencyDesk::KeyOf(const std::string& reference) const {
  return WaitKey(parts_.store->Pseudonym(absl::StrCat("wait/", reference)));
}

std::string EmergencyDesk::EarlierKeyOf(const v1::WaitRecord& wait) const {
  return WaitKey(
      parts_.store->Pseudonym(absl::StrCat("earlier/", wait.number())));
}

// Where it stands already; a new one under its reference.
void EmergencyDesk::WriteWait(const v1::WaitRecord& wait) {
  const std::string key =
      waits_.try_emplace(wait.number(), KeyOf(wait.sender_reference()))
          .first->second;
  parts_.store->batch()->Put(key, parts_.store->Seal(key, wait));
  Know(wait, key);
}

v1::Message EmergencyDesk::NewMessage(v1::MessageKind kind,
                                      const v1::WaitRecord& wait,
                                      const v1::Actor& actor) const {
  v1::Message message;
  message.set_kind(kind);
  *message.mutable_recipients() = wait.recipients();
  // Custody may have moved to somebody who was not told at first.
  for (const v1::Matter& matter : wait.conversation().matters()) {
    v1::WaitRecord told = wait;
    AddRecipient(matter.holder(), v1::RECIPIENT_ROLE_COPY, &told);
    *message.mutable_recipients() = told.recipients();
  }
  message.set_ordering_key(
      parts_.store->Pseudonym(absl::StrCat("order/", wait.number())));
  message.set_priority(wait.immediate_danger() ? v1::PRIORITY_IMMEDIATE_DANGER
                                               : v1::PRIORITY_URGENT);
  *message.mutable_actor() = actor;
  message.set_purpose(v1::PURPOSE_SAFEGUARDING);
  message.set_legal_basis(wait.legal_basis());
  message.set_environment(parts_.config->service().environment());
  return message;
}

std::string EmergencyDesk::PhoneFor(const v1::Address& recipient) const {
  for (const v1::PhoneConfig& entry : parts_.config->phones()) {
    if (entry.code() == recipient.agency().code()) return entry.phone();
  }
  return parts_.config->phone();
}

// --- Calls.

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Flag(
    const v1::FlagWaitingRequest& request, Instant now) {
  v1::FlagWaitingRequest checked = request;
  Faults faults;
  std::vector<v1::Mark> marks;
  CheckFlag(now.wall, &checked, &faults, &marks);
  CheckNhsNumbers(checked, parts_.config->service().environment(), "", &faults);
  RETURN_IF_ERROR(faults.ToStatus());
  const std::string& reference = checked.flag().sender_reference();
  ASSIGN_OR_RETURN(const uint64_t earlier,
                   outbox_->FindRequest(request.request_id(), request));
  if (earlier != 0) return Get(reference, now);

  const absl::StatusOr<v1::WaitRecord> open = ReadWaitAt(KeyOf(reference));
  if (!open.ok() && !absl::IsNotFound(open.status())) return open.status();
  if (open.ok() && !open->has_end_time()) {
    return WithReason(
        absl::AlreadyExistsError(
            "this sender_reference has an open wait: update, move or end it"),
        "WAIT_IS_OPEN");
  }

  v1::WaitRecord wait;
  wait.set_sender_reference(reference);
  wait.set_number(waits_.empty() ? 1 : waits_.rbegin()->first + 1);
  *wait.mutable_flagged_time() = ToProto(now.wall);
  if (checked.flag().arrived_time().has_value()) {
    *wait.mutable_arrived_time() = checked.flag().arrived_time().value();
  }
  wait.set_immediate_danger(checked.flag().immediate_danger().value());
  wait.set_legal_basis(checked.legal_basis());
  const v1::Address& recipient = checked.has_recipient()
                                     ? checked.recipient()
                                     : parts_.config->default_recipient();
  AddRecipient(recipient, v1::RECIPIENT_ROLE_ACTION, &wait);
  for (const v1::Address& copy : checked.copies()) {
    AddRecipient(copy, v1::RECIPIENT_ROLE_COPY, &wait);
  }
  wait.set_phone(PhoneFor(recipient));
  *wait.mutable_marks() = {marks.begin(), marks.end()};

  v1::Message message =
      NewMessage(v1::MESSAGE_KIND_WAITING_FLAG, wait, checked.actor());
  if (checked.has_incident()) AddPart("", checked.incident(), &message);
  AddPart("#1", checked.flag(), &message);
  AddMarks(marks, &message);
  ASSIGN_OR_RETURN(const uint64_t outbox_id,
                   outbox_->Hold(request.request_id(), request, ThreadOf(wait),
                                 std::move(message), now));
  wait.set_flag_outbox_id(outbox_id);
  // A reference that was used before begins anew. The earlier wait makes room:
  // what is still on its way for it goes on, and what it was told stays its
  // own.
  if (open.ok()) {
    waits_[open->number()] = EarlierKeyOf(*open);
    WriteWait(*open);
  }
  WriteWait(wait);
  Changed(wait, now);
  return StatusOf(wait, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Follow(const FollowUp& follow,
                                                        Instant now) {
  RETURN_IF_ERROR(follow.faults.ToStatus());
  ASSIGN_OR_RETURN(const uint64_t earlier,
                   outbox_->FindRequest(follow.request_id, *follow.request));
  if (earlier != 0) return Get(follow.reference, now);
  ASSIGN_OR_RETURN(v1::WaitRecord wait, ReadWaitAt(KeyOf(follow.reference)));
  if (wait.has_end_time()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this wait ended at ",
        absl::FormatTime(absl::RFC3339_sec, FromProto(wait.end_time()),
                         absl::UTCTimeZone()),
        "; flag the child again if the child is back"));
  }
  if (follow.change) follow.change(&wait);
  v1::Message message = NewMessage(follow.kind, wait, follow.actor);
  AddPart("#1", *follow.content, &message);
  AddMarks(follow.marks, &message);
  RETURN_IF_ERROR(outbox_
                      ->Hold(follow.request_id, *follow.request, ThreadOf(wait),
                             std::move(message), now)
                      .status());
  WriteWait(wait);
  Changed(wait, now);
  return StatusOf(wait, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Update(
    const v1::UpdateWaitingRequest& request, Instant now) {
  FollowUp follow{.kind = v1::MESSAGE_KIND_WAITING_UPDATE,
                  .request_id = request.request_id(),
                  .reference = request.sender_reference(),
                  .actor = request.actor(),
                  .request = &request,
                  .content = &request.update()};
  CheckUpdate(now.wall, request, &follow.faults, &follow.marks);
  if (request.update().immediate_danger().has_value()) {
    follow.change = [&request](v1::WaitRecord* wait) {
      wait->set_immediate_danger(request.update().immediate_danger().value());
    };
  }
  return Follow(follow, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Move(
    const v1::MoveWaitingRequest& request, Instant now) {
  FollowUp follow{.kind = v1::MESSAGE_KIND_WAITING_MOVED,
                  .request_id = request.request_id(),
                  .reference = request.sender_reference(),
                  .actor = request.actor(),
                  .request = &request,
                  .content = &request.moved()};
  CheckMove(now.wall, request, &follow.faults, &follow.marks);
  return Follow(follow, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::End(
    const v1::EndWaitingRequest& request, Instant now) {
  FollowUp follow{.kind = v1::MESSAGE_KIND_WAITING_END,
                  .request_id = request.request_id(),
                  .reference = request.sender_reference(),
                  .actor = request.actor(),
                  .request = &request,
                  .content = &request.end()};
  CheckEnd(now.wall, request, &follow.faults, &follow.marks);
  // Leaving unexpectedly never closes anything.
  if (request.end().end_reason() != v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY) {
    follow.change = [&request, now](v1::WaitRecord* wait) {
      *wait->mutable_end_time() = request.end().has_end_time()
                                      ? request.end().end_time()
                                      : ToProto(now.wall);
    };
  }
  return Follow(follow, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Get(
    const std::string& reference, Instant now) const {
  ASSIGN_OR_RETURN(const v1::WaitRecord wait, ReadWaitAt(KeyOf(reference)));
  return StatusOf(wait, now);
}

absl::StatusOr<v1::ListWaitingResponse> EmergencyDesk::List(
    const v1::ListWaitingRequest& request, Instant now) const {
  uint64_t from = 0;
  if (!request.page_token().empty() &&
      !absl::SimpleAtoi(request.page_token(), &from)) {
    return absl::InvalidArgumentError(
        "page_token is none of this service's; start without one");
  }
  const int size = request.page_size() == 0
                       ? kDefaultPageSize
                       : std::clamp(request.page_size(), 1, kMaxPageSize);
  v1::ListWaitingResponse response;
  if (heard_time_.has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*heard_time_);
  }
  for (auto it = waits_.lower_bound(from); it != waits_.end(); ++it) {
    if (response.statuses_size() == size) {
      response.set_next_page_token(absl::StrCat(it->first));
      break;
    }
    ASSIGN_OR_RETURN(const v1::WaitRecord wait, ReadWaitAt(it->second));
    if (wait.has_end_time() && !request.include_ended()) continue;
    ASSIGN_OR_RETURN(*response.add_statuses(), StatusOf(wait, now));
  }
  return response;
}

absl::StatusOr<v1::ListNeedsAttentionResponse> EmergencyDesk::NeedsAttention()
    const {
  v1::ListNeedsAttentionResponse response;
  if (heard_time_.has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*heard_time_);
  }
  for (const uint64_t outbox_id : outbox_->Refused()) {
    if (response.items_size() == kMaxAttentionItems) break;
    ASSIGN_OR_RETURN(const v1::OutboxRecord record, outbox_->Read(outbox_id));
    ASSIGN_OR_RETURN(const v1::WaitRecord wait,
                     ReadWaitAt(key_of_outbox_.at(outbox_id)));
    v1::NeedsAttention* const item = response.add_items();
    item->set_outbox_id(static_cast<int64_t>(outbox_id));
    item->set_sender_reference(wait.sender_reference());
    item->set_kind(record.kind());
    *item->mutable_held_time() = record.held_time();
    *item->mutable_refused_time() = record.state_time();
    item->set_reason(record.refusal());
    *item->mutable_owner() = parts_.config->service().attention_owner();
    item->set_blocked_messages(
        static_cast<int>(outbox_->Waiting(ThreadOf(wait)).size()) - 1);
  }
  return response;
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Resolve(
    const v1::ResolveNeedsAttentionRequest& request, Instant now) {
  Faults faults;
  CheckRequestId(request.request_id(), &faults);
  if (request.actor().name().empty()) {
    faults.Add("actor.name", "is required: who decides");
  }
  const bool withdraw = request.resolution() == v1::RESOLUTION_WITHDRAW;
  if (!withdraw && request.resolution() != v1::RESOLUTION_RESEND) {
    faults.Add("resolution", "must be RESEND or WITHDRAW");
  }
  if (withdraw &&
      (request.reason().empty() || request.reason().size() > 1024)) {
    faults.Add("reason", "1 to 1024 bytes: why it is withdrawn");
  }
  RETURN_IF_ERROR(faults.ToStatus());
  const uint64_t outbox_id = static_cast<uint64_t>(request.outbox_id());
  const auto key = key_of_outbox_.find(outbox_id);
  if (key == key_of_outbox_.end()) {
    return absl::NotFoundError(
        absl::StrCat("outbox entry ", outbox_id, " needs no attention"));
  }
  ASSIGN_OR_RETURN(v1::WaitRecord wait, ReadWaitAt(key->second));
  if (withdraw) {
    RETURN_IF_ERROR(
        outbox_->Withdraw(outbox_id, request.actor(), request.reason(), now));
    // A wait whose flag never left is over here.
    if (outbox_id == wait.flag_outbox_id()) {
      *wait.mutable_end_time() = ToProto(now.wall);
      WriteWait(wait);
    }
  } else {
    RETURN_IF_ERROR(outbox_->Resend(outbox_id, now));
  }
  Changed(wait, now);
  return StatusOf(wait, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::StatusOf(
    const v1::WaitRecord& wait, Instant now) const {
  v1::WaitingStatus status;
  ASSIGN_OR_RETURN(const v1::OutboxRecord flag,
                   outbox_->Read(wait.flag_outbox_id()));
  status.set_sender_reference(wait.sender_reference());
  status.set_environment(parts_.config->service().environment());
  status.set_outbox_state(flag.state());
  status.set_refusal(flag.refusal());
  status.set_held_messages(
      static_cast<int>(outbox_->Waiting(ThreadOf(wait)).size()));
  status.set_alarm(
      outbox_->IsDangerHeld(ThreadOf(wait), AlarmDelay(*parts_.config), now));
  status.set_phone(wait.phone());
  *status.mutable_held_time() = flag.held_time();
  if (flag.has_receipt()) {
    *status.mutable_accepted_time() = flag.receipt().publish_time();
  }
  status.set_conversation_id(wait.conversation().conversation_id());
  if (!wait.conversation().matters().empty()) {
    *status.mutable_matter() = wait.conversation().matters(0);
    PutElapsed(status.matter(), &status);
  }
  const absl::Time since = wait.has_arrived_time()
                               ? FromProto(wait.arrived_time())
                               : FromProto(wait.flagged_time());
  const absl::Time until =
      wait.has_end_time() ? FromProto(wait.end_time()) : now.wall;
  *status.mutable_waiting_for() =
      ToProto(std::max(until - since, absl::ZeroDuration()));
  status.set_ended(wait.has_end_time());
  if (heard_time_.has_value()) {
    *status.mutable_exchange_heard_time() = ToProto(*heard_time_);
  }
  *status.mutable_marks() = wait.marks();
  status.set_headline(Headline(status));
  return status;
}

// --- The exchange.

absl::StatusOr<std::optional<absl::Duration>> EmergencyDesk::Turn(Instant now) {
  ASSIGN_OR_RETURN(std::vector<Outbox::Outgoing> due, outbox_->TakeDue(now));
  for (Outbox::Outgoing& outgoing : due) Send(std::move(outgoing));

  const absl::Duration alarm_delay = AlarmDelay(*parts_.config);
  for (const uint64_t outbox_id : outbox_->TakeNewAlarms(alarm_delay, now)) {
    ASSIGN_OR_RETURN(const v1::WaitRecord wait,
                     ReadWaitAt(key_of_outbox_.at(outbox_id)));
    Log(Severity::kError, "immediate danger is NOT SENT: ring now",
        {{"outbox_id", static_cast<int64_t>(outbox_id)},
         {"ring", wait.phone()}});
    Changed(wait, now);
  }
  if (now.steady >= next_sweep_) {
    next_sweep_ = now.steady + kSweepInterval;
    RETURN_IF_ERROR(outbox_->Sweep(now));
  }
  if (std::exchange(catch_up_, false)) RETURN_IF_ERROR(CatchUp());
  if (now.steady >= next_lookup_) {
    for (const std::string& id : std::exchange(missed_lookups_, {})) Lookup(id);
  }

  absl::Duration next = next_sweep_;
  if (const auto due_next = outbox_->NextDue()) {
    next = std::min(next, *due_next);
  }
  if (const auto alarm = outbox_->NextAlarm(alarm_delay, now)) {
    next = std::min(next, *alarm);
  }
  if (!missed_lookups_.empty()) next = std::min(next, next_lookup_);
  return std::optional<absl::Duration>(next);
}

void EmergencyDesk::Send(Outbox::Outgoing outgoing) {
  parts_.loop->Tell([this, outgoing = std::move(outgoing)] {
    v1::PublishRequest request;
    *request.add_messages() = outgoing.message;
    parts_.link->Publish(
        std::move(request),
        [this, outbox_id = outgoing.outbox_id](
            const absl::StatusOr<v1::PublishResponse>& response) {
          Check(OnPublished(outbox_id, response, parts_.loop->now()));
        });
  });
}

absl::Status EmergencyDesk::OnPublished(
    uint64_t outbox_id, const absl::StatusOr<v1::PublishResponse>& response,
    Instant now) {
  const auto found = key_of_outbox_.find(outbox_id);
  if (found == key_of_outbox_.end()) return absl::OkStatus();
  ASSIGN_OR_RETURN(v1::WaitRecord wait, ReadWaitAt(found->second));
  if (!response.ok()) {
    RETURN_IF_ERROR(outbox_->OnFailed(outbox_id, response.status(), now));
    if (!MayPass(response.status())) {
      Log(Severity::kError, "the exchange refused a message: needs attention",
          {{"outbox_id", static_cast<int64_t>(outbox_id)},
           {"code", absl::StatusCodeToString(response.status().code())}});
      Changed(wait, now);
    }
    return absl::OkStatus();
  }
  const v1::PublishReceipt& receipt = response->receipts(0);
  RETURN_IF_ERROR(outbox_->OnAccepted(outbox_id, receipt, now));
  key_of_outbox_.erase(found);
  if (outbox_id == wait.flag_outbox_id()) {
    wait.mutable_conversation()->set_conversation_id(receipt.conversation_id());
    *wait.mutable_marks() = receipt.marks();
    WriteWait(wait);
  }
  Lookup(receipt.conversation_id());
  Changed(wait, now);
  return absl::OkStatus();
}

void EmergencyDesk::Lookup(const std::string& conversation_id) {
  parts_.loop->Tell([this, conversation_id] {
    v1::GetConversationRequest request;
    request.set_conversation_id(conversation_id);
    parts_.link->GetConversation(
        std::move(request),
        [this, conversation_id](
            const absl::StatusOr<v1::GetConversationResponse>& response) {
          if (response.ok()) {
            OnConversation(response->conversation());
          } else {
            OnLookupFailed(conversation_id, response.status());
          }
        });
  });
}

// The watch may go on while a look-up gets lost, and nothing else would say
// what was missed.
void EmergencyDesk::OnLookupFailed(const std::string& conversation_id,
                                   const absl::Status& error) {
  if (!MayPass(error) || missed_lookups_.size() >= kMaxOpenLookups) return;
  if (missed_lookups_.empty()) {
    next_lookup_ = parts_.loop->now().steady + kLookupRetryDelay;
  }
  missed_lookups_.insert(conversation_id);
}

// After a connection: what changed while there was none.
absl::Status EmergencyDesk::CatchUp() {
  size_t lookups = 0;
  for (auto it = waits_.rbegin();
       it != waits_.rend() && lookups < kMaxOpenLookups; ++it) {
    ASSIGN_OR_RETURN(const v1::WaitRecord wait, ReadWaitAt(it->second));
    if (wait.conversation().conversation_id().empty()) continue;
    const bool decided = !wait.conversation().matters().empty() &&
                         wait.conversation().matters(0).has_decided();
    if (wait.has_end_time() && decided) continue;
    Lookup(wait.conversation().conversation_id());
    ++lookups;
  }
  return absl::OkStatus();
}

void EmergencyDesk::OnHeard() { heard_time_ = parts_.loop->now().wall; }

void EmergencyDesk::OnWatching() {
  outbox_->RetryNow(parts_.loop->now());
  catch_up_ = true;
}

void EmergencyDesk::OnConversation(const v1::Conversation& conversation) {
  Check(TakeConversation(conversation, parts_.loop->now()));
}

absl::Status EmergencyDesk::TakeConversation(
    const v1::Conversation& conversation, Instant now) {
  const auto key = key_of_conversation_.find(conversation.conversation_id());
  if (key == key_of_conversation_.end()) return absl::OkStatus();
  ASSIGN_OR_RETURN(v1::WaitRecord wait, ReadWaitAt(key->second));
  const v1::Conversation& known = wait.conversation();
  if (conversation.commit() <= known.commit()) return absl::OkStatus();
  v1::Conversation merged = conversation;
  for (int i = 0; i < std::min(known.matters_size(), merged.matters_size());
       ++i) {
    KeepReceipts(known.matters(i), merged.mutable_matters(i));
  }
  *wait.mutable_conversation() = std::move(merged);
  WriteWait(wait);
  Changed(wait, now);
  return absl::OkStatus();
}

void EmergencyDesk::OnMessages(const std::string& queue,
                               std::vector<v1::ReceivedMessage> messages) {
  std::vector<std::string> ack_ids;
  for (const v1::ReceivedMessage& received : messages) {
    const absl::StatusOr<std::optional<uint64_t>> number =
        inbox_->Receive(received.message(), parts_.loop->now());
    if (!number.ok()) return Check(number.status());
    ack_ids.push_back(received.ack_id());
    if (number->has_value()) Lookup(received.message().conversation_id());
  }
  parts_.loop->Tell(
      [this, queue, ack_ids] { parts_.link->Acknowledge(queue, ack_ids); });
}

void EmergencyDesk::Changed(const v1::WaitRecord& wait, Instant now) {
  const absl::StatusOr<v1::WaitingStatus> status = StatusOf(wait, now);
  if (!status.ok()) return Check(status.status());
  // Who watches a reference means its latest wait.
  const bool earlier =
      waits_.at(wait.number()) != KeyOf(wait.sender_reference());
  if (!parts_.on_change || (earlier && !status->alarm())) return;
  parts_.loop->Tell([this, status = *status] { parts_.on_change(status); });
}

void EmergencyDesk::Check(const absl::Status& status) {
  if (!status.ok()) parts_.loop->Fail(status);
}

}  // namespace baton
