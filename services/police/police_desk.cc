#include "services/police/police_desk.h"

#include <algorithm>

#include "services/agency/form_check.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kMaxFollowBytes = 64 << 10;

template <typename Request>
void CheckFollow(const Request& request, FormCheck* check) {
  check->RequestId(request.request_id());
  check->Reference(request.sender_reference(), "sender_reference");
  check->Actor(request.actor());
}

template <typename Request>
FollowUp FollowOf(v1::MessageKind kind, const Request& sent,
                  const google::protobuf::Message& content,
                  const FormCheck& check) {
  FollowUp follow{.kind = kind,
                  .request_id = sent.request_id(),
                  .request = &sent,
                  .sender_reference = sent.sender_reference(),
                  .actor = sent.actor(),
                  .content = &content,
                  .marks = check.marks()};
  // A child named twice is one child.
  std::vector<int>& children = follow.children;
  children = {sent.children().begin(), sent.children().end()};
  std::sort(children.begin(), children.end());
  children.erase(std::unique(children.begin(), children.end()), children.end());
  return follow;
}

void CheckInterview(v1::InterviewState state, FormCheck* check) {
  if (state == v1::INTERVIEW_STATE_UNSPECIFIED) {
    check->Fault("interview.state", "must be stated");
  }
}

}  // namespace

absl::StatusOr<v1::CaseStatus> PoliceDesk::ReportMissing(
    const v1::ReportMissingRequest& request, Instant now) {
  v1::ReportMissingRequest checked = request;
  FormCheck check(now.wall, cases_.office()->environment());
  cases_.CheckOpening(checked, &check);
  CaseDesk::CheckChildren(checked.mutable_children(), &check);
  for (int i = 0; i < checked.children_size(); ++i) {
    const v1::MissingReport& child = checked.children(i);
    if (child.risk().grade() == v1::RISK_GRADE_UNSPECIFIED) {
      check.Mark(v1::MARK_CODE_BLANK_ANSWER,
                 "children[" + std::to_string(i) + "].risk.grade");
    }
  }
  RETURN_IF_ERROR(check.status());
  CaseForm form =
      cases_.FormOf(v1::MESSAGE_KIND_MISSING_REPORT, request, checked, check);
  form.purpose = v1::PURPOSE_MISSING_CHILD;
  form.priority = v1::PRIORITY_URGENT;
  return cases_.Raise(form, now);
}

absl::StatusOr<v1::CaseStatus> PoliceDesk::UpdateMissing(
    const v1::UpdateMissingRequest& request, Instant now) {
  v1::UpdateMissingRequest checked = request;
  FormCheck check(now.wall, cases_.office()->environment());
  CheckFollow(checked, &check);
  if (checked.update().change_case() == v1::MissingUpdate::CHANGE_NOT_SET) {
    check.Fault("update", "must say one thing that changed");
  }
  check.Form(checked.mutable_update(), "update");
  check.Size(checked.update(), kMaxFollowBytes, "update");
  RETURN_IF_ERROR(check.status());
  return cases_.Follow(FollowOf(v1::MESSAGE_KIND_MISSING_UPDATE, request,
                                checked.update(), check),
                       now);
}

absl::StatusOr<v1::CaseStatus> PoliceDesk::ReportFound(
    const v1::ReportFoundRequest& request, Instant now) {
  v1::ReportFoundRequest checked = request;
  FormCheck check(now.wall, cases_.office()->environment());
  CheckFollow(checked, &check);
  check.Form(checked.mutable_found(), "found");
  check.Size(checked.found(), kMaxFollowBytes, "found");
  // Whoever reports the find owes the time of return: silence is marked.
  if (IsBlank(checked.found().return_time())) {
    check.Mark(v1::MARK_CODE_BLANK_ANSWER, "found.return_time");
  }
  RETURN_IF_ERROR(check.status());
  FollowUp follow =
      FollowOf(v1::MESSAGE_KIND_FOUND_REPORT, request, checked.found(), check);
  if (checked.found().immediate_danger().has_value()) {
    follow.change = [&checked](v1::CaseRecord* episode) {
      episode->set_immediate_danger(checked.found().immediate_danger().value());
    };
  }
  return cases_.Follow(follow, now);
}

absl::StatusOr<v1::CaseStatus> PoliceDesk::RecordPreventionInterview(
    const v1::RecordPreventionInterviewRequest& request, Instant now) {
  v1::RecordPreventionInterviewRequest checked = request;
  FormCheck check(now.wall, cases_.office()->environment());
  CheckFollow(checked, &check);
  CheckInterview(checked.interview().state(), &check);
  check.Form(checked.mutable_interview(), "interview");
  check.Size(checked.interview(), kMaxFollowBytes, "interview");
  RETURN_IF_ERROR(check.status());
  return cases_.Follow(FollowOf(v1::MESSAGE_KIND_PREVENTION_INTERVIEW, request,
                                checked.interview(), check),
                       now);
}

absl::StatusOr<v1::CaseStatus> PoliceDesk::SendNotice(
    const v1::SendNoticeRequest& request, Instant now) {
  v1::SendNoticeRequest checked = request;
  FormCheck check(now.wall, cases_.office()->environment());
  cases_.CheckOpening(checked, &check);
  CaseDesk::CheckChildren(checked.mutable_children(), &check);
  check.Form(checked.mutable_incident(), "incident");
  check.Size(checked.incident(), CaseDesk::kMaxCommonBytes, "incident");
  check.Reference(checked.incident().incident_reference(),
                  "incident.incident_reference");
  RETURN_IF_ERROR(check.status());
  CaseForm form =
      cases_.FormOf(v1::MESSAGE_KIND_POLICE_NOTICE, request, checked, check);
  form.common = &checked.incident();
  form.immediate_danger = AnyInDanger(checked.children());
  for (const v1::PoliceNotice& child : checked.children()) {
    if (child.grade() == v1::NOTICE_GRADE_RED) {
      form.priority = v1::PRIORITY_URGENT;
    }
  }
  return cases_.Raise(form, now);
}

}  // namespace baton
