#ifndef BATON_STORAGE_ROCKSDB_STORE_H_
#define BATON_STORAGE_ROCKSDB_STORE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/record.pb.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "storage/high_water_mark.h"
#include "storage/store.h"

namespace baton {

// A Store on RocksDB: one database directory, locked by this process.
//
// Guarantee: see Store; Commit is one WriteBatch with one fsync. After a
// failed write every later Commit answers kUnknown: what the disk holds is
// not known until the process starts again. A database that is truncated,
// damaged, behind its high-water mark, of a newer format, of another service
// or of another environment is not opened; the error says which, and what to
// do.
class RocksDbStore final : public Store {
 public:
  struct Options {
    std::string directory;  // Created when missing.
    // Written into a new database, compared with an existing one.
    v1::DatabaseRecord database;
    // All files are reached through it. Must outlive the store.
    std::shared_ptr<rocksdb::FileSystem> file_system;
    size_t block_cache_bytes = 64 << 20;
    size_t write_buffer_bytes = 64 << 20;
  };

  // FAILED_PRECONDITION: newer format, other owner or environment, locked.
  // DATA_LOSS: damaged, or behind its high-water mark.
  static absl::StatusOr<std::unique_ptr<RocksDbStore>> Open(Options options);
  ~RocksDbStore() override;

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override;
  absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange& range,
                                             size_t limit,
                                             ScanOrder order) const override;
  CommitResult Commit(const Batch& batch,
                      absl::string_view expected_head) override;
  std::unique_ptr<Reader> Snapshot() const override;
  Limits limits() const override;

  // Makes the high-water mark durable; call about once a second from the
  // committing thread (see storage/README.md for what the window costs).
  absl::Status SyncHighWaterMark();

 private:
  RocksDbStore(Options options, std::unique_ptr<rocksdb::Env> env,
               std::unique_ptr<rocksdb::DB> db, HighWaterMark mark,
               std::string head);

  const Options options_;
  std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
  HighWaterMark mark_;          // Owned by the committing thread.
  std::string head_;            // Owned by the committing thread.
  absl::Status failed_;         // First failed write; same owner.
};

}  // namespace baton

#endif  // BATON_STORAGE_ROCKSDB_STORE_H_
