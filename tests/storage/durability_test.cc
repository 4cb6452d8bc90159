#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/rocksdb_store.h"
#include "storage/store_writer.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"

// Acknowledged means on disk: whatever Commit answered OK to is there after a
// power cut at any moment.
namespace baton {
namespace {

// Databases at once: RocksDB sleeps for a second after a failed flush.
constexpr int kDisks = 8;
constexpr int kCutsPerDisk = 25;

using Contents = std::map<std::string, std::string>;

void Apply(const Batch& batch, Contents* contents) {
  for (const Batch::Range& range : batch.ranges()) {
    contents->erase(contents->lower_bound(range.begin),
                    contents->lower_bound(range.end));
  }
  for (const Batch::Write& write : batch.writes()) {
    contents->erase(write.key);
    if (write.value.has_value()) contents->emplace(write.key, *write.value);
  }
}

// A database on a disk that loses its power, and what must be in it.
class Disk {
 public:
  explicit Disk(uint64_t seed)
      : random_(seed),
        file_system_(std::make_shared<FaultFileSystem>(
            rocksdb::FileSystem::Default(), seed)) {}

  // Quiet: with the power gone half-way it fails.
  absl::Status Open() {
    Close();
    absl::StatusOr<std::unique_ptr<RocksDbStore>> store =
        RocksDbStore::Open({.directory = directory_ / "db",
                            .file_system = file_system_,
                            .block_cache_bytes = 1 << 20,
                            .write_buffer_bytes = 64 << 10});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    absl::StatusOr<StoreWriter> writer = StoreWriter::Open(store_.get());
    if (!writer.ok()) return writer.status();
    writer_ = std::make_unique<StoreWriter>(*std::move(writer));
    return absl::OkStatus();
  }

  void Close() {
    writer_.reset();
    store_.reset();
  }

  uint64_t Random(uint64_t most) {
    return std::uniform_int_distribution<uint64_t>(0, most)(random_);
  }

  // Of every column family.
  std::string RandomKey() {
    return absl::StrCat(std::string(1, "aikm"[Random(3)]), "/",
                        100 + Random(199));
  }

  Batch RandomBatch() {
    Batch batch;
    for (uint64_t i = Random(5); i > 0; --i) {
      batch.Put(RandomKey(), std::string(Random(3000), 'a' + Random(25)));
    }
    if (Random(3) == 0) batch.Delete(RandomKey());
    if (Random(5) == 0) {
      // Behind all that is written one by one.
      batch.DeleteRange("r/", "r0");
    } else {
      batch.Put(absl::StrCat("r/", Random(20)), absl::StrCat(Random(1000)));
    }
    return batch;
  }

  // Commits `batch`; keeps the books on what must and what may be there.
  absl::Status Commit(Batch batch) {
    v1::HeadRecord next = writer_->head();
    next.set_commit(next.commit() + 1);
    pending_ = batch;
    absl::Status status = writer_->Commit(std::move(batch), next);
    if (status.ok()) Acknowledge();
    return status;
  }

  void Acknowledge() {
    Apply(*pending_, &acknowledged_);
    pending_.reset();
    ++acknowledged_commit_;
  }

  // Until the power is gone, in the middle of anything.
  void WriteUntilCut() {
    if (!Open().ok()) return;
    while (!file_system_->is_cut()) {
      if (!Commit(RandomBatch()).ok()) break;
      if (Random(9) == 0 && !store_->SyncHighWaterMark().ok()) break;
    }
  }

  // The acknowledged commits, and the pending one whole or not at all.
  void Verify() {
    const absl::Status opened = Open();
    ASSERT_TRUE(opened.ok()) << opened;
    const uint64_t head = writer_->head().commit();
    ASSERT_GE(head, acknowledged_commit_) << "acknowledged commits are lost";
    ASSERT_LE(head, acknowledged_commit_ + (pending_.has_value() ? 1 : 0));
    if (head > acknowledged_commit_) Acknowledge();
    pending_.reset();
    absl::StatusOr<std::vector<KeyValue>> found =
        store_->Scan({"a", "s"}, 1 << 20);
    ASSERT_TRUE(found.ok()) << found.status();
    Contents contents;
    for (KeyValue& pair : *found) {
      if (pair.key != kHeadKey) contents[pair.key] = std::move(pair.value);
    }
    ASSERT_TRUE(contents == acknowledged_)
        << "the database is not at commit " << head;
    Close();
  }

  // Writes until the power is cut at a random call, often while opening,
  // sometimes after a few tables were written; then looks what is left.
  void CutOnce() {
    file_system_->CutAfter(static_cast<int>(Random(Random(3) == 0 ? 40 : 600)));
    WriteUntilCut();
    CutNow();
    Verify();
  }

  void CutNow() {
    file_system_->Cut();
    Close();
    file_system_->Restore();
  }

  FaultFileSystem& file_system() { return *file_system_; }
  RocksDbStore& store() { return *store_; }
  StoreWriter& writer() { return *writer_; }
  uint64_t acknowledged_commit() const { return acknowledged_commit_; }

 private:
  std::mt19937_64 random_;
  TempDir directory_;
  std::shared_ptr<FaultFileSystem> file_system_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<StoreWriter> writer_;

  Contents acknowledged_;
  uint64_t acknowledged_commit_ = 0;
  std::optional<Batch> pending_;  // Committed with an unknown outcome.
};

TEST(DurabilityTest, AcknowledgedCommitsSurvivePowerCuts) {
  const uint64_t seed = SeedFor(20240229);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kDisks; ++i) {
    threads.emplace_back([seed, i] {
      Disk disk(seed + i);
      for (int cut = 0; cut < kCutsPerDisk; ++cut) {
        SCOPED_TRACE(
            absl::StrCat("BATON_SEED=", seed, " disk ", i, " cut ", cut));
        disk.CutOnce();
        if (testing::Test::HasFatalFailure()) return;
      }
      EXPECT_GT(disk.acknowledged_commit(), 10u * kCutsPerDisk);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// After a failed write the store takes no other, even when the disk is well
// again: only a restart knows what the disk holds.
class FailStopTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.Open().ok());
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(disk_.Commit(disk_.RandomBatch()).ok());
    }
  }

  absl::Status Commit() { return disk_.Commit(disk_.RandomBatch()); }

  // Past the writer, which would not even ask the store.
  CommitOutcome CommitToStore() {
    const v1::HeadRecord& head = disk_.writer().head();
    v1::HeadRecord next = head;
    next.set_commit(next.commit() + 1);
    Batch batch;
    batch.Put(kHeadKey, next.SerializeAsString());
    return disk_.store().Commit(batch, head.SerializeAsString()).outcome;
  }

  Disk disk_{SeedFor(20240229)};
};

TEST_F(FailStopTest, FullDiskStopsAndLosesNothing) {
  disk_.file_system().SetDiskFull(true);
  absl::Status status;
  for (int i = 0; status.ok(); ++i) {  // The log has some room ahead.
    ASSERT_LT(i, 10'000);
    status = Commit();
  }
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  disk_.file_system().SetDiskFull(false);
  EXPECT_EQ(CommitToStore(), CommitOutcome::kUnknown);
  disk_.Verify();
}

TEST_F(FailStopTest, FailedSyncIsNeverTriedAgain) {
  // Not one: a table written in the background may have it instead.
  disk_.file_system().FailSyncs(1000);
  const absl::Status status = Commit();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  disk_.file_system().FailSyncs(0);
  EXPECT_EQ(CommitToStore(), CommitOutcome::kUnknown);
  disk_.CutNow();
  disk_.Verify();
}

}  // namespace
}  // namespace baton
