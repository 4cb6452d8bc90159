#ifndef BATON_SERVICES_BROKER_REQUEST_CHECKS_H_
#define BATON_SERVICES_BROKER_REQUEST_CHECKS_H_

#include <cstddef>
#include <string>

#include "services/common/faults.h"

// What several front doors check of their requests. Pure.
namespace baton {

inline constexpr size_t kMaxReasonBytes = 256;
inline constexpr size_t kMaxRequestIdBytes = 64;

// `reason`: text that is kept and shown, never personal.
void CheckReason(const std::string& reason, Faults* faults);

// `request_id`: by which a repeat is known.
void CheckRequestId(const std::string& request_id, Faults* faults);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_REQUEST_CHECKS_H_
