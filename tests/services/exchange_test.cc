#include "services/broker/exchange.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/limit_of.h"

namespace baton {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Duration kSecond = absl::Seconds(1);

class ExchangeTest : public testing::Test {
 protected:
  void SetUp() override { exchange_.Start(); }

  // Changes the configuration before anything is published.
  void RestartWith(const std::function<void(v1::BrokerConfig*)>& change) {
    change(&exchange_.config);
    exchange_.Restart();
  }
  v1::DeskConfig* IntakeDesk() {
    return exchange_.config.mutable_agencies(0)->mutable_desks(0);
  }
  // A message to kIntake with a copy to kDuty.
  static v1::Message WithCopyToDuty() {
    v1::Message message = TextMessage("a");
    v1::Recipient* const copy = message.add_recipients();
    *copy->mutable_address() = AddressOf(kDuty);
    copy->set_role(v1::RECIPIENT_ROLE_COPY);
    return message;
  }
  v1::DeliveryRecord SettledOnDisk(const v1::PublishReceipt& receipt) {
    return exchange_.CopyOnDisk(kIntake, receipt);
  }
  bool IsDeadLetter(const v1::PublishReceipt& receipt) {
    return exchange_
        .ReadBytes(DeadLetterKey(kIntake,
                                 ParseMessageId(receipt.message_id()).value()))
        .has_value();
  }

  ExchangeFixture exchange_;
};

// --- Delivery.

TEST_F(ExchangeTest, DeliversInPublishOrder) {
  for (const char* text : {"a", "b", "c"}) exchange_.Publish(text);
  const auto consumer = exchange_.Consume(kIntake);
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("a", "b", "c"));
}

TEST_F(ExchangeTest, DeliversToAWaitingConsumerInTheCommitThatPublishes) {
  const auto consumer = exchange_.Consume(kIntake);
  const uint64_t before = exchange_.Head().commit();
  exchange_.Publish("a");
  EXPECT_EQ(exchange_.Head().commit(), before + 1);
  EXPECT_EQ(consumer->Next().delivery_attempt(), 1);
}

TEST_F(ExchangeTest, AcknowledgedMessagesAreGone) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  exchange_.Advance(absl::Hours(1));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 0u);
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).total_bytes(), 0u);
}

TEST_F(ExchangeTest, LeasesOneMessageOfAnOrderingKeyAtATime) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("first", "key");
  exchange_.Publish("second", "key");
  exchange_.Publish("other");
  const v1::ReceivedMessage first = consumer->Next();
  EXPECT_EQ(TextOf(first.message()), "first");
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("other"));
  EXPECT_TRUE(exchange_.Ack(first).ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("second"));
}

TEST_F(ExchangeTest, ANackDelayHoldsItsKey) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("first", "key");
  exchange_.Publish("second", "key");
  EXPECT_TRUE(exchange_.Nack(consumer->Next(), "busy", absl::Seconds(30)).ok());
  exchange_.Advance(absl::Seconds(29));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  exchange_.Advance(kSecond);
  const v1::ReceivedMessage again = consumer->Next();
  EXPECT_EQ(TextOf(again.message()), "first");
  EXPECT_EQ(again.delivery_attempt(), 2);
}

TEST_F(ExchangeTest, ANackWithoutDelayFollowsTheRetryPolicy) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  for (int seconds : {1, 2, 4, 8}) {
    EXPECT_TRUE(exchange_.Nack(consumer->Next()).ok());
    // At least 80 % of it: the rest is jitter.
    exchange_.Advance(absl::Seconds(seconds) * 0.79);
    EXPECT_THAT(consumer->TakeAll(), IsEmpty()) << seconds;
    exchange_.Advance(absl::Seconds(seconds) * 0.21);
  }
}

// What failed together does not come back together.
TEST_F(ExchangeTest, RetriesOfOneMomentAreSpread) {
  const auto consumer = exchange_.Consume(kIntake);
  for (int i = 0; i < 40; ++i) exchange_.Publish("a");
  for (const v1::ReceivedMessage& message : consumer->TakeAll()) {
    EXPECT_TRUE(exchange_.Nack(message).ok());
  }
  exchange_.Advance(absl::Milliseconds(799));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  exchange_.Advance(absl::Milliseconds(101));
  const size_t early = consumer->TakeAll().size();
  EXPECT_GT(early, 5u);
  EXPECT_LT(early, 35u);
  exchange_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(consumer->TakeAll().size(), 40 - early);
}

TEST_F(ExchangeTest, ADeskSaysHowFarItsRetriesAreSpread) {
  IntakeDesk()->set_retry_jitter_percent(100);
  exchange_.Restart();
  const auto consumer = exchange_.Consume(kIntake);
  for (int i = 0; i < 40; ++i) exchange_.Publish("a");
  for (const v1::ReceivedMessage& message : consumer->TakeAll()) {
    EXPECT_TRUE(exchange_.Nack(message).ok());
  }
  exchange_.Advance(absl::Milliseconds(500));
  const size_t early = consumer->TakeAll().size();
  EXPECT_GT(early, 5u);
  EXPECT_LT(early, 35u);
}

// --- What a sender may have.

// Says which limit was reached, and when to try again.
void ExpectLimit(const absl::Status& status, absl::string_view limit,
                 absl::Duration retry_after) {
  EXPECT_EQ(LimitOf(status), limit) << status;
  google::rpc::RetryInfo retry;
  EXPECT_TRUE(retry.ParseFromString(
      std::string(status.GetPayload("type.googleapis.com/google.rpc.RetryInfo")
                      .value_or(absl::Cord()))));
  EXPECT_EQ(FromProto(retry.retry_delay()), retry_after);
}

class SenderQuotaTest : public ExchangeTest {
 protected:
  // Every sender's, unless it has its own.
  void LimitTo(const std::function<void(v1::SenderQuota*)>& set) {
    RestartWith([&set](v1::BrokerConfig* config) {
      set(config->mutable_limits()->mutable_sender_quota());
    });
  }
  absl::Status TryPublish(v1::Priority priority = v1::PRIORITY_ROUTINE) {
    v1::Message message = TextMessage("a");
    message.set_priority(priority);
    return exchange_.Publish(HospitalCaller(), message).status();
  }
};

TEST_F(SenderQuotaTest, UnsettledMessagesAreLimited) {
  LimitTo([](v1::SenderQuota* quota) { quota->set_max_unsettled_messages(2); });
  EXPECT_TRUE(TryPublish().ok());
  EXPECT_TRUE(TryPublish().ok());
  const absl::Status refused = TryPublish();
  ExpectLimit(refused, "sender_quota.max_unsettled_messages",
              absl::Seconds(30));
  EXPECT_THAT(refused.message(), HasSubstr("emergency/RX1RA has 2 messages"));
  EXPECT_TRUE(TryPublish(v1::PRIORITY_IMMEDIATE_DANGER).ok());
  exchange_.Restart();
  EXPECT_FALSE(TryPublish().ok());
  const auto consumer = exchange_.Consume(kIntake);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  EXPECT_TRUE(TryPublish().ok());
}

TEST_F(SenderQuotaTest, UnsettledBytesAreLimited) {
  LimitTo([](v1::SenderQuota* quota) { quota->set_max_unsettled_bytes(6000); });
  const auto publish = [this] {
    return exchange_
        .Publish(HospitalCaller(), TextMessage(std::string(4000, 'x')))
        .status();
  };
  EXPECT_TRUE(publish().ok());
  ExpectLimit(publish(), "sender_quota.max_unsettled_bytes", absl::Seconds(30));
  exchange_.Restart();
  ExpectLimit(publish(), "sender_quota.max_unsettled_bytes", absl::Seconds(30));
  EXPECT_TRUE(exchange_.Ack(exchange_.Consume(kIntake)->Next()).ok());
  EXPECT_TRUE(publish().ok());
}

TEST_F(SenderQuotaTest, TheRateIsLimitedOnTheAverageOfTenSeconds) {
  LimitTo(
      [](v1::SenderQuota* quota) { quota->set_max_messages_per_second(2); });
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(TryPublish().ok()) << i;
  ExpectLimit(TryPublish(), "sender_quota.max_messages_per_second",
              absl::Milliseconds(500));
  EXPECT_TRUE(TryPublish(v1::PRIORITY_IMMEDIATE_DANGER).ok());
  exchange_.Advance(absl::Milliseconds(500));
  EXPECT_TRUE(TryPublish().ok());
  EXPECT_FALSE(TryPublish().ok());
}

TEST_F(SenderQuotaTest, WhoseMessageWaitsTooLongPublishesNoMore) {
  LimitTo([](v1::SenderQuota* quota) {
    *quota->mutable_max_unsettled_age() = ToProto(absl::Minutes(2));
  });
  EXPECT_TRUE(TryPublish().ok());
  exchange_.Advance(absl::Minutes(2));
  EXPECT_TRUE(TryPublish().ok());
  exchange_.Advance(absl::Seconds(2));
  ExpectLimit(TryPublish(), "sender_quota.max_unsettled_age", absl::Minutes(1));
  EXPECT_TRUE(exchange_.Ack(exchange_.Consume(kIntake)->Next()).ok());
  EXPECT_TRUE(TryPublish().ok());
}

TEST_F(SenderQuotaTest, AnAgencysOwnQuotaTakesThePlaceOfTheGeneralOne) {
  LimitTo([this](v1::SenderQuota* quota) {
    quota->set_max_unsettled_messages(1);
    for (v1::AgencyConfig& agency : *exchange_.config.mutable_agencies()) {
      if (agency.agency().code() == "RX1RA") {
        agency.mutable_sender_quota()->set_max_unsettled_messages(3);
      }
    }
  });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(TryPublish().ok());
  EXPECT_FALSE(TryPublish().ok());
}

TEST_F(SenderQuotaTest, AFaultyQuotaIsRefusedWithItsPath) {
  exchange_.config.mutable_limits()
      ->mutable_sender_quota()
      ->set_max_unsettled_bytes(-1);
  *exchange_.config.mutable_agencies(0)
       ->mutable_sender_quota()
       ->mutable_max_unsettled_age() = ToProto(absl::Seconds(1));
  Faults faults;
  EXPECT_FALSE(Directory::Create(exchange_.config, &faults).ok() &&
               faults.empty());
  EXPECT_THAT(
      faults.ToStatus().message(),
      testing::AllOf(HasSubstr("limits.sender_quota"),
                     HasSubstr("agencies[0].sender_quota.max_unsettled_age")));
}

// --- Consumers.

TEST_F(ExchangeTest, AnExclusiveConsumerIsAlone) {
  const auto alone =
      exchange_.Consume(kIntake, {.name = "a", .exclusive = true});
  const auto other = exchange_.Consume(kIntake, {.name = "b"});
  EXPECT_EQ(other->ended.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(other->ended.message(), HasSubstr("exclusively by consumer a"));
  exchange_.Publish("one");
  EXPECT_THAT(alone->TakeTexts(), ElementsAre("one"));
  // Its own next stream takes its place.
  const auto again =
      exchange_.Consume(kIntake, {.name = "a", .exclusive = true});
  EXPECT_TRUE(again->ended.ok()) << again->ended;
  exchange_.Unsubscribe(*again);
  const auto late = exchange_.Consume(kIntake, {.name = "b"});
  EXPECT_TRUE(late->ended.ok());
  const auto refused =
      exchange_.Consume(kIntake, {.name = "c", .exclusive = true});
  EXPECT_THAT(refused->ended.message(), HasSubstr("cannot be consumed"));
}

TEST_F(ExchangeTest, AConsumerThatIsReplacedIsTold) {
  const auto first = exchange_.Consume(kIntake, {.name = "a"});
  exchange_.Consume(kIntake, {.name = "a"});
  ASSERT_THAT(first->notices, SizeIs(1));
  EXPECT_EQ(first->notices[0].code(), v1::NOTICE_CODE_REPLACED);
  EXPECT_EQ(ReasonOf(first->ended), "CONSUMER_REPLACED");
}

TEST_F(ExchangeTest, AStreamThatIsReplacedHearsFirstWhatItSettled) {
  const auto first = exchange_.Consume(kIntake, {.name = "a"});
  exchange_.Publish("one");
  std::vector<Command> commands;
  bool ended_before = true;
  commands.push_back(SettleCommand{
      .caller = CouncilCaller(),
      .kind = SettleKind::kAcknowledge,
      .queue = kIntake,
      .ack_ids = {first->Next().ack_id()},
      .reason = "",
      .duration = std::nullopt,
      .done = [&](const auto&) { ended_before = !first->ended.ok(); }});
  commands.push_back(SubscribeCommand{
      .caller = CouncilCaller(),
      .queue = kIntake,
      .consumer = {.id = first->id + 100,
                   .name = "a",
                   .max_messages = 10,
                   .max_bytes = 1 << 20,
                   .ack_deadline = absl::Seconds(60)},
      .sink = std::make_shared<TestConsumer>(first->id + 100, kIntake)});
  exchange_.Step(std::move(commands));
  EXPECT_FALSE(ended_before);
  EXPECT_EQ(ReasonOf(first->ended), "CONSUMER_REPLACED");
}

// Complaint of others' users: a consumer that silently gets nothing.
TEST_F(ExchangeTest, AStalledConsumerIsToldWhyBeforeItsStreamEnds) {
  const auto stuck = exchange_.Consume(kIntake, {.name = "stuck", .credit = 2});
  for (const char* text : {"a", "b", "c"}) exchange_.Publish(text);
  const std::vector<v1::ReceivedMessage> held = stuck->TakeAll();
  ASSERT_THAT(held, SizeIs(2));
  exchange_.Advance(absl::Seconds(60));
  ASSERT_THAT(stuck->notices, SizeIs(1));
  EXPECT_EQ(stuck->notices[0].code(), v1::NOTICE_CODE_LEASES_EXPIRED);
  EXPECT_THAT(stuck->notices[0].ack_ids(),
              ElementsAre(held[0].ack_id(), held[1].ack_id()));
  EXPECT_TRUE(stuck->ended.ok());
  exchange_.Advance(absl::Seconds(60));
  ASSERT_THAT(stuck->notices, SizeIs(3));
  EXPECT_EQ(stuck->notices[2].code(), v1::NOTICE_CODE_STALLED);
  EXPECT_EQ(ReasonOf(stuck->ended), "CONSUMER_STALLED");
  const auto other = exchange_.Consume(kIntake, {.name = "other"});
  EXPECT_THAT(other->TakeTexts(), ElementsAre("a", "b", "c"));
}

// Leases that began a moment apart are lost a moment apart: one round.
TEST_F(ExchangeTest, LeasesLostAMomentApartAreOneRound) {
  const auto slow = exchange_.Consume(kIntake, {.name = "slow"});
  for (int i = 0; i < 3; ++i) {
    exchange_.Publish("a");
    exchange_.Advance(kSecond);
  }
  exchange_.Advance(absl::Seconds(57));
  EXPECT_TRUE(slow->ended.ok()) << slow->ended;
  exchange_.Advance(kSecond);
  exchange_.Advance(kSecond);
  EXPECT_THAT(slow->notices, SizeIs(3));
  EXPECT_TRUE(slow->ended.ok()) << slow->ended;
}

TEST_F(ExchangeTest, AttemptsAreKnownAfterTheAcknowledgement) {
  const auto consumer = exchange_.Consume(kIntake, {.name = "mash-1"});
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  EXPECT_TRUE(
      exchange_.Nack(consumer->Next(), "full", absl::ZeroDuration()).ok());
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  for (const bool restarted : {false, true}) {
    if (restarted) exchange_.Restart();
    const v1::DeliveryRecord settled = SettledOnDisk(receipt);
    EXPECT_EQ(settled.state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
    EXPECT_EQ(settled.delivery_attempt(), 2);
    ASSERT_EQ(settled.attempts_size(), 1);
    EXPECT_EQ(settled.attempts(0).reason(), "full");
  }
}

TEST_F(ExchangeTest, AConsumerThatSettlesSomethingIsNotStalled) {
  const auto slow = exchange_.Consume(kIntake, {.name = "slow", .credit = 2});
  for (int i = 0; i < 8; ++i) exchange_.Publish("a");
  for (int round = 0; round < 5; ++round) {
    EXPECT_TRUE(exchange_.Ack(slow->TakeAll().back()).ok());
    exchange_.Advance(absl::Seconds(60));
  }
  EXPECT_TRUE(slow->ended.ok()) << slow->ended;
}

// --- Acknowledge and publish.

class AcknowledgeAndPublishTest : public ExchangeTest {
 protected:
  AcknowledgeAndPublishCommand::Result Do(std::vector<std::string> ack_ids,
                                          const v1::Message& message) {
    AcknowledgeAndPublishCommand::Result answer;
    AcknowledgeAndPublishCommand command;
    command.caller = CouncilCaller();
    command.queue = kIntake;
    command.ack_ids = std::move(ack_ids);
    *command.request.add_messages() = message;
    command.done =
        [&answer](absl::StatusOr<AcknowledgeAndPublishCommand::Result> result) {
          answer = *std::move(result);
        };
    std::vector<Command> commands;
    commands.push_back(std::move(command));
    exchange_.Step(std::move(commands));
    return answer;
  }
};

TEST_F(AcknowledgeAndPublishTest, BothHappenInOneCommitOrNeither) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  const std::string lease = consumer->Next().ack_id();
  const v1::Message reply = TextMessage("b");

  const uint64_t sequence = exchange_.Head().last_sequence();
  const auto refused = Do({lease, "a-77-1"}, reply);
  EXPECT_TRUE(refused.settled.statuses.at(0).ok());
  EXPECT_EQ(refused.settled.statuses.at(1).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(exchange_.Head().last_sequence(), sequence);
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_LEASED);

  v1::Message wrong = reply;
  wrong.set_conversation_id("c-zzzz");
  EXPECT_FALSE(Do({lease}, wrong).published.ok());
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_LEASED);

  const uint64_t commit = exchange_.Head().commit();
  const auto done = Do({lease, lease}, reply);
  ASSERT_TRUE(done.published.ok()) << done.published.status();
  EXPECT_EQ(exchange_.Head().commit(), commit + 1);
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_ACKNOWLEDGED);

  const auto repeat = Do({lease}, reply);
  ASSERT_TRUE(repeat.published.ok()) << repeat.published.status();
  EXPECT_TRUE(repeat.published->receipts(0).repeat());
  EXPECT_EQ(repeat.published->receipts(0).message_id(),
            done.published->receipts(0).message_id());
}

TEST_F(AcknowledgeAndPublishTest, OneLeaseThatIsNotHeldHoldsBackEverything) {
  const auto consumer = exchange_.Consume(kIntake);
  std::vector<v1::PublishReceipt> receipts;
  for (const char* text : {"a", "b", "c"}) {
    receipts.push_back(exchange_.Publish(text));
  }
  const std::vector<v1::ReceivedMessage> held = consumer->TakeAll();
  ASSERT_THAT(held, SizeIs(3));
  EXPECT_TRUE(exchange_.Nack(held[1], "full", absl::Minutes(5)).ok());

  const v1::Message reply = TextMessage("reply");
  const uint64_t sequence = exchange_.Head().last_sequence();
  const auto refused =
      Do({held[0].ack_id(), held[1].ack_id(), "bad", held[2].ack_id()}, reply);
  ASSERT_THAT(refused.settled.statuses, SizeIs(4));
  EXPECT_TRUE(refused.settled.statuses[0].ok());
  EXPECT_EQ(refused.settled.statuses[1].code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.settled.statuses[1].message()),
              HasSubstr("ended at 2026-01-01T00:00:00.000Z: full"));
  EXPECT_EQ(refused.settled.statuses[2].code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(refused.settled.statuses[3].ok());
  EXPECT_EQ(exchange_.Head().last_sequence(), sequence);
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DELIVERED), IsEmpty());
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DENIED), SizeIs(1));
  for (const int i : {0, 2}) {
    EXPECT_EQ(SettledOnDisk(receipts[i]).state(), v1::DELIVERY_STATE_LEASED);
  }

  const auto done = Do({held[0].ack_id(), held[2].ack_id()}, reply);
  ASSERT_TRUE(done.published.ok()) << done.published.status();
  EXPECT_FALSE(done.published->receipts(0).repeat());
  for (const int i : {0, 2}) {
    EXPECT_EQ(SettledOnDisk(receipts[i]).state(),
              v1::DELIVERY_STATE_ACKNOWLEDGED);
  }
}

TEST_F(AcknowledgeAndPublishTest, WhatWasSettledOtherwiseHoldsBackEverything) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  exchange_.Publish("b");
  const std::string lease = consumer->Next().ack_id();
  EXPECT_TRUE(exchange_.Reject(consumer->Next(), "cannot be read").ok());
  const uint64_t sequence = exchange_.Head().last_sequence();
  const auto refused =
      Do({lease, FormatAckId({sequence, 1})}, TextMessage("reply"));
  ASSERT_THAT(refused.settled.statuses, SizeIs(2));
  EXPECT_THAT(std::string(refused.settled.statuses[1].message()),
              HasSubstr("settled as DELIVERY_STATE_DEAD_LETTERED"));
  EXPECT_EQ(exchange_.Head().last_sequence(), sequence);
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_LEASED);
}

// --- Streams of messages.

TEST_F(ExchangeTest, MessagesOfAStreamAreDecidedOneByOne) {
  PublishEachCommand command;
  command.sender = HospitalCaller();
  v1::Message lost = TextMessage("lost");
  lost.set_conversation_id("c-zzzz");
  for (const v1::Message& message :
       {TextMessage("a"), lost, TextMessage("b"), TextMessage("c")}) {
    *command.request.add_messages() = message;
    command.refusals.push_back(absl::OkStatus());
  }
  command.refusals[2] = absl::InvalidArgumentError("a fault");
  v1::StreamingPublishResponse response;
  command.done = [&](absl::StatusOr<v1::StreamingPublishResponse> results) {
    response = *std::move(results);
  };
  std::vector<Command> commands;
  commands.push_back(std::move(command));
  exchange_.Step(std::move(commands));
  ASSERT_EQ(response.results_size(), 4);
  EXPECT_TRUE(response.results(0).has_receipt());
  EXPECT_EQ(response.results(1).refusal().code(),
            static_cast<int>(absl::StatusCode::kNotFound));
  EXPECT_EQ(response.results(2).refusal().message(), "a fault");
  EXPECT_TRUE(response.results(3).has_receipt());
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 2u);
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DENIED), SizeIs(2));
}

// --- Messages that join a conversation.

TEST_F(ExchangeTest, MessagesThatJoinAreThereAfterARestart) {
  const v1::PublishReceipt first = exchange_.Publish("a");
  for (int i = 0; i < 5; ++i) {
    v1::Message more = TextMessage("more");
    more.set_conversation_id(first.conversation_id());
    exchange_.Accept(HospitalCaller(), more);
  }
  EXPECT_EQ(exchange_.Conversation(first.conversation_id()).message_count(), 6);
  const auto on_disk = exchange_.Read<v1::ConversationRecord>(
      ConversationKey(ParseConversationId(first.conversation_id()).value()));
  EXPECT_EQ(on_disk->message_sequences_size(), 1) << "written once for many";
  exchange_.Restart();
  exchange_.Step();
  EXPECT_EQ(exchange_.Conversation(first.conversation_id()).message_count(), 6);
}

TEST_F(ExchangeTest, ADamagedRecordOfWhatJoinedStopsTheExchange) {
  const v1::PublishReceipt first = exchange_.Publish("a");
  v1::Message more = TextMessage("more");
  more.set_conversation_id(first.conversation_id());
  exchange_.Accept(HospitalCaller(), more);
  const std::string key = JoinedKey(exchange_.Head().commit());
  const auto joined = exchange_.Read<v1::JoinedMessages>(key);
  ASSERT_TRUE(joined.has_value());
  v1::JoinedMessages no_sequence = *joined;
  no_sequence.add_conversations(1);
  v1::JoinedMessages no_conversation = *joined;
  no_conversation.add_sequences(1);
  v1::JoinedMessages of_nothing = *joined;
  of_nothing.set_conversations(0, 77);
  for (const std::string& bytes :
       {std::string("\xff"), no_sequence.SerializeAsString(),
        no_conversation.SerializeAsString(), of_nothing.SerializeAsString()}) {
    SCOPED_TRACE(testing::PrintToString(bytes));
    exchange_.Damage(key, bytes);
    EXPECT_EQ(exchange_.Reopen().code(), absl::StatusCode::kDataLoss);
  }
  exchange_.Damage(key, joined->SerializeAsString());
  exchange_.Restart();
  EXPECT_EQ(exchange_.Conversation(first.conversation_id()).message_count(), 2);
}

TEST_F(ExchangeTest, RecordsOfConversationsAreWrittenInTheEnd) {
  exchange_.config.mutable_limits()->set_max_conversation_messages(1 << 20);
  exchange_.Restart();
  const v1::PublishReceipt first = exchange_.Publish("a");
  constexpr int kRequests = Ledger::kMaxUnwrittenMessages / 64 + 1;
  for (int i = 0; i < kRequests; ++i) {
    v1::PublishRequest request;
    for (int j = 0; j < 64; ++j) {
      *request.add_messages() = TextMessage("more");
      request.mutable_messages(j)->set_conversation_id(first.conversation_id());
    }
    ASSERT_TRUE(exchange_.Publish(HospitalCaller(), request).ok());
  }
  const auto record = exchange_.Read<v1::ConversationRecord>(
      ConversationKey(ParseConversationId(first.conversation_id()).value()));
  EXPECT_GT(record->message_sequences_size(), 8000);
  exchange_.Restart();
  exchange_.Step();
  EXPECT_EQ(exchange_.Conversation(first.conversation_id()).message_count(),
            1 + 64 * kRequests);
}

TEST_F(ExchangeTest, RedeliversAfterTheLeaseExpires) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  EXPECT_EQ(consumer->Next().delivery_attempt(), 1);
  exchange_.Advance(absl::Seconds(59));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  exchange_.Advance(kSecond);
  EXPECT_EQ(consumer->Next().delivery_attempt(), 2);
}

TEST_F(ExchangeTest, ALateAcknowledgementSaysWhenTheLeaseEnded) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage late = consumer->Next();
  exchange_.Advance(absl::Seconds(60));
  const absl::Status status = exchange_.Ack(late);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("ended at 2026-01-01T00:01:00.000Z"));
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
}

TEST_F(ExchangeTest, ALateAcknowledgementOfASettledMessageSaysWhen) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage late = consumer->Next();
  exchange_.Advance(absl::Seconds(60));
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  const absl::Status status = exchange_.Ack(late);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("DELIVERY_STATE_ACKNOWLEDGED at 2026-01-01T00:01:00"));
}

TEST_F(ExchangeTest, ARepeatedAcknowledgementIsAnsweredAgain) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage message = consumer->Next();
  EXPECT_TRUE(exchange_.Ack(message).ok());
  EXPECT_TRUE(exchange_.Ack(message).ok());
  exchange_.Restart();
  EXPECT_TRUE(exchange_.Ack(message).ok());
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DELIVERED), SizeIs(1));
}

TEST_F(ExchangeTest, ANackOfWhatIsAcknowledgedIsTooLate) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage message = consumer->Next();
  EXPECT_TRUE(exchange_.Ack(message).ok());
  EXPECT_EQ(exchange_.Nack(message).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ExchangeTest, AnAcknowledgementOnAQueueThatIsNotThereIsNotFound) {
  EXPECT_EQ(exchange_.Ack("a-1-1", "council/E06000018/nowhere").code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ExchangeTest, AnAcknowledgementOfALeaseThatNeverWasIsNotFound) {
  EXPECT_EQ(exchange_.Ack("a-77-1").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(exchange_.Ack("nonsense").code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ExchangeTest, ALeaseOfOneQueueSettlesNothingOnAnother) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage message = consumer->Next();
  EXPECT_EQ(exchange_.Ack(message, kDuty).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(exchange_.Ack(message).ok());
}

TEST_F(ExchangeTest, EachCopyOfAMessageIsSettledForItself) {
  const auto intake = exchange_.Consume(kIntake);
  const auto duty = exchange_.Consume(kDuty);
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), WithCopyToDuty());
  const v1::ReceivedMessage one = intake->Next();
  const v1::ReceivedMessage other = duty->Next();
  const auto rejected = exchange_.Settle({.caller = CouncilCaller(),
                                          .kind = SettleKind::kReject,
                                          .queue = kDuty,
                                          .ack_ids = {other.ack_id()},
                                          .reason = "cannot be read",
                                          .duration = std::nullopt,
                                          .done = nullptr});
  ASSERT_TRUE(rejected.ok() && rejected->statuses[0].ok());
  EXPECT_TRUE(exchange_.Ack(one).ok());
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
  EXPECT_EQ(exchange_.CopyOnDisk(kDuty, receipt).state(),
            v1::DELIVERY_STATE_DEAD_LETTERED);
}

TEST_F(ExchangeTest, OneFullQueueRefusesEveryCopy) {
  for (v1::DeskConfig& desk :
       *exchange_.config.mutable_agencies(0)->mutable_desks()) {
    if (desk.name() == "duty") desk.set_max_messages(1);
  }
  exchange_.Restart();
  exchange_.Accept(HospitalCaller(), WithCopyToDuty());
  const v1::Message message = WithCopyToDuty();
  ExpectLimit(exchange_.Publish(HospitalCaller(), message).status(),
              "max_messages", absl::Seconds(30));
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeAll(), SizeIs(1));
  EXPECT_TRUE(exchange_.Ack(exchange_.Consume(kDuty)->Next(), kDuty).ok());
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  EXPECT_FALSE(receipt.repeat());
}

TEST_F(ExchangeTest, SettlesTheValidIdsOfARequestWithOthers) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  const auto result =
      exchange_.Settle({.caller = CouncilCaller(),
                        .kind = SettleKind::kAcknowledge,
                        .queue = kIntake,
                        .ack_ids = {"a-zz-1", consumer->Next().ack_id(), "bad"},
                        .reason = "",
                        .duration = std::nullopt,
                        .done = nullptr});
  ASSERT_TRUE(result.ok());
  ASSERT_THAT(result->statuses, SizeIs(3));
  EXPECT_EQ(result->statuses[0].code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(result->statuses[1].ok());
  EXPECT_EQ(result->statuses[2].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
}

// --- Dead letters.

TEST_F(ExchangeTest, DeadLettersAfterTheLastAttemptAndKeepsAllOfThem) {
  IntakeDesk()->set_max_delivery_attempts(3);
  exchange_.Restart();
  const auto one = exchange_.Consume(kIntake, {.name = "one"});
  const v1::PublishReceipt receipt = exchange_.Publish("a", "key");
  exchange_.Publish("b", "key");
  const absl::Time start = exchange_.clock().Now().wall;
  EXPECT_TRUE(exchange_.Nack(one->Next(), "full", kSecond).ok());
  exchange_.Unsubscribe(*one);
  const auto consumer = exchange_.Consume(kIntake, {.name = "two"});
  exchange_.Advance(kSecond);
  consumer->Next();
  exchange_.Advance(absl::Seconds(60));
  EXPECT_TRUE(exchange_.Nack(consumer->Next(), "still full", kSecond).ok());

  const v1::DeliveryRecord dead = SettledOnDisk(receipt);
  EXPECT_EQ(dead.state(), v1::DELIVERY_STATE_DEAD_LETTERED);
  EXPECT_THAT(dead.reason(), HasSubstr("3 attempts; the last: still full"));
  ASSERT_EQ(dead.attempts_size(), 3);
  EXPECT_EQ(dead.attempts(0).reason(), "full");
  EXPECT_EQ(dead.attempts(1).reason(), "");
  EXPECT_EQ(dead.attempts(2).reason(), "still full");
  const struct {
    const char* consumer;
    absl::Duration ended;
  } expected[] = {{"one", absl::ZeroDuration()},
                  {"two", absl::Seconds(61)},
                  {"two", absl::Seconds(61)}};
  for (int i = 0; i < 3; ++i) {
    const auto& attempt = dead.attempts(i);
    EXPECT_EQ(attempt.consumer(), expected[i].consumer) << i;
    EXPECT_EQ(attempt.delivery_attempt(), i + 1);
    EXPECT_EQ(absl::FromUnixMicros(attempt.end_time_micros()),
              start + expected[i].ended)
        << i;
  }
  EXPECT_TRUE(IsDeadLetter(receipt));
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DEAD_LETTERED), SizeIs(1));
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("b")) << "the key is released";
}

TEST_F(ExchangeTest, RejectedMessagesAreDeadLettersAtOnce) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt = exchange_.Publish("a", "key");
  exchange_.Publish("b", "key");
  EXPECT_TRUE(exchange_.Reject(consumer->Next(), "cannot be read").ok());
  const v1::DeliveryRecord dead = SettledOnDisk(receipt);
  EXPECT_EQ(dead.state(), v1::DELIVERY_STATE_DEAD_LETTERED);
  EXPECT_EQ(dead.reason(), "cannot be read");
  EXPECT_EQ(dead.attempts_size(), 1);
  EXPECT_TRUE(IsDeadLetter(receipt));
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("b"));
}

TEST_F(ExchangeTest, ExpiredMessagesAreDeadLettersToo) {
  v1::Message message = TextMessage("a");
  *message.mutable_expire_time() =
      ToProto(exchange_.clock().Now().wall + absl::Minutes(5));
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  exchange_.Advance(absl::Minutes(5));
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_EXPIRED);
  EXPECT_TRUE(IsDeadLetter(receipt));
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_EXPIRED), SizeIs(1));
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeAll(), IsEmpty());
}

TEST_F(ExchangeTest, AMessageThatExpiresWhileLeasedCanStillBeAcknowledged) {
  const auto consumer = exchange_.Consume(kIntake);
  v1::Message message = TextMessage("a");
  *message.mutable_expire_time() =
      ToProto(exchange_.clock().Now().wall + absl::Seconds(5));
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  exchange_.Advance(absl::Seconds(6));
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
}

TEST_F(ExchangeTest, AMessageThatExpiredWhileLeasedIsNotDeliveredAgain) {
  const auto consumer = exchange_.Consume(kIntake);
  v1::Message message = TextMessage("a");
  *message.mutable_expire_time() =
      ToProto(exchange_.clock().Now().wall + absl::Seconds(5));
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  consumer->Next();
  exchange_.Advance(absl::Seconds(60));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_EXPIRED);
}

TEST_F(ExchangeTest, DeliversNothingBeforeItsDeliverTime) {
  const auto consumer = exchange_.Consume(kIntake);
  v1::Message message = TextMessage("later");
  *message.mutable_deliver_time() =
      ToProto(exchange_.clock().Now().wall + absl::Hours(2));
  exchange_.Accept(HospitalCaller(), message);
  exchange_.Publish("now");
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("now"));
  exchange_.Restart();
  const auto next = exchange_.Consume(kIntake);
  exchange_.Advance(absl::Hours(2) - kSecond);
  EXPECT_THAT(next->TakeTexts(), ElementsAre("now"));  // Never acknowledged.
  exchange_.Advance(kSecond);
  EXPECT_THAT(next->TakeTexts(), Contains("later"));
}

TEST_F(ExchangeTest, DeliversAtTheEndOfAChildhood) {
  v1::Message message = TextMessage("turns 18");
  *message.mutable_deliver_time() = ToProto(
      exchange_.clock().Now().wall + PublishLimits::kDefaultDeliverAhead);
  exchange_.Accept(HospitalCaller(), message);
  exchange_.Advance(PublishLimits::kDefaultDeliverAhead / 2);
  exchange_.Restart();
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Advance(PublishLimits::kDefaultDeliverAhead / 2 - kSecond);
  EXPECT_THAT(consumer->TakeTexts(), IsEmpty());
  exchange_.Advance(kSecond);
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("turns 18"));
}

// --- Leases.

TEST_F(ExchangeTest, AnExtendedLeaseKeepsItsId) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage message = consumer->Next();
  exchange_.Advance(absl::Seconds(50));
  EXPECT_TRUE(exchange_.ModifyDeadline(message, absl::Seconds(100)).ok());
  exchange_.Advance(absl::Seconds(99));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(message).ok());
}

TEST_F(ExchangeTest, AShortenedLeaseEndsEarlier) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  EXPECT_TRUE(
      exchange_.ModifyDeadline(consumer->Next(), absl::Seconds(10)).ok());
  exchange_.Advance(absl::Seconds(10));
  EXPECT_EQ(consumer->Next().delivery_attempt(), 2);
}

TEST_F(ExchangeTest, HandsOutNoMoreThanTheCreditInMessages) {
  const auto consumer = exchange_.Consume(kIntake, {.credit = 2});
  for (const char* text : {"a", "b", "c", "d"}) exchange_.Publish(text);
  const std::vector<v1::ReceivedMessage> held = consumer->TakeAll();
  ASSERT_THAT(held, SizeIs(2));
  EXPECT_TRUE(exchange_.Ack(held[0]).ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("c"));
  exchange_.Grant(*consumer, 3, 0);
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("d"));
}

TEST_F(ExchangeTest, ANackedMessageUsesUpNoCredit) {
  const auto consumer = exchange_.Consume(kIntake, {.credit = 1});
  exchange_.Publish("a");
  exchange_.Publish("b");
  EXPECT_TRUE(exchange_.Nack(consumer->Next(), "later", absl::Minutes(5)).ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("b"));
}

TEST_F(ExchangeTest, HandsOutNoMoreThanTheCreditInBytes) {
  const auto consumer = exchange_.Consume(kIntake, {.bytes = 5000});
  const std::string two_thousand(2000, 'x');
  for (int i = 0; i < 3; ++i) exchange_.Publish(two_thousand);
  const std::vector<v1::ReceivedMessage> held = consumer->TakeAll();
  ASSERT_THAT(held, SizeIs(2));
  EXPECT_TRUE(exchange_.Ack(held[0]).ok());
  EXPECT_THAT(consumer->TakeAll(), SizeIs(1));
}

TEST_F(ExchangeTest, OneMessageLargerThanTheCreditStillFlows) {
  const auto consumer = exchange_.Consume(kIntake, {.bytes = 1000});
  exchange_.Publish(std::string(200 << 10, 'x'));
  exchange_.Publish("small");
  const v1::ReceivedMessage huge = consumer->Next();
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(huge).ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("small"));
}

TEST_F(ExchangeTest, ServesConsumersInTurn) {
  const auto one = exchange_.Consume(kIntake);
  const auto two = exchange_.Consume(kIntake);
  for (const char* text : {"a", "b", "c", "d"}) exchange_.Publish(text);
  EXPECT_THAT(one->TakeTexts(), ElementsAre("a", "c"));
  EXPECT_THAT(two->TakeTexts(), ElementsAre("b", "d"));
}

TEST_F(ExchangeTest, HandsOutMoreThanOneDispatchWithoutBeingAsked) {
  const size_t count = Queue::kMaxDispatch + 100;
  const auto consumer = exchange_.Consume(kIntake, {.credit = 4096});
  v1::PublishRequest request;
  std::vector<Command> commands;
  for (size_t i = 0; i < count; ++i) {
    *request.add_messages() = TextMessage(absl::StrCat(i));
    if (request.messages_size() == 64 || i + 1 == count) {
      commands.push_back(
          PublishCommand{HospitalCaller(), request, [](const auto&) {}});
      request.clear_messages();
    }
  }
  exchange_.Step(std::move(commands));
  EXPECT_THAT(consumer->TakeTexts(), SizeIs(count));
}

TEST_F(ExchangeTest, AStreamGetsInPartsWhatACallGetsAtOnce) {
  std::vector<std::string> texts;
  for (int i = 0; i < 64; ++i) texts.push_back(absl::StrCat(i));
  for (const std::string& text : texts) exchange_.Publish(text);
  const auto stream = exchange_.Consume(kIntake, {.credit = 64});
  EXPECT_EQ(stream->calls, 2);
  EXPECT_THAT(stream->TakeTexts(), ElementsAreArray(texts));
  exchange_.Unsubscribe(*stream);
  for (const std::string& text : texts) exchange_.Publish(text);
  const auto call = exchange_.Consume(kIntake, {.credit = 64, .once = true});
  EXPECT_EQ(call->calls, 1);
  EXPECT_THAT(call->TakeTexts(), ElementsAreArray(texts));
}

TEST_F(ExchangeTest, ANewStreamOfTheSameNameTakesTheLeasesOverAtOnce) {
  const auto one = exchange_.Consume(kIntake, {.name = "mash-1"});
  exchange_.Publish("a");
  const v1::ReceivedMessage first = one->Next();
  const auto two = exchange_.Consume(kIntake, {.name = "mash-1"});
  const v1::ReceivedMessage again = two->Next();
  EXPECT_EQ(TextOf(again.message()), "a");
  EXPECT_EQ(again.delivery_attempt(), 2);
  EXPECT_EQ(exchange_.Ack(first).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(exchange_.Ack(again).ok());
}

TEST_F(ExchangeTest, AReplacedStreamGetsNothingMore) {
  const auto one = exchange_.Consume(kIntake, {.name = "mash-1"});
  for (const char* text : {"a", "b", "c", "d"}) exchange_.Publish(text);
  EXPECT_THAT(one->TakeAll(), SizeIs(4));
  const auto two = exchange_.Consume(kIntake, {.name = "mash-1"});
  exchange_.Publish("e");
  EXPECT_THAT(two->TakeTexts(), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_THAT(one->TakeAll(), IsEmpty());
  exchange_.Unsubscribe(*one);
  exchange_.Publish("f");
  EXPECT_THAT(two->TakeTexts(), ElementsAre("f"));
}

TEST_F(ExchangeTest, AStreamOfAnotherOrNoNameTakesNothingOver) {
  const auto one = exchange_.Consume(kIntake, {.name = "mash-1"});
  exchange_.Publish("a");
  const v1::ReceivedMessage first = one->Next();
  EXPECT_THAT(exchange_.Consume(kIntake, {.name = "mash-2"})->TakeAll(),
              IsEmpty());
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(first).ok());
}

TEST_F(ExchangeTest, UnnamedStreamsTakeNothingOverFromEachOther) {
  const auto one = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  const v1::ReceivedMessage first = one->Next();
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(first).ok());
}

TEST_F(ExchangeTest, LeasesOutliveTheirStream) {
  const auto one = exchange_.Consume(kIntake, {.name = "mash-1"});
  exchange_.Publish("a");
  const v1::ReceivedMessage first = one->Next();
  exchange_.Unsubscribe(*one);
  const auto two = exchange_.Consume(kIntake, {.name = "mash-2"});
  exchange_.Advance(absl::Seconds(59));
  EXPECT_THAT(two->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(first).ok());
}

TEST_F(ExchangeTest, APullThatDoesNotWaitIsAnsweredAtOnce) {
  const auto empty = exchange_.Consume(kIntake, {.once = true, .wait = false});
  EXPECT_EQ(empty->calls, 1);
  EXPECT_THAT(empty->TakeAll(), IsEmpty());
  for (const char* text : {"a", "b", "c"}) exchange_.Publish(text);
  const auto two =
      exchange_.Consume(kIntake, {.credit = 2, .once = true, .wait = false});
  EXPECT_EQ(two->calls, 1);
  EXPECT_THAT(two->TakeTexts(), ElementsAre("a", "b"));
  exchange_.Publish("d");
  EXPECT_EQ(two->calls, 1);
}

TEST_F(ExchangeTest, APullThatDoesNotWaitGetsNothingThatExpiredJustNow) {
  v1::Message message = TextMessage("a");
  *message.mutable_expire_time() =
      ToProto(exchange_.clock().Now().wall + absl::Minutes(1));
  exchange_.Accept(HospitalCaller(), message);
  exchange_.clock().Advance(absl::Minutes(1));
  const auto pull = exchange_.Consume(kIntake, {.once = true, .wait = false});
  EXPECT_EQ(pull->calls, 1);
  EXPECT_THAT(pull->TakeAll(), IsEmpty());
}

TEST_F(ExchangeTest, APullThatWaitsEndsWithItsFirstDelivery) {
  const auto pull = exchange_.Consume(kIntake, {.once = true});
  EXPECT_EQ(pull->calls, 0);
  exchange_.Publish("a");
  exchange_.Publish("b");
  EXPECT_EQ(pull->calls, 1);
  EXPECT_THAT(pull->TakeTexts(), ElementsAre("a"));
}

// --- Restart.

TEST_F(ExchangeTest, KeepsEverythingAcrossARestart) {
  const auto consumer = exchange_.Consume(kIntake, {.credit = 1});
  for (const char* text : {"a", "b", "c"}) exchange_.Publish(text);
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  const v1::QueueRecord before = exchange_.QueueOnDisk(kIntake);
  EXPECT_EQ(before.message_count(), 2u);
  exchange_.Restart();
  exchange_.Step();
  exchange_.Advance(absl::Seconds(60));
  const auto next = exchange_.Consume(kIntake);
  EXPECT_THAT(next->TakeTexts(), ElementsAre("b", "c"));
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 2u);
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).total_bytes(), before.total_bytes());
}

TEST_F(ExchangeTest, LeasesGetTheirFullDeadlineAgainAfterARestart) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  exchange_.Advance(absl::Seconds(59));
  exchange_.Restart();
  exchange_.Step();
  const auto next = exchange_.Consume(kIntake);
  exchange_.Advance(absl::Seconds(59));
  EXPECT_THAT(next->TakeAll(), IsEmpty());
  exchange_.Advance(kSecond);
  EXPECT_EQ(next->Next().delivery_attempt(), 2);
}

TEST_F(ExchangeTest, AnAcknowledgementFromBeforeARestartStillHolds) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  const v1::ReceivedMessage message = consumer->Next();
  exchange_.Restart();
  EXPECT_TRUE(exchange_.Ack(message).ok());
  EXPECT_EQ(SettledOnDisk(receipt).state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
}

TEST_F(ExchangeTest, AReconnectedConsumerTakesItsLeasesOverAfterARestart) {
  exchange_.Consume(kIntake, {.name = "mash-1"});
  exchange_.Publish("a");
  exchange_.Restart();
  const auto back = exchange_.Consume(kIntake, {.name = "mash-1"});
  EXPECT_EQ(back->Next().delivery_attempt(), 2);
}

TEST_F(ExchangeTest, SettlesEveryLeaseAfterARestart) {
  exchange_.Restart();
  const auto consumer = exchange_.Consume(kIntake, {.name = "mash-1"});
  for (int i = 0; i < 20; ++i) exchange_.Publish(absl::StrCat(i));
  const std::vector<v1::ReceivedMessage> held = consumer->TakeAll();
  ASSERT_THAT(held, SizeIs(20));
  exchange_.Unsubscribe(*consumer);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(exchange_.Nack(held[i], "", absl::ZeroDuration()).ok());
  }
  exchange_.Restart();
  exchange_.Step();
  EXPECT_TRUE(exchange_.Ack(held[15]).ok());
  EXPECT_TRUE(exchange_.Ack(held[15]).ok());
  EXPECT_TRUE(exchange_.Nack(held[16], "", absl::ZeroDuration()).ok());
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 19u);
  const auto back = exchange_.Consume(kIntake, {.name = "mash-1"});
  std::vector<std::string> texts = back->TakeTexts();
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  EXPECT_THAT(texts, SizeIs(19));
}

TEST_F(ExchangeTest, AnAcknowledgementRepeatedAfterItsCopyWasFoldedIsOk) {
  const auto consumer = exchange_.Consume(kIntake, {.credit = 4096});
  const v1::PublishReceipt first = exchange_.Publish("first");
  const v1::ReceivedMessage message = consumer->Next();
  EXPECT_TRUE(exchange_.Ack(message).ok());
  const size_t folded =
      QueuePolicy().max_log_records * Queue::kUnfoldedPerRecord;
  for (size_t i = 0; i < folded; i += 64) {
    v1::PublishRequest request;
    for (int j = 0; j < 64; ++j) *request.add_messages() = TextMessage("a");
    ASSERT_TRUE(exchange_.Publish(HospitalCaller(), request).ok());
    for (const v1::ReceivedMessage& each : consumer->TakeAll()) {
      ASSERT_TRUE(exchange_.Ack(each).ok());
    }
  }
  EXPECT_TRUE(exchange_.Read<v1::QueueRecord>(QueueKey(kIntake)).has_value());
  EXPECT_TRUE(exchange_.Ack(message).ok());
  EXPECT_EQ(exchange_.Nack(message).code(),
            absl::StatusCode::kFailedPrecondition);
  exchange_.Restart();
  EXPECT_TRUE(exchange_.Ack(message).ok());
  EXPECT_EQ(SettledOnDisk(first).state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
}

// Of what was settled and folded nothing is read again.
TEST_F(ExchangeTest, ReadsOnlyRecordsThatCountAfterARestart) {
  const auto consumer = exchange_.Consume(kIntake, {.credit = 4096});
  for (size_t i = 0; i < 2 * QueuePolicy().max_log_records; ++i) {
    exchange_.Publish("a");
    ASSERT_TRUE(exchange_.Ack(consumer->Next()).ok());
  }
  exchange_.Restart();
  const auto record = exchange_.Read<v1::QueueRecord>(QueueKey(kIntake));
  ASSERT_TRUE(record.has_value());
  EXPECT_GT(record->first_commit(), QueuePolicy().max_log_records);
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 0u);
  const auto left = exchange_.Scan(QueueChangesBetween(kIntake, 0, UINT64_MAX));
  EXPECT_THAT(left, SizeIs(testing::Le(QueuePolicy().max_log_records)));
  ASSERT_FALSE(left.empty());
  EXPECT_GE(left[0].key, QueueChangesKey(kIntake, record->first_commit()));
}

TEST_F(ExchangeTest, WritesNothingWhenThereIsNothingToDo) {
  exchange_.Step();  // Writes that it started.
  const uint64_t commit = exchange_.Head().commit();
  for (int i = 0; i < 5; ++i) exchange_.Advance(kSecond);
  EXPECT_EQ(exchange_.Head().commit(), commit);
}

// --- Limits and the disk.

TEST_F(ExchangeTest, AFullQueueRefusesWithDetails) {
  IntakeDesk()->set_max_messages(2);
  exchange_.Restart();
  exchange_.Publish("a");
  exchange_.Publish("b");
  const absl::Status status =
      exchange_.Publish(HospitalCaller(), TextMessage("c")).status();
  ExpectLimit(status, "max_messages", absl::Seconds(30));
  const auto consumer = exchange_.Consume(kIntake);
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  exchange_.Publish("c");
}

TEST_F(ExchangeTest, AQueueFullInBytesRefuses) {
  IntakeDesk()->set_max_bytes(5000);
  exchange_.Restart();
  exchange_.Publish(std::string(4000, 'x'));
  ExpectLimit(
      exchange_.Publish(HospitalCaller(), TextMessage(std::string(4000, 'x')))
          .status(),
      "max_bytes", absl::Seconds(30));
}

TEST_F(ExchangeTest, ABatchThatDoesNotFitWholeIsRefusedWhole) {
  IntakeDesk()->set_max_messages(2);
  exchange_.Restart();
  v1::PublishRequest request;
  for (int i = 0; i < 3; ++i) *request.add_messages() = TextMessage("a");
  EXPECT_EQ(exchange_.Publish(HospitalCaller(), request).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 0u);
}

TEST_F(ExchangeTest, NothingIsToldWhenTheCommitFails) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.store().on_commit = [](const Batch&) {
    return CommitResult{CommitOutcome::kFenced, absl::AbortedError("fenced")};
  };
  bool answered = false;
  std::vector<Command> commands;
  v1::PublishRequest request;
  *request.add_messages() = TextMessage("a");
  commands.push_back(
      PublishCommand{HospitalCaller(), request,
                     [&answered](const auto&) { answered = true; }});
  EXPECT_FALSE(exchange_.StepOnce(std::move(commands)).ok());
  EXPECT_FALSE(answered);
  EXPECT_EQ(consumer->calls, 0);
}

TEST_F(ExchangeTest, ADamagedQueueRecordStopsTheExchange) {
  exchange_.Publish("a");
  const uint64_t commit = exchange_.Head().commit();
  exchange_.Damage(QueueChangesKey(kIntake, commit), "\xff");
  EXPECT_EQ(exchange_.Reopen().code(), absl::StatusCode::kDataLoss);
}

TEST_F(ExchangeTest, UnequalColumnsOfAQueueRecordStopTheExchange) {
  const auto consumer = exchange_.Consume(kIntake, {.name = "mash-1"});
  exchange_.Publish("a");
  const std::string key = QueueChangesKey(kIntake, exchange_.Head().commit());
  const auto whole = exchange_.Read<v1::QueueChanges>(key);
  ASSERT_TRUE(whole.has_value());
  ASSERT_EQ(whole->added_sequences_size(), 1);
  ASSERT_EQ(whole->leased_sequences_size(), 1);
  const std::vector<
      std::pair<const char*, std::function<void(v1::QueueChanges*)>>>
      damages = {
          {"sequences", [](auto* changes) { changes->add_added_sequences(1); }},
          {"keys", [](auto* changes) { changes->add_added_key_hashes(1); }},
          {"no keys", [](auto* changes) { changes->clear_added_key_hashes(); }},
          {"sizes", [](auto* changes) { changes->add_added_sizes(1); }},
          {"senders", [](auto* changes) { changes->add_added_senders(0); }},
          {"traits", [](auto* changes) { changes->add_added_traits(1); }},
          {"leased", [](auto* changes) { changes->add_leased_sequences(0); }},
          {"consumers",
           [](auto* changes) { changes->add_leased_consumers(0); }},
          {"states",
           [](auto* changes) {
             changes->add_settled_states(v1::DELIVERY_STATE_ACKNOWLEDGED);
           }},
          {"a sender of no name",
           [](auto* changes) { changes->set_added_senders(0, 2); }},
          {"a consumer of no name",
           [](auto* changes) { changes->set_leased_consumers(0, 2); }},
          {"settled as unsettled",
           [](auto* changes) {
             changes->add_settled_sequences(1);
             changes->add_settled_states(v1::DELIVERY_STATE_READY);
           }},
          {"a settled copy among the unsettled", [](auto* changes) {
             changes->add_whole()->mutable_entry()->set_state(
                 v1::DELIVERY_STATE_ACKNOWLEDGED);
           }}};
  for (const auto& [column, damage] : damages) {
    SCOPED_TRACE(column);
    v1::QueueChanges changes = *whole;
    damage(&changes);
    exchange_.Damage(key, changes.SerializeAsString());
    EXPECT_EQ(exchange_.Reopen().code(), absl::StatusCode::kDataLoss);
  }
  exchange_.Damage(key, whole->SerializeAsString());
  EXPECT_TRUE(exchange_.Reopen().ok());
}

TEST_F(ExchangeTest, AQueueThatWasGivenAMessageTwiceStopsTheExchange) {
  exchange_.Publish("a");
  const std::string first_key =
      QueueChangesKey(kIntake, exchange_.Head().commit());
  const auto first = exchange_.Read<v1::QueueChanges>(first_key);
  ASSERT_TRUE(first.has_value());
  exchange_.Publish("b");
  const std::string second_key =
      QueueChangesKey(kIntake, exchange_.Head().commit());
  const auto second = exchange_.Read<v1::QueueChanges>(second_key);
  ASSERT_TRUE(second.has_value());

  exchange_.Damage(second_key, first->SerializeAsString());
  const absl::Status by_two_records = exchange_.Reopen();
  EXPECT_EQ(by_two_records.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(by_two_records.message()), HasSubstr("twice"));

  v1::QueueChanges twice = *second;
  twice.add_added_sequences(0);  // The difference to the one before.
  twice.add_added_key_hashes(second->added_key_hashes(0));
  twice.add_added_sizes(second->added_sizes(0));
  twice.add_added_senders(second->added_senders(0));
  twice.add_added_traits(second->added_traits(0));
  exchange_.Damage(second_key, twice.SerializeAsString());
  const absl::Status by_one_record = exchange_.Reopen();
  EXPECT_EQ(by_one_record.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(by_one_record.message()), HasSubstr("twice"));
}

// What the disk did must not pass for an answer to the caller.
TEST_F(ExchangeTest, ADamagedPageOfSettledCopiesStopsTheExchange) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  const v1::ReceivedMessage message = consumer->Next();
  EXPECT_TRUE(exchange_.Ack(message).ok());
  for (size_t i = 0; i < QueuePolicy().max_log_records; ++i) {
    exchange_.Publish("b");
    ASSERT_TRUE(exchange_.Ack(consumer->Next()).ok());
  }
  const auto pages = exchange_.Scan(
      SettledPages(kIntake, ParseMessageId(receipt.message_id()).value()));
  ASSERT_THAT(pages, SizeIs(1));
  exchange_.Damage(pages[0].key, "\xff");
  exchange_.Restart();
  std::vector<Command> commands;
  commands.push_back(SettleCommand{.caller = CouncilCaller(),
                                   .kind = SettleKind::kAcknowledge,
                                   .queue = kIntake,
                                   .ack_ids = {message.ack_id()},
                                   .reason = "",
                                   .duration = std::nullopt,
                                   .done = [](const auto&) {}});
  EXPECT_EQ(exchange_.StepOnce(std::move(commands)).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(ExchangeTest, ADamagedConversationStopsTheExchange) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), FlagMessage({"Ann"}));
  const v1::ReceivedMessage message = consumer->Next();
  exchange_.Damage(
      ConversationKey(ParseConversationId(receipt.conversation_id()).value()),
      "\xff");
  exchange_.Restart();
  std::vector<Command> commands;
  commands.push_back(SettleCommand{.caller = CouncilCaller(),
                                   .kind = SettleKind::kAcknowledge,
                                   .queue = kIntake,
                                   .ack_ids = {message.ack_id()},
                                   .reason = "",
                                   .duration = std::nullopt,
                                   .done = [](const auto&) {}});
  EXPECT_EQ(exchange_.StepOnce(std::move(commands)).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace baton
