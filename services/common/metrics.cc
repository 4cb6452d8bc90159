#include "services/common/metrics.h"

#include <iterator>
#include <utility>

#include "prometheus/text_serializer.h"

namespace baton {
namespace {

MetricFamily NewFamily(absl::string_view name, absl::string_view help,
                       prometheus::MetricType type) {
  MetricFamily family;
  family.name = std::string(name);
  family.help = std::string(help);
  family.type = type;
  return family;
}

}  // namespace

MetricFamily NewCounter(absl::string_view name, absl::string_view help) {
  return NewFamily(name, help, prometheus::MetricType::Counter);
}

MetricFamily NewGauge(absl::string_view name, absl::string_view help) {
  return NewFamily(name, help, prometheus::MetricType::Gauge);
}

void AddValue(double value, std::vector<MetricLabel> labels,
              MetricFamily* family) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = metric.gauge.value = value;
  family->metric.push_back(std::move(metric));
}

MetricFamily Counter(absl::string_view name, absl::string_view help,
                     double value) {
  MetricFamily family = NewCounter(name, help);
  AddValue(value, {}, &family);
  return family;
}

MetricFamily Gauge(absl::string_view name, absl::string_view help,
                   double value) {
  MetricFamily family = NewGauge(name, help);
  AddValue(value, {}, &family);
  return family;
}

void Append(MetricFamilies more, MetricFamilies* families) {
  families->insert(families->end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
}

std::string ToPrometheusText(const MetricFamilies& families) {
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace baton
