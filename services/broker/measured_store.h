#ifndef BATON_SERVICES_BROKER_MEASURED_STORE_H_
#define BATON_SERVICES_BROKER_MEASURED_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "prometheus/histogram.h"
#include "services/common/clock.h"
#include "services/common/metrics.h"
#include "storage/store.h"

namespace baton {

// Another store, and how long its commits take: nearly all of it is the sync,
// and it is what an accepted message waits for. Threads as Store says;
// Collect() from any.
class MeasuredStore final : public Store {
 public:
  // Both must outlive it.
  MeasuredStore(Store* store, const Clock* clock);

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override {
    return store_->Get(key);
  }
  absl::StatusOr<std::vector<KeyValue>> Scan(
      const KeyRange& range, size_t limit,
      ScanOrder order = ScanOrder::kAscending) const override {
    return store_->Scan(range, limit, order);
  }
  CommitResult Commit(const Batch& batch,
                      absl::string_view expected_head) override;
  std::unique_ptr<Reader> Snapshot() const override {
    return store_->Snapshot();
  }
  Limits limits() const override { return store_->limits(); }

  MetricFamily Collect() const;

 private:
  Store* const store_;
  const Clock* const clock_;
  prometheus::Histogram seconds_;  // Thread-safe.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_MEASURED_STORE_H_
