#include "services/broker/queue.h"

#include <map>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/broker/queue_recovery.h"
#include "storage/keys.h"
#include "storage/model_store.h"

namespace baton {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kName[] = "council/E06000018/intake";
constexpr absl::Duration kAckDeadline = absl::Seconds(60);

constexpr uint64_t kMany = 20'000;

// One queue on a store in memory, driven as the exchange drives it.
class QueueTest : public testing::Test {
 protected:
  void SetUp() override { Restart(); }

  // The next process reads what is on the disk.
  void Restart() {
    if (queue_.has_value()) Commit();
    queue_.emplace(kName, policy_);
    const absl::Status recovered = RecoverQueue(disk_, &*queue_);
    ASSERT_TRUE(recovered.ok()) << recovered;
    queue_->Start(kAckDeadline, now_);
    Step();
  }

  void Add(uint64_t sequence, uint64_t key = 0,
           v1::Priority priority = v1::PRIORITY_ROUTINE,
           const std::string& sender = "police/E1") {
    queue_->Add({.copy = {.sequence = sequence,
                          .ordering_key_hash = key,
                          .size_bytes = 100,
                          .priority = priority},
                 .sender = sender},
                now_);
  }
  void AddDanger(uint64_t sequence, uint64_t key) {
    Add(sequence, key, v1::PRIORITY_IMMEDIATE_DANGER);
  }

  void Subscribe(uint64_t id, int credit, const std::string& name = "") {
    queue_->Subscribe({.id = id,
                       .name = name,
                       .max_messages = credit,
                       .max_bytes = 1 << 30,
                       .ack_deadline = kAckDeadline},
                      now_);
  }

  // Commits and hands out until nothing moves any more; returns what was
  // leased.
  std::vector<Leased> Step() {
    std::vector<Leased> all;
    while (true) {
      queue_->Tick(now_);
      std::vector<Leased> leased;
      if (queue_->HasConsumers()) leased = queue_->Dispatch(now_);
      all.insert(all.end(), leased.begin(), leased.end());
      Commit();
      if (leased.empty()) return all;
    }
  }

  void Commit(bool fold = false) {
    Batch batch;
    queue_->Flush(++commit_, now_, fold, &batch);
    if (batch.empty()) return;
    batch.Put(kHeadKey, std::to_string(commit_));
    const CommitResult result = disk_.Commit(batch, head_);
    ASSERT_EQ(result.outcome, CommitOutcome::kCommitted) << result.status;
    head_ = std::to_string(commit_);
  }

  size_t RecordsOnDisk() const {
    return disk_.Scan(QueueChangesBetween(kName, 0, UINT64_MAX), 1 << 20)
        ->size();
  }
  // As any process would find it.
  v1::DeliveryRecord Find(uint64_t sequence) const {
    if (auto found = queue_->Find(sequence)) return *found;
    return ReadSettled(disk_, kName, sequence)->value_or(v1::DeliveryRecord());
  }

  void Ack(const Leased& leased) {
    const AckId ack = {leased.sequence, leased.attempt};
    const absl::Status held = queue_->CheckLease(ack);
    ASSERT_TRUE(held.ok()) << held;
    queue_->Acknowledge(ack, now_);
  }
  void Nack(const Leased& leased, absl::Duration delay) {
    queue_->Nack({leased.sequence, leased.attempt}, "", delay, now_);
  }
  void Advance(absl::Duration by) {
    now_.wall += by;
    now_.steady += by;
  }

  QueuePolicy policy_;
  Instant now_ = {.wall = absl::FromUnixSeconds(1767225600),
                  .steady = absl::Hours(1)};
  ModelStore disk_{{.max_operations = 1 << 16, .max_bytes = 64 << 20}};
  std::string head_;
  uint64_t commit_ = 0;
  std::optional<Queue> queue_;
};

TEST_F(QueueTest, ABacklogArrivesOnceAndInOrder) {
  for (uint64_t i = 1; i <= kMany; ++i) Add(i);
  Subscribe(1, 100);
  uint64_t expected = 0;
  std::vector<Leased> leased = Step();
  while (!leased.empty()) {
    for (const Leased& one : leased) {
      ASSERT_EQ(one.sequence, ++expected);
      ASSERT_EQ(one.attempt, 1);
      Ack(one);
    }
    leased = Step();
  }
  EXPECT_EQ(expected, kMany);
  EXPECT_EQ(queue_->message_count(), 0u);
  EXPECT_EQ(queue_->total_bytes(), 0u);
}

TEST_F(QueueTest, ABacklogArrivesOnceWithRestartsInTheMiddle) {
  for (uint64_t i = 1; i <= kMany; ++i) Add(i);
  Step();
  std::set<uint64_t> acknowledged;
  std::map<uint64_t, int> attempts;
  for (int round = 0; acknowledged.size() < kMany; ++round) {
    ASSERT_LT(round, 10'000);
    if (round % 50 == 49) {
      Restart();
      EXPECT_EQ(queue_->message_count(), kMany - acknowledged.size());
      EXPECT_EQ(queue_->total_bytes(), 100 * (kMany - acknowledged.size()));
    }
    Subscribe(round + 1, 100, "one");  // Takes over what it left.
    for (const Leased& one : Step()) {
      ASSERT_EQ(one.attempt, ++attempts[one.sequence]);
      if (one.sequence % 7 == 0 && one.attempt == 1) continue;  // Forgotten.
      Ack(one);
      ASSERT_TRUE(acknowledged.insert(one.sequence).second);
    }
  }
  EXPECT_EQ(queue_->message_count(), 0u);
  Commit(/*fold=*/true);
  EXPECT_LE(RecordsOnDisk(), 1u);
  for (const auto& [sequence, attempt] : attempts) {
    const v1::DeliveryRecord settled = Find(sequence);
    ASSERT_EQ(settled.state(), v1::DELIVERY_STATE_ACKNOWLEDGED) << sequence;
    ASSERT_EQ(settled.delivery_attempt(), attempt) << sequence;
    ASSERT_EQ(settled.consumer(), "one");
  }
}

TEST_F(QueueTest, OneKeyDoesNotHideWhatIsBehindIt) {
  for (uint64_t i = 1; i <= 200; ++i) Add(i, /*key=*/7);
  for (uint64_t i = 201; i <= 210; ++i) Add(i);
  Subscribe(1, 1000);
  std::vector<uint64_t> sequences;
  for (const Leased& one : Step()) sequences.push_back(one.sequence);
  EXPECT_THAT(sequences,
              ElementsAre(1, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210));
}

TEST_F(QueueTest, ADelayedMessageHoldsNobodyUpAndTakesItsPlaceWhenDue) {
  queue_->Add({.copy = {.sequence = 1, .ordering_key_hash = 7},
               .sender = "police/E1",
               .deliver_time = now_.wall + absl::Seconds(30)},
              now_);
  Add(2, /*key=*/7);
  Add(3, /*key=*/7);
  Subscribe(1, 10, "one");
  EXPECT_THAT(Step(), ElementsAre(Field(&Leased::sequence, 2)));
  Restart();
  Subscribe(2, 10, "one");
  const std::vector<Leased> second = Step();
  ASSERT_THAT(second, ElementsAre(Field(&Leased::sequence, 2)));
  Ack(second[0]);
  const std::vector<Leased> third = Step();
  ASSERT_THAT(third, ElementsAre(Field(&Leased::sequence, 3)));
  Advance(absl::Seconds(31));
  Add(4, /*key=*/7);
  EXPECT_THAT(Step(), IsEmpty());  // Due, and 3 is with a consumer.
  Ack(third[0]);
  const std::vector<Leased> first = Step();
  ASSERT_THAT(first, ElementsAre(Field(&Leased::sequence, 1)));
  Ack(first[0]);
  EXPECT_THAT(Step(), ElementsAre(Field(&Leased::sequence, 4)));
}

TEST_F(QueueTest, WhatIsDueAfterARestartWaitsForTheLeaseOfItsKey) {
  queue_->Add({.copy = {.sequence = 1, .ordering_key_hash = 7},
               .sender = "police/E1",
               .deliver_time = now_.wall + absl::Seconds(30)},
              now_);
  Add(2, /*key=*/7);
  Subscribe(1, 10, "one");
  const std::vector<Leased> second = Step();
  ASSERT_THAT(second, SizeIs(1));
  Advance(absl::Seconds(31));
  EXPECT_THAT(Step(), IsEmpty());
  Restart();
  Subscribe(2, 10, "two");
  EXPECT_THAT(Step(), IsEmpty());
  Ack(second[0]);
  EXPECT_THAT(Step(), ElementsAre(Field(&Leased::sequence, 1)));
}

// Found by the queue laboratory: danger in front of what is with a consumer
// made it forgotten, and what stood in front of both went out beside it.
TEST_F(QueueTest, DangerThatComesBetweenLetsNobodyPass) {
  const auto later = [this](uint64_t sequence, v1::Priority priority,
                            absl::Duration delay) {
    queue_->Add({.copy = {.sequence = sequence,
                          .ordering_key_hash = 7,
                          .priority = priority},
                 .sender = "police/E1",
                 .deliver_time = now_.wall + delay},
                now_);
  };
  later(1, v1::PRIORITY_ROUTINE, absl::Seconds(60));
  later(2, v1::PRIORITY_IMMEDIATE_DANGER, absl::Seconds(30));
  Add(3, /*key=*/7);
  queue_->Subscribe({.id = 1,
                     .name = "one",
                     .max_messages = 10,
                     .max_bytes = 1 << 20,
                     .ack_deadline = absl::Minutes(10)},
                    now_);
  const std::vector<Leased> third = Step();
  ASSERT_THAT(third, ElementsAre(Field(&Leased::sequence, 3)));
  Advance(absl::Seconds(31));
  const std::vector<Leased> danger = Step();
  ASSERT_THAT(danger, ElementsAre(Field(&Leased::sequence, 2)));
  Advance(absl::Seconds(31));
  EXPECT_THAT(Step(), IsEmpty()) << "due, and 3 is with a consumer";
  Ack(danger[0]);
  EXPECT_THAT(Step(), IsEmpty()) << "3 is still with a consumer";
  Ack(third[0]);
  EXPECT_THAT(Step(), ElementsAre(Field(&Leased::sequence, 1)));
}

// What became due in front of danger that a consumer has does not wait for it:
// it was overtaken, no more.
TEST_F(QueueTest, DangerWithAConsumerHoldsUpNobodyInFrontOfIt) {
  queue_->Add({.copy = {.sequence = 1, .ordering_key_hash = 7},
               .sender = "police/E1",
               .deliver_time = now_.wall + absl::Seconds(30)},
              now_);
  Add(2, /*key=*/7, v1::PRIORITY_IMMEDIATE_DANGER);
  Add(3, /*key=*/7);
  Subscribe(1, 10, "one");
  ASSERT_THAT(Step(), ElementsAre(Field(&Leased::sequence, 2)));
  Advance(absl::Seconds(31));
  EXPECT_THAT(Step(), ElementsAre(Field(&Leased::sequence, 1)));
}

// More than a few Ticks let in.
TEST_F(QueueTest, NobodyPassesWhatWasDueBeforeTheRestart) {
  const uint64_t keys = 4 * Queue::kMaxTick;
  for (uint64_t key = 1; key <= keys; ++key) {
    queue_->Add({.copy = {.sequence = 2 * key, .ordering_key_hash = key},
                 .sender = "police/E1",
                 .deliver_time = now_.wall + absl::Seconds(30)},
                now_);
    Add(2 * key + 1, key);
  }
  Commit();
  Advance(absl::Seconds(31));
  Restart();
  Subscribe(1, 1000, "one");
  for (const Leased& leased : Step()) EXPECT_EQ(leased.sequence % 2, 0u);
}

// A message that waits for weeks does not keep the log of those weeks.
TEST_F(QueueTest, TheLogOfMuchTrafficStaysShort) {
  Subscribe(1, 10);
  Add(1, 7);
  const std::vector<Leased> stuck = Step();
  Nack(stuck.at(0), absl::Hours(24 * 7));
  for (uint64_t i = 2; i <= kMany / 4; ++i) {
    Add(i);
    for (const Leased& one : Step()) Ack(one);
  }
  EXPECT_LE(RecordsOnDisk(), policy_.max_log_records + 1);
  Restart();
  EXPECT_EQ(queue_->message_count(), 1u);
  EXPECT_EQ(Find(1).attempts_size(), 1);
  Subscribe(2, 10);
  Advance(absl::Hours(24 * 7));
  const std::vector<Leased> again = Step();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].attempt, 2);
}

// Messages that came one by one are brought together as they wait.
TEST_F(QueueTest, TheLogOfABacklogIsShorterThanTheBacklog) {
  for (uint64_t i = 1; i <= kMany; ++i) {
    Add(i, i % 3, static_cast<v1::Priority>(i % 4 + 1));
    Commit();
  }
  EXPECT_LE(RecordsOnDisk(),
            policy_.max_log_records + kMany / QueueLog::kCopiesPerRecord + 1);
  Restart();
  EXPECT_EQ(queue_->message_count(), kMany);
  EXPECT_EQ(queue_->total_bytes(), 100 * kMany);
}

// A restart at any moment finds the same queue.
TEST_F(QueueTest, ARestartFindsEveryCopyAsItWas) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  policy_.max_delivery_attempts = 4;
  policy_.max_log_records = 1 + random() % 20;
  Restart();
  Subscribe(1, 50, "one");
  uint64_t next = 0;
  std::vector<Leased> held;
  for (int round = 0; round < 400; ++round) {
    for (uint64_t i = random() % 8; i > 0; --i) {
      NewCopy copy{
          .copy = {.sequence = ++next,
                   .ordering_key_hash = random() % 5,
                   .size_bytes = 100,
                   .priority = static_cast<v1::Priority>(random() % 5 + 1)},
          .sender = random() % 2 == 0 ? "police/E1" : "school/1"};
      if (random() % 8 == 0) copy.deliver_time = now_.wall + absl::Seconds(9);
      if (random() % 8 == 0) copy.expire_time = now_.wall + absl::Minutes(9);
      queue_->Add(copy, now_);
    }
    for (const Leased& one : Step()) held.push_back(one);
    for (const Leased& one : std::exchange(held, {})) {
      if (!queue_->CheckLease({one.sequence, one.attempt}).ok()) continue;
      switch (random() % 6) {
        case 0:
          Nack(one, absl::Seconds(random() % 20));
          break;
        case 1:
          queue_->Reject({one.sequence, one.attempt}, "no", now_);
          break;
        case 2:
          held.push_back(one);
          break;
        default:
          Ack(one);
      }
    }
    Step();
    Advance(absl::Seconds(random() % 4));
    for (const Leased& one : Step()) held.push_back(one);
    if (round % 10 != 9) continue;
    Commit(/*fold=*/random() % 2 == 0);
    Queue other(kName, policy_);
    ASSERT_TRUE(RecoverQueue(disk_, &other).ok());
    other.Start(kAckDeadline, now_);
    other.Tick(now_);
    ASSERT_EQ(other.message_count(), queue_->message_count());
    ASSERT_EQ(other.total_bytes(), queue_->total_bytes());
    for (uint64_t sequence = 1; sequence <= next; ++sequence) {
      const v1::DeliveryRecord copy =
          other.Find(sequence).value_or(v1::DeliveryRecord());
      const v1::DeliveryRecord expected =
          queue_->Find(sequence).value_or(v1::DeliveryRecord());
      ASSERT_EQ(copy.SerializeAsString(), expected.SerializeAsString())
          << sequence << "\n"
          << copy.DebugString() << expected.DebugString();
    }
  }
}

TEST_F(QueueTest, ManyKeysStayInOrderThroughNacksAndRestarts) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::map<uint64_t, uint64_t> last_of_key;
  std::map<uint64_t, uint64_t> key_of;
  std::set<uint64_t> settled;
  uint64_t next = 0;
  constexpr uint64_t kTotal = 3000;
  std::map<uint64_t, Leased> held;
  Subscribe(1, 50);
  for (int round = 0; settled.size() < kTotal; ++round) {
    ASSERT_LT(round, 100'000);
    for (int i = 0; i < 40 && next < kTotal; ++i) {
      key_of[++next] = random() % 6;  // 0: no key.
      Add(next, key_of[next]);
    }
    if (round % 97 == 96) {
      Restart();
      Subscribe(round + 2, 50);
    }
    for (const Leased& one : Step()) {
      const uint64_t key = key_of[one.sequence];
      for (const auto& [sequence, other] : held) {
        if (sequence == one.sequence) continue;
        ASSERT_TRUE(key == 0 || key_of[sequence] != key)
            << "two leases of one key: " << sequence << ", " << one.sequence;
      }
      ASSERT_TRUE(key == 0 || one.sequence >= last_of_key[key]);
      held[one.sequence] = one;
    }
    for (auto it = held.begin(); it != held.end();) {
      const Leased one = it->second;
      switch (random() % 4) {
        case 0:
          Nack(one, absl::Seconds(random() % 3));
          break;
        case 1:
          ++it;
          continue;
        default:
          Ack(one);
          ASSERT_TRUE(settled.insert(one.sequence).second);
          last_of_key[key_of[one.sequence]] = one.sequence;
      }
      it = held.erase(it);
    }
    Advance(absl::Seconds(1));
    if (round % 31 == 30) {  // Everything held runs out.
      Advance(kAckDeadline);
      held.clear();
    }
  }
  EXPECT_EQ(queue_->message_count(), 0u);
  EXPECT_EQ(queue_->total_bytes(), 0u);
}

TEST_F(QueueTest, ALeaseFoundOnDiskEndsWhenItsConsumerIsBack) {
  Subscribe(1, 100, "mash-1");
  for (uint64_t i = 1; i <= 20; ++i) Add(i);
  ASSERT_THAT(Step(), SizeIs(20));
  Restart();
  Subscribe(2, 100, "mash-1");
  std::set<uint64_t> again;
  for (const Leased& one : Step()) {
    EXPECT_EQ(one.attempt, 2);
    again.insert(one.sequence);
  }
  EXPECT_THAT(again, SizeIs(20));
}

TEST_F(QueueTest, EndsALimitedNumberOfLeasesAtATime) {
  const size_t count = Queue::kMaxTick + 10;
  for (uint64_t i = 1; i <= count; ++i) Add(i);
  Subscribe(1, 5000);
  ASSERT_THAT(Step(), SizeIs(count));
  queue_->Unsubscribe(1);
  Advance(kAckDeadline);
  EXPECT_THAT(queue_->Tick(now_).events, SizeIs(Queue::kMaxTick));
  EXPECT_LE(queue_->NextTick(now_).value(), now_.steady);
  EXPECT_THAT(queue_->Tick(now_).events, SizeIs(10));
  EXPECT_EQ(queue_->NextTick(now_), std::nullopt);
}

TEST_F(QueueTest, AsksForATickWhenSomethingIsDue) {
  EXPECT_EQ(queue_->NextTick(now_), std::nullopt);
  Subscribe(1, 1);
  Add(1);
  const std::vector<Leased> leased = Step();
  EXPECT_EQ(queue_->NextTick(now_), now_.steady + kAckDeadline);
  Nack(leased[0], absl::Seconds(5));
  EXPECT_EQ(queue_->NextTick(now_), now_.steady + absl::Seconds(5));
}

TEST_F(QueueTest, KeepsTheNewestAttempts) {
  policy_.max_delivery_attempts = 1000;
  Restart();
  Subscribe(1, 1);
  Add(1);
  std::vector<Leased> leased = Step();
  for (size_t i = 0; i < Queue::kMaxAttemptsKept + 4; ++i) {
    Nack(leased.at(0), absl::ZeroDuration());
    leased = Step();
  }
  Restart();
  const v1::DeliveryRecord copy = Find(1);
  ASSERT_EQ(copy.attempts_size(), static_cast<int>(Queue::kMaxAttemptsKept));
  EXPECT_EQ(copy.attempts(0).delivery_attempt(), 5);
  EXPECT_EQ(queue_->CheckLease({1, 1}).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(QueueTest, CreditOfAConsumerThatLeftIsNotReturnedToOthers) {
  Subscribe(1, 1);
  Add(1);
  const std::vector<Leased> leased = Step();
  queue_->Unsubscribe(1);
  Subscribe(2, 1);
  Ack(leased.at(0));
  for (uint64_t i = 2; i <= 4; ++i) Add(i);
  EXPECT_THAT(Step(), SizeIs(1));
}

TEST_F(QueueTest, Rule18ADeadLetteredHeadReleasesItsKey) {
  Subscribe(1, 10);
  Add(1, 7);
  Add(2, 7);
  const std::vector<Leased> head = Step();
  ASSERT_THAT(head, SizeIs(1));
  queue_->Reject({head[0].sequence, head[0].attempt}, "cannot be read", now_);
  const std::vector<Leased> next = Step();
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].sequence, 2);
}

TEST_F(QueueTest, Rule18ImmediateDangerOvertakesAndIsMarked) {
  Subscribe(1, 1);
  Add(1, 7);
  const std::vector<Leased> head = Step();
  ASSERT_THAT(head, SizeIs(1));
  EXPECT_FALSE(head[0].earlier_pending);
  Add(2);
  AddDanger(3, 7);
  Add(4, 7);
  Nack(head[0], absl::Minutes(5));
  const std::vector<Leased> first = Step();
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].sequence, 3);
  EXPECT_TRUE(first[0].earlier_pending);
  Ack(first[0]);
  // What came after it still waits for what came before it.
  const std::vector<Leased> second = Step();
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].sequence, 2);
  Ack(second[0]);
  EXPECT_THAT(Step(), IsEmpty());
  Advance(absl::Minutes(5));
  const std::vector<Leased> third = Step();
  ASSERT_THAT(third, SizeIs(1));
  EXPECT_EQ(third[0].sequence, 1);
}

TEST_F(QueueTest, Rule18LaterMessagesWaitForTheDangerThatOvertook) {
  Subscribe(1, 10);
  AddDanger(1, 7);
  Add(2, 7);
  const std::vector<Leased> danger = Step();
  ASSERT_THAT(danger, SizeIs(1));
  EXPECT_FALSE(danger[0].earlier_pending);
  Ack(danger[0]);
  EXPECT_THAT(Step(), SizeIs(1));
}

TEST_F(QueueTest, Rule18DangerDoesNotOvertakeDanger) {
  Subscribe(1, 10);
  Add(1, 7);
  ASSERT_THAT(Step(), SizeIs(1));
  AddDanger(2, 7);
  AddDanger(3, 7);
  const std::vector<Leased> first = Step();
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].sequence, 2);
  Nack(first[0], absl::Seconds(30));
  EXPECT_THAT(Step(), IsEmpty());
  Advance(absl::Seconds(30));
  const std::vector<Leased> again = Step();
  ASSERT_THAT(again, SizeIs(1));
  Ack(again[0]);
  const std::vector<Leased> second = Step();
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].sequence, 3);
}

TEST_F(QueueTest, Rule18DangerBehindABacklogIsHandedOutFirst) {
  for (uint64_t i = 1; i <= kMany; ++i) Add(i, i % 10 + 1);
  AddDanger(kMany + 1, 5);
  Step();
  Subscribe(1, 1);
  const std::vector<Leased> first = Step();
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].sequence, kMany + 1);
  EXPECT_TRUE(first[0].earlier_pending);
  Ack(first[0]);
  // Nothing of the backlog was passed over.
  uint64_t handed_out = 0;
  queue_->Grant(1, 100, 0);
  for (std::vector<Leased> some = Step(); !some.empty(); some = Step()) {
    for (const Leased& leased : some) {
      ++handed_out;
      Ack(leased);
    }
  }
  EXPECT_EQ(handed_out, kMany);
}

TEST_F(QueueTest, Rule18DangerStaysInOrderBehindABacklogAfterARestart) {
  Subscribe(1, 1);
  for (uint64_t i = 1; i <= kMany; ++i) Add(i, i % 10 + 1);
  AddDanger(kMany + 1, 5);
  Restart();
  AddDanger(kMany + 2, 5);
  std::vector<uint64_t> danger;
  Subscribe(2, 100);
  for (std::vector<Leased> some = Step(); !some.empty(); some = Step()) {
    for (const Leased& leased : some) {
      if (leased.sequence > kMany) danger.push_back(leased.sequence);
      Ack(leased);
    }
  }
  EXPECT_THAT(danger, testing::ElementsAre(kMany + 1, kMany + 2));
}

TEST_F(QueueTest, AnUrgentMessageBehindABacklogIsHandedOutFirst) {
  for (uint64_t i = 1; i <= kMany; ++i) Add(i);
  Add(kMany + 1, 0, v1::PRIORITY_URGENT);
  Restart();
  Subscribe(1, 1);
  const std::vector<Leased> first = Step();
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].sequence, kMany + 1);
}

TEST_F(QueueTest, AHeadGoesOutWithTheHighestPriorityBehindIt) {
  Add(1, 0, v1::PRIORITY_HIGH);
  Add(2, 7, v1::PRIORITY_LOW);
  Add(3, 7, v1::PRIORITY_URGENT);
  Subscribe(1, 1);
  std::vector<uint64_t> order;
  for (std::vector<Leased> leased = Step(); !leased.empty(); leased = Step()) {
    order.push_back(leased[0].sequence);
    Ack(leased[0]);
  }
  EXPECT_THAT(order, ElementsAre(2, 3, 1));
}

// And goes back to its own once that is gone.
TEST_F(QueueTest, ABorrowedPriorityEndsWithTheLender) {
  Add(1, 0, v1::PRIORITY_HIGH);
  Add(2, 7, v1::PRIORITY_LOW);
  queue_->Add({.copy = {.sequence = 3,
                        .ordering_key_hash = 7,
                        .size_bytes = 100,
                        .priority = v1::PRIORITY_URGENT},
               .sender = "police/E1",
               .expire_time = now_.wall + absl::Seconds(1)},
              now_);
  Advance(absl::Seconds(2));
  Subscribe(1, 1);
  EXPECT_EQ(Step()[0].sequence, 1);
}

TEST_F(QueueTest, SendersOfOnePriorityTakeTurns) {
  for (uint64_t i = 1; i <= 40; ++i) {
    Add(i, 0, v1::PRIORITY_URGENT);
  }
  Add(50, 0, v1::PRIORITY_URGENT, "emergency/RX1");
  Subscribe(1, 4);
  std::vector<uint64_t> order;
  for (const Leased& leased : Step()) order.push_back(leased.sequence);
  EXPECT_THAT(order, Contains(50));
}

TEST_F(QueueTest, GrantsToNobodyAreIgnored) {
  queue_->Grant(77, 10, 10);
  Add(1);
  EXPECT_THAT(Step(), IsEmpty());
}

}  // namespace
}  // namespace baton
