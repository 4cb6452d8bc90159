#ifndef BATON_SERVICES_EMERGENCY_EMERGENCY_DESK_H_
#define BATON_SERVICES_EMERGENCY_EMERGENCY_DESK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/emergency_service.pb.h"
#include "services/agency/office.h"

namespace baton {

// What an emergency department's service decides: a wait is a case with one
// child, named by the hospital's own reference. Guarantees and threads are the
// office's.
class EmergencyDesk {
 public:
  // `office` must outlive the desk.
  EmergencyDesk(Office* office, const v1::EmergencyConfig& config)
      : office_(office), default_recipient_(config.default_recipient()) {}

  Office* office() { return office_; }
  const Office* office() const { return office_; }

  // --- Calls of hospital systems. INVALID_ARGUMENT lists every fault;
  // NOT_FOUND: no such wait; ALREADY_EXISTS: the reference has an open wait,
  // or the request_id said something else before; FAILED_PRECONDITION: the
  // wait has ended; RESOURCE_EXHAUSTED: too much is held.
  absl::StatusOr<v1::WaitingStatus> Flag(const v1::FlagWaitingRequest& request,
                                         Instant now);
  absl::StatusOr<v1::WaitingStatus> Update(
      const v1::UpdateWaitingRequest& request, Instant now);
  absl::StatusOr<v1::WaitingStatus> Move(const v1::MoveWaitingRequest& request,
                                         Instant now);
  absl::StatusOr<v1::WaitingStatus> End(const v1::EndWaitingRequest& request,
                                        Instant now);
  absl::StatusOr<v1::WaitingStatus> Get(const std::string& reference,
                                        Instant now) const;
  absl::StatusOr<v1::ListWaitingResponse> List(
      const v1::ListWaitingRequest& request, Instant now) const;
  absl::StatusOr<v1::ListNeedsAttentionResponse> NeedsAttention() const;
  absl::StatusOr<v1::WaitingStatus> Resolve(
      const v1::ResolveNeedsAttentionRequest& request, Instant now);

  absl::StatusOr<v1::WaitingStatus> StatusOf(const v1::CaseRecord& wait,
                                             Instant now) const;

 private:
  absl::StatusOr<v1::WaitingStatus> Follow(FollowUp follow,
                                           const absl::Status& checked,
                                           Instant now);

  Office* const office_;
  const v1::Address default_recipient_;
};

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_EMERGENCY_DESK_H_
