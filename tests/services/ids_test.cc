#include "services/common/ids.h"

#include "gtest/gtest.h"
#include "services/common/checks.h"

namespace baton {
namespace {

constexpr uint64_t kSequences[] = {
    0,          1,         31,   32, 12345, 1ULL << 59, (1ULL << 60) - 1,
    1ULL << 60, ~0ULL - 1, ~0ULL};

TEST(IdsTest, IdsLeadBack) {
  for (const uint64_t sequence : kSequences) {
    EXPECT_EQ(ParseMessageId(MessageId(sequence)).value(), sequence);
    EXPECT_EQ(ParseConversationId(ConversationId(sequence)).value(), sequence);
    const MatterName matter =
        ParseMatterId(MatterId(ConversationId(sequence), 15)).value();
    EXPECT_EQ(matter.conversation_number, sequence);
    EXPECT_EQ(matter.matter_number, 15);
    const AckId ack = ParseAckId(FormatAckId({sequence, 20})).value();
    EXPECT_EQ(ack.sequence, sequence);
    EXPECT_EQ(ack.attempt, 20);
  }
}

TEST(IdsTest, AreShort) {
  EXPECT_EQ(MessageId(0), "m-0");
  EXPECT_EQ(MessageId(32), "m-10");
  EXPECT_EQ(MatterId(ConversationId(31), 2), "c-z.2");
  EXPECT_EQ(FormatAckId({7, 3}), "a-7-3");
  EXPECT_EQ(MessageId(~0ULL), "m-fzzzzzzzzzzzz");
}

TEST(IdsTest, OneThingHasOneId) {
  for (const char* id : {"m-07", "m-00", "m-007"}) {
    EXPECT_FALSE(ParseMessageId(id).ok()) << id;
  }
  EXPECT_FALSE(ParseMatterId("c-07.1").ok());
  EXPECT_FALSE(ParseMatterId("c-7.01").ok());
  EXPECT_FALSE(ParseAckId("a-07-1").ok());
  EXPECT_FALSE(ParseAckId("a-7-01").ok());
}

TEST(IdsTest, RefusesWhatIsNoId) {
  for (const char* id : {"", "m-", "7", "c-7", "M-7", "m-I", "m-u", "m-7 ",
                         "m-g000000000000", "m-10000000000000"}) {
    EXPECT_EQ(ParseMessageId(id).status().code(),
              absl::StatusCode::kInvalidArgument)
        << id;
  }
  for (const char* id : {"", "c-7", "c-7.", "c-7.0", "c-7.-1", "c-7.1.1",
                         "c-7.x", "m-7.1", "c-7.99999999999"}) {
    EXPECT_FALSE(ParseMatterId(id).ok()) << id;
  }
  for (const char* id :
       {"", "a-7", "a-7-", "a-7-0", "b-7-1", "a-7-1-1", "a--1", "a-7-+1"}) {
    EXPECT_FALSE(ParseAckId(id).ok()) << id;
  }
}

TEST(IdsTest, DigestsInLettersNeverLookLikeNhsNumbers) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  const std::string text = LetterHex(bytes);
  EXPECT_EQ(text.size(), 512u);
  EXPECT_EQ(text.substr(0, 4), "aaab");
  EXPECT_EQ(text.substr(510), "pp");
  EXPECT_FALSE(LooksLikeNhsNumber(text));
}

}  // namespace
}  // namespace baton
