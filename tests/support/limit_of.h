#ifndef BATON_TESTS_SUPPORT_LIMIT_OF_H_
#define BATON_TESTS_SUPPORT_LIMIT_OF_H_

#include <string>

#include "absl/status/status.h"
#include "google/rpc/error_details.pb.h"

namespace baton {

// The one limit that `status` says was reached, with a time to try again; empty
// when it does not.
inline std::string LimitOf(const absl::Status& status) {
  const auto detail = [&status](const char* type) {
    return std::string(
        status.GetPayload(std::string("type.googleapis.com/google.rpc.") + type)
            .value_or(absl::Cord()));
  };
  google::rpc::QuotaFailure quota;
  google::rpc::RetryInfo retry;
  const bool says = absl::IsResourceExhausted(status) &&
                    quota.ParseFromString(detail("QuotaFailure")) &&
                    retry.ParseFromString(detail("RetryInfo")) &&
                    quota.violations_size() == 1 && retry.has_retry_delay();
  return says ? quota.violations(0).subject() : "";
}

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_LIMIT_OF_H_
