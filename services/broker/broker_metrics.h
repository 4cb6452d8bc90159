#ifndef BATON_SERVICES_BROKER_BROKER_METRICS_H_
#define BATON_SERVICES_BROKER_BROKER_METRICS_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "baton/v1/queue_service.pb.h"
#include "services/broker/doorway.h"
#include "services/broker/ledger.h"
#include "services/broker/measured_store.h"
#include "services/broker/sequencer.h"
#include "services/common/clock.h"
#include "services/common/metrics.h"
#include "services/common/probe.h"
#include "services/common/stream_registry.h"

// What Prometheus reads of the exchange. README.md says what to watch.
namespace baton {

// Room on the data directory's disk, as last looked at.
struct DiskRoom {
  std::atomic<int64_t> free_bytes{0};
  std::atomic<bool> low{false};  // New messages are refused.
};

using QueueProbe = Probe<std::vector<v1::Queue>>;

// Where the numbers are. All outlive a scrape.
struct BrokerNumbers {
  const Clock* clock;
  const LedgerCounters* ledger;
  const MeasuredStore* store;
  const DiskRoom* disk;
  const Doorway* doorway;
  Sequencer* sequencer;
  StreamRegistry* streams;
  StreamRegistry* pulls;  // Calls of Pull that wait.
  QueueProbe* queues;
};

// Everything of now. Waits for the commit thread for as long as the probe does:
// when that is stuck, the queues are missing and baton_exchange_answers is 0.
MetricFamilies BrokerFamilies(const BrokerNumbers& numbers);

// How queues stand at `now`. Pure.
MetricFamilies QueueFamilies(const std::vector<v1::Queue>& queues,
                             absl::Time now);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_BROKER_METRICS_H_
