#include "services/agency/agency_metrics.h"

#include <algorithm>

namespace baton {
namespace {

double SecondsSince(absl::Time time, absl::Time now) {
  return std::max(0.0, absl::ToDoubleSeconds(now - time));
}

}  // namespace

MetricFamilies AgencyFamilies(const std::optional<AgencyNumbers>& numbers,
                              absl::Time now) {
  MetricFamilies families;
  families.push_back(Gauge("baton_service_answers",
                           "0: the service's loop did not say how it stands.",
                           numbers.has_value() ? 1 : 0));
  if (!numbers.has_value()) return families;
  const Outbox::Backlog& backlog = numbers->backlog;
  families.push_back(Gauge("baton_outbox_held_messages",
                           "On this disk and not with the exchange.",
                           static_cast<double>(backlog.held)));
  families.push_back(
      Gauge("baton_outbox_refused_messages",
            "Refused by the exchange: somebody has to attend to them.",
            static_cast<double>(backlog.refused)));
  families.push_back(
      Gauge("baton_outbox_oldest_held_seconds",
            "How long the oldest of the held ones has been; 0: there is none.",
            backlog.oldest_held_time.has_value()
                ? SecondsSince(*backlog.oldest_held_time, now)
                : 0));
  const bool reachable = numbers->heard_time.has_value() &&
                         now - *numbers->heard_time < kExchangeIsAwayAfter;
  families.push_back(Gauge("baton_exchange_reachable",
                           "1: the exchange was heard in the last 15 seconds.",
                           reachable ? 1 : 0));
  return families;
}

}  // namespace baton
