#include "services/council/intake_record.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

const v1::Agency& ReachedAgency(const v1::Recipient& recipient) {
  return recipient.has_redirected_to() ? recipient.redirected_to().agency()
                                       : recipient.address().agency();
}

void AddMarks(const v1::Message& message, v1::IntakeRecord* record) {
  for (const v1::Mark& mark : message.marks()) {
    const bool known = std::any_of(
        record->marks().begin(), record->marks().end(),
        [&mark](const v1::Mark& other) {
          return other.code() == mark.code() && other.field() == mark.field();
        });
    if (!known && record->marks_size() < kMaxRecordMarks) {
      *record->add_marks() = mark;
    }
  }
}

}  // namespace

bool IsOpening(const v1::Message& message) {
  const absl::StatusOr<uint64_t> sequence =
      ParseMessageId(message.message_id());
  const absl::StatusOr<uint64_t> conversation =
      ParseConversationId(message.conversation_id());
  return sequence.ok() && conversation.ok() && *sequence == *conversation;
}

bool IsCopyFor(const v1::Agency& agency, const v1::Message& message) {
  bool copy = false;
  for (const v1::Recipient& recipient : message.recipients()) {
    if (!SameAgency(ReachedAgency(recipient), agency)) continue;
    if (recipient.role() == v1::RECIPIENT_ROLE_ACTION) return false;
    copy = true;
  }
  return copy;
}

void AddMessage(const v1::Message& message, uint64_t inbox_number,
                const v1::Agency& agency, absl::Time now,
                v1::IntakeRecord* record) {
  const bool first = record->inbox_numbers().empty();
  if (first) {
    *record->mutable_delivered_time() = ToProto(now);
    record->set_state(v1::MATTER_STATE_DELIVERED);
  }
  if (first || IsOpening(message)) {
    record->set_kind(message.kind());
    *record->mutable_sender() = message.sender();
    *record->mutable_received_time() = message.publish_time();
    record->set_copy(IsCopyFor(agency, message));
  }
  const v1::Priority priority = message.priority() == v1::PRIORITY_UNSPECIFIED
                                    ? v1::PRIORITY_ROUTINE
                                    : message.priority();
  record->set_priority(std::max(record->priority(), priority));
  record->add_inbox_numbers(inbox_number);
  AddMarks(message, record);
}

}  // namespace baton
