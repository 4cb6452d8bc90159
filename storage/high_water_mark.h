#ifndef BATON_STORAGE_HIGH_WATER_MARK_H_
#define BATON_STORAGE_HIGH_WATER_MARK_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/record.pb.h"
#include "rocksdb/file_system.h"

namespace baton {

// The last head that was acknowledged, in a small file beside the database.
// No recovery mode of RocksDB notices a deleted write-ahead log; a database
// behind this mark has lost commits that somebody was told of.
//
// Two slots of one page each are written in turn, each with a checksum, so
// a torn write leaves the other one. The file appears under its name whole and
// synced: a short one was damaged. Not thread-safe.
class HighWaterMark {
 public:
  // Opens or creates `path`. DATA_LOSS when the file is short or both slots
  // are damaged.
  static absl::StatusOr<HighWaterMark> Open(rocksdb::FileSystem* file_system,
                                            const std::string& path);

  // The newest mark; nullopt in a new file.
  const std::optional<v1::HeadRecord>& mark() const { return mark_; }

  // Writes `head` in place, without a sync: it survives this process, and the
  // machine after the next Sync().
  absl::Status Advance(const v1::HeadRecord& head);

  absl::Status Sync();

 private:
  HighWaterMark(std::unique_ptr<rocksdb::FSRandomRWFile> file,
                std::optional<v1::HeadRecord> mark, int next_slot)
      : file_(std::move(file)), mark_(std::move(mark)), next_slot_(next_slot) {}

  std::unique_ptr<rocksdb::FSRandomRWFile> file_;
  std::optional<v1::HeadRecord> mark_;
  int next_slot_;
};

}  // namespace baton

#endif  // BATON_STORAGE_HIGH_WATER_MARK_H_
