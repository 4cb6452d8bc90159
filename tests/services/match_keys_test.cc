#include "services/broker/match_keys.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child_messages.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kKey[] = "0123456789abcdef0123456789abcdef";

std::vector<MatchKey> KeysOf(const v1::Child& child,
                             const std::string& reference = "") {
  ChildPart part;
  part.child = child;
  part.reference = reference;
  return MatchKeysOf(kKey, part);
}

std::vector<v1::LinkReason> ReasonsOf(const std::vector<MatchKey>& keys) {
  std::vector<v1::LinkReason> reasons;
  for (const MatchKey& key : keys) reasons.push_back(key.reason);
  return reasons;
}

// True when the two children share a key.
bool Match(const v1::Child& a, const v1::Child& b) {
  std::set<std::string> digests;
  for (const MatchKey& key : KeysOf(a)) digests.insert(key.digest);
  const std::vector<MatchKey> keys = KeysOf(b);
  return std::any_of(keys.begin(), keys.end(), [&](const MatchKey& key) {
    return digests.count(key.digest) > 0;
  });
}

v1::Child Named(const std::string& given, const std::string& family,
                const std::string& born = "2012-03-04") {
  v1::Child child;
  child.add_names()->set_given(given);
  child.mutable_names(0)->set_family(family);
  child.mutable_birth_date()->set_value(born);
  return child;
}

TEST(MatchKeysTest, Rule14TheStrongestReasonComesFirst) {
  const std::vector<MatchKey> keys = KeysOf(Persephone(), "NOTTS-2026-000777");
  EXPECT_THAT(ReasonsOf(keys), ElementsAre(v1::LINK_REASON_NHS_NUMBER,
                                           v1::LINK_REASON_PUPIL_NUMBER,
                                           v1::LINK_REASON_NAME_AND_BIRTH_DATE,
                                           v1::LINK_REASON_INCIDENT));
  for (const MatchKey& key : keys) {
    EXPECT_THAT(key.digest, SizeIs(MatchKey::kDigestBytes));
  }
}

TEST(MatchKeysTest, Rule11AnIdentifierThatFailsItsCheckMakesNoKey) {
  v1::Child child;
  child.mutable_nhs_number()->set_value("9990000001");
  child.mutable_pupil_number()->set_value("Q892201700124");
  EXPECT_THAT(KeysOf(child), IsEmpty());
  // Whatever the sender says about it.
  child.mutable_nhs_number()->set_check(v1::IDENTIFIER_CHECK_PASSED);
  EXPECT_THAT(KeysOf(child), IsEmpty());
}

TEST(MatchKeysTest, AnNhsNumberMatchesHoweverItIsGrouped) {
  v1::Child a;
  v1::Child b;
  a.mutable_nhs_number()->set_value("999 000 0018");
  b.mutable_nhs_number()->set_value("999-000-0018");
  EXPECT_TRUE(Match(a, b));
  b.mutable_nhs_number()->set_value("9990000026");
  EXPECT_FALSE(Match(a, b));
}

TEST(MatchKeysTest, NamesMatchHoweverTheyAreWritten) {
  EXPECT_TRUE(Match(Named("Zo\xc3\xab", "O'Neill"), Named("ZOE", "Oneill")));
  EXPECT_TRUE(
      Match(Named("Ann Marie", "Smith-Jones"), Named("Ann", "Smith Jones")));
  EXPECT_TRUE(Match(Named("\xc3\x85sa", "\xc3\x9dr"), Named("asa", "yr")));
  EXPECT_FALSE(Match(Named("Ann", "Smith"), Named("Ben", "Smith")));
  EXPECT_FALSE(
      Match(Named("Ann", "Smith"), Named("Ann", "Smith", "2012-03-05")));
  // Other scripts are kept as they are.
  EXPECT_TRUE(Match(Named("\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0", "Smith"),
                    Named("\xd0\x90\xd0\xbd\xd0\xbd\xd0\xb0", "smith")));
}

TEST(MatchKeysTest, ANameAloneOrADateAloneMakesNoKey) {
  EXPECT_THAT(KeysOf(Named("Ann", "Smith", "2012-03")), IsEmpty());
  EXPECT_THAT(KeysOf(Named("Ann", "Smith", "04/03/2012")), IsEmpty());
  EXPECT_THAT(KeysOf(Named("Ann", "")), IsEmpty());
  EXPECT_THAT(KeysOf(Named("", "Smith")), IsEmpty());
  EXPECT_THAT(KeysOf(Named("-", "'")), IsEmpty());
}

TEST(MatchKeysTest, AliasesMatchUpToTheLimit) {
  v1::Child child = Named("Ann", "Smith");
  for (int i = 0; i < 8; ++i) {
    v1::PersonName* const alias = child.add_names();
    alias->set_given("Ann");
    alias->set_family(absl::StrCat("Alias", std::string(i, 'x')));
    alias->set_alias(true);
  }
  EXPECT_THAT(KeysOf(child), SizeIs(kMaxNameKeys));
  EXPECT_TRUE(Match(child, Named("Ann", "Alias")));
  EXPECT_FALSE(Match(child, Named("Ann", "Aliasxx")));
  *child.mutable_names(1) = child.names(0);  // Twice the same is one key.
  EXPECT_THAT(KeysOf(child), SizeIs(kMaxNameKeys - 1));
}

TEST(MatchKeysTest, AShortReferenceMakesNoKey) {
  EXPECT_THAT(KeysOf({}, "00012"), IsEmpty());
  EXPECT_THAT(KeysOf({}, "0-0-0-1-2"), IsEmpty());
  EXPECT_THAT(KeysOf({}, "000123"), SizeIs(1));
  EXPECT_EQ(KeysOf({}, "mfh/26/0123")[0].digest,
            KeysOf({}, "MFH 26 0123")[0].digest);
}

TEST(MatchKeysTest, Rule22AnUnbornChildMatchesByItsExpectedDate) {
  v1::Child unborn;
  unborn.add_names()->set_family("Wollaton");
  unborn.mutable_expected_birth_date()->set_value("2026-08-01");
  EXPECT_THAT(ReasonsOf(KeysOf(unborn)), ElementsAre(v1::LINK_REASON_BIRTH));
  // The birth links them: born, and the date that was expected still stated.
  v1::Child born = Named("Ann", "Wollaton", "2026-07-29");
  EXPECT_FALSE(Match(unborn, born));
  born.mutable_expected_birth_date()->set_value("2026-08-01");
  EXPECT_TRUE(Match(unborn, born));
  unborn.clear_names();
  EXPECT_THAT(KeysOf(unborn), IsEmpty());
}

TEST(MatchKeysTest, AnotherKeyMakesOtherDigests) {
  ChildPart part;
  part.child = Persephone();
  EXPECT_NE(MatchKeysOf(kKey, part)[0].digest,
            MatchKeysOf("another", part)[0].digest);
}

}  // namespace
}  // namespace baton
