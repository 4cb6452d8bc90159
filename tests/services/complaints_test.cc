// What users of other queues complain of most, each as a test: see
// services/broker/README.md.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/ids.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ComplaintTest : public testing::Test {
 protected:
  void SetUp() override { exchange_.Start(); }

  ExchangeFixture exchange_;
};

TEST_F(ComplaintTest, WhatWasAnsweredIsNotLostInACrash) {
  const v1::PublishReceipt kept = exchange_.Publish("kept");
  exchange_.Publish("done");
  auto consumer = exchange_.Consume(kIntake);
  const auto both = consumer->TakeAll();
  ASSERT_THAT(both, SizeIs(2));
  EXPECT_TRUE(exchange_.Ack(both[1]).ok());
  exchange_.Restart();
  exchange_.Step();  // The lease that was open has its full length again.
  exchange_.Advance(absl::Minutes(2));
  consumer = exchange_.Consume(kIntake);
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("kept"));
}

TEST_F(ComplaintTest, TheAttemptCountSurvivesARestart) {
  exchange_.Publish("a");
  for (const int attempt : {1, 2, 3}) {
    const auto consumer = exchange_.Consume(kIntake, {.once = true});
    const v1::ReceivedMessage message = consumer->Next();
    EXPECT_EQ(message.delivery_attempt(), attempt);
    EXPECT_TRUE(exchange_.Nack(message, "no", absl::ZeroDuration()).ok());
    exchange_.Restart();
  }
}

TEST_F(ComplaintTest, ARedriveKeepsTheOrder) {
  const auto consumer = exchange_.Consume(kIntake);
  for (const char* text : {"1", "2", "3", "4"}) exchange_.Publish(text, "key");
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(exchange_.Reject(consumer->Next(), "no").ok());
  }
  const v1::ReceivedMessage third = consumer->Next();
  v1::RedriveMessagesRequest request;
  request.set_queue(kIntake);
  request.set_request_id("r");
  ASSERT_TRUE(
      exchange_.Do(CouncilCaller(), StartRedrive{.request = request}).ok());
  EXPECT_TRUE(exchange_.Ack(third).ok());
  std::vector<std::string> texts;
  for (int i = 0; i < 3; ++i) {
    const v1::ReceivedMessage message = consumer->Next();
    texts.push_back(TextOf(message.message()));
    EXPECT_TRUE(exchange_.Ack(message).ok());
  }
  EXPECT_THAT(texts, ElementsAre("1", "2", "4"));
}

// The acknowledgement waits for the commit thread while the lease runs out.
TEST_F(ComplaintTest, WhatIsAcknowledgedInTimeIsNotDeliveredAgain) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage message = consumer->Next();
  exchange_.clock().Advance(absl::Seconds(61));
  EXPECT_TRUE(exchange_.Ack(message).ok());
  exchange_.Advance(absl::Hours(1));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
}

TEST_F(ComplaintTest, AnAcknowledgementAfterAnExtensionCounts) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage message = consumer->Next();
  exchange_.Advance(absl::Seconds(50));
  EXPECT_TRUE(exchange_.ModifyDeadline(message, absl::Seconds(120)).ok());
  exchange_.Advance(absl::Seconds(110));
  EXPECT_TRUE(exchange_.Ack(message).ok());
  exchange_.Advance(absl::Hours(1));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
}

TEST_F(ComplaintTest, TheWindowOfRepeatsSurvivesARestart) {
  const v1::Message message = TextMessage("a");
  const v1::PublishReceipt first = exchange_.Accept(HospitalCaller(), message);
  exchange_.Restart();
  exchange_.Advance(absl::Hours(24 * 89));
  const v1::PublishReceipt repeat = exchange_.Accept(HospitalCaller(), message);
  EXPECT_TRUE(repeat.repeat());
  EXPECT_EQ(repeat.message_id(), first.message_id());
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeTexts(), ElementsAre("a"));
}

TEST_F(ComplaintTest, NoConsumerIsDeadInSilence) {
  const auto stuck = exchange_.Consume(kIntake, {.name = "stuck"});
  exchange_.Publish("a");
  for (int i = 0; i < 2; ++i) {
    stuck->Next();
    exchange_.Advance(absl::Seconds(60));
  }
  ASSERT_FALSE(stuck->notices.empty());
  EXPECT_EQ(stuck->notices.back().code(), v1::NOTICE_CODE_STALLED);
  EXPECT_TRUE(absl::IsFailedPrecondition(stuck->ended));
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeTexts(), ElementsAre("a"));
}

TEST_F(ComplaintTest, ARedriveIsNotAllOrNothing) {
  const auto consumer = exchange_.Consume(kIntake);
  std::vector<v1::PublishReceipt> receipts;
  for (const char* text : {"1", "2", "3"}) {
    receipts.push_back(exchange_.Publish(text));
    EXPECT_TRUE(exchange_.Reject(consumer->Next(), "no").ok());
  }
  v1::RedriveMessagesRequest request;
  request.set_queue(kIntake);
  request.set_request_id("r");
  request.mutable_filter()->add_message_ids(receipts[1].message_id());
  ASSERT_TRUE(
      exchange_.Do(CouncilCaller(), StartRedrive{.request = request}).ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("2"));
  EXPECT_THAT(exchange_.Scan(DeadLetters(kIntake, 0)), SizeIs(2));
}

}  // namespace
}  // namespace baton
