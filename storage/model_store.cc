#include "storage/model_store.h"

#include <utility>

namespace baton {
namespace {

using Map = std::map<std::string, std::string>;

std::optional<std::string> GetFrom(const Map& map, absl::string_view key) {
  const auto it = map.find(std::string(key));
  if (it == map.end()) return std::nullopt;
  return it->second;
}

std::vector<KeyValue> ScanFrom(const Map& map, const KeyRange& range,
                               size_t limit, ScanOrder order) {
  std::vector<KeyValue> found;
  if (!range.end.empty() && range.begin >= range.end) return found;
  auto first = map.lower_bound(range.begin);
  auto last = range.end.empty() ? map.end() : map.lower_bound(range.end);
  while (first != last && found.size() < limit) {
    const auto it = order == ScanOrder::kAscending ? first++ : --last;
    found.push_back({it->first, it->second});
  }
  return found;
}

}  // namespace

class ModelStore::SnapshotReader final : public Reader {
 public:
  SnapshotReader(Mutex* mu, std::shared_ptr<const Map> map)
      : mu_(mu), map_(std::move(map)) {}

  // Under the mutex, so that a commit that finds the map unshared also finds
  // all reads of it finished.
  ~SnapshotReader() override {
    MutexLock lock(mu_);
    map_.reset();
  }

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override {
    return GetFrom(*map_, key);
  }

  absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange& range,
                                             size_t limit,
                                             ScanOrder order) const override {
    return ScanFrom(*map_, range, limit, order);
  }

 private:
  Mutex* const mu_;
  std::shared_ptr<const Map> map_;
};

absl::StatusOr<std::optional<std::string>> ModelStore::Get(
    absl::string_view key) const {
  MutexLock lock(&mu_);
  return GetFrom(*map_, key);
}

absl::StatusOr<std::vector<KeyValue>> ModelStore::Scan(const KeyRange& range,
                                                       size_t limit,
                                                       ScanOrder order) const {
  MutexLock lock(&mu_);
  return ScanFrom(*map_, range, limit, order);
}

CommitResult ModelStore::Commit(const Batch& batch,
                                absl::string_view expected_head) {
  MutexLock lock(&mu_);
  const Fault fault = std::exchange(next_fault_, Fault::kNone);
  const absl::Status unknown = absl::UnavailableError("injected fault");
  if (fault == Fault::kUnknownNotApplied) {
    return {CommitOutcome::kUnknown, unknown};
  }
  CommitResult result = CommitLocked(batch, expected_head);
  if (fault == Fault::kUnknownApplied) {
    return {CommitOutcome::kUnknown, unknown};
  }
  return result;
}

CommitResult ModelStore::CommitLocked(const Batch& batch,
                                      absl::string_view expected_head) {
  const absl::StatusOr<std::string> next = HeadOf(batch, limits_);
  if (!next.ok()) return {CommitOutcome::kFenced, next.status()};
  const std::string head = GetFrom(*map_, kHeadKey).value_or("");
  if (head == *next) return {CommitOutcome::kCommitted, absl::OkStatus()};
  if (head != expected_head) return Fenced();
  Apply(batch);
  return {CommitOutcome::kCommitted, absl::OkStatus()};
}

void ModelStore::Apply(const Batch& batch) {
  if (map_.use_count() > 1) map_ = std::make_shared<Map>(*map_);
  for (const Batch::Range& range : batch.ranges()) {
    map_->erase(map_->lower_bound(range.begin), map_->lower_bound(range.end));
  }
  for (const Batch::Write& write : batch.writes()) {
    if (write.value.has_value()) {
      map_->insert_or_assign(write.key, *write.value);
    } else {
      map_->erase(write.key);
    }
  }
}

std::unique_ptr<Reader> ModelStore::Snapshot() const {
  MutexLock lock(&mu_);
  return std::make_unique<SnapshotReader>(&mu_, map_);
}

void ModelStore::FailNextCommit(Fault fault) {
  MutexLock lock(&mu_);
  next_fault_ = fault;
}

}  // namespace baton
