#include "services/broker/queue.h"

#include <map>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/keys.h"

namespace baton {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

constexpr char kName[] = "council/E06000018/intake";
constexpr absl::Duration kAckDeadline = absl::Seconds(60);

// One queue on a map for a disk, driven as the exchange drives it.
class QueueTest : public testing::Test {
 protected:
  void SetUp() override {
    policy_.window = 64;
    Restart();
  }

  void Restart() {
    if (queue_.has_value()) Commit();
    v1::QueueRecord record;
    if (const auto it = disk_.find(QueueKey(kName)); it != disk_.end()) {
      ASSERT_TRUE(record.ParseFromString(it->second));
    }
    queue_.emplace(kName, policy_, record);
    Step();
  }

  void Add(uint64_t sequence, uint64_t key = 0) {
    v1::QueueEntry entry;
    entry.set_ordering_key_hash(key);
    entry.set_size_bytes(100);
    queue_->Add(sequence, entry, absl::InfinitePast(), now_, &batch_);
  }

  void Add(uint64_t sequence, v1::Priority priority, const std::string& sender,
           uint64_t key) {
    v1::QueueEntry entry;
    entry.set_ordering_key_hash(key);
    entry.set_size_bytes(100);
    entry.set_priority(priority);
    entry.set_sender(sender);
    queue_->Add(sequence, entry, absl::InfinitePast(), now_, &batch_);
  }

  void AddDanger(uint64_t sequence, uint64_t key) {
    v1::QueueEntry entry;
    entry.set_ordering_key_hash(key);
    entry.set_size_bytes(100);
    entry.set_immediate_danger(true);
    queue_->Add(sequence, entry, absl::InfinitePast(), now_, &batch_);
  }

  void Subscribe(uint64_t id, int credit, const std::string& name = "") {
    queue_->Subscribe({.id = id,
                       .name = name,
                       .max_messages = credit,
                       .max_bytes = 1 << 30,
                       .ack_deadline = kAckDeadline},
                      now_, &batch_);
  }

  // Commits, refills and hands out until nothing moves any more; returns what
  // was leased.
  std::vector<Leased> Step() {
    std::vector<Leased> all;
    while (true) {
      Commit();
      Refill();
      queue_->Tick(now_, &batch_);
      std::vector<Leased> leased;
      if (queue_->HasConsumers()) leased = queue_->Dispatch(now_, &batch_);
      all.insert(all.end(), leased.begin(), leased.end());
      Commit();
      if (leased.empty() && !queue_->WantsMore().has_value()) return all;
    }
  }

  void Refill() {
    const std::optional<Queue::LoadRequest> request = queue_->WantsMore();
    if (!request.has_value()) return;
    const KeyRange range = QueueEntries(kName, request->from_sequence);
    lowest_scan_ = std::min(lowest_scan_, request->from_sequence);
    std::vector<std::pair<uint64_t, v1::QueueEntry>> entries;
    for (auto it = disk_.lower_bound(range.begin);
         it != disk_.end() && it->first < range.end &&
         entries.size() < request->limit;
         ++it) {
      v1::QueueEntry entry;
      ASSERT_TRUE(entry.ParseFromString(it->second));
      entries.emplace_back(SequenceOf(it->first).value(), entry);
    }
    largest_load_ = std::max(largest_load_, entries.size());
    queue_->Load(*request, std::move(entries), kAckDeadline, now_, &batch_);
    most_items_ = std::max(most_items_, queue_->items_in_memory());
  }

  void Commit() {
    most_items_ = std::max(most_items_, queue_->items_in_memory());
    queue_->Flush(&batch_);
    for (const Batch::Write& write : batch_.writes()) {
      if (write.value.has_value()) {
        disk_[write.key] = *write.value;
      } else {
        disk_.erase(write.key);
      }
    }
    batch_ = Batch();
  }

  void Ack(const Leased& leased) {
    const AckId ack = {leased.sequence, leased.attempt};
    const absl::Status held = queue_->CheckLease(ack);
    ASSERT_TRUE(held.ok()) << held;
    queue_->Acknowledge(ack, now_, &batch_);
  }
  void Nack(const Leased& leased, absl::Duration delay) {
    queue_->Nack({leased.sequence, leased.attempt}, "", delay, now_, &batch_);
  }
  void Advance(absl::Duration by) {
    now_.wall += by;
    now_.steady += by;
  }

  QueuePolicy policy_;
  Instant now_ = {.wall = absl::FromUnixSeconds(1767225600),
                  .steady = absl::Hours(1)};
  std::map<std::string, std::string> disk_;
  Batch batch_;
  std::optional<Queue> queue_;
  uint64_t lowest_scan_ = UINT64_MAX;
  size_t largest_load_ = 0;
  size_t most_items_ = 0;
};

constexpr uint64_t kMany = 20'000;

TEST_F(QueueTest, ABacklogFarLargerThanTheWindowArrivesOnceAndInOrder) {
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
  EXPECT_EQ(queue_->record().message_count(), 0u);
  EXPECT_EQ(queue_->record().total_bytes(), 0u);
  EXPECT_THAT(most_items_, Le(policy_.window * 4));
}

TEST_F(QueueTest, ABacklogBehindNobodyStaysWithinTheWindow) {
  for (uint64_t i = 1; i <= kMany; ++i) Add(i);
  Step();
  EXPECT_THAT(most_items_, Le(policy_.window));
  most_items_ = 0;
  Restart();
  EXPECT_THAT(most_items_, Le(policy_.window));
}

TEST_F(QueueTest, ABacklogArrivesOnceWithRestartsInTheMiddle) {
  for (uint64_t i = 1; i <= kMany; ++i) Add(i);
  Step();
  std::set<uint64_t> acknowledged;
  std::map<uint64_t, int> attempts;
  for (int round = 0; acknowledged.size() < kMany; ++round) {
    ASSERT_LT(round, 10'000);
    if (round % 50 == 49) {
      const uint64_t floor = queue_->record().floor_sequence();
      lowest_scan_ = UINT64_MAX;
      Restart();
      EXPECT_GE(lowest_scan_, floor);
      EXPECT_EQ(queue_->record().message_count(), kMany - acknowledged.size());
    }
    Subscribe(round + 1, 100, "one");  // Takes over what it left.
    for (const Leased& one : Step()) {
      ASSERT_EQ(one.attempt, ++attempts[one.sequence]);
      if (one.sequence % 7 == 0 && one.attempt == 1) continue;  // Forgotten.
      Ack(one);
      ASSERT_TRUE(acknowledged.insert(one.sequence).second);
    }
  }
  EXPECT_EQ(queue_->record().message_count(), 0u);
}

TEST_F(QueueTest, AWindowFullOfOneKeyDoesNotHideWhatIsBehindIt) {
  for (uint64_t i = 1; i <= 200; ++i) Add(i, /*key=*/7);
  for (uint64_t i = 201; i <= 210; ++i) Add(i);
  Subscribe(1, 1000);
  std::vector<uint64_t> sequences;
  for (const Leased& one : Step()) sequences.push_back(one.sequence);
  EXPECT_THAT(sequences,
              ElementsAre(1, 201, 202, 203, 204, 205, 206, 207, 208, 209, 210));
  EXPECT_THAT(most_items_, Le(policy_.window * Queue::kMaxStretch));
}

TEST_F(QueueTest, TheStretchedWindowEndsToo) {
  const uint64_t blocked = policy_.window * (Queue::kMaxStretch + 2);
  for (uint64_t i = 1; i <= blocked; ++i) Add(i, /*key=*/7);
  Add(blocked + 1);
  Subscribe(1, 1000);
  std::vector<Leased> leased = Step();
  ASSERT_THAT(leased, SizeIs(1));
  EXPECT_THAT(most_items_, Le(policy_.window * Queue::kMaxStretch));
  // It moves on as the key does.
  std::set<uint64_t> seen;
  while (!leased.empty()) {
    for (const Leased& one : leased) {
      ASSERT_TRUE(seen.insert(one.sequence).second);
      Ack(one);
    }
    leased = Step();
  }
  EXPECT_THAT(seen, SizeIs(blocked + 1));
}

TEST_F(QueueTest, ManyKeysStayInOrderThroughWindowsNacksAndRestarts) {
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
  EXPECT_EQ(queue_->record().message_count(), 0u);
  EXPECT_EQ(queue_->record().total_bytes(), 0u);
}

TEST_F(QueueTest, ALeaseLoadedFromBehindTheWindowMovesNoFloor) {
  policy_.window = 4;
  Restart();
  Subscribe(1, 100);
  for (uint64_t i = 1; i <= 20; ++i) Add(i);
  const std::vector<Leased> leased = Step();
  ASSERT_THAT(leased, SizeIs(20));
  queue_->Unsubscribe(1);
  for (int i = 0; i < 4; ++i) Nack(leased[i], absl::ZeroDuration());
  Restart();
  const AckId far = {20, 1};
  ASSERT_TRUE(absl::IsNotFound(queue_->CheckLease(far)));
  v1::QueueEntry entry;
  ASSERT_TRUE(entry.ParseFromString(disk_[QueueEntryKey(kName, 20)]));
  EXPECT_EQ(queue_->LoadLease({20, 2}, entry, kAckDeadline, now_).code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(queue_->LoadLease(far, entry, kAckDeadline, now_).ok());
  queue_->Acknowledge(far, now_, &batch_);
  Commit();
  EXPECT_EQ(queue_->record().floor_sequence(), 1u);
  EXPECT_EQ(queue_->record().message_count(), 19u);
  Subscribe(2, 100);
  std::set<uint64_t> delivered;
  for (int i = 0; i < 2; ++i) {
    for (const Leased& one : Step()) delivered.insert(one.sequence);
    Advance(kAckDeadline);
  }
  EXPECT_THAT(delivered, SizeIs(19));
}

TEST_F(QueueTest, TheFloorStaysBelowWhatIsStillOnDisk) {
  policy_.window = 4;
  Restart();
  Subscribe(1, 100);
  for (uint64_t i = 1; i <= 20; ++i) Add(i);
  const std::vector<Leased> leased = Step();
  for (int i = 0; i < 4; ++i) Nack(leased.at(i), absl::ZeroDuration());
  queue_->Unsubscribe(1);
  Restart();
  v1::QueueEntry entry;
  ASSERT_TRUE(entry.ParseFromString(disk_[QueueEntryKey(kName, 20)]));
  ASSERT_TRUE(queue_->LoadLease({20, 1}, entry, kAckDeadline, now_).ok());
  Subscribe(2, 100);
  for (const Leased& one : queue_->Dispatch(now_, &batch_)) Ack(one);
  Commit();
  const uint64_t floor = queue_->record().floor_sequence();
  EXPECT_GE(floor, 3u);
  EXPECT_LE(floor, 5u) << "5 and more are on disk only";
}

TEST_F(QueueTest, ALeaseFoundOnDiskAfterItsConsumerIsBackEndsAtOnce) {
  policy_.window = 4;
  Restart();
  Subscribe(1, 100, "mash-1");
  for (uint64_t i = 1; i <= 20; ++i) Add(i);
  ASSERT_THAT(Step(), SizeIs(20));
  // No step in between: only a part of the leases is loaded by then.
  v1::QueueRecord record;
  ASSERT_TRUE(record.ParseFromString(disk_[QueueKey(kName)]));
  queue_.emplace(kName, policy_, record);
  Refill();
  Subscribe(2, 100, "mash-1");
  std::set<uint64_t> again;
  for (const Leased& one : Step()) {
    EXPECT_EQ(one.attempt, 2);
    again.insert(one.sequence);
  }
  EXPECT_THAT(again, SizeIs(20));
}

TEST_F(QueueTest, EndsALimitedNumberOfLeasesAtATime) {
  policy_.window = 4096;
  Restart();
  const size_t count = Queue::kMaxTick + 10;
  for (uint64_t i = 1; i <= count; ++i) Add(i);
  Subscribe(1, 5000);
  ASSERT_THAT(Step(), SizeIs(count));
  queue_->Unsubscribe(1);
  Advance(kAckDeadline);
  EXPECT_THAT(queue_->Tick(now_, &batch_), SizeIs(Queue::kMaxTick));
  EXPECT_LE(queue_->NextTick(now_).value(), now_.steady);
  EXPECT_THAT(queue_->Tick(now_, &batch_), SizeIs(10));
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
  v1::QueueEntry entry;
  ASSERT_TRUE(entry.ParseFromString(disk_[QueueEntryKey(kName, 1)]));
  ASSERT_EQ(entry.attempts_size(), static_cast<int>(Queue::kMaxAttemptsKept));
  EXPECT_EQ(entry.attempts(0).delivery_attempt(), 5);
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
  queue_->Reject({head[0].sequence, head[0].attempt}, "cannot be read", now_,
                 &batch_);
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

TEST_F(QueueTest, Rule18DangerStaysInOrderBehindAWindowAfterARestart) {
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

TEST_F(QueueTest, Rule18AFloodOfDangerIsBoundedInMemory) {
  for (uint64_t i = 1; i <= kMany; ++i) AddDanger(i, i % 10 + 1);
  Step();
  EXPECT_LE(most_items_, policy_.window * Queue::kMaxStretch);
}

TEST_F(QueueTest, AHeadGoesOutWithTheHighestPriorityBehindIt) {
  Add(1, v1::PRIORITY_HIGH, "police/E1", 0);
  Add(2, v1::PRIORITY_LOW, "police/E1", 7);
  Add(3, v1::PRIORITY_URGENT, "police/E1", 7);
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
  Add(1, v1::PRIORITY_HIGH, "police/E1", 0);
  Add(2, v1::PRIORITY_LOW, "police/E1", 7);
  v1::QueueEntry entry;
  entry.set_ordering_key_hash(7);
  entry.set_size_bytes(100);
  entry.set_priority(v1::PRIORITY_URGENT);
  entry.set_expire_time_micros(
      absl::ToUnixMicros(now_.wall + absl::Seconds(1)));
  queue_->Add(3, entry, absl::InfinitePast(), now_, &batch_);
  Advance(absl::Seconds(2));
  Subscribe(1, 1);
  EXPECT_EQ(Step()[0].sequence, 1);
}

TEST_F(QueueTest, SendersOfOnePriorityTakeTurns) {
  for (uint64_t i = 1; i <= 40; ++i) {
    Add(i, v1::PRIORITY_URGENT, "police/E1", 0);
  }
  Add(50, v1::PRIORITY_URGENT, "emergency/RX1", 0);
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
