#include "services/broker/message_filter.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

const absl::Time kNoon = absl::FromUnixSeconds(1767225600);

v1::Agency Agency(v1::AgencyClass agency_class, const std::string& code) {
  v1::Agency agency;
  agency.set_agency_class(agency_class);
  agency.set_code(code);
  return agency;
}

v1::Message Envelope() {
  v1::Message message;
  message.set_message_id(MessageId(7));
  message.set_kind(v1::MESSAGE_KIND_WAITING_FLAG);
  *message.mutable_sender() = Agency(v1::AGENCY_CLASS_EMERGENCY, "RX1RA");
  message.set_ordering_key("child-1");
  *message.mutable_publish_time() = ToProto(kNoon);
  return message;
}

bool Matches(const v1::MessageFilter& filter) {
  return MessageFilter(filter).Matches(Envelope());
}

TEST(MessageFilterTest, AnEmptyOneMeansEverything) {
  EXPECT_TRUE(Matches({}));
  EXPECT_FALSE(MessageFilter({}).bounds().has_value());
}

TEST(MessageFilterTest, ByMessageId) {
  v1::MessageFilter filter;
  filter.add_message_ids(MessageId(9));
  filter.add_message_ids(MessageId(3));
  EXPECT_FALSE(Matches(filter));
  EXPECT_EQ(MessageFilter(filter).bounds(),
            (std::pair<uint64_t, uint64_t>(3, 9)));
  filter.add_message_ids(MessageId(7));
  EXPECT_TRUE(Matches(filter));
}

TEST(MessageFilterTest, ByKind) {
  v1::MessageFilter filter;
  filter.add_kinds(v1::MESSAGE_KIND_CONTACT);
  EXPECT_FALSE(Matches(filter));
  filter.add_kinds(v1::MESSAGE_KIND_WAITING_FLAG);
  EXPECT_TRUE(Matches(filter));
}

TEST(MessageFilterTest, BySender) {
  v1::MessageFilter filter;
  *filter.add_senders() = Agency(v1::AGENCY_CLASS_EMERGENCY, "RX1RB");
  *filter.add_senders() = Agency(v1::AGENCY_CLASS_POLICE, "RX1RA");
  EXPECT_FALSE(Matches(filter));
  *filter.add_senders() = Agency(v1::AGENCY_CLASS_EMERGENCY, "RX1RA");
  EXPECT_TRUE(Matches(filter));
}

TEST(MessageFilterTest, ByOrderingKey) {
  v1::MessageFilter filter;
  filter.set_ordering_key("child-2");
  EXPECT_FALSE(Matches(filter));
  filter.set_ordering_key("child-1");
  EXPECT_TRUE(Matches(filter));
}

TEST(MessageFilterTest, ByTimeFromAndBefore) {
  const absl::Duration kMoment = absl::Microseconds(1);
  v1::MessageFilter filter;
  *filter.mutable_published_from() = ToProto(kNoon + kMoment);
  EXPECT_FALSE(Matches(filter));
  *filter.mutable_published_from() = ToProto(kNoon);
  EXPECT_TRUE(Matches(filter));
  *filter.mutable_published_before() = ToProto(kNoon + kMoment);
  EXPECT_TRUE(Matches(filter));
  filter.clear_published_from();
  *filter.mutable_published_before() = ToProto(kNoon);
  EXPECT_FALSE(Matches(filter));
}

TEST(MessageFilterTest, EverythingItSaysMustHold) {
  v1::MessageFilter filter;
  filter.add_kinds(v1::MESSAGE_KIND_WAITING_FLAG);
  filter.set_ordering_key("child-2");
  EXPECT_FALSE(Matches(filter));
}

TEST(MessageFilterTest, EveryFaultIsReportedAtItsPlace) {
  v1::MessageFilter filter;
  filter.add_message_ids("no such id");
  *filter.mutable_published_from() = ToProto(kNoon);
  *filter.mutable_published_before() = ToProto(kNoon);
  Faults faults;
  MessageFilter::Check(filter, "filter", &faults);
  const std::string text(faults.ToStatus().message());
  EXPECT_THAT(text, HasSubstr("filter.message_ids[0]"));
  EXPECT_THAT(text, HasSubstr("filter.published_before"));
}

TEST(MessageFilterTest, NamesAtMostTwoHundredAndFiftySixMessages) {
  v1::MessageFilter filter;
  for (int i = 1; i <= MessageFilter::kMaxMessageIds; ++i) {
    filter.add_message_ids(MessageId(static_cast<uint64_t>(i)));
  }
  Faults good;
  MessageFilter::Check(filter, "filter", &good);
  EXPECT_TRUE(good.ToStatus().ok());
  filter.add_message_ids(MessageId(1000));
  Faults bad;
  MessageFilter::Check(filter, "filter", &bad);
  EXPECT_THAT(std::string(bad.ToStatus().message()),
              HasSubstr("filter.message_ids: at most 256"));
}

}  // namespace
}  // namespace baton
