#include "services/broker/settling.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/broker/custody.h"
#include "services/broker/leaves.h"
#include "services/broker/settled_copies.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

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

absl::Status NoQueue(const std::string& name) {
  return absl::NotFoundError(absl::StrCat("no queue ", name));
}

}  // namespace

Queue* Settling::FindQueue(const std::string& name) const {
  const auto it = queues_->find(name);
  return it == queues_->end() ? nullptr : it->second.get();
}

absl::StatusOr<SettleResult> Settling::Settle(const SettleCommand& command,
                                              Instant now) {
  SettleResult settled;
  if (command.duration.has_value()) {
    settled.lease_expire_time = ledger_->commit_time() + *command.duration;
  }
  Queue* const queue = FindQueue(command.queue);
  std::vector<QueueEvent> delivered;
  for (const std::string& ack_id : command.ack_ids) {
    Answer answer{queue == nullptr ? NoQueue(command.queue) : absl::OkStatus()};
    if (queue != nullptr) {
      ASSIGN_OR_RETURN(answer,
                       SettleOne(command, ack_id, queue, now, &delivered));
    }
    if (!answer.status.ok()) {
      AppendDenied(ledger_, command.caller,
                   CodeOf(answer.status, CallName(command.kind)));
    }
    settled.statuses.push_back(std::move(answer.status));
  }
  if (queue != nullptr) {
    RETURN_IF_ERROR(AppendDelivered(command.caller, *queue, delivered));
  }
  return settled;
}

absl::StatusOr<Settling::Answer> Settling::SettleOne(
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
        AppendEvent(ledger_, command.caller, *queue, event);
      }
      break;
    case SettleKind::kReject:
      AppendEvent(ledger_, command.caller, *queue,
                  queue->Reject(*ack, command.reason, now));
      break;
    case SettleKind::kModifyDeadline:
      queue->ModifyDeadline(*ack, *command.duration, now);
      break;
  }
  return Answer{absl::OkStatus()};
}

absl::StatusOr<Settling::Answer> Settling::ExplainUnknownLease(
    SettleKind kind, const Queue& queue, const AckId& ack) const {
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

absl::StatusOr<Settling::Held> Settling::Check(
    const std::string& queue, const std::vector<std::string>& ack_ids) {
  Held held;
  held.queue = FindQueue(queue);
  for (const std::string& ack_id : ack_ids) {
    const absl::StatusOr<AckId> ack = ParseAckId(ack_id);
    Answer answer{ack.status()};
    if (ack.ok() && held.queue == nullptr) answer.status = NoQueue(queue);
    if (answer.status.ok()) {
      answer.status = held.queue->CheckLease(*ack);
      if (answer.status.ok()) held.leases.emplace(ack->sequence, *ack);
      if (absl::IsNotFound(answer.status)) {
        ASSIGN_OR_RETURN(answer, ExplainUnknownLease(SettleKind::kAcknowledge,
                                                     *held.queue, *ack));
      }
    }
    held.all &= answer.status.ok();
    held.answers.statuses.push_back(std::move(answer.status));
  }
  return held;
}

absl::Status Settling::Acknowledge(const Identity& caller, const Held& held,
                                   Instant now) {
  std::vector<QueueEvent> delivered;
  for (const auto& [sequence, ack] : held.leases) {
    delivered.push_back(held.queue->Acknowledge(ack, now));
  }
  return AppendDelivered(caller, *held.queue, delivered);
}

// One leaf names one attempt.
absl::Status Settling::AppendDelivered(
    const Identity& caller, const Queue& queue,
    const std::vector<QueueEvent>& delivered) {
  for (size_t begin = 0; begin < delivered.size();) {
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
absl::Status Settling::ApplyDelivered(const Identity& caller,
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

}  // namespace baton
