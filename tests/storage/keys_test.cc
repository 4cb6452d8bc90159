#include "storage/keys.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

constexpr uint64_t kLast = ~uint64_t{0};

// Numbers whose big-endian bytes carry over, in order.
const uint64_t kNumbers[] = {0,     1,          255,       256,  65535,
                             65536, 0xffffffff, kLast / 2, kLast};

// Queue names of which some begin with others.
const char* const kQueues[] = {"a",  "a/b", "a/bc", "ab",     "a-b",
                               "a.", "a0",  "b",    "council"};

bool Holds(const KeyRange& range, const std::string& key) {
  return range.begin <= key && (range.end.empty() || key < range.end);
}

template <typename MakeKey>
void ExpectOrdered(const MakeKey& key) {
  for (size_t i = 1; i < std::size(kNumbers); ++i) {
    EXPECT_LT(key(kNumbers[i - 1]), key(kNumbers[i])) << kNumbers[i];
  }
}

TEST(KeysTest, NumberedKeysSortByNumber) {
  ExpectOrdered(MessageKey);
  ExpectOrdered(ConversationKey);
  ExpectOrdered(LeavesKey);
  ExpectOrdered(JoinedKey);
  ExpectOrdered(OutboxKey);
  ExpectOrdered(InboxKey);
  ExpectOrdered([](uint64_t n) { return QueueChangesKey("council", n); });
  ExpectOrdered([](uint64_t n) { return SettledPageKey("council", 1, n); });
  ExpectOrdered([](uint64_t n) { return QueueEntryKey("council", n); });
  ExpectOrdered([](uint64_t n) { return DeadLetterKey("council", n); });
  ExpectOrdered([](uint64_t n) { return DeliveryKey(n, "council"); });
  ExpectOrdered([](uint64_t n) { return TileKey(0, n); });
}

TEST(KeysTest, TilesSortByLevelFirst) {
  EXPECT_LT(TileKey(0, kLast), TileKey(1, 0));
  EXPECT_LT(TileKey(1, kLast), TileKey(7, 0));
}

TEST(KeysTest, QueueEntriesHoldThoseOfTheirQueueFromASequenceOn) {
  for (const char* queue : kQueues) {
    const KeyRange range = QueueEntries(queue, 256);
    for (const uint64_t sequence : kNumbers) {
      EXPECT_EQ(Holds(range, QueueEntryKey(queue, sequence)), sequence >= 256);
    }
  }
}

TEST(KeysTest, QueueChangesBetweenCommitsHoldThoseOfTheirQueue) {
  for (const std::string queue : kQueues) {
    const KeyRange range = QueueChangesBetween(queue, 256, 1000);
    for (const std::string other : kQueues) {
      for (const uint64_t commit : {0, 255, 256, 999, 1000, 1001}) {
        EXPECT_EQ(Holds(range, QueueChangesKey(other, commit)),
                  queue == other && commit >= 256 && commit < 1000)
            << queue << " " << other << " " << commit;
      }
    }
  }
}

TEST(KeysTest, SettledPagesHoldThoseOf256Sequences) {
  const KeyRange range = SettledPages("q", 300);
  for (const uint64_t commit : kNumbers) {
    EXPECT_TRUE(Holds(range, SettledPageKey("q", 256, commit)));
    EXPECT_TRUE(Holds(range, SettledPageKey("q", 511, commit)));
    EXPECT_FALSE(Holds(range, SettledPageKey("q", 255, commit)));
    EXPECT_FALSE(Holds(range, SettledPageKey("q", 512, commit)));
    EXPECT_FALSE(Holds(range, SettledPageKey("qq", 256, commit)));
  }
}

TEST(KeysTest, DeadLettersHoldAllOfTheirQueue) {
  for (const char* queue : kQueues) {
    for (const uint64_t sequence : kNumbers) {
      EXPECT_TRUE(Holds(DeadLetters(queue, 0), DeadLetterKey(queue, sequence)));
    }
  }
}

TEST(KeysTest, RangesOfQueuesWhoseNamesBeginAlikeDoNotOverlap) {
  for (const std::string queue : kQueues) {
    for (const std::string other : kQueues) {
      if (queue == other) continue;
      for (const uint64_t sequence : kNumbers) {
        EXPECT_FALSE(
            Holds(QueueEntries(queue, 0), QueueEntryKey(other, sequence)))
            << queue << " " << other;
        EXPECT_FALSE(
            Holds(DeadLetters(queue, 0), DeadLetterKey(other, sequence)))
            << queue << " " << other;
      }
    }
  }
}

// One key of every kind: no range takes another kind's, no two are equal.
TEST(KeysTest, KindsDoNotMix) {
  const std::vector<std::string> keys = {kHeadKey,
                                         kDatabaseKey,
                                         MessageKey(kLast),
                                         IdempotencyKey(""),
                                         ConversationKey(0),
                                         QueueKey("q"),
                                         QueueChangesKey("q", 1),
                                         SettledPageKey("q", 1, 1),
                                         QueueEntryKey("q", 1),
                                         DeliveryKey(1, "q"),
                                         DeadLetterKey("q", 1),
                                         MatchedKey("match"),
                                         JoinedKey(1),
                                         LeavesKey(0),
                                         TileKey(0, 0),
                                         DirectoryKey("school/1"),
                                         OutboxKey(kLast),
                                         OutboxThreadKey("t"),
                                         RequestKey("r"),
                                         CaseKey("\xff"),
                                         InboxKey(kLast),
                                         InboxSeenKey("m"),
                                         IntakeKey("\xff"),
                                         ConsumerKey("c"),
                                         HeldDocumentKey(kLast),
                                         HeldChunkKey(kLast, 0)};
  const std::vector<std::pair<char, KeyRange>> ranges = {
      {'a', AllLeaves()},
      {'q', QueueEntries("q", 0)},
      {'Q', QueueChangesBetween("q", 0, kLast)},
      {'S', SettledPages("q", 1)},
      {'y', JoinedBetween(0, kLast)},
      {'x', DeadLetters("q", 0)},
      {'J', JobKeys()},
      {'o', OutboxEntries(0)},
      {'w', Cases()},
      {'n', InboxEntries(0)},
      {'k', IntakeMatters()},
      {'D', DirectoryKeys()},
      {'c', Conversations(0)},
      {'e', HeldDocuments()}};
  for (const auto& [kind, range] : ranges) {
    EXPECT_LT(range.begin, range.end);
    for (const std::string& key : keys) {
      EXPECT_EQ(Holds(range, key), key[0] == kind) << kind << " " << key;
    }
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    for (size_t j = 0; j < i; ++j) EXPECT_NE(keys[i], keys[j]);
  }
}

TEST(KeysTest, RangesFromANumberBeginThere) {
  EXPECT_EQ(OutboxEntries(256).begin, OutboxKey(256));
  EXPECT_EQ(InboxEntries(256).begin, InboxKey(256));
  EXPECT_TRUE(Holds(OutboxEntries(kLast), OutboxKey(kLast)));
  EXPECT_TRUE(Holds(AllLeaves(), LeavesKey(kLast)));
  EXPECT_EQ(Conversations(256).begin, ConversationKey(256));
  EXPECT_TRUE(Holds(Conversations(kLast), ConversationKey(kLast)));
}

TEST(KeysTest, UploadEntriesHoldAllUploadsAndNothingElse) {
  EXPECT_TRUE(Holds(UploadEntries(), UploadKey(0, "")));
  EXPECT_TRUE(Holds(UploadEntries(), UploadKey(kLast, "\xff")));
  EXPECT_FALSE(Holds(UploadEntries(), DocumentKey(1, "n")));
  EXPECT_FALSE(Holds(UploadEntries(), QueueEntryKey("a", 1)));
}

TEST(KeysTest, SequenceOfIsTheNumberAtTheEnd) {
  for (const uint64_t number : kNumbers) {
    EXPECT_EQ(*SequenceOf(MessageKey(number)), number);
    EXPECT_EQ(*SequenceOf(LeavesKey(number)), number);
    EXPECT_EQ(*SequenceOf(QueueEntryKey("council", number)), number);
    EXPECT_EQ(*SequenceOf(DeadLetterKey("council", number)), number);
  }
}

TEST(KeysTest, AKeyTooShortForASequenceIsRefused) {
  EXPECT_EQ(SequenceOf("").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(SequenceOf("1234567").status().code(), absl::StatusCode::kDataLoss);
}

// What is on disk must be found by every release.
TEST(KeysTest, NamesOnDiskAreFixed) {
  const std::string one("\0\0\0\0\0\0\0\x01", 8);
  const std::string zero(1, '\0');
  EXPECT_EQ(MessageKey(1), absl::StrCat("m/", one));
  EXPECT_EQ(QueueChangesKey("q", 1), absl::StrCat("Q/q", zero, one));
  EXPECT_EQ(SettledPageKey("q", 0x1ff, 1), absl::StrCat("S/q", zero, one, one));
  EXPECT_EQ(QueueEntryKey("q", 1), absl::StrCat("q/q", zero, one));
  EXPECT_EQ(DeliveryKey(1, "q"), absl::StrCat("d/", one, "q"));
  EXPECT_EQ(TileKey(2, 1), absl::StrCat("t/\x02", one));
  EXPECT_EQ(QueueKey("q"), "r/q");
  EXPECT_EQ(JoinedKey(1), absl::StrCat("y/", one));
  EXPECT_EQ(DirectoryKey("school/1"), "D/school/1");
  EXPECT_EQ(UploadKey(1, "n"), absl::StrCat("p/", one, "n"));
  EXPECT_EQ(DocumentKey(1, "n"), absl::StrCat("f/", one, "n"));
  EXPECT_EQ(ChunkKey(1, 0x102),
            absl::StrCat("b/", one, std::string("\0\0\x01\x02", 4)));
  EXPECT_EQ(HeldDocumentKey(1), absl::StrCat("e/", one));
  EXPECT_EQ(HeldChunkKey(1, 0x102),
            absl::StrCat("E/", one, std::string("\0\0\x01\x02", 4)));
}

}  // namespace
}  // namespace baton
