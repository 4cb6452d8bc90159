#include "services/broker/fold_order.h"

#include <map>
#include <memory>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fault_file_system.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FoldOrderTest : public testing::Test {
 protected:
  static constexpr size_t kMax = 10;

  Queue a_{"a", {}};
  Queue b_{"b", {}};
  Queue c_{"c", {}};
  FoldOrder order_{kMax};
};

TEST_F(FoldOrderTest, NobodyIsChosenWhileNoMoreWaitThanMay) {
  order_.Note(&a_, 4);
  order_.Note(&b_, 6);
  EXPECT_EQ(order_.total(), kMax);
  EXPECT_THAT(order_.Choose(), IsEmpty());
}

TEST_F(FoldOrderTest, TheOldestAreChosenAndNoMoreThanNeeded) {
  order_.Note(&b_, 4);
  order_.Note(&a_, 5);
  order_.Note(&c_, 6);
  EXPECT_EQ(order_.total(), 15u);
  EXPECT_THAT(order_.Choose(), ElementsAre(&b_, &a_));
  order_.Note(&b_, 0);
  order_.Note(&a_, 0);
  EXPECT_EQ(order_.total(), 6u);
  EXPECT_THAT(order_.Choose(), IsEmpty());
}

TEST_F(FoldOrderTest, TheOldestIsWhoBeganToWaitFirst) {
  order_.Note(&a_, 1);
  order_.Note(&b_, 5);
  order_.Note(&a_, 6);
  EXPECT_EQ(order_.total(), 11u);
  EXPECT_THAT(order_.Choose(), ElementsAre(&a_));
}

TEST_F(FoldOrderTest, AQueueThatFoldedByItselfIsNotChosen) {
  order_.Note(&a_, 6);
  order_.Note(&b_, 4);
  order_.Note(&a_, 0);
  EXPECT_EQ(order_.total(), 4u);
  order_.Note(&c_, 7);
  EXPECT_THAT(order_.Choose(), ElementsAre(&b_));
}

TEST_F(FoldOrderTest, AQueueThatFoldedByItselfWaitsBehindTheOthersAgain) {
  order_.Note(&a_, 6);
  order_.Note(&b_, 4);
  order_.Note(&a_, 0);
  order_.Note(&a_, 7);
  EXPECT_THAT(order_.Choose(), ElementsAre(&b_));
}

TEST_F(FoldOrderTest, AQueueThatWasChosenWaitsBehindTheOthersAgain) {
  order_.Note(&a_, 6);
  order_.Note(&b_, 6);
  EXPECT_THAT(order_.Choose(), ElementsAre(&a_));
  order_.Note(&a_, 5);
  EXPECT_EQ(order_.total(), 11u);
  EXPECT_THAT(order_.Choose(), ElementsAre(&b_));
}

TEST_F(FoldOrderTest, TheSumIsBoundedHoweverManyQueuesThereAre) {
  const uint64_t seed = SeedFor(1);
  SCOPED_TRACE(absl::StrCat("BATON_SEED=", seed));
  std::mt19937_64 random(seed);
  std::vector<std::unique_ptr<Queue>> queues;
  for (int i = 0; i < 50; ++i) {
    queues.push_back(std::make_unique<Queue>(absl::StrCat(i), QueuePolicy()));
  }
  std::map<Queue*, size_t> waiting;
  const auto note = [&](Queue* queue, size_t unfolded) {
    waiting[queue] = unfolded;
    order_.Note(queue, unfolded);
  };
  const auto sum = [&] {
    size_t all = 0;
    for (const auto& [queue, unfolded] : waiting) all += unfolded;
    return all;
  };
  for (int round = 0; round < 5000; ++round) {
    Queue* const queue = queues[random() % queues.size()].get();
    note(queue, random() % 4 == 0 ? 0 : waiting[queue] + random() % 3);
    ASSERT_EQ(order_.total(), sum()) << round;
    const std::vector<Queue*> chosen = order_.Choose();
    ASSERT_EQ(std::set<Queue*>(chosen.begin(), chosen.end()).size(),
              chosen.size());
    for (Queue* const folded : chosen) {
      ASSERT_GT(waiting[folded], 0u) << round;
      note(folded, 0);
    }
    ASSERT_LE(sum(), kMax) << round;
  }
}

}  // namespace
}  // namespace baton
