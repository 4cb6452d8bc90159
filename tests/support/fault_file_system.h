#ifndef BATON_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
#define BATON_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "rocksdb/file_system.h"
#include "storage/mutex.h"

namespace baton {

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
// Thread-safe.
class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  FaultFileSystem(std::shared_ptr<rocksdb::FileSystem> base, uint64_t seed);
  const char* Name() const override { return "FaultFileSystem"; }

  // Every later call fails with an I/O error until Restore().
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
  // Fails every append while set: the disk is full.
  void SetDiskFull(bool full);

 private:
  // IMPLEMENTER: add the overrides and the private state needed.
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
