#include "storage/merkle.h"

#include <bit>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

constexpr uint64_t kMaxSize = 130;

using Hashes = std::vector<Hash>;

std::string Hex(const Hash& hash) {
  return absl::BytesToHexString(AsBytes(hash));
}

// --- RFC 6962, written down as it is defined: recursively.

Hash MerkleTreeHash(const Hashes& leaves, uint64_t begin, uint64_t end) {
  if (end == begin) return Sha256("");
  if (end - begin == 1) return leaves[begin];
  const uint64_t k = std::bit_floor(end - begin - 1);
  return Sha256({"\x01", AsBytes(MerkleTreeHash(leaves, begin, begin + k)),
                 AsBytes(MerkleTreeHash(leaves, begin + k, end))});
}

Hashes With(Hashes hashes, const Hash& last) {
  hashes.push_back(last);
  return hashes;
}

// PATH(m, D[begin:end]).
Hashes Path(uint64_t m, const Hashes& leaves, uint64_t begin, uint64_t end) {
  if (end - begin == 1) return {};
  const uint64_t k = std::bit_floor(end - begin - 1);
  if (m < k) {
    return With(Path(m, leaves, begin, begin + k),
                MerkleTreeHash(leaves, begin + k, end));
  }
  return With(Path(m - k, leaves, begin + k, end),
              MerkleTreeHash(leaves, begin, begin + k));
}

// SUBPROOF(m, D[begin:end], b).
Hashes SubProof(uint64_t m, const Hashes& leaves, uint64_t begin, uint64_t end,
                bool b) {
  if (m == end - begin) {
    return b ? Hashes{} : Hashes{MerkleTreeHash(leaves, begin, end)};
  }
  const uint64_t k = std::bit_floor(end - begin - 1);
  if (m <= k) {
    return With(SubProof(m, leaves, begin, begin + k, b),
                MerkleTreeHash(leaves, begin + k, end));
  }
  return With(SubProof(m - k, leaves, begin + k, end, false),
              MerkleTreeHash(leaves, begin, begin + k));
}

class MerkleTest : public testing::Test {
 protected:
  MerkleTest() {
    for (uint64_t i = 0; i < kMaxSize; ++i) {
      leaves_.push_back(LeafHash(absl::StrCat("leaf ", i)));
    }
  }

  Hash Root(uint64_t size) const { return MerkleTreeHash(leaves_, 0, size); }

  // Complete subtrees, straight from the leaves.
  SubtreeHasher Hasher() const {
    return [this](const Subtree& subtree) -> absl::StatusOr<Hash> {
      const uint64_t begin = subtree.index << subtree.height;
      const uint64_t end = (subtree.index + 1) << subtree.height;
      if (end > leaves_.size()) return absl::OutOfRangeError("not complete");
      return MerkleTreeHash(leaves_, begin, end);
    };
  }

  Hashes leaves_;
};

// --- Hashing.

TEST_F(MerkleTest, RootsOfTheRfc6962TestTree) {
  const std::vector<std::pair<std::string, std::string>> leaves_and_roots = {
      {"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
      {"00",
       "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
      {"10",
       "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
      {"2021",
       "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
      {"3031",
       "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
      {"40414243",
       "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
      {"5051525354555657",
       "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
      {"606162636465666768696a6b6c6d6e6f",
       "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"}};
  CompactRange range;
  EXPECT_EQ(Hex(range.Root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (const auto& [leaf, root] : leaves_and_roots) {
    range.Append(LeafHash(absl::HexStringToBytes(leaf)));
    EXPECT_EQ(Hex(range.Root()), root);
  }
}

TEST_F(MerkleTest, LeavesAndNodesHashApart) {
  const Hash left = LeafHash("l");
  const Hash right = LeafHash("r");
  EXPECT_NE(NodeHash(left, right),
            LeafHash(absl::StrCat(AsBytes(left), AsBytes(right))));
  EXPECT_NE(NodeHash(left, right), NodeHash(right, left));
}

TEST_F(MerkleTest, CompactRangeKnowsTheRootAtEverySize) {
  CompactRange range;
  for (uint64_t size = 0; size < kMaxSize; ++size) {
    EXPECT_EQ(range.size(), size);
    EXPECT_EQ(range.Root(), Root(size));
    // Made anew from what it said of itself, it goes on alike.
    CompactRange copy(range.size(), range.nodes());
    copy.Append(leaves_[size]);
    range.Append(leaves_[size]);
    EXPECT_EQ(copy.Root(), range.Root());
  }
}

TEST_F(MerkleTest, SubtreesOfATreeCoverItInOrder) {
  EXPECT_TRUE(Decompose(0).empty());
  for (uint64_t size = 1; size <= kMaxSize; ++size) {
    uint64_t next = 0;
    for (const Subtree& subtree : Decompose(size)) {
      EXPECT_EQ(subtree.index << subtree.height, next);
      next = (subtree.index + 1) << subtree.height;
    }
    EXPECT_EQ(next, size);
  }
  EXPECT_EQ(Decompose(~uint64_t{0}).size(), 64u);
}

TEST_F(MerkleTest, RootFromSubtreesAtEverySize) {
  for (uint64_t size = 0; size <= kMaxSize; ++size) {
    EXPECT_EQ(*RootOf(size, Hasher()), Root(size));
  }
}

// --- Proofs.

TEST_F(MerkleTest, EveryInclusionProofIsTheRfcsAndHolds) {
  for (uint64_t size = 1; size <= kMaxSize; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      const auto proof = InclusionProof(index, size, Hasher());
      ASSERT_TRUE(proof.ok());
      EXPECT_EQ(*proof, Path(index, leaves_, 0, size));
      EXPECT_TRUE(
          VerifyInclusion(index, size, leaves_[index], *proof, Root(size))
              .ok());
    }
  }
}

TEST_F(MerkleTest, EveryConsistencyProofIsTheRfcsAndHolds) {
  for (uint64_t second = 1; second <= kMaxSize; ++second) {
    for (uint64_t first = 1; first <= second; ++first) {
      const auto proof = ConsistencyProof(first, second, Hasher());
      ASSERT_TRUE(proof.ok());
      EXPECT_EQ(*proof, SubProof(first, leaves_, 0, second, true));
      EXPECT_TRUE(
          VerifyConsistency(first, second, Root(first), Root(second), *proof)
              .ok());
    }
  }
}

TEST_F(MerkleTest, ProofsOfWhatIsNotThereAreRefused) {
  const auto code = [](const auto& result) { return result.status().code(); };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code(InclusionProof(0, 0, Hasher())), kInvalid);
  EXPECT_EQ(code(InclusionProof(5, 5, Hasher())), kInvalid);
  EXPECT_EQ(code(ConsistencyProof(0, 5, Hasher())), kInvalid);
  EXPECT_EQ(code(ConsistencyProof(6, 5, Hasher())), kInvalid);
}

TEST_F(MerkleTest, AHashersErrorIsTheProofs) {
  const SubtreeHasher broken = [](const Subtree&) {
    return absl::DataLossError("tile missing");
  };
  EXPECT_EQ(InclusionProof(1, 5, broken).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(ConsistencyProof(3, 5, broken).status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(RootOf(5, broken).status().code(), absl::StatusCode::kDataLoss);
}

// --- Damage. `verify` takes a hash that has one bit turned over.

void ExpectEveryBitMatters(const Hash& hash,
                           const std::function<absl::Status(Hash)>& verify) {
  for (int bit = 0; bit < 256; ++bit) {
    Hash damaged = hash;
    damaged[bit / 8] ^= 1 << bit % 8;
    EXPECT_EQ(verify(damaged).code(), absl::StatusCode::kDataLoss);
  }
}

void ExpectEveryProofBitMatters(
    const Hashes& proof, const std::function<absl::Status(Hashes)>& verify) {
  for (size_t i = 0; i < proof.size(); ++i) {
    ExpectEveryBitMatters(proof[i], [&](const Hash& damaged) {
      Hashes copy = proof;
      copy[i] = damaged;
      return verify(copy);
    });
  }
}

// One hash more, one less, two swapped.
void ExpectProofShapeMatters(
    const Hashes& proof, const std::function<absl::Status(Hashes)>& verify) {
  EXPECT_FALSE(verify(With(proof, LeafHash("one more"))).ok());
  for (size_t i = 0; i < proof.size(); ++i) {
    Hashes copy = proof;
    copy.erase(copy.begin() + i);
    EXPECT_FALSE(verify(copy).ok());
    if (i == 0) continue;
    copy = proof;
    std::swap(copy[i - 1], copy[i]);
    EXPECT_FALSE(verify(copy).ok());
  }
}

TEST_F(MerkleTest, EveryDamagedBitOfAnInclusionProofIsRefused) {
  for (const uint64_t size : {1, 2, 3, 7, 8, 13, 21, 32}) {
    for (uint64_t index = 0; index < size; ++index) {
      const Hashes proof = Path(index, leaves_, 0, size);
      const Hash root = Root(size);
      const auto verify = [&](const Hashes& path) {
        return VerifyInclusion(index, size, leaves_[index], path, root);
      };
      ExpectEveryProofBitMatters(proof, verify);
      ExpectProofShapeMatters(proof, verify);
      ExpectEveryBitMatters(root, [&](const Hash& bad) {
        return VerifyInclusion(index, size, leaves_[index], proof, bad);
      });
      ExpectEveryBitMatters(leaves_[index], [&](const Hash& bad) {
        return VerifyInclusion(index, size, bad, proof, root);
      });
    }
  }
}

TEST_F(MerkleTest, InclusionAtAnyOtherIndexIsRefused) {
  for (const uint64_t size : {1, 2, 3, 7, 8, 13, 32, 33}) {
    for (uint64_t index = 0; index < size; ++index) {
      const Hashes proof = Path(index, leaves_, 0, size);
      for (uint64_t other = 0; other < size + 2; ++other) {
        if (other == index) continue;
        EXPECT_FALSE(
            VerifyInclusion(other, size, leaves_[index], proof, Root(size))
                .ok());
      }
      for (int bit = 0; bit < 64; ++bit) {
        EXPECT_FALSE(VerifyInclusion(index ^ uint64_t{1} << bit, size,
                                     leaves_[index], proof, Root(size))
                         .ok());
      }
    }
  }
}

// A root does not say its tree's size, but the length of a proof does.
TEST_F(MerkleTest, InclusionInATreeOfAnotherHeightIsRefused) {
  constexpr uint64_t kMax = 20;
  for (uint64_t size = 1; size <= kMax; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      const Hashes proof = Path(index, leaves_, 0, size);
      for (uint64_t other_size = 1; other_size <= kMax; ++other_size) {
        for (uint64_t other = 0; other < other_size; ++other) {
          if (Path(other, leaves_, 0, other_size).size() == proof.size()) {
            continue;
          }
          EXPECT_FALSE(VerifyInclusion(other, other_size, leaves_[index], proof,
                                       Root(size))
                           .ok());
        }
      }
    }
  }
}

TEST_F(MerkleTest, ConsistencyOfTreesOfOtherHeightsIsRefused) {
  constexpr uint64_t kMax = 20;
  for (uint64_t second = 2; second <= kMax; ++second) {
    for (uint64_t first = 1; first < second; ++first) {
      const Hashes proof = SubProof(first, leaves_, 0, second, true);
      for (uint64_t other_second = 2; other_second <= kMax; ++other_second) {
        for (uint64_t other = 1; other < other_second; ++other) {
          if (SubProof(other, leaves_, 0, other_second, true).size() ==
              proof.size()) {
            continue;
          }
          EXPECT_FALSE(VerifyConsistency(other, other_second, Root(first),
                                         Root(second), proof)
                           .ok());
        }
      }
    }
  }
}

TEST_F(MerkleTest, EveryDamagedBitOfAConsistencyProofIsRefused) {
  for (const uint64_t second : {2, 3, 7, 8, 13, 21, 32}) {
    for (uint64_t first = 1; first <= second; ++first) {
      const Hashes proof = SubProof(first, leaves_, 0, second, true);
      const Hash first_root = Root(first);
      const Hash second_root = Root(second);
      const auto verify = [&](const Hashes& path) {
        return VerifyConsistency(first, second, first_root, second_root, path);
      };
      ExpectEveryProofBitMatters(proof, verify);
      ExpectProofShapeMatters(proof, verify);
      ExpectEveryBitMatters(first_root, [&](const Hash& bad) {
        return VerifyConsistency(first, second, bad, second_root, proof);
      });
      ExpectEveryBitMatters(second_root, [&](const Hash& bad) {
        return VerifyConsistency(first, second, first_root, bad, proof);
      });
    }
  }
}

TEST_F(MerkleTest, AShrunkenTreeIsRefused) {
  EXPECT_FALSE(VerifyConsistency(5, 4, Root(5), Root(4), {}).ok());
  EXPECT_FALSE(VerifyConsistency(5, 0, Root(5), EmptyRoot(), {}).ok());
}

TEST_F(MerkleTest, TheEmptyTreeIsAPrefixOfEveryTree) {
  EXPECT_TRUE(VerifyConsistency(0, 0, EmptyRoot(), EmptyRoot(), {}).ok());
  EXPECT_TRUE(VerifyConsistency(0, 5, EmptyRoot(), Root(5), {}).ok());
  EXPECT_FALSE(VerifyConsistency(0, 5, Root(1), Root(5), {}).ok());
  EXPECT_FALSE(
      VerifyConsistency(0, 5, EmptyRoot(), Root(5), {LeafHash("x")}).ok());
}

// A fork: same size, one leaf rewritten. No proof made from the fork convinces
// one who holds the old root.
TEST_F(MerkleTest, ARewrittenLeafIsRefused) {
  const Hash honest = Root(40);
  leaves_[17] = LeafHash("rewritten");
  for (uint64_t second = 40; second <= 60; ++second) {
    const auto proof = ConsistencyProof(40, second, Hasher());
    EXPECT_FALSE(
        VerifyConsistency(40, second, honest, Root(second), *proof).ok());
  }
}

}  // namespace
}  // namespace baton
