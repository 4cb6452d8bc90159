#include "services/agency/matter_action.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

using Content = v1::ActOnMatterRequest::ContentCase;
using google::protobuf::FieldDescriptor;

constexpr size_t kMaxReasonBytes = 4 << 10;
constexpr size_t kMaxDecisionReasonBytes = 16 << 10;
constexpr size_t kMaxTextBytes = 16 << 10;
constexpr size_t kMaxInformationBytes = 64 << 10;
constexpr size_t kMaxCorrectionBytes = 192 << 10;
constexpr size_t kMaxCaseReferenceBytes = 64;
constexpr int kMaxAsked = 16;

// Who is told of an action.
enum class Told { kOpener, kEverybody, kAsked, kAsker, kHolder, kOfferedTo };

struct ActionRule {
  Content content;
  v1::MessageKind kind;
  Told told;
  bool for_holder;
};

constexpr ActionRule kRules[] = {
    {Content::kTaken, v1::MESSAGE_KIND_TAKEN, Told::kOpener, true},
    {Content::kDecision, v1::MESSAGE_KIND_DECISION, Told::kOpener, true},
    {Content::kTriage, v1::MESSAGE_KIND_TRIAGE, Told::kOpener, true},
    {Content::kAllocation, v1::MESSAGE_KIND_ALLOCATION, Told::kOpener, true},
    {Content::kMilestone, v1::MESSAGE_KIND_MILESTONE, Told::kEverybody, false},
    {Content::kTransferOffer, v1::MESSAGE_KIND_TRANSFER_OFFER, Told::kOfferedTo,
     true},
    {Content::kTransferAccepted, v1::MESSAGE_KIND_TRANSFER_ACCEPTED,
     Told::kEverybody, false},
    {Content::kTransferDeclined, v1::MESSAGE_KIND_TRANSFER_DECLINED,
     Told::kHolder, false},
    {Content::kInformationRequest, v1::MESSAGE_KIND_INFORMATION_REQUEST,
     Told::kAsked, false},
    {Content::kInformationResponse, v1::MESSAGE_KIND_INFORMATION_RESPONSE,
     Told::kAsker, false},
    {Content::kChallenge, v1::MESSAGE_KIND_CHALLENGE, Told::kHolder, false},
    {Content::kChallengeResponse, v1::MESSAGE_KIND_CHALLENGE_RESPONSE,
     Told::kAsker, false},
    {Content::kCorrection, v1::MESSAGE_KIND_CORRECTION, Told::kEverybody,
     false},
    {Content::kWithdrawal, v1::MESSAGE_KIND_WITHDRAWAL, Told::kEverybody,
     false},
    {Content::kRecall, v1::MESSAGE_KIND_RECALL, Told::kEverybody, false},
    {Content::kReturnInterview, v1::MESSAGE_KIND_RETURN_INTERVIEW,
     Told::kEverybody, false},
    {Content::kUnlink, v1::MESSAGE_KIND_UNLINK, Told::kOpener, true},
    {Content::kRelease, v1::MESSAGE_KIND_RELEASE, Told::kOpener, true},
};

// nullptr when no content is set.
const ActionRule* RuleOf(const v1::ActOnMatterRequest& request) {
  for (const ActionRule& rule : kRules) {
    if (rule.content == request.content_case()) return &rule;
  }
  return nullptr;
}

// The content that is set; nullptr when none is.
google::protobuf::Message* ContentOf(v1::ActOnMatterRequest* request) {
  const auto* reflection = request->GetReflection();
  const FieldDescriptor* const field = reflection->GetOneofFieldDescriptor(
      *request, request->GetDescriptor()->FindOneofByName("content"));
  return field == nullptr ? nullptr
                          : reflection->MutableMessage(request, field);
}

std::string NameOf(const v1::ActOnMatterRequest& request) {
  return request.GetReflection()
      ->GetOneofFieldDescriptor(
          request, request.GetDescriptor()->FindOneofByName("content"))
      ->name();
}

const FieldDescriptor* FieldOf(const google::protobuf::Message& content,
                               const char* name) {
  return content.GetDescriptor()->FindFieldByName(name);
}

void FillIn(absl::Time now, v1::ActOnMatterRequest* request,
            google::protobuf::Message* content) {
  const auto* reflection = content->GetReflection();
  if (const auto* field = FieldOf(*content, "matter_id")) {
    if (request->matter_id().empty()) {
      request->set_matter_id(reflection->GetString(*content, field));
    } else if (reflection->GetString(*content, field).empty()) {
      reflection->SetString(content, field, request->matter_id());
    }
  }
  if (const auto* field = FieldOf(*content, "worker")) {
    // An allocation's worker is who has it next, not who says so.
    if (!reflection->HasField(*content, field) && !request->has_allocation()) {
      reflection->MutableMessage(content, field)->CopyFrom(request->actor());
    }
    if (!request->has_actor()) {
      request->mutable_actor()->CopyFrom(
          reflection->GetMessage(*content, field));
    }
  }
  for (const char* name :
       {"taken_time", "decided_time", "time", "noticed_time"}) {
    const auto* field = FieldOf(*content, name);
    if (field == nullptr || reflection->HasField(*content, field)) continue;
    reflection->MutableMessage(content, field)->CopyFrom(ToProto(now));
  }
}

// --- One check per content; `name` is the field of the content.

void CheckStated(int code, const std::string& field, FormCheck* check) {
  if (code == 0) check->Fault(field, "must be stated");
}

void CheckVersion(int64_t version, const std::string& name, FormCheck* check) {
  if (version < 0) {
    check->Fault(name + ".expected_version", "must not be negative");
  }
}

void CheckContent(const v1::Taken& taken, const std::string& name,
                  FormCheck* check) {
  check->ReachableActor(taken.worker(), name + ".worker");
  CheckVersion(taken.expected_version(), name, check);
}

void CheckContent(const v1::Decision& decision, const std::string& name,
                  FormCheck* check) {
  if (!v1::Outcome_IsValid(decision.outcome())) {
    check->Fault(name + ".outcome", "must be stated");
  }
  CheckStated(decision.outcome(), name + ".outcome", check);
  check->Text(decision.next_step(), true, kMaxReasonBytes, name + ".next_step");
  check->Text(decision.reason(),
              decision.outcome() == v1::OUTCOME_NO_FURTHER_ACTION,
              kMaxDecisionReasonBytes, name + ".reason");
  check->Actor(decision.worker(), name + ".worker");
  check->Text(decision.worker().role(), true, 128, name + ".worker.role");
  check->Text(decision.contact_phone(), false, 32, name + ".contact_phone");
  check->Text(decision.open_case_reference(), false, kMaxCaseReferenceBytes,
              name + ".open_case_reference");
  if (!decision.open_case_reference().empty() &&
      decision.outcome() != v1::OUTCOME_INFORMATION_ON_OPEN_CASE) {
    check->Fault(name + ".open_case_reference",
                 "only goes with information on an open case");
  }
  CheckVersion(decision.expected_version(), name, check);
}

void CheckContent(const v1::Triage& triage, const std::string& name,
                  FormCheck* check) {
  CheckStated(triage.grade(), name + ".grade", check);
  check->Text(triage.reason(), true, kMaxReasonBytes, name + ".reason");
  check->Actor(triage.worker(), name + ".worker");
  check->Text(triage.worker().role(), true, 128, name + ".worker.role");
  CheckVersion(triage.expected_version(), name, check);
}

void CheckContent(const v1::Allocation& allocation, const std::string& name,
                  FormCheck* check) {
  const v1::Actor& worker = allocation.worker();
  if (worker.name().empty() && worker.team().empty()) {
    check->Fault(name + ".worker", "needs a name, or at least a team");
  }
  check->Text(worker.phone(), true, 32, name + ".worker.phone");
  check->Text(allocation.reason(), false, 1024, name + ".reason");
  CheckVersion(allocation.expected_version(), name, check);
}

void CheckContent(const v1::Milestone& milestone, const std::string& name,
                  FormCheck* check) {
  CheckStated(milestone.code(), name + ".code", check);
  check->Text(milestone.note(), false, kMaxReasonBytes, name + ".note");
}

void CheckContent(const v1::TransferOffer& offer, const std::string& name,
                  FormCheck* check) {
  check->Address(offer.offered_to(), name + ".offered_to");
  CheckStated(offer.ground(), name + ".ground", check);
  check->Text(offer.why(), true, kMaxReasonBytes, name + ".why");
  check->Text(offer.attached(), false, kMaxReasonBytes, name + ".attached");
  CheckVersion(offer.expected_version(), name, check);
}

void CheckContent(const v1::TransferAccepted& accepted, const std::string& name,
                  FormCheck* check) {
  check->ReachableActor(accepted.worker(), name + ".worker");
  CheckVersion(accepted.expected_version(), name, check);
  if (!accepted.has_off_exchange()) return;
  const v1::OffExchangeAcceptance& elsewhere = accepted.off_exchange();
  const std::string path = name + ".off_exchange";
  check->Text(elsewhere.accepted_by(), true, 256, path + ".accepted_by");
  check->Text(elsewhere.evidence(), true, kMaxReasonBytes, path + ".evidence");
  if (!elsewhere.has_accepted_time()) {
    check->Fault(path + ".accepted_time", "is required");
  }
}

void CheckContent(const v1::TransferDeclined& declined, const std::string& name,
                  FormCheck* check) {
  check->Text(declined.reason(), true, kMaxReasonBytes, name + ".reason");
  CheckVersion(declined.expected_version(), name, check);
}

void CheckContent(const v1::InformationRequest& asked, const std::string& name,
                  FormCheck* check) {
  check->Text(asked.question(), true, kMaxTextBytes, name + ".question");
  if (!asked.has_deadline()) check->Fault(name + ".deadline", "is required");
}

void CheckContent(const v1::InformationResponse& answer,
                  const std::string& name, FormCheck* check) {
  CheckStated(answer.answer(), name + ".answer", check);
  check->Text(answer.information(),
              answer.answer() == v1::INFORMATION_ANSWER_GIVEN,
              kMaxInformationBytes, name + ".information");
  check->Text(answer.reason(),
              answer.answer() == v1::INFORMATION_ANSWER_REFUSED,
              kMaxReasonBytes, name + ".reason");
}

void CheckContent(const v1::Challenge& challenge, const std::string& name,
                  FormCheck* check) {
  if (challenge.stage() < 1) check->Fault(name + ".stage", "counts from 1");
  check->Text(challenge.disagreement(), true, kMaxTextBytes,
              name + ".disagreement");
  check->Text(challenge.wanted(), false, kMaxReasonBytes, name + ".wanted");
}

void CheckContent(const v1::ChallengeResponse& answer, const std::string& name,
                  FormCheck* check) {
  CheckStated(answer.answer(), name + ".answer", check);
  check->Text(answer.reason(), true, kMaxTextBytes, name + ".reason");
}

void CheckMessageId(const std::string& id, const std::string& field,
                    FormCheck* check) {
  if (!ParseMessageId(id).ok()) {
    check->Fault(field, "is no message id, such as m-4k7");
  }
}

void CheckContent(const v1::Correction& correction, const std::string& name,
                  FormCheck* check) {
  CheckMessageId(correction.corrects_message_id(),
                 name + ".corrects_message_id", check);
  check->Text(correction.reason(), true, kMaxReasonBytes, name + ".reason");
  check->Text(correction.type(), true, 128, name + ".type");
  if (correction.content().size() > kMaxCorrectionBytes) {
    check->Fault(name + ".content", "has at most 192 KiB");
  }
}

void CheckContent(const v1::Withdrawal& withdrawal, const std::string& name,
                  FormCheck* check) {
  if (!withdrawal.message_id().empty()) {
    CheckMessageId(withdrawal.message_id(), name + ".message_id", check);
  }
  check->Text(withdrawal.reason(), true, kMaxReasonBytes, name + ".reason");
}

void CheckContent(const v1::Recall& recall, const std::string& name,
                  FormCheck* check) {
  CheckMessageId(recall.message_id(), name + ".message_id", check);
  check->Text(recall.reason(), true, kMaxReasonBytes, name + ".reason");
}

void CheckContent(const v1::ReturnInterview& interview, const std::string& name,
                  FormCheck* check) {
  CheckStated(interview.state(), name + ".state", check);
  check->Text(interview.by(), interview.state() == v1::INTERVIEW_STATE_DONE,
              128, name + ".by");
}

void CheckContent(const v1::Unlink& unlink, const std::string& name,
                  FormCheck* check) {
  if (!ParseMatterId(unlink.other_matter_id()).ok()) {
    check->Fault(name + ".other_matter_id", "is no matter id, such as c-4k7.1");
  }
  check->Text(unlink.reason(), true, kMaxReasonBytes, name + ".reason");
}

void CheckContent(const v1::Release& release, const std::string& name,
                  FormCheck* check) {
  check->Text(release.reason(), true, kMaxReasonBytes, name + ".reason");
}

void CheckOneOf(const v1::ActOnMatterRequest& request, const std::string& name,
                FormCheck* check) {
  switch (request.content_case()) {
    case Content::kTaken:
      return CheckContent(request.taken(), name, check);
    case Content::kDecision:
      return CheckContent(request.decision(), name, check);
    case Content::kTriage:
      return CheckContent(request.triage(), name, check);
    case Content::kAllocation:
      return CheckContent(request.allocation(), name, check);
    case Content::kMilestone:
      return CheckContent(request.milestone(), name, check);
    case Content::kTransferOffer:
      return CheckContent(request.transfer_offer(), name, check);
    case Content::kTransferAccepted:
      return CheckContent(request.transfer_accepted(), name, check);
    case Content::kTransferDeclined:
      return CheckContent(request.transfer_declined(), name, check);
    case Content::kInformationRequest:
      return CheckContent(request.information_request(), name, check);
    case Content::kInformationResponse:
      return CheckContent(request.information_response(), name, check);
    case Content::kChallenge:
      return CheckContent(request.challenge(), name, check);
    case Content::kChallengeResponse:
      return CheckContent(request.challenge_response(), name, check);
    case Content::kCorrection:
      return CheckContent(request.correction(), name, check);
    case Content::kWithdrawal:
      return CheckContent(request.withdrawal(), name, check);
    case Content::kRecall:
      return CheckContent(request.recall(), name, check);
    case Content::kReturnInterview:
      return CheckContent(request.return_interview(), name, check);
    case Content::kUnlink:
      return CheckContent(request.unlink(), name, check);
    case Content::kRelease:
      return CheckContent(request.release(), name, check);
    case Content::CONTENT_NOT_SET:
      return;
  }
}

// --- Addressing.

void AddRecipient(const v1::Address& address, v1::RecipientRole role,
                  v1::Message* message) {
  for (const v1::Recipient& recipient : message->recipients()) {
    if (QueueName(recipient.address()) == QueueName(address)) return;
  }
  v1::Recipient* const recipient = message->add_recipients();
  *recipient->mutable_address() = address;
  recipient->set_role(role);
}

v1::Address AtDefaultDesk(const v1::Agency& agency) {
  v1::Address address;
  *address.mutable_agency() = agency;
  return address;
}

void AddCopy(const v1::Agency& agency, v1::Message* message) {
  AddRecipient(AtDefaultDesk(agency), v1::RECIPIENT_ROLE_COPY, message);
}

// Everybody but ourselves; ourselves when there is nobody else.
void AddEverybody(const ActionContext& context, v1::Message* message) {
  if (!SameAgency(context.opened_by, context.agency)) {
    AddCopy(context.opened_by, message);
  }
  for (const v1::Agency& agency : context.participants) {
    if (!SameAgency(agency, context.agency)) AddCopy(agency, message);
  }
}

void AddHolder(const ActionContext& context, v1::Message* message) {
  if (context.holder.has_value()) {
    AddRecipient(*context.holder, v1::RECIPIENT_ROLE_COPY, message);
  } else {
    AddEverybody(context, message);
  }
}

void AddOpener(const ActionContext& context, v1::Message* message) {
  AddCopy(context.opened_by, message);
  // A duty of our own: the holder is told as well.
  if (context.holder.has_value() &&
      !SameAgency(context.holder->agency(), context.agency)) {
    AddHolder(context, message);
  }
}

void AddTold(const ActionContext& context, Told told,
             const v1::ActOnMatterRequest& request, v1::Message* message) {
  switch (told) {
    case Told::kOpener:
      AddOpener(context, message);
      break;
    case Told::kEverybody:
      AddEverybody(context, message);
      break;
    case Told::kAsked:
      for (const v1::Address& asked : request.recipients()) {
        AddRecipient(asked, v1::RECIPIENT_ROLE_COPY, message);
      }
      break;
    case Told::kAsker:
      if (context.asker.has_value()) AddCopy(*context.asker, message);
      break;
    case Told::kHolder:
      AddHolder(context, message);
      break;
    case Told::kOfferedTo:
      AddRecipient(request.transfer_offer().offered_to(),
                   v1::RECIPIENT_ROLE_COPY, message);
      if (!SameAgency(context.opened_by, context.agency)) {
        AddCopy(context.opened_by, message);
      }
      break;
  }
  if (message->recipients().empty()) AddCopy(context.agency, message);
}

// Everything but recipients and parts.
v1::Message Envelope(const ActionContext& context, v1::MessageKind kind,
                     const std::string& matter_id, const v1::Actor& actor) {
  const uint64_t conversation =
      ParseMatterId(matter_id).value().conversation_number;
  v1::Message message;
  message.set_kind(kind);
  message.set_conversation_id(ConversationId(conversation));
  // A conversation has the number of the message that opened it.
  message.set_in_reply_to(MessageId(conversation));
  message.set_ordering_key(context.ordering_key);
  message.set_priority(context.priority);
  *message.mutable_actor() = actor;
  message.set_purpose(context.purpose);
  message.set_legal_basis(context.legal_basis);
  message.set_environment(context.environment);
  return message;
}

}  // namespace

v1::MessageKind KindOf(const v1::ActOnMatterRequest& request) {
  const ActionRule* const rule = RuleOf(request);
  return rule == nullptr ? v1::MESSAGE_KIND_UNSPECIFIED : rule->kind;
}

bool IsForHolder(const v1::ActOnMatterRequest& request) {
  const ActionRule* const rule = RuleOf(request);
  return rule != nullptr && rule->for_holder;
}

void CheckAction(absl::Time now, const v1::Agency& agency,
                 v1::ActOnMatterRequest* request, FormCheck* check) {
  check->RequestId(request->request_id());
  google::protobuf::Message* const content = ContentOf(request);
  if (content == nullptr) {
    check->Fault("content", "must say one thing about the matter");
    return;
  }
  const std::string name = NameOf(*request);
  const std::string matter_field =
      request->matter_id().empty() ? name + ".matter_id" : "matter_id";
  const bool has_actor = request->has_actor();
  if (request->has_challenge() && request->challenge().stage() == 0) {
    request->mutable_challenge()->set_stage(1);
  }
  FillIn(now, request, content);
  if (!ParseMatterId(request->matter_id()).ok()) {
    check->Fault(matter_field, "is no matter id, such as c-4k7.1");
  }
  if (has_actor || FieldOf(*content, "worker") == nullptr) {
    check->Actor(request->actor());
    if (request->actor().role().empty()) {
      check->Fault("actor.role", "is required");
    }
  }
  CheckOneOf(*request, name, check);
  check->Form(content, name);
  if (request->has_information_request()) {
    if (request->recipients().empty() ||
        request->recipients_size() > kMaxAsked) {
      check->Fault("recipients", "1 to 16 partners are asked");
    }
    for (int i = 0; i < request->recipients_size(); ++i) {
      check->Address(request->recipients(i),
                     absl::StrCat("recipients[", i, "]"));
    }
  } else if (!request->recipients().empty()) {
    check->Fault("recipients", "follow from the matter; leave them empty");
  }
  *request->mutable_actor()->mutable_asserted_by() = agency;
  if (const auto* field = FieldOf(*content, "worker")) {
    auto* const worker = static_cast<v1::Actor*>(
        content->GetReflection()->MutableMessage(content, field));
    *worker->mutable_asserted_by() = agency;
  }
}

v1::Message ActionMessage(const ActionContext& context,
                          const v1::ActOnMatterRequest& request) {
  const ActionRule& rule = *RuleOf(request);
  v1::Message message =
      Envelope(context, rule.kind, request.matter_id(), request.actor());
  AddTold(context, rule.told, request, &message);
  if (!request.in_reply_to().empty()) {
    message.set_in_reply_to(request.in_reply_to());
  }
  v1::ActOnMatterRequest said = request;
  const google::protobuf::Message& content = *ContentOf(&said);
  v1::PayloadPart* const part = message.add_payload();
  part->set_matter_id(request.matter_id());
  part->set_type(content.GetDescriptor()->full_name());
  part->set_content(content.SerializeAsString());
  return message;
}

v1::Message MessageToHolder(const ActionContext& context, v1::MessageKind kind,
                            const std::string& matter_id,
                            const v1::Actor& actor) {
  v1::Message message = Envelope(context, kind, matter_id, actor);
  AddOpener(context, &message);
  return message;
}

}  // namespace baton
