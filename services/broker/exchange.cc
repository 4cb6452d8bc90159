#include "services/broker/exchange.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/broker/custody.h"
#include "services/broker/custody_check.h"
#include "services/broker/format_upgrade.h"
#include "services/broker/leaves.h"
#include "services/broker/publish_check.h"
#include "services/broker/queue_recovery.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

// Out of a request, without copying them.
MessageList Take(google::protobuf::RepeatedPtrField<v1::Message>* from) {
  std::vector<v1::Message*> taken(static_cast<size_t>(from->size()));
  from->ExtractSubrange(0, from->size(), taken.data());
  MessageList messages;
  messages.reserve(taken.size());
  for (v1::Message* const message : taken) messages.emplace_back(message);
  return messages;
}

constexpr absl::Duration kDefaultAckDeadline = absl::Seconds(60);

}  // namespace

Exchange::Exchange(std::unique_ptr<Ledger> ledger, std::string content_key)
    : content_key_(std::move(content_key)), ledger_(std::move(ledger)) {}

void Tell(StepResult* result,
          absl::FunctionRef<void(StepResult::Delivery)> deliver) {
  for (const std::function<void()>& notice : result->notices) notice();
  for (StepResult::Delivery& delivery : result->deliveries) {
    deliver(std::move(delivery));
  }
  for (const std::function<void()>& reply : result->replies) reply();
}

absl::StatusOr<std::unique_ptr<Exchange>> Exchange::Open(
    Store* store, Vault* vault, RandomSource* random, DirectoryBook* directory,
    const Access* access, std::string content_key,
    const v1::BrokerLimits& limits) {
  ASSIGN_OR_RETURN(std::unique_ptr<Ledger> ledger,
                   Ledger::Open(store, vault, random));
  std::unique_ptr<Exchange> exchange(
      new Exchange(std::move(ledger), content_key));
  exchange->directory_ = directory;
  exchange->directory_changes_ = std::make_unique<DirectoryChanges>(
      exchange->ledger_.get(), &exchange->queues_, directory);
  RETURN_IF_ERROR(exchange->directory_changes_->Load());
  RETURN_IF_ERROR(
      exchange->OpenQueues(directory->Next(), directory->Next().Queues(), {}));
  std::string purge_key = Hkdf(content_key, "purge");
  exchange->publisher_ = std::make_unique<Publisher>(
      exchange->ledger_.get(), &exchange->queues_, &exchange->usage_, directory,
      access, std::move(content_key), limits);
  exchange->settling_ =
      std::make_unique<Settling>(exchange->ledger_.get(), &exchange->queues_);
  ASSIGN_OR_RETURN(exchange->attachments_,
                   AttachmentStore::Open(exchange->ledger_.get(), limits));
  const auto touch = [e = exchange.get()](Queue* queue) { e->Touch(queue); };
  ASSIGN_OR_RETURN(exchange->jobs_, Jobs::Open(exchange->ledger_.get(),
                                               &exchange->queues_, touch));
  exchange->queue_desk_ = std::make_unique<QueueDesk>(
      exchange->ledger_.get(), &exchange->queues_, exchange->jobs_.get(),
      access, std::move(purge_key), touch);
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
    auto queue = std::make_unique<Queue>(name, policy, &usage_);
    RETURN_IF_ERROR(RecoverQueue(ledger_->committed(), queue.get()));
    if (started_) {
      queue->NoteAdopted();
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
  RETURN_IF_ERROR(jobs_->Work(now));
  RETURN_IF_ERROR(TickDue(now, &result));
  DispatchTouched(now, &result);
  ASSIGN_OR_RETURN(result.changed, ledger_->Commit());
  directory_->Publish();
  for (const v1::Conversation& conversation : result.changed) {
    directory_changes_->SawCustody(conversation);
  }
  result.more_work = !busy_.empty();
  result.next_tick = jobs_->NextTurn();
  if (!ticks_.empty()) {
    const absl::Duration tick = ticks_.begin()->first;
    result.next_tick = std::min(result.next_tick.value_or(tick), tick);
  }
  return result;
}

absl::Status Exchange::Start(Instant now) {
  RETURN_IF_ERROR(RaiseFormat(ledger_.get(), now));
  QueueSet queues;
  for (const auto& [name, queue] : queues_) queues.insert(queue.get());
  for (Queue* const queue : queues) {
    RETURN_IF_ERROR(AdoptFormat1(ledger_.get(), queue, now));
    queue->Start(kDefaultAckDeadline, now);
    Touch(queue);
  }
  return AdoptOrphansOfFormat1(ledger_.get(), queues_, now);
}

// --- Commands.

void Exchange::Prepare(Command* command) const {
  const auto prepare = [this](const Identity& sender, const auto& messages,
                              std::vector<Fingerprint>* fingerprints) {
    fingerprints->reserve(messages.size());
    for (const v1::Message& message : messages) {
      fingerprints->push_back(
          FingerprintOf(content_key_, sender.agency, message));
    }
  };
  if (auto* one = std::get_if<PublishCommand>(command)) {
    prepare(one->sender, one->request.messages(), &one->fingerprints);
  } else if (auto* each = std::get_if<PublishEachCommand>(command)) {
    prepare(each->sender, each->request.messages(), &each->fingerprints);
  } else if (auto* both = std::get_if<AcknowledgeAndPublishCommand>(command)) {
    prepare(both->caller, both->request.messages(), &both->fingerprints);
  }
}

absl::Status Exchange::Publish(const Identity& sender, MessageList messages,
                               std::vector<Fingerprint> fingerprints,
                               absl::string_view call, Instant now,
                               absl::StatusOr<v1::PublishResponse>* answer,
                               StepResult* result) {
  absl::StatusOr<Published> published = publisher_->Publish(
      sender, std::move(messages), std::move(fingerprints), now);
  if (!published.ok()) {
    if (!IsRefusal(published.status())) return published.status();
    AppendDenied(ledger_.get(), sender, CodeOf(published.status(), call));
    *answer = published.status();
    return absl::OkStatus();
  }
  bool wanted = false;  // By somebody who is about to get it.
  for (Queue* const queue : published->queues) {
    wanted |= queue->HasConsumers();
    Touch(queue);
  }
  for (auto& [sequence, message] : published->messages) {
    if (wanted) {
      Remember(sequence, std::move(message), result);
    } else {
      result->spent.push_back(std::move(message));
    }
  }
  *answer = std::move(published->response);
  return absl::OkStatus();
}

absl::Status Exchange::Decide(PublishCommand command, Instant now,
                              StepResult* result) {
  absl::StatusOr<v1::PublishResponse> answer = v1::PublishResponse();
  RETURN_IF_ERROR(Publish(
      command.sender, Take(command.request.mutable_messages()),
      std::move(command.fingerprints), "Publish", now, &answer, result));
  result->replies.push_back(
      [done = std::move(command.done), answer = std::move(answer)]() mutable {
        done(std::move(answer));
      });
  return absl::OkStatus();
}

absl::Status Exchange::Decide(PublishEachCommand command, Instant now,
                              StepResult* result) {
  v1::StreamingPublishResponse response;
  MessageList messages = Take(command.request.mutable_messages());
  for (size_t i = 0; i < messages.size(); ++i) {
    absl::StatusOr<v1::PublishResponse> answer = v1::PublishResponse();
    if (command.refusals[i].ok()) {
      MessageList one;
      one.push_back(std::move(messages[i]));
      RETURN_IF_ERROR(Publish(command.sender, std::move(one),
                              {std::move(command.fingerprints.at(i))},
                              "StreamingPublish", now, &answer, result));
    } else {
      answer = command.refusals[i];
      AppendDenied(ledger_.get(), command.sender,
                   CodeOf(answer.status(), "StreamingPublish"));
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
  ASSIGN_OR_RETURN(SettleResult settled, settling_->Settle(command, now));
  TouchNamed(command.queue);
  result->replies.push_back(
      [done = std::move(command.done), settled = std::move(settled)]() mutable {
        done(std::move(settled));
      });
  return absl::OkStatus();
}

// Everything is checked before anything is done.
absl::Status Exchange::Decide(AcknowledgeAndPublishCommand command, Instant now,
                              StepResult* result) {
  ASSIGN_OR_RETURN(Settling::Held held,
                   settling_->Check(command.queue, command.ack_ids));
  AcknowledgeAndPublishCommand::Result answer;
  if (held.all) {
    RETURN_IF_ERROR(
        Publish(command.caller, Take(command.request.mutable_messages()),
                std::move(command.fingerprints), "AcknowledgeAndPublish", now,
                &answer.published, result));
  } else {
    AppendDenied(ledger_.get(), command.caller,
                 "FAILED_PRECONDITION/AcknowledgeAndPublish");
  }
  if (held.all && answer.published.ok()) {
    RETURN_IF_ERROR(settling_->Acknowledge(command.caller, held, now));
    TouchNamed(command.queue);
  }
  answer.settled = std::move(held.answers);
  result->replies.push_back(
      [done = std::move(command.done), answer = std::move(answer)]() mutable {
        done(std::move(answer));
      });
  return absl::OkStatus();
}

absl::Status Exchange::Decide(SubscribeCommand command, Instant now,
                              StepResult* result) {
  const auto queue = queues_.find(command.queue);
  if (queue == queues_.end()) return absl::OkStatus();  // Checked by the RPC.
  if (const absl::Status alone = queue->second->CheckAlone(command.consumer);
      !alone.ok()) {
    AppendDenied(ledger_.get(), command.caller, CodeOf(alone, "Pull"));
    result->replies.push_back(
        [sink = std::move(command.sink), alone] { sink->End(alone); });
    return absl::OkStatus();
  }
  const uint64_t id = command.consumer.id;
  const Queue::Subscribed subscribed =
      queue->second->Subscribe(std::move(command.consumer), now);
  for (const QueueEvent& event : subscribed.events) {
    AppendEvent(ledger_.get(), std::nullopt, *queue->second, event);
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
    RETURN_IF_ERROR(TickDue(now, result));
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
    AppendDenied(ledger_.get(), command.caller,
                 CodeOf(decided.status(), "RecordFirstRead"));
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
        ledger_.get(), command.caller,
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
    AppendDenied(ledger_.get(), command.caller,
                 CodeOf(decided.status(), "UploadAttachment"));
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

template <typename Act>
absl::Status Exchange::Decide(QueueCommand<Act> command, Instant now,
                              StepResult* result) {
  QueueDesk::Decided<Act> decided =
      queue_desk_->Decide(command.caller, std::move(command.act), now);
  if (!decided.ok()) {
    if (!IsRefusal(decided.status())) return decided.status();
    AppendDenied(ledger_.get(), command.caller,
                 CodeOf(decided.status(), Act::kCall));
  }
  result->replies.push_back(
      [done = std::move(command.done), decided = std::move(decided)]() mutable {
        done(std::move(decided));
      });
  return absl::OkStatus();
}

absl::Status Exchange::Decide(DeniedCommand command, Instant,
                              StepResult* result) {
  AppendDenied(ledger_.get(), command.caller, std::move(command.code));
  if (command.done) result->replies.push_back(std::move(command.done));
  return absl::OkStatus();
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
      AppendEvent(ledger_.get(), std::nullopt, *queue, event);
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
    result->notices.push_back([sink = subscriptions_.at(consumer_id).sink,
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
  result->notices.push_back(
      [sink = it->second.sink, notice = std::move(notice)]() mutable {
        sink->Notify(std::move(notice));
      });
  // After the answers to what it settled before.
  result->replies.push_back(
      [sink = it->second.sink,
       why = WithReason(absl::FailedPreconditionError(text),
                        reason)]() mutable { sink->End(std::move(why)); });
  EndSubscription(consumer_id);
}

void Exchange::DispatchTouched(Instant now, StepResult* result) {
  QueueSet folded = std::exchange(leaving_, {});
  for (Queue* const queue : fold_order_.Choose()) folded.insert(queue);
  touched_.insert(folded.begin(), folded.end());
  for (Queue* const queue : std::exchange(touched_, {})) {
    DispatchQueue(queue, now, result);
    queue->Flush(ledger_->commit_number(), now, folded.contains(queue),
                 ledger_->batch());
    fold_order_.Note(queue, queue->unfolded());
    Schedule(queue, now);
  }
}

void Exchange::DispatchQueue(Queue* queue, Instant now, StepResult* result) {
  if (!queue->HasConsumers()) return;
  const std::vector<Leased> leased = queue->Dispatch(now);
  if (leased.size() == Queue::kMaxDispatch) busy_.insert(queue);
  std::map<uint64_t, std::vector<Handover>> by_consumer;
  for (const Leased& lease : leased) {
    Handover handover{.leased = lease, .message = nullptr};
    if (const auto it = recent_.find(lease.sequence); it != recent_.end()) {
      handover.message = it->second.message;
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
    AddDeliveries(subscription, std::move(messages), result);
    if (subscription.once) EndSubscription(consumer_id);
  }
}

void Exchange::AddDeliveries(const Subscription& subscription,
                             std::vector<Handover> messages,
                             StepResult* result) {
  const size_t most =
      subscription.once ? messages.size() : kMaxMessagesPerDelivery;
  for (size_t begin = 0; begin < messages.size(); begin += most) {
    const size_t end = std::min(begin + most, messages.size());
    StepResult::Delivery& part = result->deliveries.emplace_back(
        StepResult::Delivery{.sink = subscription.sink,
                             .messages = {},
                             .recipient = subscription.agency});
    part.messages.assign(std::make_move_iterator(messages.begin() + begin),
                         std::make_move_iterator(messages.begin() + end));
  }
}

void Exchange::TouchNamed(const std::string& queue) {
  const auto it = queues_.find(queue);
  if (it != queues_.end()) Touch(it->second.get());
}

void Exchange::EndSubscription(uint64_t consumer_id) {
  const auto it = subscriptions_.find(consumer_id);
  if (it == subscriptions_.end()) return;
  it->second.queue->Unsubscribe(consumer_id);
  subscriptions_.erase(it);
}

// Oldest first out: a consumer that keeps up finds its messages here.
void Exchange::Remember(uint64_t sequence,
                        std::shared_ptr<const v1::Message> message,
                        StepResult* result) {
  const size_t bytes = message->ByteSizeLong();
  recent_bytes_ += bytes;
  recent_.emplace(sequence, Recent{std::move(message), bytes});
  while (recent_.size() > kMaxRecentMessages ||
         recent_bytes_ > kMaxRecentBytes) {
    Recent& oldest = recent_.begin()->second;
    recent_bytes_ -= oldest.bytes;
    result->spent.push_back(std::move(oldest.message));
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
