#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/model_store.h"
#include "storage/rocksdb_store.h"
#include "storage/store.h"
#include "tests/support/temp_dir.h"

// What Store promises, asked of every store.
namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Where the stores of one test keep their bytes.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Store* store() = 0;
  // False when the store keeps nothing over a restart.
  virtual bool Reopen() = 0;
};

class ModelBackend final : public Backend {
 public:
  Store* store() override { return &store_; }
  bool Reopen() override { return false; }

 private:
  ModelStore store_;
};

class RocksDbBackend final : public Backend {
 public:
  RocksDbBackend() { Reopen(); }
  Store* store() override { return store_.get(); }
  bool Reopen() override {
    store_.reset();
    auto store = RocksDbStore::Open({.directory = directory_ / "db"});
    EXPECT_TRUE(store.ok()) << store.status();
    if (store.ok()) store_ = *std::move(store);
    return true;
  }

 private:
  TempDir directory_;
  std::unique_ptr<RocksDbStore> store_;
};

struct Kind {
  std::string name;
  std::unique_ptr<Backend> (*make)();
};

template <typename T>
std::unique_ptr<Backend> Make() {
  return std::make_unique<T>();
}

std::string Head(uint64_t commit, uint64_t last_sequence = 0) {
  if (commit == 0) return "";
  v1::HeadRecord head;
  head.set_commit(commit);
  head.set_last_sequence(last_sequence);
  return head.SerializeAsString();
}

class StoreContractTest : public testing::TestWithParam<Kind> {
 protected:
  Store& store() { return *backend_->store(); }

  // Commits `batch` as the next commit.
  CommitResult Commit(Batch batch) {
    batch.Put(kHeadKey, Head(commit_ + 1));
    CommitResult result = store().Commit(batch, Head(commit_));
    if (result.outcome == CommitOutcome::kCommitted) ++commit_;
    return result;
  }

  void Put(absl::string_view key, std::string value) {
    Batch batch;
    batch.Put(key, std::move(value));
    ASSERT_EQ(Commit(std::move(batch)).outcome, CommitOutcome::kCommitted);
  }

  void PutLetters(absl::string_view letters) {
    Batch batch;
    for (const char letter : letters) {
      batch.Put(absl::StrCat("k/", std::string(1, letter)),
                std::string(1, letter));
    }
    ASSERT_EQ(Commit(std::move(batch)).outcome, CommitOutcome::kCommitted);
  }

  static std::string Get(const Reader& reader, absl::string_view key) {
    auto value = reader.Get(key);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.ok() ? value->value_or("(none)") : "(error)";
  }
  std::string Get(absl::string_view key) { return Get(store(), key); }

  // The values found.
  static std::vector<std::string> Scan(
      const Reader& reader, const KeyRange& range, size_t limit = 100,
      ScanOrder order = ScanOrder::kAscending) {
    auto pairs = reader.Scan(range, limit, order);
    EXPECT_TRUE(pairs.ok()) << pairs.status();
    std::vector<std::string> values;
    for (const KeyValue& pair : *pairs) values.push_back(pair.value);
    return values;
  }
  std::vector<std::string> Letters(size_t limit = 100,
                                   ScanOrder order = ScanOrder::kAscending) {
    return Scan(store(), {"k/", "k0"}, limit, order);
  }

  std::unique_ptr<Backend> backend_ = GetParam().make();
  uint64_t commit_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreContractTest,
                         testing::Values(Kind{"Model", Make<ModelBackend>},
                                         Kind{"RocksDb", Make<RocksDbBackend>}),
                         [](const auto& info) { return info.param.name; });

TEST_P(StoreContractTest, ReadsWhatWasCommitted) {
  Put("a", "one");
  Put("b", std::string("zero\0byte", 9));
  Put("c", "");
  EXPECT_EQ(Get("a"), "one");
  EXPECT_EQ(Get("b"), std::string("zero\0byte", 9));
  EXPECT_EQ(Get("c"), "");
  EXPECT_EQ(Get("d"), "(none)");
  EXPECT_EQ(Get(kHeadKey), Head(3));
}

TEST_P(StoreContractTest, LastWriteOfAKeyInABatchCounts) {
  Batch batch;
  batch.Put("a", "one");
  batch.Put("a", "two");
  batch.Put("b", "one");
  batch.Delete("b");
  Commit(std::move(batch));
  EXPECT_EQ(Get("a"), "two");
  EXPECT_EQ(Get("b"), "(none)");
}

TEST_P(StoreContractTest, DeletedKeyIsGone) {
  Put("a", "one");
  Batch batch;
  batch.Delete("a");
  batch.Delete("never there");
  EXPECT_EQ(Commit(std::move(batch)).outcome, CommitOutcome::kCommitted);
  EXPECT_EQ(Get("a"), "(none)");
}

TEST_P(StoreContractTest, ScansInBothOrders) {
  PutLetters("cabed");
  EXPECT_THAT(Letters(), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(Letters(100, ScanOrder::kDescending),
              ElementsAre("e", "d", "c", "b", "a"));
}

TEST_P(StoreContractTest, ScanStopsAtItsLimit) {
  PutLetters("abcde");
  EXPECT_THAT(Letters(2), ElementsAre("a", "b"));
  EXPECT_THAT(Letters(2, ScanOrder::kDescending), ElementsAre("e", "d"));
  EXPECT_THAT(Letters(0), IsEmpty());
}

TEST_P(StoreContractTest, RangeIncludesItsBeginAndNotItsEnd) {
  PutLetters("abcde");
  EXPECT_THAT(Scan(store(), {"k/b", "k/d"}), ElementsAre("b", "c"));
  EXPECT_THAT(Scan(store(), {"k/b", "k/d"}, 100, ScanOrder::kDescending),
              ElementsAre("c", "b"));
  EXPECT_THAT(Scan(store(), {"k/aa", "k/cc"}), ElementsAre("b", "c"));
}

TEST_P(StoreContractTest, EmptyEndMeansToTheLastKey) {
  PutLetters("abc");
  EXPECT_THAT(Scan(store(), {"k/b", ""}), ElementsAre("b", "c"));
  EXPECT_THAT(Scan(store(), {"k/b", ""}, 1, ScanOrder::kDescending),
              ElementsAre("c"));
}

// A store may keep keys of some first letters apart.
TEST_P(StoreContractTest, RangesOfAllFirstLettersAreInOneOrder) {
  constexpr absl::string_view kLetters = "abcdefgijklmnopqrstuvwxyz";
  Batch batch;
  for (const char letter : kLetters) {
    batch.Put(std::string({letter, '1'}), std::string(1, letter));
  }
  ASSERT_EQ(Commit(std::move(batch)).outcome, CommitOutcome::kCommitted);
  Batch without;
  without.DeleteRange("l", "n1");
  ASSERT_EQ(Commit(std::move(without)).outcome, CommitOutcome::kCommitted);
  for (const char begin : kLetters) {
    for (const char end : kLetters) {
      std::vector<std::string> expected;
      for (const char letter : kLetters) {
        if (letter >= begin && letter < end && letter != 'l' && letter != 'm') {
          expected.emplace_back(1, letter);
        }
      }
      // Without the head.
      const auto between = [&](ScanOrder order) {
        auto found = Scan(store(), {{begin}, {end}}, 100, order);
        found.erase(std::remove_if(found.begin(), found.end(),
                                   [](const std::string& value) {
                                     return value.size() > 1;
                                   }),
                    found.end());
        return found;
      };
      EXPECT_EQ(between(ScanOrder::kAscending), expected) << begin << end;
      std::reverse(expected.begin(), expected.end());
      EXPECT_EQ(between(ScanOrder::kDescending), expected) << begin << end;
    }
  }
  EXPECT_THAT(Scan(store(), {"k", ""}, 3), ElementsAre("k", "n", "o"));
  EXPECT_THAT(Scan(store(), {"k", "p"}, 3, ScanOrder::kDescending),
              ElementsAre("o", "n", "k"));
}

TEST_P(StoreContractTest, EmptyAndReversedRangesHoldNothing) {
  PutLetters("abc");
  for (const ScanOrder order :
       {ScanOrder::kAscending, ScanOrder::kDescending}) {
    EXPECT_THAT(Scan(store(), {"k/b", "k/b"}, 100, order), IsEmpty());
    EXPECT_THAT(Scan(store(), {"k/c", "k/a"}, 100, order), IsEmpty());
    EXPECT_THAT(Scan(store(), {"x", "y"}, 100, order), IsEmpty());
  }
}

TEST_P(StoreContractTest, KeysSortAsUnsignedBytes) {
  Put("k/\x7f", "7f");
  Put("k/\x80", "80");
  Put("k/\xff", "ff");
  EXPECT_THAT(Scan(store(), {"k/", "l"}), ElementsAre("7f", "80", "ff"));
}

TEST_P(StoreContractTest, DeleteRangeTakesEveryKeyInIt) {
  PutLetters("abcde");
  Batch batch;
  batch.DeleteRange("k/b", "k/d");
  batch.Put("k/d", "new");
  Commit(std::move(batch));
  EXPECT_THAT(Letters(), ElementsAre("a", "new", "e"));
  EXPECT_EQ(Get("k/b"), "(none)");
}

TEST_P(StoreContractTest, SnapshotDoesNotMove) {
  PutLetters("abc");
  const std::unique_ptr<Reader> before = store().Snapshot();
  Batch batch;
  batch.Put("k/a", "changed");
  batch.Delete("k/b");
  batch.DeleteRange("k/c", "k/d");
  batch.Put("k/e", "e");
  Commit(std::move(batch));
  const std::unique_ptr<Reader> after = store().Snapshot();
  EXPECT_THAT(Scan(*before, {"k/", "k0"}), ElementsAre("a", "b", "c"));
  EXPECT_EQ(Get(*before, "k/a"), "a");
  EXPECT_EQ(Get(*before, "k/e"), "(none)");
  EXPECT_EQ(Get(*before, kHeadKey), Head(1));
  EXPECT_THAT(Scan(*after, {"k/", "k0"}), ElementsAre("changed", "e"));
}

TEST_P(StoreContractTest, SnapshotsShowWholeBatchesToOtherThreads) {
  std::thread reader([this] {
    for (int i = 0; i < 200; ++i) {
      const std::unique_ptr<Reader> snapshot = store().Snapshot();
      EXPECT_EQ(Get(*snapshot, "a"), Get(*snapshot, "b"));
    }
  });
  for (int i = 0; i < 50; ++i) {
    Batch batch;
    batch.Put("a", absl::StrCat(i));
    batch.Put("b", absl::StrCat(i));
    Commit(std::move(batch));
  }
  reader.join();
}

TEST_P(StoreContractTest, WrongExpectedHeadIsFencedAndWritesNothing) {
  Put("a", "one");
  Batch batch;
  batch.Put("a", "two");
  batch.Put(kHeadKey, Head(2));
  for (const std::string& wrong : {Head(0), Head(2, 7), Head(9)}) {
    const CommitResult result = store().Commit(batch, wrong);
    EXPECT_EQ(result.outcome, CommitOutcome::kFenced);
    EXPECT_TRUE(absl::IsAborted(result.status)) << result.status;
  }
  EXPECT_EQ(Get("a"), "one");
  EXPECT_EQ(Get(kHeadKey), Head(1));
}

TEST_P(StoreContractTest, IdenticalRepeatIsCommittedOnce) {
  Batch batch;
  batch.Put("a", "one");
  batch.Put(kHeadKey, Head(1));
  EXPECT_EQ(store().Commit(batch, "").outcome, CommitOutcome::kCommitted);
  const CommitResult repeat = store().Commit(batch, "");
  EXPECT_EQ(repeat.outcome, CommitOutcome::kCommitted);
  EXPECT_TRUE(repeat.status.ok());
  EXPECT_EQ(Get("a"), "one");
}

TEST_P(StoreContractTest, RepeatAfterALaterCommitIsFenced) {
  Batch batch;
  batch.Put("a", "one");
  batch.Put(kHeadKey, Head(1));
  store().Commit(batch, "");
  commit_ = 1;
  Put("a", "two");
  EXPECT_EQ(store().Commit(batch, "").outcome, CommitOutcome::kFenced);
  EXPECT_EQ(Get("a"), "two");
}

TEST_P(StoreContractTest, BatchWithoutAHeadIsRefused) {
  Batch batch;
  batch.Put("a", "one");
  CommitResult result = store().Commit(batch, "");
  EXPECT_EQ(result.outcome, CommitOutcome::kFenced);
  EXPECT_TRUE(absl::IsInvalidArgument(result.status));
  batch.Delete(kHeadKey);
  result = store().Commit(batch, "");
  EXPECT_TRUE(absl::IsInvalidArgument(result.status));
  EXPECT_EQ(Get("a"), "(none)");
}

TEST_P(StoreContractTest, BatchOfExactlyTheLimitsIsTaken) {
  const Store::Limits limits = store().limits();
  Batch batch;
  for (size_t i = 1; i < limits.max_operations; ++i) {
    batch.Put(absl::StrCat("n/", i), "");
  }
  EXPECT_EQ(Commit(std::move(batch)).outcome, CommitOutcome::kCommitted);
  Batch large;
  large.Put("a", std::string(limits.max_bytes - 2 - Head(2).size(), 'x'));
  EXPECT_EQ(Commit(std::move(large)).outcome, CommitOutcome::kCommitted);
}

TEST_P(StoreContractTest, BatchWithTooManyOperationsIsRefused) {
  Batch batch;
  for (size_t i = 0; i < store().limits().max_operations; ++i) {
    batch.Put(absl::StrCat("n/", i), "");
  }
  const CommitResult result = Commit(std::move(batch));
  EXPECT_EQ(result.outcome, CommitOutcome::kFenced);
  EXPECT_TRUE(absl::IsInvalidArgument(result.status));
  EXPECT_EQ(Get("n/0"), "(none)");
}

TEST_P(StoreContractTest, BatchWithTooManyBytesIsRefused) {
  Batch batch;
  batch.Put("a", std::string(store().limits().max_bytes, 'x'));
  const CommitResult result = Commit(std::move(batch));
  EXPECT_EQ(result.outcome, CommitOutcome::kFenced);
  EXPECT_TRUE(absl::IsInvalidArgument(result.status));
  Put("a", "the store goes on");
}

TEST_P(StoreContractTest, ReopenedStoreHoldsEveryCommit) {
  PutLetters("abc");
  Batch batch;
  batch.DeleteRange("k/a", "k/b");
  Commit(std::move(batch));
  if (!backend_->Reopen()) return;
  EXPECT_THAT(Letters(), ElementsAre("b", "c"));
  EXPECT_EQ(Get(kHeadKey), Head(2));
  Put("a", "goes on");
}

TEST(ModelStoreTest, UnknownNotAppliedThenRetryIsCommitted) {
  ModelStore store;
  Batch batch;
  batch.Put("a", "one");
  batch.Put(kHeadKey, Head(1));
  store.FailNextCommit(ModelStore::Fault::kUnknownNotApplied);
  EXPECT_EQ(store.Commit(batch, "").outcome, CommitOutcome::kUnknown);
  EXPECT_EQ(*store.Get("a"), std::nullopt);
  EXPECT_EQ(store.Commit(batch, "").outcome, CommitOutcome::kCommitted);
  EXPECT_EQ(*store.Get("a"), "one");
}

TEST(ModelStoreTest, UnknownAppliedThenRetryIsCommitted) {
  ModelStore store;
  Batch batch;
  batch.Put("a", "one");
  batch.Put(kHeadKey, Head(1));
  store.FailNextCommit(ModelStore::Fault::kUnknownApplied);
  const CommitResult result = store.Commit(batch, "");
  EXPECT_EQ(result.outcome, CommitOutcome::kUnknown);
  EXPECT_FALSE(result.status.ok());
  EXPECT_EQ(*store.Get("a"), "one");
  EXPECT_EQ(store.Commit(batch, "").outcome, CommitOutcome::kCommitted);
}

}  // namespace
}  // namespace baton
