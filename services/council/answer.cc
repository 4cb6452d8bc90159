#include "services/council/answer.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "services/common/checks.h"
#include "services/common/ids.h"

namespace baton {
namespace {

constexpr size_t kMaxRequestIdBytes = 64;
constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxPhoneBytes = 32;
constexpr size_t kMaxEmailBytes = 254;
constexpr size_t kMaxNextStepBytes = 4096;
constexpr size_t kMaxReasonBytes = 16 << 10;
constexpr size_t kMaxCaseReferenceBytes = 64;

enum class Need { kRequired, kOptional };

void CheckText(const std::string& text, Need need, size_t max_bytes,
               absl::string_view field, Faults* faults) {
  if (need == Need::kRequired && text.empty()) {
    faults->Add(field, "is required");
  } else if (text.size() > max_bytes) {
    faults->Add(field, absl::StrCat("has ", text.size(), " bytes; at most ",
                                    max_bytes));
  }
}

void CheckRequestId(const std::string& request_id, Faults* faults) {
  if (!IsToken(request_id, kMaxRequestIdBytes)) {
    faults->Add("request_id", "must be 1 to 64 printable ASCII characters");
  }
}

void CheckMatterId(const std::string& matter_id, absl::string_view field,
                   Faults* faults) {
  if (!ParseMatterId(matter_id).ok()) {
    faults->Add(field, "is no matter id, such as c-4k7.1");
  }
}

// A person; one who can be reached when `reachable`.
void CheckWorker(const v1::Actor& worker, Need role, Need reachable,
                 const std::string& field, Faults* faults) {
  CheckText(worker.name(), Need::kRequired, kMaxNameBytes, field + ".name",
            faults);
  CheckText(worker.role(), role, kMaxNameBytes, field + ".role", faults);
  CheckText(worker.team(), reachable, kMaxNameBytes, field + ".team", faults);
  CheckText(worker.phone(), reachable, kMaxPhoneBytes, field + ".phone",
            faults);
  CheckText(worker.secure_email(), Need::kOptional, kMaxEmailBytes,
            field + ".secure_email", faults);
}

void CheckVersion(int64_t expected_version, absl::string_view field,
                  Faults* faults) {
  if (expected_version < 0) faults->Add(field, "must not be negative");
}

template <typename Content>
v1::Message Envelope(const AnswerContext& context, v1::MessageKind kind,
                     const Content& content) {
  const v1::IntakeRecord& matter = *context.matter;
  const uint64_t conversation =
      ParseMatterId(matter.matter_id()).value().conversation_number;
  v1::Message message;
  message.set_kind(kind);
  v1::Recipient* const recipient = message.add_recipients();
  *recipient->mutable_address()->mutable_agency() = matter.sender();
  recipient->set_role(v1::RECIPIENT_ROLE_COPY);
  message.set_conversation_id(ConversationId(conversation));
  // A conversation has the number of the message that opened it.
  message.set_in_reply_to(MessageId(conversation));
  message.set_ordering_key(matter.matter_id());
  message.set_priority(matter.priority());
  *message.mutable_actor() = content.worker();
  message.set_purpose(v1::PURPOSE_SAFEGUARDING);
  message.set_legal_basis(context.legal_basis);
  message.set_environment(context.environment);
  v1::PayloadPart* const part = message.add_payload();
  part->set_matter_id(matter.matter_id());
  part->set_type(Content::descriptor()->full_name());
  part->set_content(content.SerializeAsString());
  return message;
}

}  // namespace

void CheckTake(const v1::TakeMatterRequest& request, Faults* faults) {
  const v1::Taken& taken = request.taken();
  CheckRequestId(request.request_id(), faults);
  CheckMatterId(taken.matter_id(), "taken.matter_id", faults);
  CheckWorker(taken.worker(), Need::kRequired, Need::kRequired, "taken.worker",
              faults);
  CheckVersion(taken.expected_version(), "taken.expected_version", faults);
}

void CheckDecide(const v1::DecideMatterRequest& request, Faults* faults) {
  const v1::Decision& decision = request.decision();
  CheckRequestId(request.request_id(), faults);
  CheckMatterId(decision.matter_id(), "decision.matter_id", faults);
  if (!v1::Outcome_IsValid(decision.outcome()) ||
      decision.outcome() == v1::OUTCOME_UNSPECIFIED) {
    faults->Add("decision.outcome", "must be stated");
  }
  CheckText(decision.next_step(), Need::kRequired, kMaxNextStepBytes,
            "decision.next_step", faults);
  CheckText(decision.reason(),
            decision.outcome() == v1::OUTCOME_NO_FURTHER_ACTION
                ? Need::kRequired
                : Need::kOptional,
            kMaxReasonBytes, "decision.reason", faults);
  CheckWorker(decision.worker(), Need::kRequired, Need::kOptional,
              "decision.worker", faults);
  CheckText(decision.contact_phone(), Need::kOptional, kMaxPhoneBytes,
            "decision.contact_phone", faults);
  CheckText(decision.open_case_reference(), Need::kOptional,
            kMaxCaseReferenceBytes, "decision.open_case_reference", faults);
  if (!decision.open_case_reference().empty() &&
      decision.outcome() != v1::OUTCOME_INFORMATION_ON_OPEN_CASE) {
    faults->Add("decision.open_case_reference",
                "only goes with information on an open case");
  }
  CheckVersion(decision.expected_version(), "decision.expected_version",
               faults);
}

void CheckOpen(const v1::OpenMatterRequest& request, Faults* faults) {
  CheckMatterId(request.matter_id(), "matter_id", faults);
  CheckWorker(request.actor(), Need::kOptional, Need::kOptional, "actor",
              faults);
}

v1::Message TakenMessage(const AnswerContext& context, v1::Taken taken) {
  *taken.mutable_worker()->mutable_asserted_by() = context.agency;
  return Envelope(context, v1::MESSAGE_KIND_TAKEN, taken);
}

v1::Message DecisionMessage(const AnswerContext& context,
                            v1::Decision decision) {
  *decision.mutable_worker()->mutable_asserted_by() = context.agency;
  return Envelope(context, v1::MESSAGE_KIND_DECISION, decision);
}

}  // namespace baton
