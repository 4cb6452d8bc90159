#ifndef BATON_SERVICES_AGENCY_AGENCY_METRICS_H_
#define BATON_SERVICES_AGENCY_AGENCY_METRICS_H_

#include <optional>

#include "absl/time/time.h"
#include "services/agency/outbox.h"
#include "services/common/metrics.h"

// What Prometheus reads of an agency's service.
namespace baton {

struct AgencyNumbers {
  Outbox::Backlog backlog;               // Test messages aside.
  std::optional<absl::Time> heard_time;  // The exchange; nullopt: never.
};

// The exchange sends something every five seconds, if only a heartbeat.
inline constexpr absl::Duration kExchangeIsAwayAfter = absl::Seconds(15);

// As of `now`; nullopt: the loop did not answer. Pure.
MetricFamilies AgencyFamilies(const std::optional<AgencyNumbers>& numbers,
                              absl::Time now);

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_AGENCY_METRICS_H_
