#include "services/school/school_desk.h"

#include "absl/strings/str_cat.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {

absl::StatusOr<v1::AlertItem> SchoolDesk::ItemOf(
    const v1::IntakeRecord& matter) const {
  ASSIGN_OR_RETURN(const v1::Message opening,
                   office_->intake()->OpeningMessage(matter));
  v1::AlertItem item;
  item.set_matter_id(matter.matter_id());
  for (const v1::PayloadPart& part : opening.payload()) {
    if (part.matter_id() == matter.matter_id() &&
        part.type() == v1::Alert::descriptor()->full_name()) {
      item.mutable_alert()->ParseFromString(part.content());
    }
  }
  item.set_state(matter.state());
  if (matter.has_worker()) *item.mutable_worker() = matter.worker();
  *item.mutable_received_time() = matter.received_time();
  return item;
}

absl::StatusOr<v1::ListAlertsResponse> SchoolDesk::ListAlerts(
    const v1::ListAlertsRequest& request) const {
  ASSIGN_OR_RETURN(
      IntakeDesk::Page page,
      office_->intake()->List(request.page_size(), request.page_token(),
                              IntakeDesk::Filter::kAll));
  v1::ListAlertsResponse response;
  for (const v1::IntakeItem& row : page.items) {
    if (row.kind() != v1::MESSAGE_KIND_ALERT) continue;
    if (row.state() >= v1::MATTER_STATE_TAKEN && !request.include_taken()) {
      continue;
    }
    ASSIGN_OR_RETURN(const v1::IntakeRecord matter,
                     office_->intake()->Find(row.matter_id()));
    ASSIGN_OR_RETURN(*response.add_alerts(), ItemOf(matter));
  }
  response.set_next_page_token(std::move(page.next_page_token));
  if (office_->heard_time().has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*office_->heard_time());
  }
  return response;
}

absl::StatusOr<v1::TakeAlertResponse> SchoolDesk::TakeAlert(
    const v1::TakeAlertRequest& request, Instant now) {
  ASSIGN_OR_RETURN(const v1::IntakeRecord known,
                   office_->intake()->Find(request.matter_id()));
  if (known.kind() != v1::MESSAGE_KIND_ALERT) {
    return absl::NotFoundError(
        absl::StrCat("matter ", request.matter_id(), " is no alert"));
  }
  v1::ActOnMatterRequest act;
  act.set_request_id(request.request_id());
  act.set_matter_id(request.matter_id());
  *act.mutable_actor() = request.actor();
  act.mutable_taken();
  ASSIGN_OR_RETURN(const MatterDesk::Acted acted,
                   office_->matters()->Act(std::move(act), request, now));
  v1::TakeAlertResponse response;
  response.set_outbox_state(acted.outbox_state);
  ASSIGN_OR_RETURN(*response.mutable_alert(), ItemOf(*acted.received));
  return response;
}

}  // namespace baton
