#include "services/common/checks.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

TEST(ChecksTest, SeesTenDigitsOnTheirOwn) {
  for (const char* text :
       {"9990000018", "999 000 0018", "999-000-0018", "NHS 9990000018.",
        "nhs9990000018x", "a 999 000 0018", "999 000 0018 ", "9990000001",
        "ref 9990000018 5", "(9990000018)", "1: 9990000018"}) {
    EXPECT_TRUE(LooksLikeNhsNumber(text)) << text;
  }
}

TEST(ChecksTest, OtherDigitsAreNoNhsNumber) {
  for (const char* text :
       {"", "999000001", "99900000181", "E06000018", "2026-01-01",
        "2026-01-01T00:00:00Z", "m-4k7", "1234567890123", "999.000.0018a1"}) {
    EXPECT_FALSE(LooksLikeNhsNumber(text)) << text;
  }
}

TEST(ChecksTest, ChecksNhsNumbers) {
  for (const char* value :
       {"9990000018", "9990000026", "9990000034", "9990000042", "9990000050",
        "999 000 0018", "999-000-0018"}) {
    EXPECT_EQ(CheckNhsNumber(value), v1::IDENTIFIER_CHECK_PASSED) << value;
  }
  for (const char* value : {"", "9990000001", "9990000019", "999000001",
                            "99900000180", "999000001X", "999\t0000018"}) {
    EXPECT_EQ(CheckNhsNumber(value), v1::IDENTIFIER_CHECK_FAILED) << value;
  }
}

// Where the check value is 10 there is no such number.
TEST(ChecksTest, AtMostOneCheckDigitHolds) {
  int without_digit = 0;
  for (int i = 100; i < 200; ++i) {
    int passed = 0;
    for (int last = 0; last < 10; ++last) {
      passed += CheckNhsNumber(absl::StrCat("999000", i, last)) ==
                v1::IDENTIFIER_CHECK_PASSED;
    }
    EXPECT_LE(passed, 1) << i;
    without_digit += passed == 0;
  }
  EXPECT_GT(without_digit, 0);
}

TEST(ChecksTest, ChecksUniquePupilNumbers) {
  for (const char* value :
       {"Q892201700123", "A950000178301", "H243278544154"}) {
    EXPECT_EQ(CheckUniquePupilNumber(value), v1::IDENTIFIER_CHECK_PASSED)
        << value;
  }
  for (const char* value :
       {"", "Q892201700124", "A892201700123", "Q89220170012", "q892201700123",
        "Q8922017001234", "Q89220170O123", "Q89220170012I"}) {
    EXPECT_EQ(CheckUniquePupilNumber(value), v1::IDENTIFIER_CHECK_FAILED)
        << value;
  }
}

TEST(ChecksTest, ATemporaryPupilNumberEndsInALetter) {
  int passed = 0;
  for (const char* letter = "ABCDEFGHJKLMNPQRTUVWXYZ"; *letter != 0; ++letter) {
    passed +=
        CheckUniquePupilNumber(std::string(1, *letter) + "89220170012A") ==
        v1::IDENTIFIER_CHECK_PASSED;
  }
  EXPECT_EQ(passed, 1);
}

TEST(ChecksTest, KnowsUtf8) {
  for (const char* text :
       {"", "Ann", "Ng\xc5\xa9g\xc4\xa9", "\xe2\x82\xac", "\xf0\x9f\x91\xb6",
        "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const char* text :
       {"\x80", "\xc3", "\xc3\x28", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5", "\xff",
        "\xe2\x82", "a\xe2\x28\xa1"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

TEST(ChecksTest, TokensAreVisibleAscii) {
  EXPECT_TRUE(IsToken("!~", 2));
  EXPECT_FALSE(IsToken("", 2));
  EXPECT_FALSE(IsToken("abc", 2));
  EXPECT_FALSE(IsToken("a b", 9));
  EXPECT_FALSE(IsToken("a\x7f", 9));
  EXPECT_FALSE(IsToken("\xc3\xa9", 9));
}

TEST(ChecksTest, ConsumerNamesAreShortAndPlain) {
  EXPECT_TRUE(IsConsumerName("mash-1_A.b"));
  EXPECT_TRUE(IsConsumerName(std::string(64, 'c')));
  EXPECT_FALSE(IsConsumerName(std::string(65, 'c')));
  EXPECT_FALSE(IsConsumerName(""));
  EXPECT_FALSE(IsConsumerName("mash/1"));
}

TEST(ChecksTest, AUuidIsToldByItsFormAlone) {
  EXPECT_TRUE(IsUuid("123e4567-e89b-12d3-a456-426614174000"));
  EXPECT_TRUE(IsUuid("99900000-1812-4000-8000-9990000018AB"));
  EXPECT_FALSE(IsUuid("9990000018"));
  EXPECT_FALSE(IsUuid("123e4567-e89b-12d3-a456-42661417400"));
  EXPECT_FALSE(IsUuid("123e4567e89b-12d3-a456-4266141740000"));
  EXPECT_FALSE(IsUuid("123g4567-e89b-12d3-a456-426614174000"));
}

}  // namespace
}  // namespace baton
