#ifndef BATON_STORAGE_STORE_H_
#define BATON_STORAGE_STORE_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/batch.h"

namespace baton {

// The key under which every store keeps its head: see Store::Commit.
inline constexpr char kHeadKey[] = "h";

struct KeyValue {
  std::string key;
  std::string value;
};

// Keys in [begin, end); an empty end means "to the last key".
struct KeyRange {
  std::string begin;
  std::string end;
};

enum class ScanOrder { kAscending, kDescending };

// One consistent state of a store. Thread-safe.
class Reader {
 public:
  virtual ~Reader() = default;

  // The value of `key`, or nullopt. DATA_LOSS when the bytes are damaged.
  virtual absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const = 0;

  // At most `limit` pairs of `range` in `order`. DATA_LOSS as above.
  virtual absl::StatusOr<std::vector<KeyValue>> Scan(
      const KeyRange& range, size_t limit,
      ScanOrder order = ScanOrder::kAscending) const = 0;
};

enum class CommitOutcome {
  kCommitted,  // Durable and visible, now or by an earlier identical Commit.
  kFenced,     // Not written: somebody else moved the head.
  kUnknown,    // May or may not be written: submit the identical batch again.
};

struct CommitResult {
  CommitOutcome outcome;
  absl::Status status;  // Why, unless committed. No personal data.
};

// A durable ordered map with one writer.
//
// Guarantee: when Commit returns kCommitted, the whole batch survives a crash
// of process and machine, after every batch committed before it. Reads of the
// store itself see the last committed batch; snapshots see the one they were
// made at.
//
// Threads: reads and snapshots from any thread; Commit from one at a time.
// Nothing above this contract may rely on more than it says: a replicated
// store has to be able to keep it.
class Store : public Reader {
 public:
  // Most that one Commit may hold.
  struct Limits {
    size_t max_operations;
    size_t max_bytes;
  };

  // Applies `batch`, which must put kHeadKey, when the stored head equals
  // `expected_head` (empty: there is none). When the stored head already
  // equals the batch's own, it was applied before: kCommitted. INVALID_ARGUMENT
  // with kFenced when the batch exceeds limits() or does not put the head.
  virtual CommitResult Commit(const Batch& batch,
                              absl::string_view expected_head) = 0;

  // The state as of now, unmoved by later commits. Must not outlive the store.
  virtual std::unique_ptr<Reader> Snapshot() const = 0;

  virtual Limits limits() const = 0;

 protected:
  // The head that `batch` puts, or INVALID_ARGUMENT when it puts none or is
  // larger than `limits`.
  static absl::StatusOr<std::string> HeadOf(const Batch& batch, Limits limits);
  // The answer when the stored head is neither the expected nor the new one.
  static CommitResult Fenced();
};

inline absl::StatusOr<std::string> Store::HeadOf(const Batch& batch,
                                                 Limits limits) {
  if (batch.operations() > limits.max_operations ||
      batch.bytes() > limits.max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "batch of ", batch.operations(), " operations and ", batch.bytes(),
        " bytes; the store takes ", limits.max_operations, " and ",
        limits.max_bytes, ": commit it in parts"));
  }
  const Batch::Write* head = batch.Find(kHeadKey);
  if (head == nullptr || head->value.value_or("").empty()) {
    return absl::InvalidArgumentError("batch does not put the head");
  }
  return *head->value;
}

inline CommitResult Store::Fenced() {
  return {CommitOutcome::kFenced,
          absl::AbortedError("another writer has moved the head of the store: "
                             "only one process may write it")};
}

}  // namespace baton

#endif  // BATON_STORAGE_STORE_H_
