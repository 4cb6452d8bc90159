#ifndef BATON_SERVICES_COUNCIL_COUNCIL_DESK_H_
#define BATON_SERVICES_COUNCIL_COUNCIL_DESK_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/council_service.pb.h"
#include "services/agency/case_desk.h"
#include "services/agency/office.h"

namespace baton {

// What a council decides beyond what every agency does: its intake is listed by
// matter, taken and decided; calls are recorded; homeless young people and
// placements are raised; a shift is handed over.
//
// Guarantees and threads are the office's. Not thread-safe: everything is
// called on the agency loop.
class CouncilDesk {
 public:
  static constexpr char kIntakeDesk[] = "intake";
  static constexpr char kHousingDesk[] = "housing";

  // `office` must outlive the desk.
  explicit CouncilDesk(Office* office, const v1::CouncilConfig& = {})
      : office_(office), cases_(office, {}) {}

  Office* office() { return office_; }

  // --- What people ask. INVALID_ARGUMENT lists every fault. Errors as
  // IntakeDesk and MatterDesk say.

  absl::StatusOr<v1::ListIntakeResponse> List(
      const v1::ListIntakeRequest& request) const;
  absl::StatusOr<v1::OpenMatterResponse> OpenMatter(
      const v1::OpenMatterRequest& request, Instant now);
  absl::StatusOr<v1::TakeMatterResponse> Take(
      const v1::TakeMatterRequest& request, Instant now);
  absl::StatusOr<v1::DecideMatterResponse> Decide(
      const v1::DecideMatterRequest& request, Instant now);
  absl::StatusOr<v1::HandOverResponse> HandOver(
      const v1::HandOverRequest& request, Instant now);

  // --- What a council raises.

  absl::StatusOr<v1::CaseStatus> RecordPhoneContact(
      const v1::RecordPhoneContactRequest& request, Instant now);
  absl::StatusOr<v1::CaseStatus> PresentHomeless(
      const v1::PresentHomelessRequest& request, Instant now);
  absl::StatusOr<v1::CaseStatus> NotifyPlacement(
      const v1::NotifyPlacementRequest& request, Instant now);

 private:
  // A desk of this council.
  v1::Address Own(const std::string& desk) const;
  absl::StatusOr<v1::IntakeItem> Say(v1::ActOnMatterRequest act,
                                     const google::protobuf::Message& original,
                                     Instant now);

  Office* const office_;
  CaseDesk cases_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COUNCIL_COUNCIL_DESK_H_
