#ifndef BATON_STORAGE_MERKLE_H_
#define BATON_STORAGE_MERKLE_H_

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/crypto.h"

// RFC 6962 Merkle trees over SHA-256: hashing, proofs and their verification.
// Pure functions; the verifying side needs nothing else of Baton.
namespace baton {

Hash LeafHash(absl::string_view leaf);               // H(0x00 || leaf)
Hash NodeHash(const Hash& left, const Hash& right);  // H(0x01 || l || r)
Hash EmptyRoot();                                    // H("")

// The roots of the complete subtrees that make up a tree, largest first: all
// that is needed to append and to know the root.
class CompactRange {
 public:
  CompactRange() = default;
  // `nodes` as nodes() returned them for a tree of `size` leaves.
  CompactRange(uint64_t size, std::vector<Hash> nodes)
      : size_(size), nodes_(std::move(nodes)) {}

  void Append(const Hash& leaf_hash);
  Hash Root() const;
  uint64_t size() const { return size_; }
  const std::vector<Hash>& nodes() const { return nodes_; }

 private:
  uint64_t size_ = 0;
  std::vector<Hash> nodes_;
};

// A complete subtree: leaves [index << height, (index + 1) << height).
struct Subtree {
  int height;
  uint64_t index;
};

// Gives the root of a complete subtree of the log.
using SubtreeHasher = std::function<absl::StatusOr<Hash>(const Subtree&)>;

// The complete subtrees of a tree of `size` leaves, largest first.
std::vector<Subtree> Decompose(uint64_t size);

// Root of the first `size` leaves.
absl::StatusOr<Hash> RootOf(uint64_t size, const SubtreeHasher& hasher);

// RFC 6962 2.1.1. INVALID_ARGUMENT unless index < size.
absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size,
                                                 const SubtreeHasher& hasher);

// RFC 6962 2.1.2. INVALID_ARGUMENT unless 1 <= first <= second.
absl::StatusOr<std::vector<Hash>> ConsistencyProof(uint64_t first,
                                                   uint64_t second,
                                                   const SubtreeHasher& hasher);

// OK when `proof` shows that `leaf_hash` is leaf `index` of the tree of `size`
// leaves with `root`; DATA_LOSS otherwise.
absl::Status VerifyInclusion(uint64_t index, uint64_t size,
                             const Hash& leaf_hash,
                             const std::vector<Hash>& proof, const Hash& root);

// OK when `proof` shows that the tree (first, first_root) is a prefix of
// (second, second_root); DATA_LOSS otherwise. The empty tree is a prefix of
// every tree, by an empty proof.
absl::Status VerifyConsistency(uint64_t first, uint64_t second,
                               const Hash& first_root, const Hash& second_root,
                               const std::vector<Hash>& proof);

}  // namespace baton

#endif  // BATON_STORAGE_MERKLE_H_
