#include "storage/merkle.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "storage/status.h"

namespace baton {
namespace {

// The largest power of two below `count`, which is at least 2: where RFC 6962
// splits a tree.
uint64_t SplitPoint(uint64_t count) { return std::bit_floor(count - 1); }

// Root over `nodes`, the complete subtrees of a tree, largest first.
Hash FoldRight(const std::vector<Hash>& nodes) {
  if (nodes.empty()) return EmptyRoot();
  Hash root = nodes.back();
  for (size_t i = nodes.size() - 1; i-- > 0;) root = NodeHash(nodes[i], root);
  return root;
}

// Root over leaves [begin, end), a node of the tree: `begin` is a multiple of
// the smallest power of two that holds the range.
absl::StatusOr<Hash> RootOfRange(uint64_t begin, uint64_t end,
                                 const SubtreeHasher& hasher) {
  std::vector<Hash> nodes;
  for (const Subtree& part : Decompose(end - begin)) {
    ASSIGN_OR_RETURN(
        nodes.emplace_back(),
        hasher({part.height, part.index + (begin >> part.height)}));
  }
  return FoldRight(nodes);
}

// Adds the root over [begin, end) to `proof`.
absl::Status AddNode(uint64_t begin, uint64_t end, const SubtreeHasher& hasher,
                     std::vector<Hash>& proof) {
  ASSIGN_OR_RETURN(proof.emplace_back(), RootOfRange(begin, end, hasher));
  return absl::OkStatus();
}

absl::Status Refused(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("proof refused: ", what));
}

}  // namespace

Hash LeafHash(absl::string_view leaf) {
  return Sha256({absl::string_view("\x00", 1), leaf});
}

Hash NodeHash(const Hash& left, const Hash& right) {
  return Sha256({"\x01", AsBytes(left), AsBytes(right)});
}

Hash EmptyRoot() { return Sha256(""); }

void CompactRange::Append(const Hash& leaf_hash) {
  Hash node = leaf_hash;
  // Each trailing one of the old size is a complete subtree on the right.
  for (uint64_t rest = size_; rest & 1; rest >>= 1) {
    node = NodeHash(nodes_.back(), node);
    nodes_.pop_back();
  }
  nodes_.push_back(node);
  ++size_;
}

Hash CompactRange::Root() const { return FoldRight(nodes_); }

std::vector<Subtree> Decompose(uint64_t size) {
  std::vector<Subtree> subtrees;
  for (uint64_t rest = size; rest != 0;) {
    const int height = std::bit_width(rest) - 1;
    rest -= uint64_t{1} << height;
    subtrees.push_back({height, (size - rest - 1) >> height});
  }
  return subtrees;
}

absl::StatusOr<Hash> RootOf(uint64_t size, const SubtreeHasher& hasher) {
  return RootOfRange(0, size, hasher);
}

// Both proofs walk from the root down and keep the sibling of each step; the
// RFC lists them from the leaf up.

absl::StatusOr<std::vector<Hash>> InclusionProof(uint64_t index, uint64_t size,
                                                 const SubtreeHasher& hasher) {
  if (index >= size) {
    return absl::InvalidArgumentError(
        absl::StrCat("no leaf ", index, " in a tree of ", size));
  }
  std::vector<Hash> proof;
  uint64_t begin = 0;
  for (uint64_t end = size; end - begin > 1;) {
    const uint64_t middle = begin + SplitPoint(end - begin);
    if (index < middle) {
      RETURN_IF_ERROR(AddNode(middle, end, hasher, proof));
      end = middle;
    } else {
      RETURN_IF_ERROR(AddNode(begin, middle, hasher, proof));
      begin = middle;
    }
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

absl::StatusOr<std::vector<Hash>> ConsistencyProof(
    uint64_t first, uint64_t second, const SubtreeHasher& hasher) {
  if (first == 0 || first > second) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no consistency proof from tree size ", first, " to ", second));
  }
  std::vector<Hash> proof;
  uint64_t begin = 0;
  uint64_t end = second;
  while (end != first) {
    const uint64_t middle = begin + SplitPoint(end - begin);
    if (first <= middle) {
      RETURN_IF_ERROR(AddNode(middle, end, hasher, proof));
      end = middle;
    } else {
      RETURN_IF_ERROR(AddNode(begin, middle, hasher, proof));
      begin = middle;
    }
  }
  // The verifier knows the last node already when it is the whole first tree.
  if (begin != 0) RETURN_IF_ERROR(AddNode(begin, end, hasher, proof));
  std::reverse(proof.begin(), proof.end());
  return proof;
}

// The two verifications are RFC 9162, 2.1.3.2 and 2.1.4.2, with its names:
// fn and sn are the positions, level by level, of the path followed and of the
// last node.

absl::Status VerifyInclusion(uint64_t index, uint64_t size,
                             const Hash& leaf_hash,
                             const std::vector<Hash>& proof, const Hash& root) {
  if (index >= size) return Refused("the leaf is not in the tree");
  uint64_t fn = index;
  uint64_t sn = size - 1;
  Hash r = leaf_hash;
  for (const Hash& p : proof) {
    if (sn == 0) return Refused("it is too long");
    if (fn % 2 == 1 || fn == sn) {
      r = NodeHash(p, r);
      while (fn % 2 == 0 && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      r = NodeHash(r, p);
    }
    fn >>= 1, sn >>= 1;
  }
  if (sn != 0) return Refused("it is too short");
  if (r != root) return Refused("it leads to another root");
  return absl::OkStatus();
}

absl::Status VerifyConsistency(uint64_t first, uint64_t second,
                               const Hash& first_root, const Hash& second_root,
                               const std::vector<Hash>& proof) {
  if (first > second) return Refused("the first tree is the larger one");
  if (first == second || first == 0) {
    const Hash& expected = first == second ? second_root : EmptyRoot();
    if (!proof.empty()) return Refused("it is too long");
    if (first_root != expected) return Refused("the roots differ");
    return absl::OkStatus();
  }
  // When the first tree is complete, its root begins the path.
  std::vector<Hash> path;
  if (std::has_single_bit(first)) path.push_back(first_root);
  path.insert(path.end(), proof.begin(), proof.end());
  if (path.empty()) return Refused("it is too short");

  uint64_t fn = first - 1;
  uint64_t sn = second - 1;
  while (fn % 2 == 1) fn >>= 1, sn >>= 1;
  Hash fr = path[0];
  Hash sr = path[0];
  for (size_t i = 1; i < path.size(); ++i) {
    if (sn == 0) return Refused("it is too long");
    if (fn % 2 == 1 || fn == sn) {
      fr = NodeHash(path[i], fr);
      sr = NodeHash(path[i], sr);
      while (fn % 2 == 0 && fn != 0) fn >>= 1, sn >>= 1;
    } else {
      sr = NodeHash(sr, path[i]);
    }
    fn >>= 1, sn >>= 1;
  }
  if (sn != 0) return Refused("it is too short");
  if (fr != first_root) return Refused("it does not hold the first root");
  if (sr != second_root) return Refused("it does not hold the second root");
  return absl::OkStatus();
}

}  // namespace baton
