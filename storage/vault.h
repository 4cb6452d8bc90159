#ifndef BATON_STORAGE_VAULT_H_
#define BATON_STORAGE_VAULT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/file_system.h"
#include "storage/mutex.h"
#include "storage/random.h"

namespace baton {

// The keys of matters and conversations: one 32-byte key per slot. Erasing a
// child's part of everything is destroying its slot.
//
// Not RocksDB, which keeps old versions in logs and tables. On disk:
//   ring                    one 512-byte sector per segment: generation,
//                           segment key wrapped by the key-encryption key
//   segment-<n>.<gen>       kSlotsPerSegment keys sealed under the segment key
// Erasing writes the segment without the slot under a new segment key and the
// next generation, syncs it, then overwrites the ring sector in place and
// syncs that (the moment of erasure), then removes the old file. A crash
// leaves either generation whole; Open removes the one the ring does not name.
//
// Slots are made and synced a whole segment at a time, before any is given
// out, so that giving one out needs no sync: a slot is used when a committed
// record names it. Slots never named by a record are orphans and harmless;
// after a restart giving out goes on behind the highest slot the caller names.
//
// Thread-safe: Key from any thread; the rest from one thread at a time.
class Vault {
 public:
  static constexpr uint64_t kSlotsPerSegment = 4096;

  // Opens or creates the vault in `directory`. `file_system` and `random` must
  // outlive it. `key_encryption_key` has 32 bytes. `next_slot` is one more
  // than the highest slot any record names. FAILED_PRECONDITION when the key
  // is not the one the vault was made with, or the vault is a newer release's;
  // DATA_LOSS when a file is damaged or missing.
  static absl::StatusOr<std::unique_ptr<Vault>> Open(
      rocksdb::FileSystem* file_system, std::string directory,
      std::string key_encryption_key, uint64_t next_slot, RandomSource* random);

  // A fresh slot, already on disk. Slots start at 1; 0 means "none". Makes
  // (and syncs) a new segment when the last one is used up. An error means
  // the disk failed: stop.
  absl::StatusOr<uint64_t> Allocate() ABSL_LOCKS_EXCLUDED(mu_);

  // The key of `slot`. NOT_FOUND when it was erased or never made.
  absl::StatusOr<std::string> Key(uint64_t slot) const ABSL_LOCKS_EXCLUDED(mu_);

  // Destroys the key of `slot`: when this returns OK no copy of it is left on
  // this disk that can be opened. Erasing twice is OK. NOT_FOUND when the slot
  // was never made. Another error means the disk failed: stop.
  absl::Status Erase(uint64_t slot) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Segment {
    uint64_t generation = 0;
    std::string keys;  // kSlotsPerSegment x 32 bytes; erased ones are zero.
  };

  Vault(rocksdb::FileSystem* file_system, std::string directory,
        std::string key_encryption_key, uint64_t next_slot,
        RandomSource* random);

  // Makes the directory and the ring when the vault is new.
  absl::Status CreateIfMissing();
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Segment> LoadSegment(size_t index, uint64_t generation,
                                      absl::string_view segment_key) const;
  absl::Status RemoveUnnamedFiles() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AddSegment() ABSL_LOCKS_EXCLUDED(mu_);
  // Writes `segment` under a new key and then its ring sector: the moment it
  // counts. After a failure what is on disk is unknown; refuses from then on.
  absl::Status WriteSegment(size_t index, const Segment& segment);
  absl::Status WriteSegmentFiles(size_t index, const Segment& segment);
  // The key of `slot`; empty when there is none.
  absl::string_view KeyOf(uint64_t slot) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  size_t segment_count() const ABSL_LOCKS_EXCLUDED(mu_);
  std::string Path(absl::string_view name) const;

  rocksdb::FileSystem* const file_system_;
  const std::string directory_;
  const std::string key_encryption_key_;
  RandomSource* const random_;

  mutable Mutex mu_;
  std::vector<Segment> segments_ ABSL_GUARDED_BY(mu_);

  // Owned by the thread that allocates and erases.
  uint64_t next_slot_;
  absl::Status failure_;
};

}  // namespace baton

#endif  // BATON_STORAGE_VAULT_H_
