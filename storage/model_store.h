#ifndef BATON_STORAGE_MODEL_STORE_H_
#define BATON_STORAGE_MODEL_STORE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace baton {

// The contract of Store in its simplest form, in memory: what every other
// store is compared with. Can be told to answer kUnknown, with or without
// having applied the batch, as a replicated store may.
//
// A commit copies the whole map when a snapshot of the last one is alive, and
// changes it in place otherwise.
//
// Thread-safe.
class ModelStore final : public Store {
 public:
  enum class Fault { kNone, kUnknownNotApplied, kUnknownApplied };

  explicit ModelStore(Limits limits = {.max_operations = 500,
                                       .max_bytes = 1 << 20})
      : limits_(limits) {}

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::vector<KeyValue>> Scan(
      const KeyRange& range, size_t limit,
      ScanOrder order = ScanOrder::kAscending) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  CommitResult Commit(const Batch& batch,
                      absl::string_view expected_head) override
      ABSL_LOCKS_EXCLUDED(mu_);
  std::unique_ptr<Reader> Snapshot() const override ABSL_LOCKS_EXCLUDED(mu_);
  Limits limits() const override { return limits_; }

  // Makes the next Commit answer kUnknown.
  void FailNextCommit(Fault fault) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Map = std::map<std::string, std::string>;
  class SnapshotReader;

  CommitResult CommitLocked(const Batch& batch, absl::string_view expected_head)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Apply(const Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Limits limits_;

  mutable Mutex mu_;
  // Shared with the snapshots made since the last commit; changed in place
  // only when there are none.
  std::shared_ptr<Map> map_ ABSL_GUARDED_BY(mu_) = std::make_shared<Map>();
  Fault next_fault_ ABSL_GUARDED_BY(mu_) = Fault::kNone;
};

}  // namespace baton

#endif  // BATON_STORAGE_MODEL_STORE_H_
