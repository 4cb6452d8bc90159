#ifndef BATON_STORAGE_MODEL_STORE_H_
#define BATON_STORAGE_MODEL_STORE_H_

#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "storage/mutex.h"
#include "storage/store.h"

namespace baton {

// The contract of Store in its simplest form, in memory: what every other
// store is compared with. Can be told to answer kUnknown, with or without
// having applied the batch, as a replicated store may.
//
// Thread-safe.
class ModelStore final : public Store {
 public:
  enum class Fault { kNone, kUnknownNotApplied, kUnknownApplied };

  explicit ModelStore(Limits limits = {.max_operations = 500,
                                       .max_bytes = 1 << 20})
      : limits_(limits) {}

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override;
  absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange& range,
                                             size_t limit,
                                             ScanOrder order) const override;
  CommitResult Commit(const Batch& batch,
                      absl::string_view expected_head) override;
  std::unique_ptr<Reader> Snapshot() const override;
  Limits limits() const override { return limits_; }

  // What the next Commit answers; reset by it.
  void FailNextCommit(Fault fault);

 private:
  using Map = std::map<std::string, std::string, std::less<>>;
  std::shared_ptr<const Map> map() const;

  const Limits limits_;
  mutable Mutex mu_;
  std::shared_ptr<const Map> map_ ABSL_GUARDED_BY(mu_) =
      std::make_shared<Map>();
  Fault next_fault_ ABSL_GUARDED_BY(mu_) = Fault::kNone;
};

}  // namespace baton

#endif  // BATON_STORAGE_MODEL_STORE_H_
