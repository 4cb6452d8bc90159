#include "services/broker/exchange.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/broker/custody.h"
#include "services/broker/custody_check.h"
#include "services/broker/queue_recovery.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/format.h"
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

v1::PublishRefusal ToRefusal(const absl::Status& status) {
  v1::PublishRefusal refusal;
  refusal.set_code(static_cast<int32_t>(status.code()));
  refusal.set_message(std::string(status.message()));
  refusal.set_status(SerializeStatus(status));
  return refusal;
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
      exchange->OpenQueues(directory->Next(), directory->Next().Queues(), {}));
  exchange->publisher_ = std::make_unique<Publisher>(
      exchange->ledger_.get(), &exchange->queues_, directory, access,
      std::move(content_key), limits);
  ASSIGN_OR_RETURN(exchange->attachments_,
                   AttachmentStore::Open(exchange->ledger_.get(), limits));
  return exchange;
}

absl::Status Exchange::OpenQueues(const Directory& directory,
                                  const std::vector<std::string>& names,
                                  Instant now) {
  for (const std::string& name : names) {
    const QueuePolicy& policy = *directory.FindQueue(name);
    if (const auto it = queues_.find(name); it != queues_.end()) {
      it->second->set_policy(policy);
      continue;
    }
    auto queue = std::make_unique<Queue>(name, policy);
    RETURN_IF_ERROR(RecoverQueue(ledger_->committed(), queue.get()));
    if (started_) {
      queue->Start(kDefaultAckDeadline, now);
      Touch(queue.get());
    }
    queues_.emplace(name, std::move(queue));
  }
  return absl::OkStatus();
}

absl::StatusOr<StepResult> Exchange::Step(std::vector<Command> commands,
                                          Instant now) {
  StepResult result;
  if (!started_) RETURN_IF_ERROR(Start(now));
  ledger_->Begin(now.wall);
  if (!std::exchange(started_, true)) {
    v1::AuditEntry entry;
    entry.set_type(v1::AUDIT_TYPE_STARTED);
    ledger_->Append(std::move(entry));
  }
  for (Queue* const queue : std::exchange(busy_, {})) Touch(queue);
  for (Command& command : commands) {
    RETURN_IF_ERROR(std::visit(
        [&](auto& body) { return Decide(std::move(body), now, &result); },
        command));
  }
  attachments_->Sweep();
  RETURN_IF_ERROR(TickDue(now, &result));
  DispatchTouched(now, &result);
  ASSIGN_OR_RETURN(result.changed, ledger_->Commit());
  directory_->Publish();
  for (const v1::Conversation& conversation : result.changed) {
    directory_changes_->SawCustody(conversation);
  }
  result.more_work = !busy_.empty();
  if (!ticks_.empty()) result.next_tick = ticks_.begin()->first;
  return result;
}

absl::Status Exchange::Start(Instant now) {
  RETURN_IF_ERROR(RaiseFormat(now));
  QueueSet queues;
  for (const auto& [name, queue] : queues_) queues.insert(queue.get());
  for (Queue* const queue : queues) {
    RETURN_IF_ERROR(AdoptFormat1(queue, now));
    queue->Start(kDefaultAckDeadline, now);
    Touch(queue);
  }
  return absl::OkStatus();
}

// Before anything is written that an older program would not find.
absl::Status Exchange::RaiseFormat(Instant now) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   ledger_->Get(kDatabaseKey));
  if (!bytes.has_value()) return absl::OkStatus();
  v1::DatabaseRecord database;
  if (!database.ParseFromString(*bytes)) {
    return absl::DataLossError("the record of the database is damaged");
  }
  if (database.format_version() >= kFormatVersion) return absl::OkStatus();
  database.set_format_version(kFormatVersion);
  ledger_->Begin(now.wall);
  ledger_->batch()->Put(kDatabaseKey, database.SerializeAsString());
  return ledger_->Commit().status();
}

absl::Status Exchange::AdoptFormat1(Queue* queue, Instant now) {
  while (true) {
    ASSIGN_OR_RETURN(
        const size_t adopted,
        baton::AdoptFormat1(ledger_->committed(), queue, ledger_->batch()));
    if (adopted == 0) {
      queue->NoteAdopted();
      return absl::OkStatus();
    }
    ledger_->Begin(now.wall);
    queue->Flush(ledger_->commit_number(), now, /*fold=*/false,
                 ledger_->batch());
    RETURN_IF_ERROR(ledger_->Commit().status());
  }
}

// --- Commands.

absl::Status Exchange::Publish(const Identity& sender,
                               v1::PublishRequest request,
                               absl::string_view call, Instant now,
                               absl::StatusOr<v1::PublishResponse>* answer) {
  absl::StatusOr<Published> published =
      publisher_->Publish(sender, std::move(request), now);
  if (!published.ok()) {
    if (!IsRefusal(published.status())) return published.status();
    AppendDenied(sender, CodeOf(published.status(), call));
    *answer = published.status();
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
  *answer = std::move(published->response);
  return absl::OkStatus();
}

absl::Status Exchange::Decide(PublishCommand command, Instant now,
                              StepResult* result) {
  absl::StatusOr<v1::PublishResponse> answer = v1::PublishResponse();
  RETURN_IF_ERROR(Publish(command.sender, std::move(command.request), "Publish",
                          now, &answer));
  result->replies.push_back(
      [done = std::move(command.done), answer = std::move(answer)]() mutable {
        done(std::move(answer));
      });
  return absl::OkStatus();
}

absl::Status Exchange::Decide(PublishEachCommand command, Instant now,
                              StepResult* result) {
  v1::StreamingPublishResponse response;
  for (int i = 0; i < command.request.messages_size(); ++i) {
    absl::StatusOr<v1::PublishResponse> answer = v1::PublishResponse();
    if (command.refusals[i].ok()) {
      v1::PublishRequest one;
      one.add_messages()->Swap(command.request.mutable_messages(i));
      RETURN_IF_ERROR(Publish(command.sender, std::move(one),
                              "StreamingPublish", now, &answer));
    } else {
      answer = command.refusals[i];
      AppendDenied(command.sender, CodeOf(answer.status(), "StreamingPublish"));
    }
    v1::PublishResult* const published = response.add_results();
    if (answer.ok()) {
      published->mutable_receipt()->Swap(answer->mutable_receipts(0));
    } else {
      *published->mutable_refusal() = ToRefusal(answer.status());
    }
  }
  result->replies.push_back([done = std::move(command.done),
                             response = std::move(response)]() mutable {
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
  std::vector<QueueEvent> delivered;
  for (const std::string& ack_id : command.ack_ids) {
    if (queue == queues_.end()) {
      settled.statuses.push_back(
          absl::NotFoundError(absl::StrCat("no queue ", command.queue)));
    } else {
      ASSIGN_OR_RETURN(
          Answer answer,
          SettleOne(command, ack_id, queue->second.get(), now, &delivered));
      settled.statuses.push_back(std::move(answer.status));
    }
    if (!settled.statuses.back().ok()) {
      AppendDenied(command.caller,
                   CodeOf(settled.statuses.back(), CallName(command.kind)));
    }
  }
  if (queue != queues_.end()) {
    RETURN_IF_ERROR(AppendDelivered(command.caller, *queue->second, delivered));
    Touch(queue->second.get());
  }
  result->replies.push_back(
      [done = std::move(command.done), settled = std::move(settled)]() mutable {
        done(std::move(settled));
      });
  return absl::OkStatus();
}

absl::StatusOr<Exchange::Answer> Exchange::SettleOne(
    const SettleCommand& command, const std::string& ack_id, Queue* queue,
    Instant now, std::vector<QueueEvent>* delivered) {
  const absl::StatusOr<AckId> ack = ParseAckId(ack_id);
  if (!ack.ok()) return Answer{ack.status()};
  const absl::Status held = queue->CheckLease(*ack);
  if (absl::IsNotFound(held)) {
    return ExplainUnknownLease(command.kind, *queue, *ack);
  }
  if (!held.ok()) return Answer{held};
  switch (command.kind) {
    case SettleKind::kAcknowledge:
      delivered->push_back(queue->Acknowledge(*ack, now));
      break;
    case SettleKind::kNack:
      for (const QueueEvent& event :
           queue->Nack(*ack, command.reason, command.duration, now)) {
        AppendEvent(command.caller, *queue, event);
      }
      break;
    case SettleKind::kReject:
      AppendEvent(command.caller, *queue,
                  queue->Reject(*ack, command.reason, now));
      break;
    case SettleKind::kModifyDeadline:
      queue->ModifyDeadline(*ack, *command.duration, now);
      break;
  }
  return Answer{absl::OkStatus()};
}

// A repeated acknowledgement whose answer got lost is answered OK; any other
// settlement of what is settled is too late, and says since when.
absl::StatusOr<Exchange::Answer> Exchange::ExplainUnknownLease(
    SettleKind kind, const Queue& queue, const AckId& ack) {
  std::optional<v1::DeliveryRecord> settled;
  if (const Settled* const lately = queue.FindSettled(ack.sequence)) {
    settled.emplace();
    settled->set_state(lately->state);
    settled->set_delivery_attempt(lately->attempt);
    settled->set_state_time_micros(lately->time_micros);
  } else {
    ASSIGN_OR_RETURN(
        settled, ReadSettled(ledger_->committed(), queue.name(), ack.sequence));
  }
  if (!settled.has_value()) {
    return Answer{absl::NotFoundError(absl::StrCat(
        "no lease ", FormatAckId(ack), " on queue ", queue.name()))};
  }
  if (kind == SettleKind::kAcknowledge &&
      settled->state() == v1::DELIVERY_STATE_ACKNOWLEDGED &&
      settled->delivery_attempt() == ack.attempt) {
    return Answer{absl::OkStatus()};
  }
  return Answer{absl::FailedPreconditionError(absl::StrCat(
      "lease ", FormatAckId(ack), " has ended: the message was settled as ",
      v1::DeliveryState_Name(settled->state()), " at ",
      absl::FormatTime(absl::RFC3339_sec,
                       absl::FromUnixMicros(settled->state_time_micros()),
                       absl::UTCTimeZone())))};
}

// Everything is checked before anything is done; what is settled already, by
// the same lease, is settled.
absl::Status Exchange::Decide(AcknowledgeAndPublishCommand command, Instant now,
                              StepResult* result) {
  AcknowledgeAndPublishCommand::Result answer;
  std::map<uint64_t, AckId> held;
  bool all_held = true;
  const auto it = queues_.find(command.queue);
  for (const std::string& ack_id : command.ack_ids) {
    const absl::StatusOr<AckId> ack = ParseAckId(ack_id);
    Answer lease{ack.status()};
    if (ack.ok() && it != queues_.end()) {
      lease.status = it->second->CheckLease(*ack);
      if (lease.status.ok()) held.emplace(ack->sequence, *ack);
      if (absl::IsNotFound(lease.status)) {
        ASSIGN_OR_RETURN(lease, ExplainUnknownLease(SettleKind::kAcknowledge,
                                                    *it->second, *ack));
      }
    } else if (ack.ok()) {
      lease.status =
          absl::NotFoundError(absl::StrCat("no queue ", command.queue));
    }
    all_held &= lease.status.ok();
    answer.settled.statuses.push_back(std::move(lease.status));
  }
  if (all_held) {
    RETURN_IF_ERROR(Publish(command.caller, std::move(command.request),
                            "AcknowledgeAndPublish", now, &answer.published));
  } else {
    AppendDenied(command.caller, "FAILED_PRECONDITION/AcknowledgeAndPublish");
  }
  if (all_held && answer.published.ok()) {
    std::vector<QueueEvent> delivered;
    for (const auto& [sequence, ack] : held) {
      delivered.push_back(it->second->Acknowledge(ack, now));
    }
    RETURN_IF_ERROR(AppendDelivered(command.caller, *it->second, delivered));
    Touch(it->second.get());
  }
  result->replies.push_back(
      [done = std::move(command.done), answer = std::move(answer)]() mutable {
        done(std::move(answer));
      });
  return absl::OkStatus();
}

absl::Status Exchange::AppendDelivered(
    const Identity& caller, const Queue& queue,
    const std::vector<QueueEvent>& delivered) {
  for (size_t begin = 0; begin < delivered.size();) {
    // One leaf names one attempt.
    size_t end = begin;
    v1::AuditEntry entry;
    while (end < delivered.size() && end - begin < kMaxIdsPerLeaf &&
           delivered[end].attempt == delivered[begin].attempt) {
      entry.add_message_ids(MessageId(delivered[end++].sequence));
    }
    entry.set_type(v1::AUDIT_TYPE_DELIVERED);
    entry.add_queues(queue.name());
    entry.set_delivery_attempt(delivered[begin].attempt);
    *entry.mutable_actor() = caller.agency;
    entry.set_actor_key_id(caller.key_id);
    const int64_t index = ledger_->Append(std::move(entry));
    for (; begin < end; ++begin) {
      RETURN_IF_ERROR(ApplyDelivered(caller, delivered[begin], index));
    }
  }
  return absl::OkStatus();
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
  if (const absl::Status alone = queue->second->CheckAlone(command.consumer);
      !alone.ok()) {
    AppendDenied(command.caller, CodeOf(alone, "Pull"));
    result->replies.push_back(
        [sink = std::move(command.sink), alone] { sink->End(alone); });
    return absl::OkStatus();
  }
  const uint64_t id = command.consumer.id;
  const Queue::Subscribed subscribed =
      queue->second->Subscribe(std::move(command.consumer), now);
  for (const QueueEvent& event : subscribed.events) {
    AppendEvent(std::nullopt, *queue->second, event);
  }
  for (const uint64_t replaced : subscribed.replaced) {
    EndConsumer(replaced, v1::NOTICE_CODE_REPLACED,
                "a new stream of the same consumer took over; use one name for "
                "each stream that is to live beside others",
                "CONSUMER_REPLACED", result);
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
absl::Status Exchange::Decide(ChangeAgencyCommand command, Instant now,
                              StepResult* result) {
  absl::StatusOr<AgencyChange> change = directory_changes_->Change(command);
  if (!change.ok()) {
    if (!IsRefusal(change.status())) return change.status();
    AppendDenied(
        command.caller,
        CodeOf(change.status(), command.remove ? "RemoveAgency" : "PutAgency"));
  } else {
    // Nobody would open a queue that is gone to read its log.
    for (const auto& [name, queue] : queues_) {
      if (directory_->Next().FindQueue(name) == nullptr &&
          queue->unfolded() > 0) {
        leaving_.insert(queue.get());
      }
    }
  }
  if (change.ok() && !command.remove) {
    RETURN_IF_ERROR(
        OpenQueues(directory_->Next(),
                   directory_->Next().QueuesOf(command.agency.agency()), now));
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

absl::Status Exchange::Decide(FindConversationCommand command, Instant,
                              StepResult* result) {
  std::optional<Conversation> found;
  if (const Conversation* const known =
          ledger_->FindUnwritten(command.number)) {
    found = *known;
  }
  result->replies.push_back(
      [done = std::move(command.done), found = std::move(found)]() mutable {
        done(std::move(found));
      });
  return absl::OkStatus();
}

absl::Status Exchange::Decide(FindCopiesCommand command, Instant,
                              StepResult* result) {
  std::vector<std::optional<v1::DeliveryRecord>> found;
  for (const FindCopiesCommand::Copy& copy : command.copies) {
    const auto queue = queues_.find(copy.queue);
    found.push_back(queue == queues_.end()
                        ? std::nullopt
                        : queue->second->Find(copy.sequence));
  }
  result->replies.push_back(
      [done = std::move(command.done), found = std::move(found)]() mutable {
        done(std::move(found));
      });
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

absl::Status Exchange::TickDue(Instant now, StepResult* result) {
  while (!ticks_.empty() && ticks_.begin()->first <= now.steady) {
    Queue* const queue = ticks_.begin()->second;
    ticks_.erase(ticks_.begin());
    tick_of_.erase(queue);
    Touch(queue);
  }
  for (Queue* const queue : touched_) {
    const Queue::Ticked ticked = queue->Tick(now);
    for (const QueueEvent& event : ticked.events) {
      AppendEvent(std::nullopt, *queue, event);
    }
    NotifyExpired(ticked.events, result);
    for (const uint64_t stalled : ticked.stalled) {
      EndConsumer(
          stalled, v1::NOTICE_CODE_STALLED,
          "leases ran out twice and nothing was settled or extended in "
          "between: this stream ends, and others get what it held. Take "
          "less at once, extend leases, or mend what is stuck",
          "CONSUMER_STALLED", result);
    }
  }
  return absl::OkStatus();
}

void Exchange::NotifyExpired(const std::vector<QueueEvent>& events,
                             StepResult* result) {
  std::map<uint64_t, v1::ConsumerNotice> notices;  // By consumer.
  for (const QueueEvent& event : events) {
    if (event.type != v1::AUDIT_TYPE_LEASE_EXPIRED ||
        !subscriptions_.contains(event.consumer_id)) {
      continue;
    }
    notices[event.consumer_id].add_ack_ids(
        FormatAckId({event.sequence, event.attempt}));
  }
  for (auto& [consumer_id, notice] : notices) {
    notice.set_code(v1::NOTICE_CODE_LEASES_EXPIRED);
    notice.set_text(
        "these leases ran out before they were settled: the messages are "
        "delivered again. ModifyAckDeadline extends a lease");
    result->replies.push_back([sink = subscriptions_.at(consumer_id).sink,
                               notice = std::move(notice)]() mutable {
      sink->Notify(std::move(notice));
    });
  }
}

void Exchange::EndConsumer(uint64_t consumer_id, v1::NoticeCode code,
                           std::string text, std::string reason,
                           StepResult* result) {
  const auto it = subscriptions_.find(consumer_id);
  if (it == subscriptions_.end()) return;
  v1::ConsumerNotice notice;
  notice.set_code(code);
  notice.set_text(text);
  result->replies.push_back(
      [sink = it->second.sink, notice = std::move(notice),
       why =
           WithReason(absl::FailedPreconditionError(text), reason)]() mutable {
        sink->Notify(std::move(notice));
        sink->End(std::move(why));
      });
  EndSubscription(consumer_id);
}

void Exchange::DispatchTouched(Instant now, StepResult* result) {
  const QueueSet folded = ChooseToFold();
  touched_.insert(folded.begin(), folded.end());
  for (Queue* const queue : std::exchange(touched_, {})) {
    DispatchQueue(queue, now, result);
    Flush(queue, folded.contains(queue), now);
    Schedule(queue, now);
  }
}

Exchange::QueueSet Exchange::ChooseToFold() {
  QueueSet chosen = std::exchange(leaving_, {});
  for (size_t left = total_unfolded_; left > kMaxUnfolded;) {
    Queue* const oldest = fold_order_.front();
    fold_order_.pop_front();
    Unfolded& unfolded = unfolded_[oldest];
    unfolded.waits = false;
    left -= unfolded.count;
    chosen.insert(oldest);
  }
  return chosen;
}

void Exchange::Flush(Queue* queue, bool fold, Instant now) {
  queue->Flush(ledger_->commit_number(), now, fold, ledger_->batch());
  Unfolded& unfolded = unfolded_[queue];
  total_unfolded_ += queue->unfolded() - unfolded.count;
  unfolded.count = queue->unfolded();
  if (unfolded.count == 0 || std::exchange(unfolded.waits, true)) return;
  fold_order_.push_back(queue);
}

void Exchange::DispatchQueue(Queue* queue, Instant now, StepResult* result) {
  if (!queue->HasConsumers()) return;
  const std::vector<Leased> leased = queue->Dispatch(now);
  if (leased.size() == Queue::kMaxDispatch) busy_.insert(queue);
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
