#include "storage/seal.h"

#include <string>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

class SealTest : public testing::Test {
 protected:
  const std::string key_ = std::string(32, 'k');
  const PartContext context_ = {.message_id = "m1",
                                .part = "matter-2",
                                .view = "school",
                                .sender = "police/E23000019"};
  SystemRandom random_;
};

TEST_F(SealTest, PartOpensUnderItsKeyAndContext) {
  for (const size_t size : {0, 1, 1024, 262144}) {
    const std::string plain = random_.Bytes(size);
    const std::string sealed = SealPart(key_, context_, plain);
    EXPECT_EQ(sealed.size(), plain.size() + 16);
    const auto opened = OpenPart(key_, context_, sealed);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(*opened, plain);
  }
}

TEST_F(SealTest, PartDoesNotOpenUnderAnotherKey) {
  const std::string sealed = SealPart(key_, context_, "words");
  EXPECT_EQ(OpenPart(std::string(32, 'x'), context_, sealed).status().code(),
            kDataLoss);
}

TEST_F(SealTest, PartIsBoundToEveryFieldOfItsContext) {
  const std::string sealed = SealPart(key_, context_, "words");
  for (auto change : {+[](PartContext& c) { c.message_id = "m2"; },
                      +[](PartContext& c) { c.part = "matter-3"; },
                      +[](PartContext& c) { c.view = ""; },
                      +[](PartContext& c) { c.sender = "police/E23000018"; },
                      +[](PartContext& c) { c.version = 2; }}) {
    PartContext other = context_;
    change(other);
    EXPECT_EQ(OpenPart(key_, other, sealed).status().code(), kDataLoss);
  }
}

// Bytes moved from one field to its neighbour are another context.
TEST_F(SealTest, FieldsOfAContextDoNotRunTogether) {
  const auto context = [](absl::string_view id, absl::string_view part,
                          absl::string_view view) {
    return PartContext{
        .message_id = id, .part = part, .view = view, .sender = "council/x"};
  };
  const std::string sealed = SealPart(key_, context("m1", "ab", "c"), "words");
  EXPECT_FALSE(OpenPart(key_, context("m1", "a", "bc"), sealed).ok());
  EXPECT_FALSE(OpenPart(key_, context("m1a", "b", "c"), sealed).ok());
}

TEST_F(SealTest, PartsOfOneMessageDoNotShareAKeyStream) {
  const std::string plain(64, '\0');
  PartContext other = context_;
  other.part = "matter-3";
  EXPECT_NE(SealPart(key_, context_, plain), SealPart(key_, other, plain));
}

TEST_F(SealTest, DamagedPartIsRefused) {
  const std::string sealed = SealPart(key_, context_, "words");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] ^= 1;
    EXPECT_EQ(OpenPart(key_, context_, damaged).status().code(), kDataLoss);
    EXPECT_EQ(OpenPart(key_, context_, sealed.substr(0, i)).status().code(),
              kDataLoss);
  }
}

TEST_F(SealTest, RecordOpensUnderItsKeyAndName) {
  const std::string sealed = SealRecord(key_, "outbox 1", "words", &random_);
  EXPECT_EQ(sealed.size(), 12 + 5 + 16u);
  EXPECT_EQ(*OpenRecord(key_, "outbox 1", sealed), "words");
  EXPECT_EQ(OpenRecord(key_, "outbox 2", sealed).status().code(), kDataLoss);
  EXPECT_EQ(
      OpenRecord(std::string(32, 'x'), "outbox 1", sealed).status().code(),
      kDataLoss);
}

TEST_F(SealTest, RecordRewrittenIsSealedAnew) {
  EXPECT_NE(SealRecord(key_, "outbox 1", "words", &random_),
            SealRecord(key_, "outbox 1", "words", &random_));
}

TEST_F(SealTest, DamagedRecordIsRefused) {
  const std::string sealed = SealRecord(key_, "outbox 1", "words", &random_);
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string damaged = sealed;
    damaged[i] ^= 1;
    EXPECT_EQ(OpenRecord(key_, "outbox 1", damaged).status().code(), kDataLoss);
    EXPECT_EQ(OpenRecord(key_, "outbox 1", sealed.substr(0, i)).status().code(),
              kDataLoss);
  }
}

// What is on disk must open after every release: change `version` instead.
TEST_F(SealTest, FormatOfAPartIsFixed) {
  const char kSealed[] = "23f4c3b5ee836ecc5f92e51bedfb6120e27c4da8fe";
  EXPECT_EQ(absl::BytesToHexString(SealPart(key_, context_, "words")), kSealed);
}

}  // namespace
}  // namespace baton
