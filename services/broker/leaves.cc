#include "services/broker/leaves.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"
#include "services/common/ids.h"

namespace baton {

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

int64_t AppendEvent(Ledger* ledger, const std::optional<Identity>& caller,
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
  return ledger->Append(std::move(entry));
}

void AppendDenied(Ledger* ledger, const std::optional<Identity>& caller,
                  std::string code) {
  v1::AuditEntry entry;
  entry.set_type(v1::AUDIT_TYPE_DENIED);
  entry.set_code(std::move(code));
  if (caller.has_value()) {
    *entry.mutable_actor() = caller->agency;
    entry.set_actor_key_id(caller->key_id);
  }
  ledger->Append(std::move(entry));
}

}  // namespace baton
