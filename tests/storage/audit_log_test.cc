#include "storage/audit_log.h"

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/keys.h"
#include "storage/model_store.h"

namespace baton {
namespace {

using testing::HasSubstr;

// Counts what a reader is asked for.
class CountingReader final : public Reader {
 public:
  explicit CountingReader(const Reader* reader) : reader_(reader) {}
  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override {
    ++gets;
    return reader_->Get(key);
  }
  absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange& range,
                                             size_t limit,
                                             ScanOrder order) const override {
    auto found = reader_->Scan(range, limit, order);
    if (found.ok()) records += found->size();
    return found;
  }

  mutable size_t gets = 0;
  mutable size_t records = 0;

 private:
  const Reader* const reader_;
};

class AuditLogTest : public testing::Test {
 protected:
  AuditLogTest() { Reopen(); }

  // One commit of `count` leaves.
  void Commit(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const std::string leaf = NextLeaf();
      EXPECT_EQ(log_->Append(leaf), leaves_.size());
      leaves_.push_back(leaf);
      expected_.Append(LeafHash(leaf));
      roots_.push_back(expected_.Root());
    }
    Batch batch;
    log_->Flush(&batch);
    Write(std::move(batch));
  }

  // Commits of random sizes until the log has `size` leaves.
  void GrowTo(uint64_t size, size_t max_commit = 60) {
    while (leaves_.size() < size) {
      const uint64_t commit = random_() % max_commit + 1;
      Commit(std::min<uint64_t>(commit, size - leaves_.size()));
    }
  }

  absl::Status TryOpen() {
    auto log =
        AuditLog::Open(store_, leaves_.size(), AsBytes(expected_.Root()));
    if (log.ok()) log_ = *std::move(log);
    return log.status();
  }

  void Reopen() {
    const absl::Status opened = TryOpen();
    ASSERT_TRUE(opened.ok()) << opened;
    ASSERT_EQ(log_->size(), leaves_.size());
    ASSERT_EQ(log_->Root(), expected_.Root());
  }

  void ExpectRefusedToOpen(const std::string& why) {
    const absl::Status opened = TryOpen();
    EXPECT_EQ(opened.code(), absl::StatusCode::kDataLoss) << opened;
    EXPECT_THAT(std::string(opened.message()), HasSubstr(why));
    EXPECT_THAT(std::string(opened.message()),
                HasSubstr("restore the newest backup"));
  }

  // --- The disk.

  void Write(Batch batch) {
    const std::string head = absl::StrCat("head ", ++commits_);
    batch.Put(kHeadKey, head);
    const CommitResult result = store_.Commit(batch, head_);
    ASSERT_EQ(result.outcome, CommitOutcome::kCommitted) << result.status;
    head_ = head;
  }

  void Overwrite(const std::string& key, const std::string& value) {
    Batch batch;
    batch.Put(key, value);
    Write(std::move(batch));
  }

  void Remove(const std::string& key) {
    Batch batch;
    batch.Delete(key);
    Write(std::move(batch));
  }

  std::string Read(const std::string& key) {
    return (*store_.Get(key)).value_or("");
  }

  void FlipBit(const std::string& key, size_t byte) {
    std::string value = Read(key);
    ASSERT_LT(byte, value.size());
    value[byte] ^= 1;
    Overwrite(key, value);
  }

  // --- Proofs.

  Hash RootAt(uint64_t size) const {
    return size == 0 ? EmptyRoot() : roots_[size - 1];
  }

  absl::Status CheckInclusion(uint64_t index, uint64_t size) {
    const auto proof =
        InclusionProof(index, size, StoredSubtrees(store_, size));
    if (!proof.ok()) return proof.status();
    return VerifyInclusion(index, size, LeafHash(leaves_[index]), *proof,
                           RootAt(size));
  }

  absl::Status CheckConsistency(uint64_t first, uint64_t second) {
    const auto proof =
        ConsistencyProof(first, second, StoredSubtrees(store_, second));
    if (!proof.ok()) return proof.status();
    return VerifyConsistency(first, second, RootAt(first), RootAt(second),
                             *proof);
  }

  // A log of one leaf per commit, 300 long: a full tile, then 44 leaves.
  void MakeSmallLog() {
    for (int i = 0; i < 300; ++i) Commit(1);
  }

  // Of every length around those where the length prefix grows.
  std::string NextLeaf() {
    static constexpr size_t kSizes[] = {0, 1, 100, 127, 128, 129, 300};
    const size_t size = leaves_.size() % 50 == 0
                            ? kSizes[random_() % std::size(kSizes)]
                            : random_() % 40;
    std::string leaf(size, '\0');
    for (char& c : leaf) c = static_cast<char>(random_());
    return leaf;
  }

  std::mt19937_64 random_{20240601};
  ModelStore store_{{.max_operations = 500, .max_bytes = 16 << 20}};
  std::string head_;
  int commits_ = 0;
  std::optional<AuditLog> log_;

  std::vector<std::string> leaves_;
  CompactRange expected_;
  std::vector<Hash> roots_;  // After each leaf.
};

// --- Writing and opening.

TEST_F(AuditLogTest, EmptyLogHasTheEmptyRoot) {
  EXPECT_EQ(log_->size(), 0u);
  EXPECT_EQ(log_->Root(), EmptyRoot());
  Batch batch;
  log_->Flush(&batch);
  EXPECT_TRUE(batch.empty());
}

TEST_F(AuditLogTest, SizeAndRootCountLeavesNotYetFlushed) {
  EXPECT_EQ(log_->Append("a"), 0u);
  EXPECT_EQ(log_->Append("b"), 1u);
  EXPECT_EQ(log_->size(), 2u);
  EXPECT_EQ(log_->Root(), NodeHash(LeafHash("a"), LeafHash("b")));
}

TEST_F(AuditLogTest, FlushWritesEachLeafOnce) {
  Commit(3);
  Batch batch;
  log_->Flush(&batch);
  EXPECT_TRUE(batch.empty());
}

TEST_F(AuditLogTest, ReopensAtAnySize) {
  while (leaves_.size() < 3000) {
    Commit(random_() % 40);
    Reopen();
  }
  // Every size around the edges of tiles.
  for (const uint64_t edge : {3072, 3328, 4096}) {
    GrowTo(edge - 2);
    for (int i = 0; i < 4; ++i) {
      Commit(1);
      Reopen();
    }
  }
}

TEST_F(AuditLogTest, ReopensBeyondTheSecondLevel) {
  GrowTo(65536 + 700, 3000);
  Reopen();
  GrowTo(65536 + 1500, 100);
  Reopen();
  EXPECT_TRUE(CheckInclusion(5, leaves_.size()).ok());
  EXPECT_TRUE(CheckInclusion(65540, leaves_.size()).ok());
  EXPECT_TRUE(CheckConsistency(65536, leaves_.size()).ok());
  EXPECT_TRUE(CheckConsistency(1000, leaves_.size()).ok());
}

TEST_F(AuditLogTest, OneCommitMayFillSeveralTiles) {
  Commit(100);
  Commit(256 * 3);
  Reopen();
  EXPECT_TRUE(CheckInclusion(400, leaves_.size()).ok());
}

TEST_F(AuditLogTest, TilesAreThoseOfTlogTiles) {
  GrowTo(700);
  std::string tile;
  for (int i = 256; i < 512; ++i) {
    tile.append(AsBytes(LeafHash(leaves_[i])).data(), 32);
  }
  EXPECT_EQ(Read(TileKey(0, 1)), tile);
  EXPECT_EQ(Read(TileKey(0, 2)), "") << "a partial tile of leaves";
  EXPECT_EQ(Read(TileKey(1, 0)).size(), 2 * 32u);
  EXPECT_EQ(Read(TileKey(1, 0)).substr(0, 32), AsBytes(RootAt(256)));
}

// What is on disk must be read by every release.
TEST_F(AuditLogTest, FormatOfARecordIsFixed) {
  log_->Append("ab");
  log_->Append("");
  log_->Append(std::string(200, 'x'));
  Batch batch;
  log_->Flush(&batch);
  Write(std::move(batch));
  EXPECT_EQ(Read(LeavesKey(0)), absl::StrCat(absl::string_view("\x02"
                                                               "ab\x00\xc8\x01",
                                                               6),
                                             std::string(200, 'x')));
}

// --- Damage found when opening.

TEST_F(AuditLogTest, AnotherRootIsRefused) {
  Commit(10);
  expected_.Append(LeafHash("never committed"));
  ExpectRefusedToOpen("do not give the root of the head at tree size 10");
}

TEST_F(AuditLogTest, AFlippedLeafIsRefused) {
  MakeSmallLog();
  FlipBit(LeavesKey(290), Read(LeavesKey(290)).size() - 1);
  ExpectRefusedToOpen("do not give the root");
}

TEST_F(AuditLogTest, AFlippedTileIsRefused) {
  MakeSmallLog();
  FlipBit(TileKey(1, 0), 3);
  ExpectRefusedToOpen("do not give the root");
}

TEST_F(AuditLogTest, AMissingRecordIsRefused) {
  MakeSmallLog();
  Remove(LeavesKey(290));
  ExpectRefusedToOpen("leaves 290 to 291 are missing");
}

TEST_F(AuditLogTest, AMissingLastRecordIsRefused) {
  MakeSmallLog();
  Remove(LeavesKey(299));
  ExpectRefusedToOpen("leaves from 299 on are missing");
}

TEST_F(AuditLogTest, AMissingTileIsRefused) {
  MakeSmallLog();
  Remove(TileKey(1, 0));
  ExpectRefusedToOpen("tile 1/0 is missing");
}

TEST_F(AuditLogTest, ATileCutShortIsRefused) {
  MakeSmallLog();
  Overwrite(TileKey(1, 0), Read(TileKey(1, 0)).substr(0, 31));
  ExpectRefusedToOpen("tile 1/0 is cut short");
}

TEST_F(AuditLogTest, AMalformedRecordIsRefused) {
  Commit(1);
  for (const std::string& record :
       {std::string(), std::string("\x05"), std::string("\x05shor"),
        std::string("\x80"), std::string("\xff\xff\xff\xff\xff\xff\x01x")}) {
    Overwrite(LeavesKey(0), record);
    ExpectRefusedToOpen("the record of leaf 0 is damaged");
  }
}

TEST_F(AuditLogTest, AnErrorOfTheStoreIsPassedOn) {
  class BrokenReader final : public Reader {
    absl::StatusOr<std::optional<std::string>> Get(
        absl::string_view) const override {
      return absl::DataLossError("checksum");
    }
    absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange&, size_t,
                                               ScanOrder) const override {
      return absl::DataLossError("checksum");
    }
  };
  const BrokenReader broken;
  EXPECT_EQ(AuditLog::Open(broken, 5, "").status().message(), "checksum");
  EXPECT_EQ(AuditLog::Open(broken, 256, "").status().message(), "checksum");
  EXPECT_EQ(ReadLeaves(broken, 0, 1).status().message(), "checksum");
}

// --- Reading leaves.

TEST_F(AuditLogTest, LeavesAreReadBackFromAnywhere) {
  GrowTo(1000);
  for (int i = 0; i < 300; ++i) {
    const size_t start = random_() % 1000;
    const size_t limit = random_() % 120;
    const auto read = ReadLeaves(store_, start, limit);
    ASSERT_TRUE(read.ok()) << read.status();
    const size_t end = std::min<size_t>(start + limit, 1000);
    EXPECT_EQ(*read, std::vector<std::string>(leaves_.begin() + start,
                                              leaves_.begin() + end));
  }
}

TEST_F(AuditLogTest, BehindTheEndThereAreNoLeaves) {
  EXPECT_TRUE(ReadLeaves(store_, 0, 10)->empty());
  Commit(7);
  EXPECT_EQ(ReadLeaves(store_, 5, 10)->size(), 2u);
  EXPECT_TRUE(ReadLeaves(store_, 7, 10)->empty());
  EXPECT_TRUE(ReadLeaves(store_, ~uint64_t{0}, 10)->empty());
  EXPECT_TRUE(ReadLeaves(store_, 3, 0)->empty());
}

TEST_F(AuditLogTest, AGapIsNeverReadOver) {
  for (int i = 0; i < 4; ++i) Commit(10);
  Remove(LeavesKey(10));
  for (const uint64_t start : {5, 10, 15}) {
    EXPECT_EQ(ReadLeaves(store_, start, 10).status().code(),
              absl::StatusCode::kDataLoss);
  }
  EXPECT_TRUE(ReadLeaves(store_, 20, 10).ok());
  Remove(LeavesKey(0));
  EXPECT_EQ(ReadLeaves(store_, 0, 1).status().code(),
            absl::StatusCode::kDataLoss);
}

// --- Proofs from the store.

TEST_F(AuditLogTest, ProofsHoldAtAnySize) {
  GrowTo(4000);
  for (int i = 0; i < 400; ++i) {
    const uint64_t second = random_() % 4000 + 1;
    const uint64_t first = random_() % second + 1;
    EXPECT_TRUE(CheckInclusion(first - 1, second).ok());
    EXPECT_TRUE(CheckConsistency(first, second).ok());
    EXPECT_EQ(*RootOf(second, StoredSubtrees(store_, second)), RootAt(second));
  }
}

TEST_F(AuditLogTest, AFlippedLeafIsNotProved) {
  MakeSmallLog();
  FlipBit(LeavesKey(290), Read(LeavesKey(290)).size() - 1);
  EXPECT_EQ(CheckInclusion(291, 300).code(), absl::StatusCode::kDataLoss);
}

TEST_F(AuditLogTest, AFlippedOrMissingTileProvesNothing) {
  MakeSmallLog();
  FlipBit(TileKey(0, 0), 32 * 5);
  EXPECT_EQ(CheckInclusion(4, 300).code(), absl::StatusCode::kDataLoss);
  Remove(TileKey(0, 0));
  EXPECT_THAT(std::string(CheckInclusion(4, 300).message()),
              HasSubstr("tile 0/0 is missing"));
}

TEST_F(AuditLogTest, AnIncompleteSubtreeHasNoRoot) {
  Commit(10);
  const SubtreeHasher hasher = StoredSubtrees(store_, 10);
  EXPECT_TRUE(hasher({3, 0}).ok());
  for (const Subtree& subtree :
       {Subtree{3, 1}, Subtree{0, 10}, Subtree{4, 0}, Subtree{63, 0},
        Subtree{64, 0}, Subtree{-1, 0}, Subtree{8, ~uint64_t{0}}}) {
    EXPECT_EQ(hasher(subtree).status().code(), absl::StatusCode::kOutOfRange);
  }
}

// Leaves one per commit at the end, so that records count leaves.
TEST_F(AuditLogTest, AProofReadsAFewTilesAndAtMostOneTileOfLeaves) {
  GrowTo(65536 + 255 * 256, 3000);
  for (int i = 0; i < 255; ++i) Commit(1);
  const uint64_t size = leaves_.size();
  for (const uint64_t index : {uint64_t{0}, uint64_t{70000}, size - 1}) {
    const CountingReader reader(&store_);
    const auto proof =
        InclusionProof(index, size, StoredSubtrees(reader, size));
    ASSERT_TRUE(proof.ok());
    EXPECT_TRUE(VerifyInclusion(index, size, LeafHash(leaves_[index]), *proof,
                                RootAt(size))
                    .ok());
    EXPECT_LE(reader.gets, 24u);
    EXPECT_LE(reader.records, 255 + 8u);
  }
}

TEST_F(AuditLogTest, OpeningReadsOneTilePerLevelAndOneTileOfLeaves) {
  GrowTo(65536 + 255 * 256, 3000);
  for (int i = 0; i < 255; ++i) Commit(1);
  const CountingReader reader(&store_);
  EXPECT_TRUE(
      AuditLog::Open(reader, leaves_.size(), AsBytes(expected_.Root())).ok());
  EXPECT_LE(reader.gets, 2u);
  EXPECT_LE(reader.records, 256u);
}

}  // namespace
}  // namespace baton
