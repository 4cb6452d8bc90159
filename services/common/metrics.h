#ifndef BATON_SERVICES_COMMON_METRICS_H_
#define BATON_SERVICES_COMMON_METRICS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "prometheus/metric_family.h"

// What Prometheus reads. Numbers live where they arise; a scrape collects them
// into families, which are plain values. Names follow Prometheus's conventions
// (base units, "_total" for what only grows) and begin with "baton_".
//
// Labels are queues, agency codes and fixed words: never personal data.
namespace baton {

using MetricFamily = prometheus::MetricFamily;
using MetricFamilies = std::vector<MetricFamily>;
using MetricLabel = prometheus::ClientMetric::Label;

MetricFamily NewCounter(absl::string_view name, absl::string_view help);
MetricFamily NewGauge(absl::string_view name, absl::string_view help);

// Adds a value to a counter or gauge; labels only once each.
void AddValue(double value, std::vector<MetricLabel> labels,
              MetricFamily* family);

// A family of one value.
MetricFamily Counter(absl::string_view name, absl::string_view help,
                     double value);
MetricFamily Gauge(absl::string_view name, absl::string_view help,
                   double value);

void Append(MetricFamilies more, MetricFamilies* families);

// Prometheus's text format, version 0.0.4.
std::string ToPrometheusText(const MetricFamilies& families);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_METRICS_H_
