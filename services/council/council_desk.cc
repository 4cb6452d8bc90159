#include "services/council/council_desk.h"

#include <utility>

#include "services/agency/form_check.h"
#include "services/agency/recipients.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {

// --- Intake.

absl::StatusOr<v1::ListIntakeResponse> CouncilDesk::List(
    const v1::ListIntakeRequest& request) const {
  ASSIGN_OR_RETURN(
      IntakeDesk::Page page,
      office_->intake()->List(request.page_size(), request.page_token(),
                              request.include_decided()
                                  ? IntakeDesk::Filter::kAll
                                  : IntakeDesk::Filter::kUndecided));
  v1::ListIntakeResponse response;
  *response.mutable_items() = {page.items.begin(), page.items.end()};
  response.set_next_page_token(std::move(page.next_page_token));
  if (office_->heard_time().has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*office_->heard_time());
  }
  return response;
}

absl::StatusOr<v1::OpenMatterResponse> CouncilDesk::OpenMatter(
    const v1::OpenMatterRequest& request, Instant now) {
  v1::OpenInboxMatterRequest open;
  open.set_matter_id(request.matter_id());
  *open.mutable_actor() = request.actor();
  ASSIGN_OR_RETURN(v1::OpenInboxMatterResponse opened,
                   cases_.OpenInboxMatter(open, now));
  v1::OpenMatterResponse response;
  *response.mutable_item() = std::move(*opened.mutable_item());
  *response.mutable_messages() = std::move(*opened.mutable_messages());
  return response;
}

absl::StatusOr<v1::IntakeItem> CouncilDesk::Say(
    v1::ActOnMatterRequest act, const google::protobuf::Message& original,
    Instant now) {
  ASSIGN_OR_RETURN(const MatterDesk::Acted acted,
                   office_->matters()->Act(std::move(act), original, now));
  if (!acted.received.has_value()) {
    return absl::NotFoundError("no message about this matter has arrived");
  }
  return office_->intake()->Row(*acted.received);
}

absl::StatusOr<v1::TakeMatterResponse> CouncilDesk::Take(
    const v1::TakeMatterRequest& request, Instant now) {
  v1::ActOnMatterRequest act;
  act.set_request_id(request.request_id());
  *act.mutable_taken() = request.taken();
  v1::TakeMatterResponse response;
  ASSIGN_OR_RETURN(*response.mutable_item(), Say(std::move(act), request, now));
  return response;
}

absl::StatusOr<v1::DecideMatterResponse> CouncilDesk::Decide(
    const v1::DecideMatterRequest& request, Instant now) {
  v1::ActOnMatterRequest act;
  act.set_request_id(request.request_id());
  *act.mutable_decision() = request.decision();
  v1::DecideMatterResponse response;
  ASSIGN_OR_RETURN(*response.mutable_item(), Say(std::move(act), request, now));
  return response;
}

absl::StatusOr<v1::HandOverResponse> CouncilDesk::HandOver(
    const v1::HandOverRequest& request, Instant now) {
  ASSIGN_OR_RETURN(const std::vector<v1::IntakeItem> items,
                   office_->matters()->HandOver(request, now));
  v1::HandOverResponse response;
  *response.mutable_items() = {items.begin(), items.end()};
  return response;
}

// --- Raising.

v1::Address CouncilDesk::Own(const std::string& desk) const {
  v1::Address address;
  *address.mutable_agency() = office_->agency();
  address.set_desk(desk);
  return address;
}

absl::StatusOr<v1::CaseStatus> CouncilDesk::RecordPhoneContact(
    const v1::RecordPhoneContactRequest& request, Instant now) {
  v1::RecordPhoneContactRequest checked = request;
  FormCheck check(now.wall, office_->environment());
  check.RequestId(checked.request_id());
  check.Reference(checked.sender_reference(), "sender_reference");
  check.Actor(checked.actor());
  CaseDesk::CheckChildren(checked.mutable_children(), &check);
  CaseForm form{.kind = v1::MESSAGE_KIND_PHONE_CONTACT,
                .request_id = request.request_id(),
                .request = &request,
                .sender_reference = checked.sender_reference(),
                .recipients = RecipientsOf(
                    Own(checked.desk().empty() ? kIntakeDesk : checked.desk()),
                    std::vector<v1::Address>()),
                .actor = checked.actor(),
                .legal_basis = checked.legal_basis(),
                .immediate_danger = AnyInDanger(checked.children()),
                .children = {},
                .marks = {}};
  for (int i = 0; i < checked.children_size(); ++i) {
    v1::PhoneContact& child = *checked.mutable_children(i);
    if (!child.has_call_time()) *child.mutable_call_time() = ToProto(now.wall);
    form.children.push_back(&child);
    // The caller's agency is told, and owes the written form.
    if (!child.has_caller_agency()) continue;
    v1::Address caller;
    *caller.mutable_agency() = child.caller_agency();
    check.Address(caller, "children.caller_agency");
    AddRecipient(caller, v1::RECIPIENT_ROLE_COPY, &form.recipients);
  }
  RETURN_IF_ERROR(check.status());
  form.marks = check.marks();
  return cases_.Raise(form, now);
}

absl::StatusOr<v1::CaseStatus> CouncilDesk::PresentHomeless(
    const v1::PresentHomelessRequest& request, Instant now) {
  v1::PresentHomelessRequest checked = request;
  FormCheck check(now.wall, office_->environment());
  check.RequestId(checked.request_id());
  check.Reference(checked.sender_reference(), "sender_reference");
  check.Actor(checked.actor());
  if (checked.has_recipient()) check.Address(checked.recipient(), "recipient");
  if (checked.has_housing()) check.Address(checked.housing(), "housing");
  check.Form(checked.mutable_child(), "child");
  check.Size(checked.child(), CaseDesk::kMaxChildrenBytes, "child");
  RETURN_IF_ERROR(check.status());
  CaseForm form{.kind = v1::MESSAGE_KIND_HOMELESS_PRESENTATION,
                .request_id = request.request_id(),
                .request = &request,
                .sender_reference = checked.sender_reference(),
                .recipients = {},
                .actor = checked.actor(),
                .legal_basis = checked.legal_basis(),
                .priority = v1::PRIORITY_URGENT,
                .immediate_danger = checked.child().immediate_danger().value(),
                .children = {&checked.child()},
                .marks = check.marks()};
  AddRecipient(checked.has_recipient() ? checked.recipient() : Own(kIntakeDesk),
               v1::RECIPIENT_ROLE_ACTION, &form.recipients);
  AddRecipient(checked.has_housing() ? checked.housing() : Own(kHousingDesk),
               v1::RECIPIENT_ROLE_JOINT, &form.recipients);
  return cases_.Raise(form, now);
}

absl::StatusOr<v1::CaseStatus> CouncilDesk::NotifyPlacement(
    const v1::NotifyPlacementRequest& request, Instant now) {
  v1::NotifyPlacementRequest checked = request;
  FormCheck check(now.wall, office_->environment());
  cases_.CheckOpening(checked, &check);
  if (checked.notice().event() == v1::PLACEMENT_EVENT_UNSPECIFIED) {
    check.Fault("notice.event", "must be stated");
  }
  check.Form(checked.mutable_notice(), "notice");
  check.Size(checked.notice(), CaseDesk::kMaxChildrenBytes, "notice");
  RETURN_IF_ERROR(check.status());
  return cases_.Raise(
      {.kind = v1::MESSAGE_KIND_PLACEMENT_NOTICE,
       .request_id = request.request_id(),
       .request = &request,
       .sender_reference = checked.sender_reference(),
       .recipients = RecipientsOf(checked.recipient(), checked.copies()),
       .actor = checked.actor(),
       .legal_basis = checked.legal_basis(),
       .children = {&checked.notice()},
       .marks = check.marks()},
      now);
}

}  // namespace baton
