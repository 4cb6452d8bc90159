#include "services/broker/handover.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/ids.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr uint64_t kNoMessage = 1'000'000;

class HandoverTest : public ::testing::Test {
 protected:
  HandoverTest() {
    exchange_.Start();
    for (int i = 0; i < 8; ++i) {
      const v1::PublishReceipt receipt =
          exchange_.Publish(std::string(1, static_cast<char>('a' + i)));
      sequences_.push_back(*ParseMessageId(receipt.message_id()));
    }
    exchange_.store().on_scan = [this](const KeyRange&) {
      ++scans_;
      return scan_;
    };
  }

  static Handover Of(uint64_t sequence) {
    return {.leased = {.consumer_id = 1,
                       .sequence = sequence,
                       .attempt = 1,
                       .expire_time = absl::Now()},
            .message = nullptr};
  }

  // Texts, or "?" for what cannot be read.
  std::vector<std::string> Open(const std::vector<Handover>& handovers) {
    std::vector<std::string> texts;
    for (const absl::StatusOr<v1::ReceivedMessage>& received :
         OpenHandovers(handovers, CouncilCaller().agency, exchange_.store(),
                       exchange_.vault(), *exchange_.directory().Now())) {
      texts.push_back(received.ok() ? TextOf(received->message()) : "?");
      if (received.ok()) {
        EXPECT_THAT(received->ack_id(), StartsWith("a-"));
      }
    }
    return texts;
  }

  ExchangeFixture exchange_;
  std::vector<uint64_t> sequences_;
  int scans_ = 0;
  absl::Status scan_;
};

TEST_F(HandoverTest, NeighboursAreReadInOneScanAndKeepTheirOrder) {
  std::vector<Handover> handovers;
  for (const int i : {5, 0, 1, 2, 3, 4, 7}) {
    handovers.push_back(Of(sequences_[i]));
  }
  EXPECT_THAT(Open(handovers), ElementsAre("f", "a", "b", "c", "d", "e", "h"));
  EXPECT_EQ(scans_, 1);
}

TEST_F(HandoverTest, AFewAreLookedUp) {
  EXPECT_THAT(Open({Of(sequences_[0]), Of(sequences_[1]), Of(sequences_[4])}),
              ElementsAre("a", "b", "e"));
  EXPECT_EQ(scans_, 0);
  EXPECT_THAT(Open({}), IsEmpty());
}

TEST_F(HandoverTest, WhatIsInMemoryIsNotRead) {
  std::vector<Handover> handovers;
  const auto known = std::make_shared<const v1::Message>(TextMessage("known"));
  for (int i = 0; i < 5; ++i) {
    handovers.push_back(Of(sequences_[i]));
    handovers.back().message = known;
  }
  handovers.push_back(Of(sequences_[5]));
  EXPECT_THAT(Open(handovers),
              ElementsAre("known", "known", "known", "known", "known", "f"));
  EXPECT_EQ(scans_, 0);
}

TEST_F(HandoverTest, WhereNoScanSucceedsEachIsLookedUp) {
  scan_ = absl::UnavailableError("a sector");
  EXPECT_THAT(Open({Of(sequences_[0]), Of(sequences_[1]), Of(sequences_[2]),
                    Of(sequences_[3])}),
              ElementsAre("a", "b", "c", "d"));
  EXPECT_EQ(scans_, 1);
}

TEST_F(HandoverTest, OneThatIsNotThereDoesNotHideTheOthers) {
  EXPECT_THAT(Open({Of(sequences_[6]), Of(sequences_[7]), Of(sequences_[7] + 1),
                    Of(sequences_[7] + 2), Of(kNoMessage)}),
              ElementsAre("g", "h", "?", "?", "?"));
  EXPECT_EQ(scans_, 1);
}

}  // namespace
}  // namespace baton
