#include "storage/store_writer.h"

#include "gtest/gtest.h"
#include "storage/model_store.h"

namespace baton {
namespace {

// Answers kUnknown, without applying anything, `unknowns` times.
class UnsureStore final : public Store {
 public:
  absl::StatusOr<std::optional<std::string>> Get(
      absl::string_view key) const override {
    return inner_.Get(key);
  }
  absl::StatusOr<std::vector<KeyValue>> Scan(const KeyRange& range,
                                             size_t limit,
                                             ScanOrder order) const override {
    return inner_.Scan(range, limit, order);
  }
  CommitResult Commit(const Batch& batch,
                      absl::string_view expected_head) override {
    ++commits;
    if (unknowns > 0) {
      --unknowns;
      inner_.FailNextCommit(ModelStore::Fault::kUnknownNotApplied);
    }
    return inner_.Commit(batch, expected_head);
  }
  std::unique_ptr<Reader> Snapshot() const override {
    return inner_.Snapshot();
  }
  Limits limits() const override { return inner_.limits(); }

  int unknowns = 0;
  int commits = 0;

 private:
  ModelStore inner_;
};

class StoreWriterTest : public testing::Test {
 protected:
  StoreWriter Open() {
    absl::StatusOr<StoreWriter> writer = StoreWriter::Open(&store_);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }

  static absl::Status Put(StoreWriter& writer, absl::string_view key,
                          std::string value) {
    Batch batch;
    batch.Put(key, std::move(value));
    v1::HeadRecord next = writer.head();
    next.set_commit(next.commit() + 1);
    return writer.Commit(std::move(batch), next);
  }

  UnsureStore store_;
};

TEST_F(StoreWriterTest, NewStoreIsAtCommitZero) {
  EXPECT_EQ(Open().head().commit(), 0u);
}

TEST_F(StoreWriterTest, EachCommitMovesTheHead) {
  StoreWriter writer = Open();
  ASSERT_TRUE(Put(writer, "a", "one").ok());
  ASSERT_TRUE(Put(writer, "a", "two").ok());
  EXPECT_EQ(writer.head().commit(), 2u);
  EXPECT_EQ(*store_.Get("a"), "two");
}

TEST_F(StoreWriterTest, GoesOnFromTheStoredHead) {
  StoreWriter first = Open();
  ASSERT_TRUE(Put(first, "a", "one").ok());
  StoreWriter second = Open();
  EXPECT_EQ(second.head().commit(), 1u);
  EXPECT_TRUE(Put(second, "a", "two").ok());
}

TEST_F(StoreWriterTest, UnknownOutcomeIsTriedAgain) {
  StoreWriter writer = Open();
  store_.unknowns = StoreWriter::kMaxAttempts - 1;
  EXPECT_TRUE(Put(writer, "a", "one").ok());
  EXPECT_EQ(store_.commits, StoreWriter::kMaxAttempts);
  EXPECT_EQ(*store_.Get("a"), "one");
}

TEST_F(StoreWriterTest, GivesUpAfterMaxAttemptsAndForGood) {
  StoreWriter writer = Open();
  store_.unknowns = StoreWriter::kMaxAttempts;
  const absl::Status failed = Put(writer, "a", "one");
  EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
  EXPECT_EQ(Put(writer, "a", "other content, same head"), failed);
  EXPECT_EQ(store_.commits, StoreWriter::kMaxAttempts);
  EXPECT_EQ(writer.head().commit(), 0u);
}

TEST_F(StoreWriterTest, SecondWriterIsFenced) {
  StoreWriter first = Open();
  StoreWriter second = Open();
  v1::HeadRecord next;
  next.set_commit(1);
  next.set_tree_size(7);  // Not what the other one commits.
  ASSERT_TRUE(Put(first, "a", "first").ok());
  EXPECT_TRUE(absl::IsAborted(second.Commit(Batch(), next)));
  EXPECT_EQ(*store_.Get("a"), "first");
}

TEST_F(StoreWriterTest, DamagedHeadIsRefused) {
  Batch batch;
  batch.Put(kHeadKey, "\xff\xff not a record");
  ASSERT_EQ(store_.Commit(batch, "").outcome, CommitOutcome::kCommitted);
  EXPECT_TRUE(absl::IsDataLoss(StoreWriter::Open(&store_).status()));
}

using StoreWriterDeathTest = StoreWriterTest;

TEST_F(StoreWriterDeathTest, SkippedCommitNumberStopsTheProcess) {
  StoreWriter writer = Open();
  v1::HeadRecord next;
  next.set_commit(2);
  EXPECT_DEATH(writer.Commit(Batch(), next).IgnoreError(), "commit");
}

}  // namespace
}  // namespace baton
