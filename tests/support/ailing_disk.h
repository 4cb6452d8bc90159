#ifndef BATON_TESTS_SUPPORT_AILING_DISK_H_
#define BATON_TESTS_SUPPORT_AILING_DISK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "rocksdb/file_system.h"
#include "storage/mutex.h"

namespace baton {

// A disk that is told how it fares. While it hangs, syncs of files that are
// written in place (the log, the vault, the high-water mark) do not return: a
// controller that resets, a network disk whose network is away. Thread-safe.
class AilingDisk final : public rocksdb::FileSystemWrapper {
 public:
  AilingDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "AilingDisk"; }

  void Hang(bool hang) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    hangs_ = hang;
    changed_.SignalAll();
  }

  // What it says is free; nullopt: what is.
  void SetFreeBytes(std::optional<uint64_t> bytes) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    free_bytes_ = bytes;
  }

  rocksdb::IOStatus GetFreeSpace(const std::string& path,
                                 const rocksdb::IOOptions& options,
                                 uint64_t* bytes,
                                 rocksdb::IODebugContext* debug) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    {
      MutexLock lock(&mu_);
      if (free_bytes_.has_value()) {
        *bytes = *free_bytes_;
        return rocksdb::IOStatus::OK();
      }
    }
    return target()->GetFreeSpace(path, options, bytes, debug);
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
    File(AilingDisk* disk, std::unique_ptr<rocksdb::FSRandomRWFile> file)
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
    AilingDisk* const disk_;
  };

  void Pass() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    while (hangs_) changed_.Wait(&mu_);
  }

  Mutex mu_;
  CondVar changed_;
  bool hangs_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<uint64_t> free_bytes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_AILING_DISK_H_
