#ifndef BATON_STORAGE_TABLE_CHECK_H_
#define BATON_STORAGE_TABLE_CHECK_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "rocksdb/db.h"
#include "rocksdb/file_system.h"

namespace baton {

// FAILED_PRECONDITION when a table file of `db`, which lies in `directory`, has
// a checksum of a kind that only a newer program knows. Reads no table.
absl::Status CheckChecksumKinds(rocksdb::DB* db, const std::string& directory);

// Reads every table file of `db`, which lies in `directory`, and compares its
// checksum with the one in the manifest; tables without one are left out. `db`
// may go on writing meanwhile.
// Calls `proceed` before each MiB read, and stops when that returns false.
//
// DATA_LOSS names the first damaged file; FAILED_PRECONDITION: see
// CheckChecksumKinds(); UNAVAILABLE: it cannot be read; CANCELLED: stopped by
// `proceed`, with no damage so far.
absl::Status CheckTables(rocksdb::DB* db, rocksdb::FileSystem* file_system,
                         const std::string& directory,
                         const std::function<bool()>& proceed);

}  // namespace baton

#endif  // BATON_STORAGE_TABLE_CHECK_H_
