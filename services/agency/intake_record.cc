#include "services/agency/intake_record.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
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

// A question to us: whoever asks addressed it here.
void AddQuestion(const v1::Message& message, v1::IntakeRecord* record) {
  if (message.kind() != v1::MESSAGE_KIND_INFORMATION_REQUEST &&
      message.kind() != v1::MESSAGE_KIND_CHALLENGE) {
    return;
  }
  if (record->questions_size() >= kMaxOpenQuestions) return;
  v1::OpenQuestion* const question = record->add_questions();
  question->set_message_id(message.message_id());
  question->set_kind(message.kind());
  *question->mutable_asker() = message.sender();
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
    if (recipient.role() != v1::RECIPIENT_ROLE_COPY) return false;
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
  AddQuestion(message, record);
}

bool AddCustody(const v1::Agency& agency, const v1::Conversation& conversation,
                const v1::Matter& matter, v1::IntakeRecord* record) {
  if (record->has_matter() &&
      record->custody_commit() >= conversation.commit()) {
    return false;
  }
  record->set_custody_commit(conversation.commit());
  *record->mutable_matter() = matter;
  *record->mutable_participants() = conversation.participants();
  *record->mutable_opened_by() = conversation.opened_by();
  record->set_kind(conversation.kind());
  const bool holds = SameAgency(matter.holder().agency(), agency);
  // Custody that came to us by transfer is ours to act on, and to say that we
  // have read it: what the last holder read ended with his custody.
  if (holds) record->set_copy(false);
  if (holds && !matter.has_first_read()) record->set_first_read_told(false);
  record->set_passed_on(
      !holds && std::any_of(matter.past_custodies().begin(),
                            matter.past_custodies().end(),
                            [&agency](const v1::PastCustody& past) {
                              return SameAgency(past.holder().agency(), agency);
                            }));
  return true;
}

bool AwaitsAnotherDecision(const v1::IntakeRecord& record) {
  return record.state() == v1::MATTER_STATE_DECIDED &&
         record.outcome() == v1::OUTCOME_NOT_OURS_TRANSFER_OFFERED &&
         record.has_matter() && !record.matter().has_offer() &&
         !record.passed_on() && !record.copy();
}

std::vector<std::string> OwedBy(const v1::Agency& agency,
                                const v1::IntakeRecord& record) {
  std::vector<std::string> owed;
  const v1::Matter& matter = record.matter();
  const bool holds = record.has_matter()
                         ? SameAgency(matter.holder().agency(), agency)
                         : !record.copy();
  if (holds && record.state() < v1::MATTER_STATE_TAKEN) {
    owed.push_back("take");
  } else if (holds && record.state() < v1::MATTER_STATE_DECIDED &&
             record.kind() != v1::MESSAGE_KIND_ALERT) {
    owed.push_back("decide");
  }
  if (holds && AwaitsAnotherDecision(record)) {
    owed.push_back("offer it to somebody, or decide anew");
  }
  if (matter.has_offer() &&
      SameAgency(matter.offer().offered_to().agency(), agency)) {
    owed.push_back("answer the offer");
  }
  for (const v1::Duty& duty : matter.duties()) {
    if (!SameAgency(duty.address().agency(), agency)) continue;
    if (duty.code() == v1::DUTY_CODE_RECALL && !duty.has_taken()) {
      owed.push_back("take the recall");
    }
    if (duty.code() == v1::DUTY_CODE_HOMELESS && !duty.has_answered()) {
      owed.push_back(absl::StrCat("answer for ", duty.address().desk()));
    }
  }
  for (const v1::OpenQuestion& question : record.questions()) {
    owed.push_back(absl::StrCat(question.kind() == v1::MESSAGE_KIND_CHALLENGE
                                    ? "answer the challenge of "
                                    : "answer the request for information of ",
                                question.asker().code()));
  }
  return owed;
}

}  // namespace baton
