#include "services/common/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace baton {
namespace {

// The second number of /proc/self/statm counts resident pages.
std::optional<double> ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double all = 0;
  double resident = 0;
  if (!(statm >> all >> resident)) return std::nullopt;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::optional<double> EntriesOf(const char* directory) {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry(directory, error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  if (error) return std::nullopt;
  return count;
}

std::optional<double> MaxOpenFiles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

void AddGauge(absl::string_view name, absl::string_view help,
              std::optional<double> value, MetricFamilies* families) {
  if (value.has_value()) families->push_back(Gauge(name, help, *value));
}

}  // namespace

MetricFamilies ProcessFamilies(absl::string_view service, absl::Time start) {
  MetricFamilies families;
  AddGauge("baton_process_resident_memory_bytes", "Memory in use.",
           ResidentBytes(), &families);
  AddGauge("baton_process_open_fds", "Open files and connections.",
           EntriesOf("/proc/self/fd"), &families);
  AddGauge("baton_process_max_fds", "How many of them there may be.",
           MaxOpenFiles(), &families);
  AddGauge("baton_process_threads", "Threads.", EntriesOf("/proc/self/task"),
           &families);
  AddGauge("baton_process_start_time_seconds",
           "When the process started, since 1970.",
           absl::ToDoubleSeconds(start - absl::UnixEpoch()), &families);
  MetricFamily build = NewGauge("baton_build_info", "What runs; always 1.");
  AddValue(1, {{"service", std::string(service)}, {"version", BATON_VERSION}},
           &build);
  families.push_back(std::move(build));
  return families;
}

}  // namespace baton
