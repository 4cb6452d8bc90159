#ifndef BATON_STORAGE_ROCKSDB_STORE_H_
#define BATON_STORAGE_ROCKSDB_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/record.pb.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "rocksdb/file_system.h"
#include "storage/high_water_mark.h"
#include "storage/key_families.h"
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
  // It keeps every table file open, one for about 24 MiB; the logs, the manifest
  // and the like are a dozen more. Who opens it makes sure of this many.
  static constexpr int kOpenFiles = 1000;

  struct Options {
    std::string directory;  // Created when missing.
    // Written into a new database, compared with an existing one.
    v1::DatabaseRecord database = {};
    // All files are reached through it.
    std::shared_ptr<rocksdb::FileSystem> file_system =
        rocksdb::FileSystem::Default();
    // Runs CheckTables at open: one to six seconds per gigabyte with a cold
    // cache. A large database leaves it out, so that a start takes about a
    // second whatever is stored, and calls CheckTables while it serves. The
    // manifest, the log and the high-water mark are checked at open either
    // way, and every block of a table when it is read: until CheckTables has
    // come by, damage in a part that nobody reads is not noticed, and wrong
    // bytes are never returned.
    bool verify_tables = true;
    size_t block_cache_bytes = 64 << 20;
    size_t write_buffer_bytes = 64 << 20;
  };

  // FAILED_PRECONDITION: newer format, other owner or environment, locked.
  // DATA_LOSS: damaged, or behind its high-water mark.
  static absl::StatusOr<std::unique_ptr<RocksDbStore>> Open(Options options);
  ~RocksDbStore() override;

  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override;
  absl::StatusOr<std::vector<KeyValue>> Scan(
      const KeyRange& range, size_t limit,
      ScanOrder order = ScanOrder::kAscending) const override;
  // The head must be a HeadRecord, its commit one more than the last one's:
  // that is how Open notices a hole in the write-ahead log.
  CommitResult Commit(const Batch& batch,
                      absl::string_view expected_head) override;
  std::unique_ptr<Reader> Snapshot() const override;
  Limits limits() const override;

  // Reads every table file and compares its checksum with the one it was
  // written with. From any thread, beside all other calls; see
  // storage/table_check.h.
  absl::Status CheckTables(const std::function<bool()>& proceed) const;

  // Makes the high-water mark durable; call about once a second from the
  // committing thread (see storage/README.md for what the window costs).
  absl::Status SyncHighWaterMark();

 private:
  RocksDbStore(Options options, std::unique_ptr<rocksdb::Env> env,
               std::unique_ptr<rocksdb::DB> db,
               std::unique_ptr<KeyFamilies> families);

  absl::Status CheckDatabaseRecord();
  absl::Status LoadHead();
  // Opens the high-water mark and compares the head with it.
  absl::Status CheckMark();
  absl::Status Write(const Batch& batch, const v1::HeadRecord& head);

  const Options options_;
  const std::unique_ptr<rocksdb::Env> env_;
  const std::unique_ptr<rocksdb::DB> db_;
  const std::unique_ptr<KeyFamilies> families_;

  // Owned by the committing thread.
  std::optional<HighWaterMark> mark_;
  std::string head_;     // As stored.
  uint64_t commit_ = 0;  // Of head_.
  absl::Status failed_;  // First failed write.
};

}  // namespace baton

#endif  // BATON_STORAGE_ROCKSDB_STORE_H_
