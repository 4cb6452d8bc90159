#include "services/broker/measured_store.h"

namespace baton {
namespace {

// A good disk takes half a millisecond, a poor one twenty.
const prometheus::Histogram::BucketBoundaries kSeconds = {
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10};

}  // namespace

MeasuredStore::MeasuredStore(Store* store, const Clock* clock)
    : store_(store), clock_(clock), seconds_(kSeconds) {}

CommitResult MeasuredStore::Commit(const Batch& batch,
                                   absl::string_view expected_head) {
  const absl::Duration start = clock_->Now().steady;
  CommitResult result = store_->Commit(batch, expected_head);
  seconds_.Observe(absl::ToDoubleSeconds(clock_->Now().steady - start));
  return result;
}

MetricFamily MeasuredStore::Collect() const {
  MetricFamily family;
  family.name = "baton_commit_duration_seconds";
  family.help = "Commits, and how long each took until it was on disk.";
  family.type = prometheus::MetricType::Histogram;
  family.metric.push_back(seconds_.Collect());
  return family;
}

}  // namespace baton
