#ifndef BATON_STORAGE_ZERO_FILLED_LOGS_H_
#define BATON_STORAGE_ZERO_FILLED_LOGS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "rocksdb/file_system.h"

namespace baton {

// A file system whose write-ahead logs ("*.log") are written in place, into
// blocks that were filled with zeros a little ahead. Appending makes every
// sync write the file's new size as well, twice the bytes and about half as
// much time again; overwriting does not (tests/bench/README.md).
//
// What a reader must expect: a log ends in zeros, which RocksDB's reader skips;
// and after a power cut its last record may be any mix of new bytes and zeros,
// which is told from damage by the high-water mark alone. So it goes together
// with kPointInTimeRecovery and a mark (storage/rocksdb_store.cc).
//
// Everything but logs passes through. As thread-safe as `base`.
class ZeroFilledLogs final : public rocksdb::FileSystemWrapper {
 public:
  // A disk writes this much about as fast as a sector.
  static constexpr size_t kFillBytes = 256 << 10;

  explicit ZeroFilledLogs(std::shared_ptr<rocksdb::FileSystem> base)
      : FileSystemWrapper(std::move(base)) {}

  const char* Name() const override { return "ZeroFilledLogs"; }
  rocksdb::IOStatus NewWritableFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override;
};

}  // namespace baton

#endif  // BATON_STORAGE_ZERO_FILLED_LOGS_H_
