#include "services/broker/kind_rules.h"

#include <string>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

TEST(KindRulesTest, EveryKindHasARuleOfItsOwn) {
  for (int i = 0; i < v1::MessageKind_ARRAYSIZE; ++i) {
    const auto kind = static_cast<v1::MessageKind>(i);
    EXPECT_EQ(RuleOf(kind).kind, kind) << v1::MessageKind_Name(kind);
  }
}

TEST(KindRulesTest, NobodySaysAKindOfALaterVersion) {
  const KindRule& rule = RuleOf(static_cast<v1::MessageKind>(999));
  EXPECT_EQ(rule.sayer, Sayer::kExchange);
}

// So that a renamed message cannot make a kind unsayable.
TEST(KindRulesTest, EveryContentIsAMessageOfThisVersion) {
  for (int i = 0; i < v1::MessageKind_ARRAYSIZE; ++i) {
    const KindRule& rule = RuleOf(static_cast<v1::MessageKind>(i));
    if (rule.content.empty()) {
      EXPECT_FALSE(rule.about_matters);
      continue;
    }
    const auto* const type =
        google::protobuf::DescriptorPool::generated_pool()
            ->FindMessageTypeByName(std::string(rule.content));
    EXPECT_NE(type, nullptr) << rule.content;
  }
}

TEST(KindRulesTest, WhatIsAboutMattersOpensNothing) {
  for (int i = 0; i < v1::MessageKind_ARRAYSIZE; ++i) {
    const KindRule& rule = RuleOf(static_cast<v1::MessageKind>(i));
    EXPECT_FALSE(rule.about_matters && rule.opens);
    EXPECT_FALSE(rule.opens && MayNameNobody(rule))
        << "what opens a matter names who holds it";
  }
}

}  // namespace
}  // namespace baton
