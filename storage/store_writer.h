#ifndef BATON_STORAGE_STORE_WRITER_H_
#define BATON_STORAGE_STORE_WRITER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/record.pb.h"
#include "storage/batch.h"
#include "storage/store.h"

namespace baton {

// Numbers the commits of a store and moves its head: the only caller of
// Store::Commit.
//
// Not thread-safe: owned by the one writing thread.
class StoreWriter {
 public:
  // Reads the head of `store`, which must outlive the writer.
  static absl::StatusOr<StoreWriter> Open(Store* store);

  // The head as last committed; commit 0 when the store is new.
  const v1::HeadRecord& head() const { return head_; }

  // Commits `batch` with `next` as the new head, whose commit number must be
  // one more than head()'s. An unknown outcome is tried again with the
  // identical batch, at most kMaxAttempts times. An error means that the
  // content of the disk is unknown or belongs to another writer: the process
  // must stop and start again from the disk; every later Commit answers it
  // again. (A later batch could carry the head of the unknown one and be taken
  // for it.)
  absl::Status Commit(Batch batch, v1::HeadRecord next);

  static constexpr int kMaxAttempts = 5;

 private:
  StoreWriter(Store* store, v1::HeadRecord head, std::string head_bytes)
      : store_(store),
        head_(std::move(head)),
        head_bytes_(std::move(head_bytes)) {}

  Store* store_;
  v1::HeadRecord head_;
  std::string head_bytes_;  // As stored: what the next commit compares.
  absl::Status failed_;     // First failed commit.
};

}  // namespace baton

#endif  // BATON_STORAGE_STORE_WRITER_H_
