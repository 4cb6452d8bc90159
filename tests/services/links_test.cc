#include "services/broker/links.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

v1::Link LinkTo(const std::string& matter_id) {
  v1::Link link;
  link.set_matter_id(matter_id);
  return link;
}

TEST(LinksTest, Rule14TheNewestComesFirstAndTheOldestGoes) {
  v1::Matter matter;
  for (int i = 0; i < kMaxLinks + 3; ++i) {
    AddLink(LinkTo(absl::StrCat("c-", i, ".1")), &matter);
  }
  ASSERT_EQ(matter.links_size(), kMaxLinks);
  EXPECT_EQ(matter.links(0).matter_id(),
            absl::StrCat("c-", kMaxLinks + 2, ".1"));
  EXPECT_EQ(matter.links(kMaxLinks - 1).matter_id(), "c-3.1");
  EXPECT_EQ(FindLink(matter, "c-2.1"), nullptr);
  EXPECT_NE(FindLink(matter, "c-3.1"), nullptr);
}

TEST(LinksTest, Rule14AnUndoneLinkStaysVisible) {
  v1::Matter matter;
  AddLink(LinkTo("c-1.1"), &matter);
  v1::Receipt undone;
  undone.set_message_id("m-9");
  EXPECT_FALSE(UndoLink(undone, "c-2.1", &matter));
  EXPECT_TRUE(UndoLink(undone, "c-1.1", &matter));
  EXPECT_EQ(matter.links(0).undone().message_id(), "m-9");
  EXPECT_FALSE(UndoLink(v1::Receipt(), "c-1.1", &matter));
  EXPECT_EQ(matter.links(0).undone().message_id(), "m-9");
}

TEST(LinksTest, Rule14WhatEndedMoreThanAYearAgoIsNotLinked) {
  v1::MatterRecord open;
  EXPECT_TRUE(IsLinkable(open, kNow));
  v1::MatterRecord decided;
  *decided.mutable_matter()->mutable_decided()->mutable_time() =
      ToProto(kNow - kLinkHorizon);
  EXPECT_TRUE(IsLinkable(decided, kNow));
  EXPECT_FALSE(IsLinkable(decided, kNow + absl::Seconds(1)));
  v1::MatterRecord ended = decided;  // The end of a wait counts.
  *ended.mutable_end_time() = ToProto(kNow);
  EXPECT_TRUE(IsLinkable(ended, kNow + absl::Hours(24)));
}

TEST(LinksTest, Rule13WhatIsHeldBackIsNotLinked) {
  v1::MatterRecord matter;
  matter.mutable_matter()->set_restricted(true);
  EXPECT_FALSE(IsLinkable(matter, kNow));
  matter.mutable_matter()->mutable_released();
  EXPECT_TRUE(IsLinkable(matter, kNow));
  matter.set_staff_allegation(true);
  EXPECT_FALSE(IsLinkable(matter, kNow));
}

TEST(LinksTest, AKeyKeepsItsNewestMatters) {
  v1::MatchRecord record;
  for (int i = 1; i <= kMaxMatched + 1; ++i) AddMatched(i, 2, &record);
  ASSERT_EQ(record.matters_size(), kMaxMatched);
  EXPECT_EQ(record.matters(0).conversation_number(), kMaxMatched + 1u);
  EXPECT_EQ(record.matters(0).matter_number(), 2);
  EXPECT_EQ(record.matters(kMaxMatched - 1).conversation_number(), 2u);
}

}  // namespace
}  // namespace baton
