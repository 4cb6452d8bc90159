#ifndef BATON_SERVICES_COMMON_PROCESS_METRICS_H_
#define BATON_SERVICES_COMMON_PROCESS_METRICS_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/common/metrics.h"

namespace baton {

// This process as the kernel sees it (resident bytes, open files and their
// limit, threads), when it started and what was built. What cannot be read is
// left out. Thread-safe.
MetricFamilies ProcessFamilies(absl::string_view service, absl::Time start);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_PROCESS_METRICS_H_
