#include "tests/support/fault_file_system.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr uint64_t kSectorBytes = 512;
constexpr char kKeptPrefix[] = ".kept-";  // Hidden from GetChildren.

std::string Normal(const std::string& path) {
  std::string normal = std::filesystem::path(path).lexically_normal().string();
  if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

std::string Parent(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

bool IsKept(const std::string& name) {
  return absl::StartsWith(name, kKeptPrefix);
}

}  // namespace

uint64_t SeedFor(uint64_t base) {
  const char* given = std::getenv("BATON_SEED");
  uint64_t seed = base;
  if (given != nullptr && !absl::SimpleAtoi(given, &seed)) {
    ADD_FAILURE() << "BATON_SEED is not a number: " << given;
  }
  return seed;
}

// ------------------------------------------------------------------- files

class FaultFileSystem::WritableFile final
    : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(FaultFileSystem* fs, ContentPtr content,
               std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)),
        fs_(fs),
        content_(std::move(content)) {}

  IOStatus Append(const Slice& data, const IOOptions& options,
                  IODebugContext* debug) override {
    MutexLock lock(&fs_->mu_);
    if (IOStatus status = fs_->Call(); !status.ok()) return status;
    if (fs_->disk_full_) return IOStatus::NoSpace("injected: disk full");
    IOStatus status = target()->Append(data, options, debug);
    if (status.ok()) content_->size += data.size();
    return status;
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&,
                            IODebugContext*) override {
    return IOStatus::NotSupported("direct I/O");
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&,
                            const rocksdb::DataVerificationInfo&,
                            IODebugContext*) override {
    return IOStatus::NotSupported("direct I/O");
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options,
                    IODebugContext* debug) override {
    MutexLock lock(&fs_->mu_);
    if (IOStatus status = fs_->Call(); !status.ok()) return status;
    content_->size = std::min(content_->size, size);
    content_->synced_size = std::min(content_->synced_size, size);
    return target()->Truncate(size, options, debug);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    MutexLock lock(&fs_->mu_);
    IOStatus status = fs_->SyncCall();
    if (status.ok()) content_->synced_size = content_->size;
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }
  bool IsSyncThreadSafe() const override { return true; }  // Under the mutex.
  // No guarantee of anything.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&,
                     IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  FaultFileSystem* const fs_;
  const ContentPtr content_;
};

class FaultFileSystem::RandomRWFile final
    : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  RandomRWFile(FaultFileSystem* fs, ContentPtr content,
               std::unique_ptr<rocksdb::FSRandomRWFile> file)
      : FSRandomRWFileOwnerWrapper(std::move(file)),
        fs_(fs),
        content_(std::move(content)) {}

  IOStatus Write(uint64_t offset, const Slice& data, const IOOptions& options,
                 IODebugContext* debug) override {
    MutexLock lock(&fs_->mu_);
    if (IOStatus status = fs_->Call(); !status.ok()) return status;
    const uint64_t end = offset + data.size();
    if (fs_->disk_full_ && end > content_->size) {
      return IOStatus::NoSpace("injected: disk full");
    }
    for (uint64_t sector = offset / kSectorBytes; sector * kSectorBytes < end;
         ++sector) {
      KeepSector(sector);
    }
    content_->size = std::max(content_->size, end);
    return target()->Write(offset, data, options, debug);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    MutexLock lock(&fs_->mu_);
    if (IOStatus status = fs_->SyncCall(); !status.ok()) return status;
    content_->synced_size = content_->size;
    content_->old_sectors.clear();
    return IOStatus::OK();
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  void KeepSector(uint64_t sector) {
    char scratch[kSectorBytes];
    Slice bytes;
    const IOStatus status = target()->Read(sector * kSectorBytes, kSectorBytes,
                                           {}, &bytes, scratch, nullptr);
    content_->old_sectors[sector].push_back(status.ok() ? bytes.ToString()
                                                        : std::string());
  }

  FaultFileSystem* const fs_;
  const ContentPtr content_;
};

class FaultFileSystem::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(FaultFileSystem* fs, std::string path,
            std::unique_ptr<rocksdb::FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)),
        fs_(fs),
        path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return fs_->SyncDirectory(path_);
  }
  IOStatus FsyncWithDirOptions(const IOOptions&, IODebugContext*,
                               const rocksdb::DirFsyncOptions&) override {
    return fs_->SyncDirectory(path_);
  }

 private:
  FaultFileSystem* const fs_;
  const std::string path_;
};

// ------------------------------------------------------------------ faults

FaultFileSystem::FaultFileSystem(std::shared_ptr<rocksdb::FileSystem> base,
                                 uint64_t seed)
    : FileSystemWrapper(base), random_(seed) {}

void FaultFileSystem::Cut() {
  MutexLock lock(&mu_);
  cut_ = true;
}

void FaultFileSystem::CutAfter(int calls) {
  MutexLock lock(&mu_);
  calls_left_ = calls;
}

bool FaultFileSystem::is_cut() const {
  MutexLock lock(&mu_);
  return cut_;
}

void FaultFileSystem::FailSyncs(int count) {
  MutexLock lock(&mu_);
  failing_syncs_ = count;
}

void FaultFileSystem::SetDiskFull(bool full) {
  MutexLock lock(&mu_);
  disk_full_ = full;
}

IOStatus FaultFileSystem::Call() {
  if (calls_left_ == 0) cut_ = true;
  if (calls_left_ >= 0) --calls_left_;
  return cut_ ? IOStatus::IOError("injected: power cut") : IOStatus::OK();
}

IOStatus FaultFileSystem::SyncCall() {
  IOStatus status = Call();
  if (status.ok() && failing_syncs_ > 0) {
    --failing_syncs_;
    status = IOStatus::IOError("injected: sync failed");
  }
  return status;
}

IOStatus FaultFileSystem::CheckPower() const {
  MutexLock lock(&mu_);
  return cut_ ? IOStatus::IOError("injected: power cut") : IOStatus::OK();
}

uint64_t FaultFileSystem::Random(uint64_t most) {
  return std::uniform_int_distribution<uint64_t>(0, most)(random_);
}

// ----------------------------------------------------------------- restore

void FaultFileSystem::Restore() {
  MutexLock lock(&mu_);
  LoseChanges();
  for (const auto& [path, content] : contents_) LoseContent(path, *content);
  contents_.clear();
  cut_ = false;
  calls_left_ = -1;
  failing_syncs_ = 0;
  disk_full_ = false;
}

// In each directory all changes after a random one are lost. Deepest first: a
// lost directory takes everything in it along.
void FaultFileSystem::LoseChanges() {
  for (auto it = changes_.rbegin(); it != changes_.rend(); ++it) {
    std::vector<Change>& changes = it->second;
    const uint64_t survivors = Random(changes.size());
    for (; changes.size() > survivors; changes.pop_back()) {
      Undo(changes.back());
    }
    for (const Change& change : changes) {
      if (!change.kept.empty()) std::filesystem::remove(change.kept);
    }
  }
  changes_.clear();
}

void FaultFileSystem::Undo(const Change& change) {
  if (change.appeared && change.from.empty()) {
    std::filesystem::remove_all(change.path);
    contents_.erase(change.path);
  } else if (change.appeared) {
    std::filesystem::rename(change.path, change.from);
    contents_[change.from] = contents_[change.path];
    contents_.erase(change.path);
  }
  if (change.kept.empty()) return;
  std::filesystem::rename(change.kept, change.path);
  contents_[change.path] = change.kept_content;
}

void FaultFileSystem::LoseContent(const std::string& path,
                                  const Content& content) {
  if (!std::filesystem::is_regular_file(path)) return;
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    for (const auto& [sector, versions] : content.old_sectors) {
      const uint64_t version = Random(versions.size());
      if (version == versions.size()) continue;  // The newest, as it is.
      file.seekp(static_cast<std::streamoff>(sector * kSectorBytes));
      file << versions[version];
    }
  }
  // None, all or some of the tail.
  const uint64_t tail = content.size - content.synced_size;
  const uint64_t fate = Random(2);
  const uint64_t survivor = fate == 0 ? 0 : fate == 1 ? tail : Random(tail);
  if (survivor < tail) {
    std::filesystem::resize_file(path, content.synced_size + survivor);
  }
}

// ------------------------------------------------- names and their changes

FaultFileSystem::ContentPtr FaultFileSystem::ContentOf(
    const std::string& path) {
  ContentPtr& content = contents_[path];
  if (content == nullptr) {
    content = std::make_shared<Content>();
    std::error_code missing;
    const uint64_t size = std::filesystem::file_size(path, missing);
    if (!missing) content->size = content->synced_size = size;
  }
  return content;
}

IOStatus FaultFileSystem::KeepAside(const std::string& path, Change* change) {
  if (!std::filesystem::exists(path)) return IOStatus::OK();
  change->kept = absl::StrCat(Parent(path), "/", kKeptPrefix, ++kept_count_);
  change->kept_content = ContentOf(path);
  contents_.erase(path);
  return target()->RenameFile(path, change->kept, {}, nullptr);
}

void FaultFileSystem::Record(Change change) {
  changes_[Parent(change.path)].push_back(std::move(change));
}

IOStatus FaultFileSystem::SyncDirectory(const std::string& path) {
  MutexLock lock(&mu_);
  if (IOStatus status = SyncCall(); !status.ok()) return status;
  for (const Change& change : changes_[path]) {
    if (!change.kept.empty()) std::filesystem::remove(change.kept);
  }
  changes_.erase(path);
  return IOStatus::OK();
}

IOStatus FaultFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (IOStatus status = Call(); !status.ok()) return status;
  Change change = {.path = Normal(path)};
  if (IOStatus status = KeepAside(change.path, &change); !status.ok()) {
    return status;
  }
  IOStatus status = target()->NewWritableFile(path, options, file, debug);
  if (status.ok()) {
    *file = std::make_unique<WritableFile>(this, ContentOf(change.path),
                                           std::move(*file));
  }
  Record(std::move(change));
  return status;
}

IOStatus FaultFileSystem::ReopenWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (IOStatus status = Call(); !status.ok()) return status;
  const bool is_new = !std::filesystem::exists(path);
  const ContentPtr content = ContentOf(Normal(path));
  IOStatus status = target()->ReopenWritableFile(path, options, file, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<WritableFile>(this, content, std::move(*file));
  if (is_new) Record({.path = Normal(path)});
  return status;
}

IOStatus FaultFileSystem::ReuseWritableFile(
    const std::string&, const std::string&, const rocksdb::FileOptions&,
    std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) {
  return IOStatus::NotSupported("recycled files");
}

IOStatus FaultFileSystem::NewRandomRWFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSRandomRWFile>* file, IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (cut_) return IOStatus::IOError("injected: power cut");
  IOStatus status = target()->NewRandomRWFile(path, options, file, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<RandomRWFile>(this, ContentOf(Normal(path)),
                                         std::move(*file));
  return status;
}

IOStatus FaultFileSystem::NewDirectory(
    const std::string& path, const IOOptions& options,
    std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext* debug) {
  if (IOStatus status = CheckPower(); !status.ok()) return status;
  IOStatus status = target()->NewDirectory(path, options, directory, debug);
  if (!status.ok()) return status;
  *directory =
      std::make_unique<Directory>(this, Normal(path), std::move(*directory));
  return status;
}

IOStatus FaultFileSystem::DeleteFile(const std::string& path,
                                     const IOOptions& options,
                                     IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (IOStatus status = Call(); !status.ok()) return status;
  Change change = {.appeared = false, .path = Normal(path)};
  if (!std::filesystem::exists(change.path)) {
    return target()->DeleteFile(path, options, debug);  // Says what is wrong.
  }
  IOStatus status = KeepAside(change.path, &change);
  if (status.ok()) Record(std::move(change));
  return status;
}

IOStatus FaultFileSystem::RenameFile(const std::string& from,
                                     const std::string& to,
                                     const IOOptions& options,
                                     IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (IOStatus status = Call(); !status.ok()) return status;
  Change change = {.path = Normal(to), .from = Normal(from)};
  if (!std::filesystem::exists(change.from)) {
    return target()->RenameFile(from, to, options, debug);
  }
  const ContentPtr content = ContentOf(change.from);
  IOStatus status = KeepAside(change.path, &change);
  if (status.ok()) status = target()->RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  contents_.erase(change.from);
  contents_[change.path] = content;
  Record(std::move(change));
  return status;
}

IOStatus FaultFileSystem::LinkFile(const std::string& from,
                                   const std::string& to,
                                   const IOOptions& options,
                                   IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (IOStatus status = Call(); !status.ok()) return status;
  IOStatus status = target()->LinkFile(from, to, options, debug);
  if (!status.ok()) return status;
  contents_[Normal(to)] = ContentOf(Normal(from));
  Record({.path = Normal(to)});
  return status;
}

IOStatus FaultFileSystem::CreateDir(const std::string& path,
                                    const IOOptions& options,
                                    IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (IOStatus status = Call(); !status.ok()) return status;
  IOStatus status = target()->CreateDir(path, options, debug);
  if (status.ok()) Record({.path = Normal(path)});
  return status;
}

IOStatus FaultFileSystem::CreateDirIfMissing(const std::string& path,
                                             const IOOptions& options,
                                             IODebugContext* debug) {
  if (std::filesystem::is_directory(path)) return CheckPower();
  return CreateDir(path, options, debug);
}

IOStatus FaultFileSystem::DeleteDir(const std::string& path,
                                    const IOOptions& options,
                                    IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (IOStatus status = Call(); !status.ok()) return status;
  return target()->DeleteDir(path, options, debug);
}

IOStatus FaultFileSystem::Truncate(const std::string& path, size_t size,
                                   const IOOptions& options,
                                   IODebugContext* debug) {
  MutexLock lock(&mu_);
  if (IOStatus status = Call(); !status.ok()) return status;
  const ContentPtr content = ContentOf(Normal(path));
  content->size = size;
  content->synced_size = std::min<uint64_t>(content->synced_size, size);
  return target()->Truncate(path, size, options, debug);
}

// ----------------------------------------------------------------- reading

IOStatus FaultFileSystem::NewSequentialFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSSequentialFile>* file, IODebugContext* debug) {
  if (IOStatus status = CheckPower(); !status.ok()) return status;
  return target()->NewSequentialFile(path, options, file, debug);
}

IOStatus FaultFileSystem::NewRandomAccessFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSRandomAccessFile>* file, IODebugContext* debug) {
  if (IOStatus status = CheckPower(); !status.ok()) return status;
  return target()->NewRandomAccessFile(path, options, file, debug);
}

IOStatus FaultFileSystem::FileExists(const std::string& path,
                                     const IOOptions& options,
                                     IODebugContext* debug) {
  if (IOStatus status = CheckPower(); !status.ok()) return status;
  return target()->FileExists(path, options, debug);
}

IOStatus FaultFileSystem::GetChildren(const std::string& path,
                                      const IOOptions& options,
                                      std::vector<std::string>* names,
                                      IODebugContext* debug) {
  if (IOStatus status = CheckPower(); !status.ok()) return status;
  IOStatus status = target()->GetChildren(path, options, names, debug);
  std::erase_if(*names, IsKept);
  return status;
}

IOStatus FaultFileSystem::GetChildrenFileAttributes(
    const std::string& path, const IOOptions& options,
    std::vector<rocksdb::FileAttributes>* files, IODebugContext* debug) {
  if (IOStatus status = CheckPower(); !status.ok()) return status;
  IOStatus status =
      target()->GetChildrenFileAttributes(path, options, files, debug);
  std::erase_if(*files, [](const auto& file) { return IsKept(file.name); });
  return status;
}

IOStatus FaultFileSystem::LockFile(const std::string& path,
                                   const IOOptions& options,
                                   rocksdb::FileLock** lock,
                                   IODebugContext* debug) {
  if (IOStatus status = CheckPower(); !status.ok()) return status;
  return target()->LockFile(path, options, lock, debug);
}

}  // namespace baton
