#include "services/agency/matter_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/agency/form_check.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/homeless.h"
#include "services/common/ids.h"
#include "storage/status.h"

namespace baton {
namespace {

// Who was asked to act, by the message that opened a matter.
std::string ActingQueue(const v1::Message& opening) {
  for (const v1::Recipient& recipient : opening.recipients()) {
    if (recipient.role() != v1::RECIPIENT_ROLE_ACTION) continue;
    return QueueName(recipient.has_redirected_to() ? recipient.redirected_to()
                                                   : recipient.address());
  }
  return "another agency";
}

bool HasDuty(const v1::Agency& agency, const v1::IntakeRecord& matter) {
  return std::any_of(matter.matter().duties().begin(),
                     matter.matter().duties().end(),
                     [&agency](const v1::Duty& duty) {
                       return SameAgency(duty.address().agency(), agency);
                     });
}

bool Holds(const v1::Agency& agency, const v1::IntakeRecord& matter) {
  return matter.has_matter() &&
         SameAgency(matter.matter().holder().agency(), agency);
}

// The recall that `agency` still owes to take; empty when there is none.
std::string UntakenRecall(const v1::Agency& agency,
                          const v1::IntakeRecord& matter) {
  for (const v1::Duty& duty : matter.matter().duties()) {
    if (duty.code() == v1::DUTY_CODE_RECALL && !duty.has_taken() &&
        SameAgency(duty.address().agency(), agency)) {
      return duty.message_id();
    }
  }
  return "";
}

// A recall is a duty of its own: it leaves the matter as it is.
bool TakesRecall(const v1::ActOnMatterRequest& request,
                 const v1::Agency& agency, const v1::IntakeRecord& matter) {
  return request.has_taken() &&
         std::any_of(matter.matter().duties().begin(),
                     matter.matter().duties().end(), [&](const v1::Duty& duty) {
                       return duty.code() == v1::DUTY_CODE_RECALL &&
                              duty.message_id() == request.in_reply_to() &&
                              SameAgency(duty.address().agency(), agency);
                     });
}

// The holder's own taking, not that of a duty beside it.
bool TakesAsHolder(const v1::ActOnMatterRequest& request,
                   const v1::Agency& agency, const v1::IntakeRecord& matter) {
  if (!request.has_taken() || TakesRecall(request, agency, matter)) {
    return false;
  }
  if (!Holds(agency, matter)) return !HasDuty(agency, matter);
  const std::string& desk = request.taken().desk();
  return desk.empty() || desk == matter.matter().holder().desk();
}

absl::Status CheckHomeless(const v1::IntakeRecord& matter,
                           const v1::ActOnMatterRequest& request) {
  Faults faults;
  if (request.has_decision() &&
      IsAboutHomelessness(matter.kind(), matter.matter())) {
    CheckHomelessAnswer(request.decision().homeless(), "decision.homeless",
                        &faults);
  }
  return faults.ToStatus();
}

// What was said changes how the matter is shown here.
void Note(const v1::ActOnMatterRequest& request, const v1::Agency& agency,
          uint64_t outbox_id, v1::IntakeRecord* matter) {
  matter->set_answer_outbox_id(outbox_id);
  const bool for_duty = !Holds(agency, *matter) && HasDuty(agency, *matter);
  if (TakesAsHolder(request, agency, *matter)) {
    matter->set_state(std::max(matter->state(), v1::MATTER_STATE_TAKEN));
    *matter->mutable_worker() = request.taken().worker();
  } else if (request.has_decision() && !for_duty &&
             request.decision().desk().empty()) {
    matter->set_state(v1::MATTER_STATE_DECIDED);
    matter->set_outcome(request.decision().outcome());
    *matter->mutable_decision() = request.decision();
  } else if (request.has_allocation()) {
    *matter->mutable_allocated_to() = request.allocation().worker();
  } else if (request.has_transfer_accepted()) {
    matter->set_copy(false);
    matter->set_state(v1::MATTER_STATE_TAKEN);
    matter->set_outcome(v1::OUTCOME_UNSPECIFIED);
    *matter->mutable_worker() = request.transfer_accepted().worker();
  }
  auto* const questions = matter->mutable_questions();
  for (int i = questions->size() - 1; i >= 0; --i) {
    if (questions->Get(i).message_id() == request.in_reply_to()) {
      questions->DeleteSubrange(i, 1);
    }
  }
}

// True when work on it goes on after the decision, or before it.
bool GoesOn(const v1::IntakeRecord& matter) {
  if (matter.passed_on()) return false;
  if (matter.state() != v1::MATTER_STATE_DECIDED) return true;
  return matter.outcome() == v1::OUTCOME_EARLY_HELP ||
         matter.outcome() == v1::OUTCOME_REFERRAL_SECTION_17 ||
         matter.outcome() == v1::OUTCOME_STRATEGY_DISCUSSION_SECTION_47;
}

const v1::Actor& WorkerOf(const v1::IntakeRecord& matter) {
  return matter.has_allocated_to() ? matter.allocated_to() : matter.worker();
}

// A second worker who took it would believe that they alone have it. Whom it
// was handed to may take it too.
absl::Status CheckNotTaken(const v1::ActOnMatterRequest& request,
                           const v1::Agency& agency,
                           const v1::IntakeRecord& matter) {
  const std::string& taker = request.taken().worker().name();
  if (!TakesAsHolder(request, agency, matter) ||
      matter.state() < v1::MATTER_STATE_TAKEN ||
      matter.worker().name().empty() || taker == matter.worker().name() ||
      taker == matter.allocated_to().name()) {
    return absl::OkStatus();
  }
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "another worker has taken matter ", matter.matter_id(),
                        "; allocate it to move it to somebody else")),
                    "TAKEN");
}

absl::Status CheckHandOver(const v1::HandOverRequest& request) {
  FormCheck check(absl::InfinitePast());
  check.RequestId(request.request_id());
  check.Text(request.from_name(), true, 128, "from_name");
  if (request.to().name().empty() && request.to().team().empty()) {
    check.Fault("to", "needs a name, or at least a team");
  }
  check.Text(request.to().phone(), true, 32, "to.phone");
  check.Actor(request.actor());
  check.Text(request.reason(), true, 1024, "reason");
  return check.status();
}

}  // namespace

absl::StatusOr<MatterDesk::Known> MatterDesk::FindKnown(
    const std::string& matter_id) const {
  Known known;
  ASSIGN_OR_RETURN(const MatterName name, ParseMatterId(matter_id));
  ASSIGN_OR_RETURN(known.raised, parts_.cases->FindConversation(
                                     ConversationId(name.conversation_number)));
  absl::StatusOr<v1::IntakeRecord> received = parts_.intake->Find(matter_id);
  if (received.ok()) {
    known.received = *std::move(received);
  } else if (!absl::IsNotFound(received.status()) || !known.raised) {
    return received.status();
  }
  return known;
}

absl::StatusOr<ActionContext> MatterDesk::ContextFor(
    const Known& known, const v1::ActOnMatterRequest& request) const {
  ActionContext context{.agency = agency_,
                        .environment = environment_,
                        .priority = v1::PRIORITY_ROUTINE,
                        .legal_basis = v1::LEGAL_BASIS_UNSPECIFIED,
                        .opened_by = agency_,
                        .holder = std::nullopt,
                        .participants = {},
                        .asker = std::nullopt,
                        .ordering_key = request.matter_id()};
  if (known.raised.has_value()) {
    const v1::Message like = parts_.cases->NewMessage(
        KindOf(request), *known.raised, request.actor());
    context.priority = like.priority();
    context.legal_basis = like.legal_basis();
    context.purpose = like.purpose();
    context.ordering_key = like.ordering_key();
    for (const v1::Recipient& recipient : like.recipients()) {
      context.participants.push_back(recipient.address().agency());
    }
    for (const v1::Matter& matter : known.raised->conversation().matters()) {
      if (matter.matter_id() == request.matter_id()) {
        context.holder = matter.holder();
      }
    }
  }
  if (!known.received.has_value()) return context;
  const v1::IntakeRecord& matter = *known.received;
  context.priority = matter.priority();
  for (const v1::Agency& agency : matter.participants()) {
    context.participants.push_back(agency);
  }
  if (matter.has_matter()) context.holder = matter.matter().holder();
  if (!known.raised.has_value()) {
    context.opened_by =
        matter.has_opened_by() ? matter.opened_by() : matter.sender();
    ASSIGN_OR_RETURN(const v1::Message opening,
                     parts_.intake->OpeningMessage(matter));
    context.legal_basis = opening.legal_basis();
    if (opening.purpose() != v1::PURPOSE_UNSPECIFIED) {
      context.purpose = opening.purpose();
    }
  }
  for (const v1::OpenQuestion& question : matter.questions()) {
    if (question.message_id() == request.in_reply_to()) {
      context.asker = question.asker();
    }
  }
  return context;
}

absl::StatusOr<v1::Message> MatterDesk::NewMessage(
    v1::MessageKind kind, const v1::IntakeRecord& matter,
    const v1::Actor& actor) const {
  v1::ActOnMatterRequest about;
  about.set_matter_id(matter.matter_id());
  *about.mutable_actor() = actor;
  *about.mutable_actor()->mutable_asserted_by() = agency_;
  ASSIGN_OR_RETURN(
      const ActionContext context,
      ContextFor({.received = matter, .raised = std::nullopt}, about));
  return MessageToHolder(context, kind, matter.matter_id(), about.actor());
}

// Who only got a copy cannot answer for the one who was asked to act.
absl::Status MatterDesk::CheckMayAct(
    const v1::IntakeRecord& matter,
    const v1::ActOnMatterRequest& request) const {
  if (!IsForHolder(request) || !matter.copy() || HasDuty(agency_, matter)) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const v1::Message opening,
                   parts_.intake->OpeningMessage(matter));
  return WithReason(
      absl::FailedPreconditionError(
          absl::StrCat("matter ", matter.matter_id(), " reached us as a copy; ",
                       ActingQueue(opening), " was asked to act")),
      "COPY");
}

// A refused answer would hold up every later one about the matter; a refused
// document holds up nothing.
absl::Status MatterDesk::WithdrawRefused(const v1::Actor& by, Instant now,
                                         v1::IntakeRecord* matter) {
  for (const uint64_t waiting : parts_.outbox->Waiting(matter->matter_id())) {
    ASSIGN_OR_RETURN(v1::OutboxRecord record, parts_.outbox->Read(waiting));
    if (record.document_number() != 0) continue;
    if (record.state() == v1::OUTBOX_STATE_REFUSED) {
      RETURN_IF_ERROR(parts_.outbox->Withdraw(
          waiting, by, "replaced by a later answer", now));
      ASSIGN_OR_RETURN(record, parts_.outbox->Read(waiting));
    }
    // Those behind it may have been withdrawn with it.
    if (record.state() == v1::OUTBOX_STATE_WITHDRAWN &&
        record.kind() == v1::MESSAGE_KIND_DECISION) {
      matter->set_state(v1::MATTER_STATE_TAKEN);
      matter->clear_outcome();
      matter->clear_decision();
    }
  }
  return absl::OkStatus();
}

absl::Status MatterDesk::AddHistory(const v1::IntakeRecord& matter,
                                    v1::TransferOffer* offer) const {
  ASSIGN_OR_RETURN(const std::vector<v1::Message> messages,
                   parts_.intake->Messages(matter));
  size_t bytes = 0;
  for (const v1::Message& message : messages) {
    v1::SaidBefore said;
    said.set_message_id(message.message_id());
    said.set_kind(message.kind());
    *said.mutable_sender() = message.sender();
    *said.mutable_publish_time() = message.publish_time();
    for (const v1::PayloadPart& part : message.payload()) {
      if (part.matter_id().empty()) *said.mutable_common() = part;
      if (part.matter_id() == matter.matter_id()) *said.mutable_part() = part;
    }
    bytes += said.ByteSizeLong();
    if (bytes > kMaxHistoryBytes) {
      offer->set_left_out(offer->left_out() + 1);
    } else {
      *offer->add_history() = std::move(said);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MatterDesk::Say(
    const Known& known, v1::ActOnMatterRequest request,
    const google::protobuf::Message& original, const std::string& request_id,
    Instant now) {
  std::optional<v1::IntakeRecord> matter = known.received;
  if (matter.has_value()) {
    RETURN_IF_ERROR(CheckMayAct(*matter, request));
    RETURN_IF_ERROR(CheckNotTaken(request, agency_, *matter));
    RETURN_IF_ERROR(CheckHomeless(*matter, request));
    // Who holds the matter takes it first, and then a recall about it.
    const bool owes_it_first =
        Holds(agency_, *matter) && matter->state() < v1::MATTER_STATE_TAKEN;
    if (request.has_taken() && request.in_reply_to().empty() &&
        !owes_it_first) {
      request.set_in_reply_to(UntakenRecall(agency_, *matter));
    }
    if (request.has_transfer_offer()) {
      RETURN_IF_ERROR(AddHistory(*matter, request.mutable_transfer_offer()));
    }
  }
  ASSIGN_OR_RETURN(const ActionContext context, ContextFor(known, request));
  if (matter.has_value()) {
    RETURN_IF_ERROR(WithdrawRefused(request.actor(), now, &*matter));
  }
  const std::string thread = known.raised.has_value()
                                 ? CaseBook::ThreadOf(*known.raised)
                                 : request.matter_id();
  ASSIGN_OR_RETURN(const uint64_t outbox_id,
                   parts_.outbox->Hold(request_id, original, thread,
                                       ActionMessage(context, request), now));
  if (known.raised.has_value()) {
    parts_.cases->Own(outbox_id, *known.raised);
    parts_.cases->Changed(*known.raised, now);
  }
  if (matter.has_value()) {
    Note(request, agency_, outbox_id, &*matter);
    parts_.intake->Write(&*matter);
  }
  return outbox_id;
}

absl::StatusOr<MatterDesk::Acted> MatterDesk::Act(
    v1::ActOnMatterRequest request, const google::protobuf::Message& original,
    Instant now) {
  FormCheck check(now.wall, environment_);
  CheckAction(now.wall, agency_, &request, &check);
  RETURN_IF_ERROR(check.status());
  ASSIGN_OR_RETURN(const Known known, FindKnown(request.matter_id()));
  ASSIGN_OR_RETURN(uint64_t outbox_id,
                   parts_.outbox->FindRequest(request.request_id(), original));
  const std::string matter_id = request.matter_id();
  if (outbox_id == 0) {
    const std::string request_id = request.request_id();
    ASSIGN_OR_RETURN(outbox_id,
                     Say(known, std::move(request), original, request_id, now));
  }
  ASSIGN_OR_RETURN(const v1::OutboxRecord record,
                   parts_.outbox->Read(outbox_id));
  ASSIGN_OR_RETURN(Known after, FindKnown(matter_id));
  return Acted{.outbox_state = record.state(),
               .received = std::move(after.received),
               .raised = std::move(after.raised)};
}

absl::StatusOr<std::vector<v1::IntakeItem>> MatterDesk::HandOver(
    const v1::HandOverRequest& request, Instant now) {
  RETURN_IF_ERROR(CheckHandOver(request));
  // One request, one message a matter: each with a name of its own.
  const auto name = [&request](const v1::IntakeRecord& matter) {
    return absl::StrCat(request.request_id(), "/", matter.matter_id());
  };
  std::vector<v1::IntakeRecord> held;
  size_t repeated = 0;
  RETURN_IF_ERROR(parts_.intake->ForEach(
      [&](const v1::IntakeRecord& matter) -> absl::Status {
        ASSIGN_OR_RETURN(const uint64_t earlier,
                         parts_.outbox->FindRequest(name(matter), request));
        const bool theirs = !matter.copy() && GoesOn(matter) &&
                            WorkerOf(matter).name() == request.from_name();
        if (earlier != 0) ++repeated;
        if (earlier != 0 || theirs) held.push_back(matter);
        return absl::OkStatus();
      }));
  if (held.size() > kMaxHandOver ||
      held.size() - repeated > parts_.outbox->room()) {
    return LimitReached(
        "hand_over_matters",
        absl::StrCat("this moves ", held.size(), " matters; at most ",
                     kMaxHandOver, ", and as many as the outbox has room for"),
        absl::Hours(1));
  }
  std::vector<v1::IntakeItem> moved;
  for (const v1::IntakeRecord& matter : held) {
    v1::ActOnMatterRequest act;
    act.set_matter_id(matter.matter_id());
    *act.mutable_actor() = request.actor();
    *act.mutable_actor()->mutable_asserted_by() = agency_;
    v1::Allocation* const allocation = act.mutable_allocation();
    allocation->set_matter_id(matter.matter_id());
    *allocation->mutable_worker() = request.to();
    *allocation->mutable_worker()->mutable_asserted_by() = agency_;
    allocation->set_reason(request.reason());
    const std::string request_id = name(matter);
    ASSIGN_OR_RETURN(const uint64_t earlier,
                     parts_.outbox->FindRequest(request_id, request));
    if (earlier == 0) {
      ASSIGN_OR_RETURN(const Known known, FindKnown(matter.matter_id()));
      RETURN_IF_ERROR(
          Say(known, std::move(act), request, request_id, now).status());
    }
    ASSIGN_OR_RETURN(const v1::IntakeRecord after,
                     parts_.intake->Find(matter.matter_id()));
    ASSIGN_OR_RETURN(moved.emplace_back(), parts_.intake->Row(after));
  }
  return moved;
}

}  // namespace baton
