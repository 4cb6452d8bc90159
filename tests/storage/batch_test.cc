#include "storage/batch.h"

#include "gtest/gtest.h"

namespace baton {
namespace {

TEST(BatchTest, LaterWriteOfAKeyReplacesTheEarlierOne) {
  Batch batch;
  batch.Put("a", "one");
  batch.Put("b", "two");
  batch.Put("a", "three");
  batch.Delete("b");
  ASSERT_EQ(batch.writes().size(), 2u);
  EXPECT_EQ(batch.Find("a")->value, "three");
  EXPECT_EQ(batch.Find("b")->value, std::nullopt);
  EXPECT_EQ(batch.operations(), 2u);
}

TEST(BatchTest, BytesCountEachKeyOnceAndItsLastValue) {
  Batch batch;
  batch.Put("key", "12345");
  batch.Put("key", "12");
  EXPECT_EQ(batch.bytes(), 5u);
  batch.Delete("key");
  EXPECT_EQ(batch.bytes(), 3u);
  batch.DeleteRange("x", "yy");
  EXPECT_EQ(batch.bytes(), 6u);
}

TEST(BatchTest, FindsNothingForAnUntouchedKey) {
  Batch batch;
  EXPECT_TRUE(batch.empty());
  EXPECT_EQ(batch.Find("a"), nullptr);
  batch.DeleteRange("a", "b");
  EXPECT_EQ(batch.Find("a"), nullptr);
  EXPECT_FALSE(batch.empty());
}

TEST(BatchTest, KeysBesideARangeMayBeWritten) {
  Batch batch;
  batch.Put("a", "before");
  batch.DeleteRange("b", "c");
  batch.Put("c", "at the end, which is not included");
  EXPECT_EQ(batch.operations(), 3u);
}

TEST(BatchDeathTest, WriteInADeletedRangeStopsTheProcess) {
  Batch put_first;
  put_first.Put("b", "");
  EXPECT_DEATH(put_first.DeleteRange("a", "c"), "Holds");
  Batch range_first;
  range_first.DeleteRange("a", "c");
  EXPECT_DEATH(range_first.Delete("b"), "Holds");
}

TEST(BatchDeathTest, EmptyRangeStopsTheProcess) {
  Batch batch;
  EXPECT_DEATH(batch.DeleteRange("b", "b"), "begin < end");
}

}  // namespace
}  // namespace baton
