#ifndef BATON_SERVICES_SCHOOL_SCHOOL_DESK_H_
#define BATON_SERVICES_SCHOOL_SCHOOL_DESK_H_

#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/school_service.pb.h"
#include "services/agency/office.h"

namespace baton {

// What a school's service adds to what every agency does: alerts, seen as such.
// An alert is a matter that the exchange opened and the school holds.
//
// Guarantees and threads are the office's.
class SchoolDesk {
 public:
  // `office` must outlive the desk.
  explicit SchoolDesk(Office* office, const v1::SchoolConfig& = {})
      : office_(office) {}

  absl::StatusOr<v1::ListAlertsResponse> ListAlerts(
      const v1::ListAlertsRequest& request) const;
  // NOT_FOUND: no such alert. Others as MatterDesk::Act.
  absl::StatusOr<v1::TakeAlertResponse> TakeAlert(
      const v1::TakeAlertRequest& request, Instant now);

 private:
  absl::StatusOr<v1::AlertItem> ItemOf(const v1::IntakeRecord& matter) const;

  Office* const office_;
};

}  // namespace baton

#endif  // BATON_SERVICES_SCHOOL_SCHOOL_DESK_H_
