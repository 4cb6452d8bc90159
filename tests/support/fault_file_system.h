#ifndef BATON_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
#define BATON_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "rocksdb/file_system.h"
#include "storage/mutex.h"

namespace baton {

// The seed of a random test: BATON_SEED of the environment, else `base`. To be
// printed by each failure.
uint64_t SeedFor(uint64_t base);

// A file system over real files that can lose what a power cut loses: bytes
// written and not synced, files made or renamed and their directory not
// synced, writes in place and not synced. Use on a directory of its own.
//
//   FaultFileSystem fs(rocksdb::FileSystem::Default(), seed);
//   ... open a store on it, write ...
//   fs.Cut();           // from now on every call fails: the power is gone
//   ... destroy the store ...
//   fs.Restore();       // un-synced bytes are lost, some random part of the
//                       // tail of each file may survive; calls work again
//
// The model of a disk: a file keeps what was synced and a random beginning of
// what was appended since; each sector written in place has any of its
// contents since the last sync; a directory has seen some first part of the
// creations, renames and deletions since its last sync. Truncate and DeleteDir
// are taken as durable at once; memory maps and direct I/O are not modelled. A
// sync is only noted, never passed on to the real disk: it costs nothing.
//
// Thread-safe. Repeatable from the seed when the calls come in one order.
class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem(std::shared_ptr<rocksdb::FileSystem> base, uint64_t seed);
  const char* Name() const override { return "FaultFileSystem"; }

  // Every later call fails with an I/O error until Restore(), but for reads of
  // files that are open already.
  void Cut();
  // Cuts by itself after `calls` more writing calls (append, sync, rename,
  // create, delete): a cut in the middle of anything.
  void CutAfter(int calls);
  bool is_cut() const;

  // Brings the real files to what a disk would hold after the cut. All files
  // opened through this file system must have been closed.
  void Restore();

  // Fails the next `count` syncs with an I/O error (and keeps the bytes
  // un-synced).
  void FailSyncs(int count);
  // Fails every write that makes a file longer while set.
  void SetDiskFull(bool full);

  rocksdb::IOStatus NewSequentialFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSSequentialFile>* file,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewWritableFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(
      const std::string& path, const std::string& old_path,
      const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSWritableFile>* file,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomRWFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomRWFile>* file,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(
      const std::string& path, const rocksdb::IOOptions& options,
      std::unique_ptr<rocksdb::FSDirectory>* directory,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus FileExists(const std::string& path,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetChildren(const std::string& path,
                                const rocksdb::IOOptions& options,
                                std::vector<std::string>* names,
                                rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus GetChildrenFileAttributes(
      const std::string& path, const rocksdb::IOOptions& options,
      std::vector<rocksdb::FileAttributes>* files,
      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus Truncate(const std::string& path, size_t size,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDir(const std::string& path,
                              const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path,
                                       const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteDir(const std::string& path,
                              const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LinkFile(const std::string& from, const std::string& to,
                             const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus LockFile(const std::string& path,
                             const rocksdb::IOOptions& options,
                             rocksdb::FileLock** lock,
                             rocksdb::IODebugContext* debug) override;

 private:
  class WritableFile;
  class RandomRWFile;
  class Directory;

  // What a disk may hold of one file. Follows the file through renames.
  struct Content {
    uint64_t size = 0;
    uint64_t synced_size = 0;
    // Earlier contents, since the last sync, of sectors written in place.
    std::map<uint64_t, std::vector<std::string>> old_sectors;
  };
  using ContentPtr = std::shared_ptr<Content>;

  // A change of directory entries: `path` appeared (when `from` is empty: as a
  // new file or directory), or vanished (when `appeared` is not set).
  struct Change {
    bool appeared = true;
    std::string path;
    std::string from = {};  // Old name of a renamed file.
    std::string kept =
        {};  // Where the file that was at `path` is kept, if any.
    ContentPtr kept_content = nullptr;
  };

  // Counts a writing call; an error when the power is gone.
  rocksdb::IOStatus Call() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  rocksdb::IOStatus SyncCall() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  rocksdb::IOStatus CheckPower() const ABSL_LOCKS_EXCLUDED(mu_);

  ContentPtr ContentOf(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts the file at `path` aside, if there is one, for change->kept.
  rocksdb::IOStatus KeepAside(const std::string& path, Change* change)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Record(Change change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  rocksdb::IOStatus SyncDirectory(const std::string& path)
      ABSL_LOCKS_EXCLUDED(mu_);

  void Undo(const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LoseChanges() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LoseContent(const std::string& path, const Content& content)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  uint64_t Random(uint64_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  bool cut_ ABSL_GUARDED_BY(mu_) = false;
  int calls_left_ ABSL_GUARDED_BY(mu_) = -1;  // Negative: no cut planned.
  int failing_syncs_ ABSL_GUARDED_BY(mu_) = 0;
  bool disk_full_ ABSL_GUARDED_BY(mu_) = false;
  int kept_count_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, ContentPtr> contents_ ABSL_GUARDED_BY(mu_);
  // By directory, oldest first.
  std::map<std::string, std::vector<Change>> changes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
