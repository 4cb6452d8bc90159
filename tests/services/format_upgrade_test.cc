#include "services/broker/format_upgrade.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/ids.h"
#include "storage/format.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

uint64_t SequenceOf(const v1::PublishReceipt& receipt) {
  return ParseMessageId(receipt.message_id()).value();
}

// A broker whose disk was written by a program of format 1.
class FormatUpgradeTest : public testing::Test {
 protected:
  using Entries = std::map<uint64_t, std::string>;  // By sequence.

  void SetUp() override { exchange_.Start(); }

  int64_t Micros() { return absl::ToUnixMicros(exchange_.clock().Now().wall); }

  v1::QueueEntry EntryOf(v1::DeliveryState state, int attempt = 0) {
    v1::QueueEntry entry;
    entry.set_state(state);
    entry.set_delivery_attempt(attempt);
    entry.set_size_bytes(100);
    entry.set_state_time_micros(Micros());
    return entry;
  }
  std::string BytesOf(v1::DeliveryState state) {
    return EntryOf(state).SerializeAsString();
  }

  // Starts on a disk where kIntake holds `entries` and nothing else.
  void StartFromFormat1(const Entries& entries) {
    Batch batch;
    for (const KeyValue& pair :
         exchange_.Scan(QueueChangesBetween(kIntake, 0, UINT64_MAX))) {
      batch.Delete(pair.key);
    }
    v1::QueueRecord record;
    record.set_floor_sequence(entries.begin()->first);
    record.set_message_count(entries.size());
    batch.Put(QueueKey(kIntake), record.SerializeAsString());
    for (const auto& [sequence, bytes] : entries) {
      batch.Put(QueueEntryKey(kIntake, sequence), bytes);
    }
    v1::DatabaseRecord database =
        *exchange_.Read<v1::DatabaseRecord>(kDatabaseKey);
    database.set_format_version(1);
    batch.Put(kDatabaseKey, database.SerializeAsString());
    exchange_.Overwrite(std::move(batch));
    exchange_.Restart();
  }
  std::vector<KeyValue> EntriesOnDisk() {
    return exchange_.Scan(QueueEntries(kIntake, 0));
  }

  ExchangeFixture exchange_;
};

TEST_F(FormatUpgradeTest, CopiesStandAsTheyStoodAndNoKeyOfFormat1IsLeft) {
  const v1::PublishReceipt ready = exchange_.Publish("ready");
  const v1::PublishReceipt leased = exchange_.Publish("leased");
  const v1::PublishReceipt delayed = exchange_.Publish("delayed");
  v1::QueueEntry given_back = EntryOf(v1::DELIVERY_STATE_READY, 3);
  v1::AttemptRecord* const attempt = given_back.add_attempts();
  attempt->set_delivery_attempt(3);
  attempt->set_reason("disk full");
  v1::QueueEntry held = EntryOf(v1::DELIVERY_STATE_LEASED, 2);
  held.set_consumer("mash-1");
  v1::QueueEntry later = EntryOf(v1::DELIVERY_STATE_DELAYED, 1);
  later.set_ready_time_micros(Micros() +
                              absl::ToInt64Microseconds(absl::Minutes(5)));
  StartFromFormat1({{SequenceOf(ready), given_back.SerializeAsString()},
                    {SequenceOf(leased), held.SerializeAsString()},
                    {SequenceOf(delayed), later.SerializeAsString()}});

  for (const bool restarted : {false, true}) {
    SCOPED_TRACE(restarted);
    if (restarted) exchange_.Restart();
    exchange_.Step();
    EXPECT_THAT(EntriesOnDisk(), IsEmpty());
    EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 3u);
    EXPECT_EQ(exchange_.QueueOnDisk(kIntake).total_bytes(), 300u);
    const v1::DeliveryRecord back = exchange_.Copy(kIntake, ready);
    EXPECT_EQ(back.state(), v1::DELIVERY_STATE_READY);
    EXPECT_EQ(back.delivery_attempt(), 3);
    ASSERT_EQ(back.attempts_size(), 1);
    EXPECT_EQ(back.attempts(0).reason(), "disk full");
    const v1::DeliveryRecord out = exchange_.Copy(kIntake, leased);
    EXPECT_EQ(out.state(), v1::DELIVERY_STATE_LEASED);
    EXPECT_EQ(out.delivery_attempt(), 2);
    EXPECT_EQ(out.consumer(), "mash-1");
    EXPECT_EQ(exchange_.Copy(kIntake, delayed).state(),
              v1::DELIVERY_STATE_DELAYED);
  }

  const auto consumer = exchange_.Consume(kIntake, {.name = "mash-2"});
  const v1::ReceivedMessage again = consumer->Next();
  EXPECT_EQ(TextOf(again.message()), "ready");
  EXPECT_EQ(again.delivery_attempt(), 4);
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(again).ok());
  EXPECT_TRUE(exchange_.Ack(FormatAckId({SequenceOf(leased), 2})).ok());
  exchange_.Advance(absl::Minutes(5));
  const v1::ReceivedMessage in_time = consumer->Next();
  EXPECT_EQ(TextOf(in_time.message()), "delayed");
  EXPECT_EQ(in_time.delivery_attempt(), 2);
}

TEST_F(FormatUpgradeTest, ALeaseOfFormat1EndsAfterItsFullDeadline) {
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  StartFromFormat1(
      {{SequenceOf(receipt),
        EntryOf(v1::DELIVERY_STATE_LEASED, 2).SerializeAsString()}});
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Advance(absl::Seconds(59));
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  exchange_.Advance(absl::Seconds(1));
  EXPECT_EQ(consumer->Next().delivery_attempt(), 3);
}

TEST_F(FormatUpgradeTest, SettlingACopyOfFormat1IsTheReceiptOfItsMatters) {
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), FlagMessage({"Ann"}));
  v1::QueueEntry entry = EntryOf(v1::DELIVERY_STATE_READY);
  entry.set_receipt_conversation(
      ParseConversationId(receipt.conversation_id()).value());
  StartFromFormat1({{SequenceOf(receipt), entry.SerializeAsString()}});
  const auto consumer = exchange_.Consume(kIntake);
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  EXPECT_TRUE(exchange_.Conversation(receipt.conversation_id())
                  .matters(0)
                  .has_delivered());
}

TEST_F(FormatUpgradeTest, Rule18ImmediateDangerOfFormat1IsHandedOutFirst) {
  const v1::PublishReceipt first = exchange_.Publish("first");
  const v1::PublishReceipt danger = exchange_.Publish("danger");
  v1::QueueEntry urgent = EntryOf(v1::DELIVERY_STATE_READY);
  urgent.set_immediate_danger(true);
  StartFromFormat1({{SequenceOf(first), BytesOf(v1::DELIVERY_STATE_READY)},
                    {SequenceOf(danger), urgent.SerializeAsString()}});
  const auto consumer = exchange_.Consume(kIntake);
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("danger", "first"));
}

TEST_F(FormatUpgradeTest, AStartThatEndsHalfWayIsGoneOnWith) {
  constexpr size_t kCopies = 10'000;  // More than two commits take.
  Entries entries;
  for (uint64_t sequence = 1; sequence <= kCopies; ++sequence) {
    entries[sequence] = BytesOf(v1::DELIVERY_STATE_READY);
  }
  StartFromFormat1(entries);
  exchange_.store().on_commit =
      [this](const Batch&) -> std::optional<CommitResult> {
    if (EntriesOnDisk().size() == kCopies) return std::nullopt;
    return CommitResult{CommitOutcome::kFenced, absl::AbortedError("fenced")};
  };
  EXPECT_FALSE(exchange_.StepOnce({}).ok());
  const size_t left = EntriesOnDisk().size();
  EXPECT_GT(left, 0u);
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), kCopies - left);
  exchange_.Restart();
  exchange_.Step();
  EXPECT_THAT(EntriesOnDisk(), IsEmpty());
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), kCopies);
}

TEST_F(FormatUpgradeTest, ADamagedOrSettledEntryOfFormat1StopsTheExchange) {
  const uint64_t sequence = SequenceOf(exchange_.Publish("a"));
  for (const std::string& bytes :
       {BytesOf(v1::DELIVERY_STATE_READY) + "\xff", std::string(),
        BytesOf(v1::DELIVERY_STATE_ACKNOWLEDGED),
        BytesOf(v1::DELIVERY_STATE_DEAD_LETTERED),
        BytesOf(v1::DELIVERY_STATE_EXPIRED)}) {
    SCOPED_TRACE(testing::PrintToString(bytes));
    StartFromFormat1({{sequence, bytes}});
    EXPECT_EQ(exchange_.StepOnce({}).status().code(),
              absl::StatusCode::kDataLoss);
    EXPECT_THAT(EntriesOnDisk(), SizeIs(1));
  }
}

TEST_F(FormatUpgradeTest, TheFormatIsRaisedAloneBeforeAnythingElseIsWritten) {
  const uint64_t sequence = SequenceOf(exchange_.Publish("a"));
  StartFromFormat1({{sequence, BytesOf(v1::DELIVERY_STATE_READY)}});
  std::vector<std::string> first;
  exchange_.store().on_commit =
      [&first](const Batch& batch) -> std::optional<CommitResult> {
    if (!first.empty()) return std::nullopt;
    for (const Batch::Write& write : batch.writes()) first.push_back(write.key);
    return std::nullopt;
  };
  exchange_.Step();
  EXPECT_THAT(first, UnorderedElementsAre(kDatabaseKey, kHeadKey));
  const auto database = exchange_.Read<v1::DatabaseRecord>(kDatabaseKey);
  ASSERT_TRUE(database.has_value());
  EXPECT_EQ(database->format_version(), kFormatVersion);
  EXPECT_EQ(database->owner(), "broker");
  EXPECT_EQ(database->environment(), v1::ENVIRONMENT_TRAINING);
}

TEST_F(FormatUpgradeTest, CopiesOfADeskThatWasTakenOutAreThereWhenItComesBack) {
  constexpr char kLater[] = "council/E06000018/later";
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  Batch batch;
  batch.Put(QueueEntryKey(kLater, SequenceOf(receipt)),
            BytesOf(v1::DELIVERY_STATE_READY));
  exchange_.Overwrite(std::move(batch));
  exchange_.Restart();
  exchange_.Step();
  EXPECT_THAT(exchange_.Scan(QueueEntries(kLater, 0)), IsEmpty());
  exchange_.config.mutable_agencies(0)->add_desks()->set_name("later");
  exchange_.Restart();
  EXPECT_THAT(exchange_.Consume(kLater)->TakeTexts(), ElementsAre("a"));
}

}  // namespace
}  // namespace baton
