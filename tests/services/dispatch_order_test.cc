#include "services/broker/dispatch_order.h"

#include <map>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

using ::testing::ElementsAre;

constexpr absl::Duration kAging = absl::Minutes(10);

class DispatchOrderTest : public testing::Test {
 protected:
  void Add(uint64_t sequence, v1::Priority level, uint32_t sender,
           absl::Duration ago = absl::ZeroDuration()) {
    const DispatchOrder::Candidate candidate{
        .sequence = sequence,
        .level = level,
        .sender = sender,
        .due_micros = absl::ToUnixMicros(now_ - ago)};
    there_[sequence] = candidate;
    order_.Add(candidate);
  }
  uint64_t Serve() {
    const std::optional<uint64_t> next = order_.Next(now_, kAging);
    if (!next.has_value()) return 0;
    order_.Serve(there_.at(*next), now_, kAging);
    return *next;
  }
  std::vector<uint64_t> ServeAll() {
    std::vector<uint64_t> served;
    while (!order_.empty()) served.push_back(Serve());
    return served;
  }

  DispatchOrder order_;
  std::map<uint64_t, DispatchOrder::Candidate> there_;
  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
};

TEST_F(DispatchOrderTest, FiveLevelsTheHighestFirst) {
  Add(1, v1::PRIORITY_LOW, 1);
  Add(2, v1::PRIORITY_ROUTINE, 1);
  Add(3, v1::PRIORITY_HIGH, 1);
  Add(4, v1::PRIORITY_URGENT, 1);
  Add(5, v1::PRIORITY_IMMEDIATE_DANGER, 1);
  EXPECT_THAT(ServeAll(), ElementsAre(5, 4, 3, 2, 1));
}

TEST_F(DispatchOrderTest, UnstatedIsRoutine) {
  Add(1, v1::PRIORITY_LOW, 1);
  Add(2, v1::PRIORITY_UNSPECIFIED, 1);
  Add(3, v1::PRIORITY_ROUTINE, 1);
  EXPECT_THAT(ServeAll(), ElementsAre(2, 3, 1));
}

TEST_F(DispatchOrderTest, EachSenderInTurn) {
  for (uint64_t i = 1; i <= 4; ++i) Add(i, v1::PRIORITY_ROUTINE, 7);
  Add(5, v1::PRIORITY_ROUTINE, 3);
  Add(6, v1::PRIORITY_ROUTINE, 9);
  EXPECT_THAT(ServeAll(), ElementsAre(5, 1, 6, 2, 3, 4));
}

TEST_F(DispatchOrderTest, OfOneSenderWhatWasDueFirst) {
  Add(1, v1::PRIORITY_ROUTINE, 1);
  Add(2, v1::PRIORITY_ROUTINE, 1, absl::Seconds(5));
  Add(3, v1::PRIORITY_ROUTINE, 1, absl::Seconds(5));
  EXPECT_THAT(ServeAll(), ElementsAre(2, 3, 1));
}

// However much of the flood has aged.
TEST_F(DispatchOrderTest, AFloodDelaysAnothersUrgentMessageByATurnOrTwo) {
  for (uint64_t i = 1; i <= 1000; ++i) {
    Add(i, v1::PRIORITY_URGENT, 1, absl::Hours(1));
  }
  for (int i = 0; i < 500; ++i) Serve();
  Add(2000, v1::PRIORITY_URGENT, 2);
  int turns = 1;
  while (Serve() != 2000) ++turns;
  EXPECT_LE(turns, 3);
}

TEST_F(DispatchOrderTest, WhatHasAgedGetsOneTurnInEight) {
  Add(1, v1::PRIORITY_LOW, 1, kAging + absl::Seconds(1));
  Add(2, v1::PRIORITY_LOW, 1, kAging - absl::Seconds(1));
  for (uint64_t i = 11; i <= 30; ++i) Add(i, v1::PRIORITY_URGENT, 2);
  std::vector<uint64_t> served = ServeAll();
  EXPECT_EQ(served[DispatchOrder::kAgedShare - 1], 1);
  EXPECT_EQ(served.back(), 2);  // Not old enough.
}

TEST_F(DispatchOrderTest, DangerGivesUpNoTurn) {
  Add(1, v1::PRIORITY_LOW, 1, absl::Hours(1));
  for (uint64_t i = 11; i <= 30; ++i) Add(i, v1::PRIORITY_IMMEDIATE_DANGER, 2);
  EXPECT_EQ(ServeAll().back(), 1);
}

TEST_F(DispatchOrderTest, WhatIsRemovedIsNotServed) {
  for (uint64_t i = 1; i <= 3; ++i) Add(i, v1::PRIORITY_ROUTINE, i);
  Add(4, v1::PRIORITY_ROUTINE, 1, absl::Seconds(1));
  order_.Remove(there_.at(4));
  order_.Remove(there_.at(4));  // Twice: nothing happens.
  order_.Remove(there_.at(2));
  EXPECT_THAT(ServeAll(), ElementsAre(1, 3));
  EXPECT_TRUE(order_.empty());
  EXPECT_EQ(order_.Next(now_, kAging), std::nullopt);
}

}  // namespace
}  // namespace baton
