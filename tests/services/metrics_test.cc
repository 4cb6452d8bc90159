#include "services/common/metrics.h"

#include <fstream>

#include "gmock/gmock.h"
#include "services/common/process_metrics.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

double ValueOf(const MetricFamilies& families, const std::string& name) {
  for (const MetricFamily& family : families) {
    if (family.name == name) return family.metric.at(0).gauge.value;
  }
  ADD_FAILURE() << "no " << name;
  return 0;
}

TEST(MetricsTest, TextIsPrometheusOwn) {
  MetricFamily refusals = NewCounter("baton_refusals_total", "Refused.");
  AddValue(2, {{"code", "NOT_FOUND"}}, &refusals);
  AddValue(3, {{"code", "a\"b"}}, &refusals);
  EXPECT_EQ(ToPrometheusText({refusals, Gauge("baton_streams", "Open.", 1.5)}),
            "# HELP baton_refusals_total Refused.\n"
            "# TYPE baton_refusals_total counter\n"
            "baton_refusals_total{code=\"NOT_FOUND\"} 2\n"
            "baton_refusals_total{code=\"a\\\"b\"} 3\n"
            "# HELP baton_streams Open.\n"
            "# TYPE baton_streams gauge\n"
            "baton_streams 1.5\n");
}

TEST(MetricsTest, AProcessShowsWhatTheKernelSays) {
  const absl::Time start = absl::FromUnixSeconds(1'800'000'000);
  const MetricFamilies before = ProcessFamilies("baton-broker", start);
  std::ifstream held("/proc/self/stat");
  const MetricFamilies after = ProcessFamilies("baton-broker", start);
  EXPECT_EQ(ValueOf(after, "baton_process_open_fds"),
            ValueOf(before, "baton_process_open_fds") + 1);
  EXPECT_GT(ValueOf(after, "baton_process_max_fds"),
            ValueOf(after, "baton_process_open_fds"));
  EXPECT_GT(ValueOf(after, "baton_process_resident_memory_bytes"), 1 << 20);
  EXPECT_GE(ValueOf(after, "baton_process_threads"), 1);
  EXPECT_EQ(ValueOf(after, "baton_process_start_time_seconds"), 1'800'000'000);
  EXPECT_THAT(
      ToPrometheusText(after),
      HasSubstr("baton_build_info{service=\"baton-broker\",version=\""));
}

}  // namespace
}  // namespace baton
