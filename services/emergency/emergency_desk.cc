#include "services/emergency/emergency_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/agency/recipients.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/emergency/waiting_check.h"
#include "storage/status.h"

namespace baton {

// --- Calls.

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Flag(
    const v1::FlagWaitingRequest& request, Instant now) {
  v1::FlagWaitingRequest checked = request;
  FormCheck check(now.wall, office_->environment());
  CheckFlag(&checked, &check);
  RETURN_IF_ERROR(check.status());
  const v1::WaitingFlag& flag = checked.flag();
  CaseForm form{
      .kind = v1::MESSAGE_KIND_WAITING_FLAG,
      .request_id = request.request_id(),
      .request = &request,
      .sender_reference = flag.sender_reference(),
      .recipients = RecipientsOf(
          checked.has_recipient() ? checked.recipient() : default_recipient_,
          checked.copies()),
      .actor = checked.actor(),
      .legal_basis = checked.legal_basis(),
      .priority = v1::PRIORITY_URGENT,
      .immediate_danger = flag.immediate_danger().value(),
      .children = {&flag},
      .marks = check.marks()};
  if (request.has_incident()) form.common = &checked.incident();
  if (flag.arrived_time().has_value()) {
    form.since_time = FromProto(flag.arrived_time().value());
  }
  const absl::StatusOr<v1::CaseRecord> wait =
      office_->cases()->Raise(form, now);
  if (ReasonOf(wait.status()) == "CASE_IS_OPEN") {
    return WithReason(
        absl::AlreadyExistsError(
            "this sender_reference has an open wait: update, move or end it"),
        "WAIT_IS_OPEN");
  }
  if (!wait.ok()) return wait.status();
  return StatusOf(*wait, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Follow(
    FollowUp follow, const absl::Status& checked, Instant now) {
  RETURN_IF_ERROR(checked);
  ASSIGN_OR_RETURN(const v1::CaseRecord wait,
                   office_->cases()->Follow(follow, now));
  return StatusOf(wait, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Update(
    const v1::UpdateWaitingRequest& request, Instant now) {
  v1::UpdateWaitingRequest checked = request;
  FormCheck check(now.wall, office_->environment());
  CheckUpdate(&checked, &check);
  FollowUp follow{.kind = v1::MESSAGE_KIND_WAITING_UPDATE,
                  .request_id = request.request_id(),
                  .request = &request,
                  .sender_reference = request.sender_reference(),
                  .actor = request.actor(),
                  .content = &checked.update(),
                  .marks = check.marks()};
  if (request.update().immediate_danger().has_value()) {
    follow.change = [&request](v1::CaseRecord* wait) {
      wait->set_immediate_danger(request.update().immediate_danger().value());
    };
  }
  return Follow(std::move(follow), check.status(), now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Move(
    const v1::MoveWaitingRequest& request, Instant now) {
  v1::MoveWaitingRequest checked = request;
  FormCheck check(now.wall, office_->environment());
  CheckMove(&checked, &check);
  return Follow({.kind = v1::MESSAGE_KIND_WAITING_MOVED,
                 .request_id = request.request_id(),
                 .request = &request,
                 .sender_reference = request.sender_reference(),
                 .actor = request.actor(),
                 .content = &checked.moved(),
                 .marks = check.marks()},
                check.status(), now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::End(
    const v1::EndWaitingRequest& request, Instant now) {
  v1::EndWaitingRequest checked = request;
  FormCheck check(now.wall, office_->environment());
  CheckEnd(&checked, &check);
  FollowUp follow{.kind = v1::MESSAGE_KIND_WAITING_END,
                  .request_id = request.request_id(),
                  .request = &request,
                  .sender_reference = request.sender_reference(),
                  .actor = request.actor(),
                  .content = &checked.end(),
                  .marks = check.marks()};
  // Leaving unexpectedly never closes anything.
  if (request.end().end_reason() != v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY) {
    follow.change = [&request, now](v1::CaseRecord* wait) {
      *wait->mutable_end_time() = request.end().has_end_time()
                                      ? request.end().end_time()
                                      : ToProto(now.wall);
    };
  }
  return Follow(std::move(follow), check.status(), now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Get(
    const std::string& reference, Instant now) const {
  ASSIGN_OR_RETURN(const v1::CaseRecord wait,
                   office_->cases()->Find(reference));
  return StatusOf(wait, now);
}

absl::StatusOr<v1::ListWaitingResponse> EmergencyDesk::List(
    const v1::ListWaitingRequest& request, Instant now) const {
  ASSIGN_OR_RETURN(
      CaseBook::Page page,
      office_->cases()->List(request.page_size(), request.page_token(),
                             request.include_ended()));
  v1::ListWaitingResponse response;
  for (const v1::CaseRecord& wait : page.records) {
    ASSIGN_OR_RETURN(*response.add_statuses(), StatusOf(wait, now));
  }
  response.set_next_page_token(std::move(page.next_page_token));
  if (office_->heard_time().has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*office_->heard_time());
  }
  return response;
}

absl::StatusOr<v1::ListNeedsAttentionResponse> EmergencyDesk::NeedsAttention()
    const {
  v1::ListNeedsAttentionResponse response;
  ASSIGN_OR_RETURN(const std::vector<v1::NeedsAttention> items,
                   office_->cases()->Refused());
  *response.mutable_items() = {items.begin(), items.end()};
  if (office_->heard_time().has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*office_->heard_time());
  }
  return response;
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::Resolve(
    const v1::ResolveNeedsAttentionRequest& request, Instant now) {
  v1::ResolveRefusedRequest resolve;
  resolve.set_request_id(request.request_id());
  resolve.set_outbox_id(request.outbox_id());
  resolve.set_resolution(request.resolution());
  *resolve.mutable_actor() = request.actor();
  resolve.set_reason(request.reason());
  ASSIGN_OR_RETURN(const std::optional<v1::CaseRecord> wait,
                   office_->cases()->Resolve(resolve, now));
  if (!wait.has_value()) return v1::WaitingStatus();
  return StatusOf(*wait, now);
}

absl::StatusOr<v1::WaitingStatus> EmergencyDesk::StatusOf(
    const v1::CaseRecord& wait, Instant now) const {
  ASSIGN_OR_RETURN(v1::CaseStatus found, office_->cases()->Status(wait, now));
  v1::WaitingStatus status;
  status.set_sender_reference(found.sender_reference());
  status.set_environment(office_->environment());
  status.set_outbox_state(found.outbox_state());
  status.set_headline(found.headline());
  if (found.ended() && found.outbox_state() == v1::OUTBOX_STATE_ACCEPTED) {
    absl::StrAppend(status.mutable_headline(), "; wait ended");
  }
  status.set_held_messages(found.held_messages());
  status.set_alarm(found.alarm());
  status.set_phone(found.phone());
  *status.mutable_held_time() = found.held_time();
  if (found.has_accepted_time()) {
    *status.mutable_accepted_time() = found.accepted_time();
  }
  if (!found.matters().empty()) {
    v1::MatterStatus& matter = *found.mutable_matters(0);
    *status.mutable_matter() = matter.matter();
    status.set_allocated_delivered_after(matter.release_delivered_after());
    status.set_allocated_first_read_after(matter.release_first_read_after());
    status.set_allocated_taken_after(matter.release_taken_after());
    status.set_allocated_decided_after(matter.release_decided_after());
  }
  const absl::Time since =
      FromProto(wait.has_since_time() ? wait.since_time() : wait.raised_time());
  const absl::Time until =
      wait.has_end_time() ? FromProto(wait.end_time()) : now.wall;
  *status.mutable_waiting_for() =
      ToProto(std::max(until - since, absl::ZeroDuration()));
  status.set_ended(found.ended());
  if (found.has_exchange_heard_time()) {
    *status.mutable_exchange_heard_time() = found.exchange_heard_time();
  }
  *status.mutable_marks() = found.marks();
  status.set_refusal(found.refusal());
  status.set_conversation_id(found.conversation_id());
  return status;
}

}  // namespace baton
