#include "storage/high_water_mark.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

v1::HeadRecord Head(uint64_t commit) {
  v1::HeadRecord head;
  head.set_commit(commit);
  head.set_tree_size(commit * 3);
  head.set_root(std::string(32, static_cast<char>(commit)));
  return head;
}

class HighWaterMarkTest : public testing::Test {
 protected:
  absl::StatusOr<HighWaterMark> Open() {
    return HighWaterMark::Open(&file_system_, path_);
  }

  uint64_t OpenedCommit() {
    absl::StatusOr<HighWaterMark> mark = Open();
    EXPECT_TRUE(mark.ok()) << mark.status();
    return mark.ok() && mark->mark().has_value() ? mark->mark()->commit() : 0;
  }

  // Writes the marks up to `commit` and closes the file.
  void AdvanceTo(uint64_t commit) {
    absl::StatusOr<HighWaterMark> mark = Open();
    ASSERT_TRUE(mark.ok()) << mark.status();
    for (uint64_t i = 1; i <= commit; ++i) {
      ASSERT_TRUE(mark->Advance(Head(i)).ok());
    }
  }

  void FlipByte(std::streamoff offset) {
    std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(offset);
    const char byte = static_cast<char>(file.get());
    file.seekp(offset);
    file.put(static_cast<char>(byte ^ 1));
  }

  TempDir directory_;
  const std::string path_ = directory_ / "MARK";
  FaultFileSystem file_system_{rocksdb::FileSystem::Default(), 1};
};

TEST_F(HighWaterMarkTest, NewFileHasNoMark) {
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(Open()->mark(), std::nullopt);
}

TEST_F(HighWaterMarkTest, LastMarkIsFoundAgain) {
  AdvanceTo(5);
  absl::StatusOr<HighWaterMark> mark = Open();
  ASSERT_TRUE(mark.ok());
  EXPECT_EQ(mark->mark()->SerializeAsString(), Head(5).SerializeAsString());
}

TEST_F(HighWaterMarkTest, TornWriteLeavesTheMarkBefore) {
  AdvanceTo(4);  // In the first slot again: 1, 2, 3, 4 alternate from slot 1.
  FlipByte(40);
  EXPECT_EQ(OpenedCommit(), 3u);
}

TEST_F(HighWaterMarkTest, NextMarkGoesOverTheTornOne) {
  AdvanceTo(4);
  FlipByte(40);
  ASSERT_TRUE(Open()->Advance(Head(5)).ok());
  FlipByte(40);
  EXPECT_EQ(OpenedCommit(), 3u) << "5 was not written over the torn slot";
}

TEST_F(HighWaterMarkTest, TwoDamagedSlotsAreRefused) {
  AdvanceTo(4);
  FlipByte(40);
  FlipByte(4096 + 2);
  const absl::Status status = Open().status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find(path_), absl::string_view::npos) << status;
}

TEST_F(HighWaterMarkTest, ShortFileIsRefused) {
  AdvanceTo(4);
  for (const uintmax_t size : {8191, 4096, 10, 0}) {
    std::filesystem::resize_file(path_, size);
    EXPECT_TRUE(absl::IsDataLoss(Open().status())) << size;
  }
}

TEST_F(HighWaterMarkTest, SyncedMarkSurvivesAPowerCut) {
  for (int round = 0; round < 30; ++round) {
    const uint64_t base = OpenedCommit();
    {
      absl::StatusOr<HighWaterMark> mark = Open();
      ASSERT_TRUE(mark.ok());
      ASSERT_TRUE(mark->Advance(Head(base + 1)).ok());
      ASSERT_TRUE(mark->Sync().ok());
      for (int i = 2; i < 6; ++i) {
        ASSERT_TRUE(mark->Advance(Head(base + i)).ok());
      }
      file_system_.Cut();
      EXPECT_FALSE(mark->Advance(Head(base + 6)).ok());
    }
    file_system_.Restore();
    EXPECT_GE(OpenedCommit(), base + 1);
    EXPECT_LE(OpenedCommit(), base + 5);
  }
}

TEST_F(HighWaterMarkTest, CutWhileCreatingLeavesNoneOrAWholeFile) {
  for (int calls = 0; calls < 12; ++calls) {
    std::filesystem::remove(path_);
    file_system_.CutAfter(calls);
    Open().status().IgnoreError();
    file_system_.Cut();
    file_system_.Restore();
    EXPECT_EQ(OpenedCommit(), 0u) << "cut after " << calls << " calls";
  }
}

TEST_F(HighWaterMarkTest, FailedSyncIsReported) {
  absl::StatusOr<HighWaterMark> mark = Open();
  ASSERT_TRUE(mark.ok());
  file_system_.FailSyncs(1);
  EXPECT_TRUE(absl::IsUnavailable(mark->Sync()));
}

TEST_F(HighWaterMarkTest, HeadTooLargeForASlotIsRefused) {
  absl::StatusOr<HighWaterMark> mark = Open();
  ASSERT_TRUE(mark.ok());
  v1::HeadRecord head = Head(1);
  head.set_root(std::string(300, 'r'));
  EXPECT_TRUE(absl::IsInvalidArgument(mark->Advance(head)));
  EXPECT_EQ(mark->mark(), std::nullopt);
}

}  // namespace
}  // namespace baton
