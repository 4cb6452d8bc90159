#include "services/agency/case_desk.h"

#include <utility>

#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

template <typename Response>
void PutHeard(std::optional<absl::Time> heard_time, Response* response) {
  if (heard_time.has_value()) {
    *response->mutable_exchange_heard_time() = ToProto(*heard_time);
  }
}

v1::Priority PriorityOf(const v1::RaiseContactRequest& request) {
  for (const v1::Contact& child : request.children()) {
    if (child.threshold_level() == v1::THRESHOLD_LEVEL_SIGNIFICANT_HARM) {
      return v1::PRIORITY_URGENT;
    }
  }
  return v1::PRIORITY_ROUTINE;
}

}  // namespace

absl::StatusOr<v1::CaseStatus> CaseDesk::Raise(const CaseForm& form,
                                               Instant now) {
  ASSIGN_OR_RETURN(const v1::CaseRecord record,
                   office_->cases()->Raise(form, now));
  return office_->cases()->Status(record, now);
}

absl::StatusOr<v1::CaseStatus> CaseDesk::Follow(const FollowUp& follow,
                                                Instant now) {
  ASSIGN_OR_RETURN(const v1::CaseRecord record,
                   office_->cases()->Follow(follow, now));
  return office_->cases()->Status(record, now);
}

absl::StatusOr<v1::CaseStatus> CaseDesk::RaiseContact(
    const v1::RaiseContactRequest& request, Instant now) {
  v1::RaiseContactRequest checked = request;
  FormCheck check(now.wall, office_->environment());
  CheckOpening(checked, &check);
  CheckChildren(checked.mutable_children(), &check);
  check.Form(checked.mutable_incident(), "incident");
  check.Size(checked.incident(), kMaxCommonBytes, "incident");
  const std::string& joins = checked.joins_conversation_id();
  if (!joins.empty() && !ParseConversationId(joins).ok()) {
    check.Fault("joins_conversation_id",
                "is no conversation id, such as c-4k7");
  }
  RETURN_IF_ERROR(check.status());
  CaseForm form = FormOf(v1::MESSAGE_KIND_CONTACT, request, checked, check);
  form.priority = PriorityOf(checked);
  form.immediate_danger = AnyInDanger(checked.children());
  if (checked.has_incident()) form.common = &checked.incident();
  form.joins_conversation_id = joins;
  return Raise(form, now);
}

absl::StatusOr<v1::CaseStatus> CaseDesk::GetCase(const std::string& reference,
                                                 Instant now) const {
  ASSIGN_OR_RETURN(const v1::CaseRecord record,
                   office_->cases()->Find(reference));
  return office_->cases()->Status(record, now);
}

absl::StatusOr<v1::ListCasesResponse> CaseDesk::ListCases(
    const v1::ListCasesRequest& request, Instant now) const {
  ASSIGN_OR_RETURN(
      CaseBook::Page page,
      office_->cases()->List(request.page_size(), request.page_token(),
                             request.include_ended()));
  v1::ListCasesResponse response;
  for (const v1::CaseRecord& record : page.records) {
    ASSIGN_OR_RETURN(*response.add_statuses(),
                     office_->cases()->Status(record, now));
  }
  response.set_next_page_token(std::move(page.next_page_token));
  PutHeard(office_->heard_time(), &response);
  return response;
}

absl::StatusOr<v1::ActOnMatterResponse> CaseDesk::Act(
    const v1::ActOnMatterRequest& request, Instant now) {
  ASSIGN_OR_RETURN(const MatterDesk::Acted acted,
                   office_->matters()->Act(request, request, now));
  v1::ActOnMatterResponse response;
  response.set_outbox_state(acted.outbox_state);
  if (acted.received.has_value()) {
    ASSIGN_OR_RETURN(*response.mutable_item(),
                     office_->intake()->Row(*acted.received));
  }
  if (acted.raised.has_value()) {
    ASSIGN_OR_RETURN(*response.mutable_status(),
                     office_->cases()->Status(*acted.raised, now));
  }
  return response;
}

absl::StatusOr<v1::ListInboxResponse> CaseDesk::ListInbox(
    const v1::ListInboxRequest& request) const {
  ASSIGN_OR_RETURN(IntakeDesk::Page page,
                   office_->intake()->List(
                       request.page_size(), request.page_token(),
                       request.include_settled() ? IntakeDesk::Filter::kAll
                                                 : IntakeDesk::Filter::kOwed));
  v1::ListInboxResponse response;
  *response.mutable_items() = {page.items.begin(), page.items.end()};
  response.set_next_page_token(std::move(page.next_page_token));
  PutHeard(office_->heard_time(), &response);
  return response;
}

absl::StatusOr<v1::OpenInboxMatterResponse> CaseDesk::OpenInboxMatter(
    const v1::OpenInboxMatterRequest& request, Instant now) {
  FormCheck check(now.wall, office_->environment());
  check.Actor(request.actor());
  if (!ParseMatterId(request.matter_id()).ok()) {
    check.Fault("matter_id", "is no matter id, such as c-4k7.1");
  }
  RETURN_IF_ERROR(check.status());
  ASSIGN_OR_RETURN(
      IntakeDesk::OpenedMatter opened,
      office_->intake()->OpenMatter(request.matter_id(), request.actor(), now));
  v1::OpenInboxMatterResponse response;
  *response.mutable_item() = std::move(opened.item);
  for (v1::Message& message : opened.messages) {
    *response.add_messages() = std::move(message);
  }
  return response;
}

absl::StatusOr<v1::ListRefusedResponse> CaseDesk::ListRefused() const {
  ASSIGN_OR_RETURN(const std::vector<v1::NeedsAttention> items,
                   office_->cases()->Refused());
  v1::ListRefusedResponse response;
  *response.mutable_items() = {items.begin(), items.end()};
  PutHeard(office_->heard_time(), &response);
  return response;
}

absl::StatusOr<v1::ResolveRefusedResponse> CaseDesk::ResolveRefused(
    const v1::ResolveRefusedRequest& request, Instant now) {
  ASSIGN_OR_RETURN(const std::optional<v1::CaseRecord> record,
                   office_->cases()->Resolve(request, now));
  v1::ResolveRefusedResponse response;
  if (record.has_value()) {
    ASSIGN_OR_RETURN(*response.mutable_status(),
                     office_->cases()->Status(*record, now));
  }
  return response;
}

absl::Status CaseDesk::TestExchange(const v1::TestExchangeRequest& request,
                                    Instant now, RoundTrips::Done done) {
  const absl::Duration wait =
      request.has_wait() ? FromProto(request.wait()) : kDefaultTestWait;
  FormCheck check(now.wall, office_->environment());
  check.RequestId(request.request_id());
  if (wait < kMinTestWait || wait > kMaxTestWait) {
    check.Fault("wait", "is 1 s to 30 s");
  }
  RETURN_IF_ERROR(check.status());
  return office_->round_trips()->Begin(
      request.request_id(), wait, now,
      [this, done = std::move(done)](v1::TestExchangeResponse response) {
        PutStanding(&response);
        done(std::move(response));
      });
}

void CaseDesk::PutStanding(v1::TestExchangeResponse* response) const {
  PutHeard(office_->heard_time(), response);
  const Outbox::Backlog backlog = office_->backlog();
  response->set_held_messages(backlog.held);
  response->set_refused_messages(backlog.refused);
  if (backlog.oldest_held_time.has_value()) {
    *response->mutable_oldest_held_time() = ToProto(*backlog.oldest_held_time);
  }
  *response->mutable_agency() = office_->agency();
  response->set_environment(office_->environment());
  response->set_phone(office_->PhoneFor(default_recipient_));
}

}  // namespace baton
