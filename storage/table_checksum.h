#ifndef BATON_STORAGE_TABLE_CHECKSUM_H_
#define BATON_STORAGE_TABLE_CHECKSUM_H_

#include <memory>

#include "rocksdb/file_checksum.h"

namespace baton {

// Makes the checksums of whole table files, which RocksDB notes in its
// manifest: XXH3 with 64 bits. RocksDB's own is CRC32c, which Debian's library
// computes by look-up (see log_checksum.cc for where ours does not): a quarter
// of a flush, a third of a merge. Asked for the checksum of a table by name it
// gives CRC32c too, for tables from before, and nullptr for what it does not
// know. Thread-safe.
std::shared_ptr<rocksdb::FileChecksumGenFactory> TableChecksums();

}  // namespace baton

#endif  // BATON_STORAGE_TABLE_CHECKSUM_H_
