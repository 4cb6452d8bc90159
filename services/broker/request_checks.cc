#include "services/broker/request_checks.h"

#include "absl/strings/str_cat.h"
#include "services/common/checks.h"

namespace baton {

void CheckReason(const std::string& reason, Faults* faults) {
  if (reason.empty() || reason.size() > kMaxReasonBytes || !IsUtf8(reason)) {
    faults->Add("reason", absl::StrCat("1 to ", kMaxReasonBytes, " bytes"));
  }
  if (LooksLikeNhsNumber(reason)) {
    faults->Add("reason", "looks like an NHS number; keep it out of reasons");
  }
}

void CheckRequestId(const std::string& request_id, Faults* faults) {
  if (!IsToken(request_id, kMaxRequestIdBytes) ||
      (LooksLikeNhsNumber(request_id) && !IsUuid(request_id))) {
    faults->Add("request_id", absl::StrCat("1 to ", kMaxRequestIdBytes,
                                           " printable ASCII characters, a "
                                           "UUID for choice"));
  }
}

}  // namespace baton
