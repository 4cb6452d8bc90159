#include "services/broker/exchange.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/broker/custody.h"
#include "services/broker/custody_check.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr absl::Duration kDefaultAckDeadline = absl::Seconds(60);
constexpr size_t kMaxIdsPerLeaf = 256;

// Codes by which a decision refuses; any other is the disk's.
bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
      return true;
    default:
      return false;
  }
}

std::string CodeOf(const absl::Status& status, absl::string_view call) {
  const std::string reason = ReasonOf(status);
  return absl::StrCat(absl::StatusCodeToString(status.code()), "/", call,
                      reason.empty() ? "" : "/", reason);
}

absl::string_view CallName(SettleKind kind) {
  switch (kind) {
    case SettleKind::kAcknowledge:
      return "Acknowledge";
    case SettleKind::kNack:
      return "Nack";
    case SettleKind::kReject:
      return "Reject";
    case SettleKind::kModifyDeadline:
      return "ModifyAckDeadline";
  }
  return "";
}

}  // namespace

Exchange::Exchange(std::unique_ptr<Ledger> ledger)
    : ledger_(std::move(ledger)) {}

absl::StatusOr<std::unique_ptr<Exchange>> Exchange::Open(
    Store* store, Vault* vault, RandomSource* random, DirectoryBook* directory,
    const Access* access, std::string content_key,
    const v1::BrokerLimits& limits) {
  ASSIGN_OR_RETURN(std::unique_ptr<Ledger> ledger,
                   Ledger::Open(store, vault, random));
  std::unique_ptr<Exchange> exchange(new Exchange(std::move(ledger)));
  exchange->directory_ = directory;
  exchange->directory_changes_ = std::make_unique<DirectoryChanges>(
      exchange->ledger_.get(), &exchange->queues_, directory);
  RETURN_IF_ERROR(exchange->directory_changes_->Load());
  RETURN_IF_ERROR(
      exchange->OpenQueues(directory->Next(), directory->Next().Queues()));
  exchange->publisher_ = std::make_unique<Publisher>(
      exchange->ledger_.get(), &exchange->queues_, directory, access,
      std::move(content_key), limits);
  ASSIGN_OR_RETURN(exchange->attachments_,
                   AttachmentStore::Open(exchange->ledger_.get(), limits));
  return exchange;
}

absl::Status Exchange::OpenQueues(const Directory& directory,
                                  const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const QueuePolicy& policy = *directory.FindQueue(name);
    if (const auto it = queues_.find(name); it != queues_.end()) {
      it->second->set_policy(policy);
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                     ledger_->Get(QueueKey(name)));
    v1::QueueRecord record;
    if (bytes.has_value() && !record.ParseFromString(*bytes)) {
      return absl::DataLossError(
          absl::StrCat("the record of queue ", name, " is damaged"));
    }
    auto queue = std::make_unique<Queue>(name, policy, std::move(record));
    if (queue->WantsMore().has_value()) hungry_.insert(queue.get());
    queues_.emplace(name, std::move(queue));
  }
  return absl::OkStatus();
}

absl::StatusOr<StepResult> Exchange::Step(std::vector<Command> commands,
                                          Instant now) {
  StepResult result;
  ledger_->Begin(now.wall);
  if (!std::exchange(started_, true)) {
    v1::AuditEntry entry;
    entry.set_type(v1::AUDIT_TYPE_STARTED);
    ledger_->Append(std::move(entry));
  }
  // Windows are filled from the committed state, before this step adds to it.
  RETURN_IF_ERROR(Refill(now));
  for (Command& command : commands) {
    RETURN_IF_ERROR(std::visit(
        [&](auto& body) { return Decide(std::move(body), now, &result); },
        command));
  }
  attachments_->Sweep();
  RETURN_IF_ERROR(TickDue(now));
  DispatchTouched(now, &result);
  ASSIGN_OR_RETURN(result.changed, ledger_->Commit());
  directory_->Publish();
  for (const v1::Conversation& conversation : result.changed) {
    directory_changes_->SawCustody(conversation);
  }
  result.more_work = !hungry_.empty();
  if (!ticks_.empty()) result.next_tick = ticks_.begin()->first;
  return result;
}

absl::Status Exchange::Refill(Instant now) {
  for (Queue* const queue : std::exchange(hungry_, {})) {
    Touch(queue);  // It may only have more to hand out.
    const std::optional<Queue::LoadRequest> request = queue->WantsMore();
    if (!request.has_value()) continue;
    ASSIGN_OR_RETURN(const std::vector<KeyValue> found,
                     ledger_->committed().Scan(
                         QueueEntries(queue->name(), request->from_sequence),
                         request->limit));
    std::vector<std::pair<uint64_t, v1::QueueEntry>> entries;
    for (const KeyValue& pair : found) {
      ASSIGN_OR_RETURN(const uint64_t sequence, SequenceOf(pair.key));
      v1::QueueEntry entry;
      if (!entry.ParseFromString(pair.value)) {
        return absl::DataLossError(
            absl::StrCat("an entry of queue ", queue->name(), " is damaged"));
      }
      entries.emplace_back(sequence, std::move(entry));
    }
    for (const QueueEvent& event :
         queue->Load(*request, std::move(entries), kDefaultAckDeadline, now,
                     ledger_->batch())) {
      AppendEvent(std::nullopt, *queue, event);
    }
  }
  return absl::OkStatus();
}

// --- Commands.

absl::Status Exchange::Decide(PublishCommand command, Instant now,
                              StepResult* result) {
  absl::StatusOr<Published> published =
      publisher_->Publish(command.sender, std::move(command.request), now);
  if (!published.ok()) {
    if (!IsRefusal(published.status())) return published.status();
    AppendDenied(command.sender, CodeOf(published.status(), "Publish"));
    result->replies.push_back([done = std::move(command.done),
                               status = published.status()] { done(status); });
    return absl::OkStatus();
  }
  bool wanted = false;  // By somebody who is about to get it.
  for (Queue* const queue : published->queues) {
    wanted |= queue->HasConsumers();
    Touch(queue);
  }
  for (auto& [sequence, message] : published->messages) {
    if (wanted) Remember(sequence, std::move(message));
  }
  result->replies.push_back(
      [done = std::move(command.done),
       response = std::move(published->response)]() mutable {
        done(std::move(response));
      });
  return absl::OkStatus();
}

absl::Status Exchange::Decide(SettleCommand command, Instant now,
                              StepResult* result) {
  SettleResult settled;
  if (command.duration.has_value()) {
    settled.lease_expire_time = ledger_->commit_time() + *command.duration;
  }
  const auto queue = queues_.find(command.queue);
  for (const std::string& ack_id : command.ack_ids) {
    if (queue == queues_.end()) {
      settled.statuses.push_back(
          absl::NotFoundError(absl::StrCat("no queue ", command.queue)));
    } else {
      ASSIGN_OR_RETURN(Answer answer,
                       SettleOne(command, ack_id, queue->second.get(), now));
      settled.statuses.push_back(std::move(answer.status));
    }
    if (!settled.statuses.back().ok()) {
      AppendDenied(command.caller,
                   CodeOf(settled.statuses.back(), CallName(command.kind)));
    }
  }
  if (queue != queues_.end()) Touch(queue->second.get());
  result->replies.push_back(
      [done = std::move(command.done), settled = std::move(settled)]() mutable {
        done(std::move(settled));
      });
  return absl::OkStatus();
}

absl::StatusOr<Exchange::Answer> Exchange::SettleOne(
    const SettleCommand& command, const std::string& ack_id, Queue* queue,
    Instant now) {
  const absl::StatusOr<AckId> ack = ParseAckId(ack_id);
  if (!ack.ok()) return Answer{ack.status()};
  ASSIGN_OR_RETURN(Answer held, CheckLease(command, *ack, queue, now));
  if (absl::IsNotFound(held.status)) return ExplainUnknownLease(command, *ack);
  if (!held.status.ok()) return held;
  switch (command.kind) {
    case SettleKind::kAcknowledge: {
      const QueueEvent event = queue->Acknowledge(*ack, now, ledger_->batch());
      const int64_t index = AppendEvent(command.caller, *queue, event);
      RETURN_IF_ERROR(ApplyDelivered(command.caller, event, index));
      break;
    }
    case SettleKind::kNack:
      for (const QueueEvent& event : queue->Nack(
               *ack, command.reason, command.duration, now, ledger_->batch())) {
        AppendEvent(command.caller, *queue, event);
      }
      break;
    case SettleKind::kReject:
      AppendEvent(command.caller, *queue,
                  queue->Reject(*ack, command.reason, now, ledger_->batch()));
      break;
    case SettleKind::kModifyDeadline:
      queue->ModifyDeadline(*ack, *command.duration, now);
      break;
  }
  return Answer{absl::OkStatus()};
}

// After a restart a lease may stand behind what the window has loaded so far.
absl::StatusOr<Exchange::Answer> Exchange::CheckLease(
    const SettleCommand& command, const AckId& ack, Queue* queue, Instant now) {
  absl::Status held = queue->CheckLease(ack);
  if (!absl::IsNotFound(held)) return Answer{std::move(held)};
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   ledger_->Get(QueueEntryKey(command.queue, ack.sequence)));
  if (!bytes.has_value()) return Answer{std::move(held)};
  v1::QueueEntry entry;
  if (!entry.ParseFromString(*bytes)) {
    return absl::DataLossError(
        absl::StrCat("an entry of queue ", command.queue, " is damaged"));
  }
  return Answer{
      queue->LoadLease(ack, std::move(entry), kDefaultAckDeadline, now)};
}

// A repeated acknowledgement whose answer got lost is answered OK; any other
// settlement of what is settled is too late, and says since when.
absl::StatusOr<Exchange::Answer> Exchange::ExplainUnknownLease(
    const SettleCommand& command, const AckId& ack) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   ledger_->Get(DeliveryKey(ack.sequence, command.queue)));
  if (!bytes.has_value()) {
    return Answer{absl::NotFoundError(absl::StrCat(
        "no lease ", FormatAckId(ack), " on queue ", command.queue))};
  }
  v1::DeliveryRecord settled;
  if (!settled.ParseFromString(*bytes)) {
    return absl::DataLossError("a delivery record is damaged");
  }
  if (command.kind == SettleKind::kAcknowledge &&
      settled.state() == v1::DELIVERY_STATE_ACKNOWLEDGED &&
      settled.delivery_attempt() == ack.attempt) {
    return Answer{absl::OkStatus()};
  }
  return Answer{absl::FailedPreconditionError(absl::StrCat(
      "lease ", FormatAckId(ack), " has ended: the message was settled as ",
      v1::DeliveryState_Name(settled.state()), " at ",
      absl::FormatTime(absl::RFC3339_sec,
                       absl::FromUnixMicros(settled.state_time_micros()),
                       absl::UTCTimeZone())))};
}

// The recipient's system durably has the message that opened these matters.
absl::Status Exchange::ApplyDelivered(const Identity& caller,
                                      const QueueEvent& event,
                                      int64_t audit_index) {
  if (event.receipt_conversation == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(Conversation* const conversation,
                   ledger_->FindConversation(event.receipt_conversation));
  v1::Receipt receipt;
  *receipt.mutable_time() = ToProto(ledger_->commit_time());
  *receipt.mutable_agency() = caller.agency;
  receipt.set_audit_index(audit_index);
  for (int i = 0; i < conversation->record.matters_size(); ++i) {
    RecordDelivered(receipt, i, conversation);
  }
  ledger_->MarkChanged(event.receipt_conversation);
  return absl::OkStatus();
}

absl::Status Exchange::Decide(SubscribeCommand command, Instant now,
                              StepResult* result) {
  const auto queue = queues_.find(command.queue);
  if (queue == queues_.end()) return absl::OkStatus();  // Checked by the RPC.
  const uint64_t id = command.consumer.id;
  for (const QueueEvent& event : queue->second->Subscribe(
           std::move(command.consumer), now, ledger_->batch())) {
    AppendEvent(std::nullopt, *queue->second, event);
  }
  subscriptions_[id] = {.queue = queue->second.get(),
                        .sink = std::move(command.sink),
                        .agency = std::move(command.caller.agency),
                        .once = command.once,
                        .wait = command.wait};
  Touch(queue->second.get());
  // A call that does not wait is answered by this step, with nothing if need
  // be; DispatchQueue has taken it out when there was something.
  if (command.once && !command.wait) {
    DispatchQueue(queue->second.get(), now, result);
    const auto it = subscriptions_.find(id);
    if (it != subscriptions_.end()) {
      result->deliveries.push_back({.sink = it->second.sink,
                                    .messages = {},
                                    .recipient = it->second.agency});
      EndSubscription(id);
    }
  }
  return absl::OkStatus();
}

absl::Status Exchange::Decide(GrantCommand command, Instant, StepResult*) {
  const auto queue = queues_.find(command.queue);
  if (queue == queues_.end()) return absl::OkStatus();
  queue->second->Grant(command.consumer_id, command.max_messages,
                       command.max_bytes);
  Touch(queue->second.get());
  return absl::OkStatus();
}

absl::Status Exchange::Decide(UnsubscribeCommand command, Instant,
                              StepResult*) {
  EndSubscription(command.consumer_id);
  return absl::OkStatus();
}

absl::Status Exchange::Decide(FirstReadCommand command, Instant,
                              StepResult* result) {
  const auto decide = [&]() -> absl::StatusOr<v1::Matter> {
    ASSIGN_OR_RETURN(const MatterName name, ParseMatterId(command.matter_id));
    ASSIGN_OR_RETURN(Conversation* const conversation,
                     ledger_->FindConversation(name.conversation_number));
    const int matter = FindMatter(*conversation, command.matter_id);
    if (matter < 0 || !IsParticipant(*conversation, command.caller.agency)) {
      return absl::NotFoundError(
          absl::StrCat("no matter ", command.matter_id, " of this agency"));
    }
    const v1::Matter& current = conversation->record.matters(matter).matter();
    RETURN_IF_ERROR(CheckCustody(current, command.caller.agency, 0));
    if (!current.has_first_read()) {
      v1::AuditEntry entry;
      entry.set_type(v1::AUDIT_TYPE_READ);
      *entry.mutable_actor() = command.caller.agency;
      entry.set_actor_key_id(command.caller.key_id);
      entry.set_matter_id(command.matter_id);
      entry.set_matter_version(current.version() + 1);
      v1::Receipt receipt;
      *receipt.mutable_time() = ToProto(ledger_->commit_time());
      *receipt.mutable_agency() = command.caller.agency;
      receipt.set_audit_index(ledger_->Append(std::move(entry)));
      RecordFirstRead(receipt, command.actor, matter, conversation);
      ledger_->MarkChanged(name.conversation_number);
    }
    return ToPublic(*conversation).matters(matter);
  };
  absl::StatusOr<v1::Matter> decided = decide();
  if (!decided.ok()) {
    if (!IsRefusal(decided.status())) return decided.status();
    AppendDenied(command.caller, CodeOf(decided.status(), "RecordFirstRead"));
  }
  result->replies.push_back([done = std::move(command.done),
                             decided = std::move(decided)] { done(decided); });
  return absl::OkStatus();
}

// A desk that goes leaves its empty queue in memory: subscriptions that end a
// moment later still point to it.
absl::Status Exchange::Decide(ChangeAgencyCommand command, Instant,
                              StepResult* result) {
  absl::StatusOr<AgencyChange> change = directory_changes_->Change(command);
  if (!change.ok()) {
    if (!IsRefusal(change.status())) return change.status();
    AppendDenied(
        command.caller,
        CodeOf(change.status(), command.remove ? "RemoveAgency" : "PutAgency"));
  } else if (!command.remove) {
    RETURN_IF_ERROR(
        OpenQueues(directory_->Next(),
                   directory_->Next().QueuesOf(command.agency.agency())));
  }
  result->replies.push_back([done = std::move(command.done),
                             change = std::move(change)] { done(change); });
  return absl::OkStatus();
}

absl::Status Exchange::Decide(AttachmentCommand command, Instant,
                              StepResult* result) {
  absl::StatusOr<v1::AttachmentRecord> decided =
      attachments_->Decide(command.caller, command.act);
  if (!decided.ok()) {
    if (!IsRefusal(decided.status())) return decided.status();
    AppendDenied(command.caller, CodeOf(decided.status(), "UploadAttachment"));
  }
  result->replies.push_back([done = std::move(command.done),
                             decided = std::move(decided)] { done(decided); });
  return absl::OkStatus();
}

absl::Status Exchange::Decide(DeniedCommand command, Instant,
                              StepResult* result) {
  AppendDenied(command.caller, std::move(command.code));
  if (command.done) result->replies.push_back(std::move(command.done));
  return absl::OkStatus();
}

// --- Audit.

int64_t Exchange::AppendEvent(const std::optional<Identity>& caller,
                              const Queue& queue, const QueueEvent& event) {
  v1::AuditEntry entry;
  entry.set_type(event.type);
  entry.add_message_ids(MessageId(event.sequence));
  entry.add_queues(queue.name());
  entry.set_delivery_attempt(event.attempt);
  if (caller.has_value()) {
    *entry.mutable_actor() = caller->agency;
    entry.set_actor_key_id(caller->key_id);
  }
  return ledger_->Append(std::move(entry));
}

void Exchange::AppendDenied(const std::optional<Identity>& caller,
                            std::string code) {
  v1::AuditEntry entry;
  entry.set_type(v1::AUDIT_TYPE_DENIED);
  entry.set_code(std::move(code));
  if (caller.has_value()) {
    *entry.mutable_actor() = caller->agency;
    entry.set_actor_key_id(caller->key_id);
  }
  ledger_->Append(std::move(entry));
}

// --- Time and dispatch.

absl::Status Exchange::TickDue(Instant now) {
  while (!ticks_.empty() && ticks_.begin()->first <= now.steady) {
    Queue* const queue = ticks_.begin()->second;
    ticks_.erase(ticks_.begin());
    tick_of_.erase(queue);
    Touch(queue);
  }
  for (Queue* const queue : touched_) {
    for (const QueueEvent& event : queue->Tick(now, ledger_->batch())) {
      AppendEvent(std::nullopt, *queue, event);
    }
  }
  return absl::OkStatus();
}

void Exchange::DispatchTouched(Instant now, StepResult* result) {
  for (Queue* const queue : std::exchange(touched_, {})) {
    DispatchQueue(queue, now, result);
    queue->Flush(ledger_->batch());
    if (queue->WantsMore().has_value()) hungry_.insert(queue);
    Schedule(queue, now);
  }
}

void Exchange::DispatchQueue(Queue* queue, Instant now, StepResult* result) {
  if (!queue->HasConsumers()) return;
  const std::vector<Leased> leased = queue->Dispatch(now, ledger_->batch());
  if (leased.size() == Queue::kMaxDispatch) hungry_.insert(queue);
  std::map<uint64_t, std::vector<Handover>> by_consumer;
  for (const Leased& lease : leased) {
    Handover handover{.leased = lease, .message = nullptr};
    if (const auto it = recent_.find(lease.sequence); it != recent_.end()) {
      handover.message = it->second;
    }
    by_consumer[lease.consumer_id].push_back(std::move(handover));
  }
  for (auto& [consumer_id, messages] : by_consumer) {
    v1::AuditEntry entry;
    for (const Handover& message : messages) {
      if (entry.message_ids_size() == static_cast<int>(kMaxIdsPerLeaf)) {
        ledger_->Append(entry);
        entry.clear_message_ids();
      }
      entry.set_type(v1::AUDIT_TYPE_LEASED);
      entry.add_message_ids(MessageId(message.leased.sequence));
      if (entry.queues().empty()) entry.add_queues(queue->name());
    }
    ledger_->Append(std::move(entry));
    Subscription& subscription = subscriptions_.at(consumer_id);
    result->deliveries.push_back({.sink = subscription.sink,
                                  .messages = std::move(messages),
                                  .recipient = subscription.agency});
    if (subscription.once) EndSubscription(consumer_id);
  }
}

void Exchange::EndSubscription(uint64_t consumer_id) {
  const auto it = subscriptions_.find(consumer_id);
  if (it == subscriptions_.end()) return;
  it->second.queue->Unsubscribe(consumer_id);
  subscriptions_.erase(it);
}

// Oldest first out: a consumer that keeps up finds its messages here.
void Exchange::Remember(uint64_t sequence,
                        std::shared_ptr<const v1::Message> message) {
  recent_bytes_ += message->ByteSizeLong();
  recent_.emplace(sequence, std::move(message));
  while (recent_.size() > kMaxRecentMessages ||
         recent_bytes_ > kMaxRecentBytes) {
    recent_bytes_ -= recent_.begin()->second->ByteSizeLong();
    recent_.erase(recent_.begin());
  }
}

void Exchange::Schedule(Queue* queue, Instant now) {
  if (const auto it = tick_of_.find(queue); it != tick_of_.end()) {
    ticks_.erase({it->second, queue});
    tick_of_.erase(it);
  }
  if (const std::optional<absl::Duration> next = queue->NextTick(now)) {
    ticks_.insert({*next, queue});
    tick_of_[queue] = *next;
  }
}

}  // namespace baton
