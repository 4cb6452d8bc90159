#ifndef BATON_SERVICES_POLICE_POLICE_DESK_H_
#define BATON_SERVICES_POLICE_POLICE_DESK_H_

#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/police_service.pb.h"
#include "services/agency/case_desk.h"

namespace baton {

// What a force's service decides: an episode or an incident is a case, named by
// the force's own reference, with one child or several.
//
// Guarantees, errors and threads are CaseBook's; INVALID_ARGUMENT lists every
// fault.
class PoliceDesk {
 public:
  // `office` must outlive the desk.
  PoliceDesk(Office* office, const v1::PoliceConfig& config)
      : cases_(office, config.default_recipient()) {}

  absl::StatusOr<v1::CaseStatus> ReportMissing(
      const v1::ReportMissingRequest& request, Instant now);
  absl::StatusOr<v1::CaseStatus> UpdateMissing(
      const v1::UpdateMissingRequest& request, Instant now);
  // A child who was found may be in danger still: an episode never ends by
  // itself, its matters are decided.
  absl::StatusOr<v1::CaseStatus> ReportFound(
      const v1::ReportFoundRequest& request, Instant now);
  absl::StatusOr<v1::CaseStatus> RecordPreventionInterview(
      const v1::RecordPreventionInterviewRequest& request, Instant now);
  absl::StatusOr<v1::CaseStatus> SendNotice(
      const v1::SendNoticeRequest& request, Instant now);

 private:
  CaseDesk cases_;
};

}  // namespace baton

#endif  // BATON_SERVICES_POLICE_POLICE_DESK_H_
