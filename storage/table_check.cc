#include "storage/table_check.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "rocksdb/metadata.h"
#include "storage/status.h"
#include "storage/table_checksum.h"

namespace baton {
namespace {

constexpr size_t kBlockBytes = 1 << 20;

using Tables = std::vector<rocksdb::LiveFileMetaData>;

Tables TablesOf(rocksdb::DB* db) {
  Tables tables;
  db->GetLiveFilesMetaData(&tables);
  return tables;
}

bool IsLive(rocksdb::DB* db, const std::string& name) {
  for (const rocksdb::LiveFileMetaData& table : TablesOf(db)) {
    if (table.name == name) return true;
  }
  return false;
}

absl::Status CannotRead(const std::string& path,
                        const rocksdb::IOStatus& status) {
  return absl::UnavailableError(
      absl::StrCat("cannot read table ", path, ": ", status.ToString()));
}

absl::Status AddContent(rocksdb::FSSequentialFile* file,
                        const std::string& path,
                        const std::function<bool()>& proceed,
                        rocksdb::FileChecksumGenerator* checksum) {
  std::string scratch(kBlockBytes, '\0');
  rocksdb::Slice block;
  do {
    if (!proceed()) return absl::CancelledError("the table check was stopped");
    const rocksdb::IOStatus status = file->Read(
        kBlockBytes, rocksdb::IOOptions(), &block, scratch.data(), nullptr);
    if (!status.ok()) return CannotRead(path, status);
    checksum->Update(block.data(), block.size());
  } while (!block.empty());
  checksum->Finalize();
  return absl::OkStatus();
}

// Not written by us: only what its blocks say about themselves.
bool HasChecksum(const rocksdb::LiveFileMetaData& table) {
  return table.file_checksum_func_name != rocksdb::kUnknownFileChecksumFuncName;
}

absl::StatusOr<std::unique_ptr<rocksdb::FileChecksumGenerator>> ChecksumLike(
    const rocksdb::LiveFileMetaData& table, const std::string& path) {
  rocksdb::FileChecksumGenContext wanted;
  wanted.requested_checksum_func_name = table.file_checksum_func_name;
  auto checksum = TableChecksums()->CreateFileChecksumGenerator(wanted);
  if (checksum != nullptr) return checksum;
  return absl::FailedPreconditionError(absl::StrCat(
      "table ", path, " has a checksum of the kind ",
      table.file_checksum_func_name,
      ", which this program does not know: start the newer program, or "
      "restore a backup made by this one"));
}

absl::Status CheckTable(rocksdb::FSSequentialFile* file,
                        const std::string& path,
                        const rocksdb::LiveFileMetaData& table,
                        const std::function<bool()>& proceed) {
  ASSIGN_OR_RETURN(const auto checksum, ChecksumLike(table, path));
  RETURN_IF_ERROR(AddContent(file, path, proceed, checksum.get()));
  if (table.file_checksum == checksum->GetChecksum()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "table ", path,
      " is damaged: its bytes do not have the checksum they were written "
      "with; keep a copy of the directory, then restore the newest backup into "
      "an empty one"));
}

}  // namespace

absl::Status CheckChecksumKinds(rocksdb::DB* db, const std::string& directory) {
  for (const rocksdb::LiveFileMetaData& table : TablesOf(db)) {
    if (!HasChecksum(table)) continue;
    RETURN_IF_ERROR(ChecksumLike(table, directory + table.name).status());
  }
  return absl::OkStatus();
}

absl::Status CheckTables(rocksdb::DB* db, rocksdb::FileSystem* file_system,
                         const std::string& directory,
                         const std::function<bool()>& proceed) {
  for (const rocksdb::LiveFileMetaData& table : TablesOf(db)) {
    if (!HasChecksum(table)) continue;
    const std::string path = directory + table.name;
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    const rocksdb::IOStatus opened = file_system->NewSequentialFile(
        path, rocksdb::FileOptions(), &file, nullptr);
    if (opened.ok()) {
      RETURN_IF_ERROR(CheckTable(file.get(), path, table, proceed));
    } else if (IsLive(db, table.name)) {
      return CannotRead(path, opened);
    }  // Otherwise a compaction has replaced it: there are newer ones.
  }
  return absl::OkStatus();
}

}  // namespace baton
