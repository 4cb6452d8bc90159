#ifndef BATON_SERVICES_EMERGENCY_WAITING_CHECK_H_
#define BATON_SERVICES_EMERGENCY_WAITING_CHECK_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "baton/v1/emergency_service.pb.h"
#include "baton/v1/message.pb.h"
#include "services/common/faults.h"

// Checks of what hospital systems send. Refused is only what cannot be parsed
// or bounded, or names no wait; what is odd is marked, because a typo must not
// lose a child. Pure functions; `now` judges event times.
namespace baton {

// Also sets the `check` of identifiers.
void CheckFlag(absl::Time now, v1::FlagWaitingRequest* request, Faults* faults,
               std::vector<v1::Mark>* marks);
void CheckUpdate(absl::Time now, const v1::UpdateWaitingRequest& request,
                 Faults* faults, std::vector<v1::Mark>* marks);
void CheckMove(absl::Time now, const v1::MoveWaitingRequest& request,
               Faults* faults, std::vector<v1::Mark>* marks);
void CheckEnd(absl::Time now, const v1::EndWaitingRequest& request,
              Faults* faults, std::vector<v1::Mark>* marks);

// 1 to 64 printable ASCII characters that do not look like an NHS number.
void CheckRequestId(const std::string& request_id, Faults* faults);
void CheckReference(const std::string& reference, absl::string_view field,
                    Faults* faults);

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_WAITING_CHECK_H_
