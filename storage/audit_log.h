#ifndef BATON_STORAGE_AUDIT_LOG_H_
#define BATON_STORAGE_AUDIT_LOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/batch.h"
#include "storage/crypto.h"
#include "storage/merkle.h"
#include "storage/store.h"

namespace baton {

// The audit tree's writing side. Leaves go into the same batch as the effects
// they record; the root goes into the head of that batch.
//
// On disk (storage/keys.h):
//   a/<first index>     the leaves of one commit, each length-prefixed
//   t/<level>/<index>   a tile: up to 256 hashes of 2^(8*level) leaves each, as
//                       C2SP tlog-tiles. Level 0 is written when full; the
//                       levels above each time they grow, at most once in 256
//                       leaves, so that a proof reads one tile per level and at
//                       most 255 leaves
//
// Not thread-safe: owned by the committing thread. A failed commit leaves it
// ahead of the disk: the process must stop.
class AuditLog {
 public:
  static constexpr int kTileHeight = 8;
  static constexpr uint64_t kTileWidth = 256;

  // Rebuilds the tree's edge from `reader`. DATA_LOSS when the leaves do not
  // give `root` at `size`, the tree size and root of the head (`root` is
  // ignored for size 0).
  static absl::StatusOr<AuditLog> Open(const Reader& reader, uint64_t size,
                                       absl::string_view root);

  // The index the next leaf gets, counting those appended since Flush.
  uint64_t size() const { return range_.size(); }

  // Appends one leaf and returns its index.
  uint64_t Append(std::string leaf);

  // Puts the leaves appended since the last Flush, and the tiles they filled,
  // into `batch`.
  void Flush(Batch* batch);

  // Root over everything appended.
  Hash Root() const { return range_.Root(); }

 private:
  AuditLog() = default;
  void AppendHash(size_t level, const Hash& hash);

  CompactRange range_;
  std::vector<std::vector<Hash>> edge_;       // Per level, the hashes of the
                                              // partial tile; fewer than 256.
  std::vector<std::string> pending_;          // Leaves since the last Flush.
  std::map<std::string, std::string> tiles_;  // Likewise, by key.
};

// The reading side: pure functions of one snapshot.

// At most `limit` leaves from `start` on, exact bytes. Fewer at the end.
// DATA_LOSS when a record is damaged or missing in between.
absl::StatusOr<std::vector<std::string>> ReadLeaves(const Reader& reader,
                                                    uint64_t start,
                                                    size_t limit);

// Roots of complete subtrees among the first `size` leaves, from tiles and
// leaves. `reader` must outlive the hasher. The hasher gives DATA_LOSS when a
// tile or record is damaged or missing, OUT_OF_RANGE for a subtree that `size`
// leaves do not fill.
SubtreeHasher StoredSubtrees(const Reader& reader, uint64_t size);

}  // namespace baton

#endif  // BATON_STORAGE_AUDIT_LOG_H_
