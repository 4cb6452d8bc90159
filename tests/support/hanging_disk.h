#ifndef BATON_TESTS_SUPPORT_HANGING_DISK_H_
#define BATON_TESTS_SUPPORT_HANGING_DISK_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "rocksdb/file_system.h"
#include "storage/mutex.h"

namespace baton {

// A disk whose syncs of files that are written in place (the log, the vault,
// the high-water mark) do not return while it is told to hang: a controller
// that resets, a network disk whose network is away. Thread-safe.
class HangingDisk final : public rocksdb::FileSystemWrapper {
 public:
  HangingDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "HangingDisk"; }

  void Hang(bool hang) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    hangs_ = hang;
    changed_.SignalAll();
  }

  rocksdb::IOStatus NewRandomRWFile(
      const std::string& path, const rocksdb::FileOptions& options,
      std::unique_ptr<rocksdb::FSRandomRWFile>* file,
      rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus status =
        target()->NewRandomRWFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(this, std::move(*file));
    return status;
  }

 private:
  class File final : public rocksdb::FSRandomRWFileOwnerWrapper {
   public:
    File(HangingDisk* disk, std::unique_ptr<rocksdb::FSRandomRWFile> file)
        : FSRandomRWFileOwnerWrapper(std::move(file)), disk_(disk) {}

    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      disk_->Pass();
      return FSRandomRWFileOwnerWrapper::Sync(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      disk_->Pass();
      return FSRandomRWFileOwnerWrapper::Fsync(options, debug);
    }

   private:
    HangingDisk* const disk_;
  };

  void Pass() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (hangs_) changed_.Wait(&mu_);
  }

  Mutex mu_;
  CondVar changed_;
  bool hangs_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_HANGING_DISK_H_
