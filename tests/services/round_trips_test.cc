#include "services/agency/round_trips.h"

#include <deque>
#include <optional>

#include "absl/strings/str_cat.h"
#include "baton/v1/test_message.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/agency/case_desk.h"
#include "services/common/proto_time.h"
#include "tests/support/office_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Answer = std::optional<v1::TestExchangeResponse>;

// A police force that tests the exchange, which answers when a test says so.
class RoundTripsTest : public testing::Test {
 protected:
  // The answer stands in the result once it was given.
  std::shared_ptr<Answer> Ask(const std::string& request_id,
                              absl::Duration wait = absl::Seconds(10)) {
    auto answer = std::make_shared<Answer>();
    v1::TestExchangeRequest request;
    request.set_request_id(request_id);
    *request.mutable_wait() = ToProto(wait);
    office_.On([&] {
      begun_ = desks_.emplace_back(office_.office.get(), v1::Address())
                   .TestExchange(request, office_.disk.now,
                                 [answer](v1::TestExchangeResponse response) {
                                   *answer = std::move(response);
                                 });
    });
    return answer;
  }
  // The message that is on its way, as the exchange delivers it.
  v1::Message Delivered() {
    v1::Message message = office_.TakePublished();
    message.set_message_id("m-1");
    message.set_conversation_id("c-1");
    *message.mutable_sender() = ParseAgency("police/E23000019").value();
    return message;
  }
  void Pass(absl::Duration time) {
    office_.disk.Advance(time);
    office_.On([] {});
  }
  size_t InboxSize() {
    const auto page =
        office_.office->intake()->List(0, "", IntakeDesk::Filter::kAll);
    EXPECT_TRUE(page.ok()) << page.status();
    return page->items.size();
  }
  size_t RefusedSize() { return office_.office->cases()->Refused()->size(); }

  OfficeFixture office_{"police/E23000019"};
  std::deque<CaseDesk> desks_;  // One per call; answers come through it.
  absl::Status begun_;
};

TEST_F(RoundTripsTest, TheMessageGoesToOurselvesAndSaysNothing) {
  Ask("r-1");
  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.kind(), v1::MESSAGE_KIND_TEST_MESSAGE);
  EXPECT_EQ(message.environment(), v1::ENVIRONMENT_TRAINING);
  ASSERT_EQ(message.recipients_size(), 1);
  EXPECT_EQ(AgencyName(message.recipients(0).address().agency()),
            "police/E23000019");
  ASSERT_EQ(message.payload_size(), 1);
  EXPECT_EQ(message.payload(0).matter_id(), "");
  EXPECT_EQ(ContentAs<v1::TestMessage>(message.payload(0)).request_id(), "r-1");
}

TEST_F(RoundTripsTest, IsAnsweredOnceTheMessageIsBackOnThisDisk) {
  const auto answer = Ask("r-1");
  const v1::Message message = Delivered();
  office_.disk.Advance(absl::Milliseconds(20));
  office_.Accept();
  EXPECT_FALSE(answer->has_value());
  office_.disk.Advance(absl::Milliseconds(30));
  office_.Deliver(message);
  ASSERT_TRUE(answer->has_value());
  const v1::TestExchangeResponse& got = **answer;
  EXPECT_EQ(got.outbox_state(), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_EQ(got.message_id(), "m-1");
  const absl::Time held = FromProto(got.held_time());
  EXPECT_EQ(FromProto(got.accepted_time()) - held, absl::Milliseconds(20));
  EXPECT_EQ(FromProto(got.returned_time()) - held, absl::Milliseconds(50));
  EXPECT_EQ(AgencyName(got.agency()), "police/E23000019");
  EXPECT_EQ(got.environment(), v1::ENVIRONMENT_TRAINING);
  EXPECT_EQ(got.phone(), "0115 496 0200");
  EXPECT_THAT(office_.link.acknowledged, ElementsAre("a-m-1"));
}

TEST_F(RoundTripsTest, ItMayBeBackBeforeItsReceipt) {
  const auto answer = Ask("r-1");
  office_.Deliver(Delivered());
  EXPECT_FALSE(answer->has_value());
  office_.Accept();
  ASSERT_TRUE(answer->has_value());
  EXPECT_TRUE((*answer)->has_returned_time());
}

TEST_F(RoundTripsTest, NobodyReadsIt) {
  Ask("r-1");
  const v1::Message message = Delivered();
  office_.Accept();
  office_.Deliver(message);
  office_.Deliver(message);
  EXPECT_EQ(InboxSize(), 0u);
  EXPECT_THAT(office_.office->intake()->OpenConversations(10), IsEmpty());
  EXPECT_THAT(office_.link.acknowledged, ElementsAre("a-m-1", "a-m-1"));
}

TEST_F(RoundTripsTest, AnExchangeThatIsAwayIsToldWhenPatienceEnds) {
  const auto answer = Ask("r-1", absl::Seconds(5));
  Pass(absl::Seconds(5) - absl::Milliseconds(1));
  EXPECT_FALSE(answer->has_value());
  Pass(absl::Milliseconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->outbox_state(), v1::OUTBOX_STATE_HELD);
  EXPECT_FALSE((*answer)->has_publish_time());
  EXPECT_FALSE((*answer)->has_returned_time());
}

TEST_F(RoundTripsTest, OneIsHeldAtATime) {
  const auto first = Ask("r-1", absl::Seconds(1));
  Pass(absl::Seconds(1));
  ASSERT_TRUE(first->has_value());
  const auto second = Ask("r-2");
  ASSERT_THAT(office_.link.published, SizeIs(1));
  const v1::Message message = Delivered();
  office_.Accept();
  office_.Deliver(message);
  ASSERT_TRUE(second->has_value());
  EXPECT_EQ(FromProto((*second)->held_time()),
            FromProto((*first)->held_time()));
}

TEST_F(RoundTripsTest, OneThatIsLostOnTheWayBackHoldsUpNoOther) {
  const auto first = Ask("r-1");
  office_.Accept();
  Pass(absl::Seconds(10));
  ASSERT_TRUE(first->has_value());
  EXPECT_EQ((*first)->outbox_state(), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_FALSE((*first)->has_returned_time());
  Ask("r-2");
  EXPECT_THAT(office_.link.published, SizeIs(1));
}

TEST_F(RoundTripsTest, ARefusedOneIsSaidAndIsNobodysToAttendTo) {
  const auto answer = Ask("r-1");
  office_.Answer(absl::InvalidArgumentError("no such kind"));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->outbox_state(), v1::OUTBOX_STATE_REFUSED);
  EXPECT_THAT((*answer)->refusal(), HasSubstr("no such kind"));
  EXPECT_EQ((*answer)->refused_messages(), 0);
  EXPECT_EQ(RefusedSize(), 0u);
  Ask("r-2");
  EXPECT_THAT(office_.link.published, SizeIs(1));
}

TEST_F(RoundTripsTest, ARepeatIsAnsweredFromTheDisk) {
  Ask("r-1");
  const v1::Message message = Delivered();
  office_.Accept();
  office_.Deliver(message);
  office_.Restart();
  const auto again = Ask("r-1");
  ASSERT_TRUE(again->has_value());
  EXPECT_TRUE((*again)->has_returned_time());
  EXPECT_THAT(office_.link.published, IsEmpty());
}

TEST_F(RoundTripsTest, ItComesBackToAServiceThatWasRestartedMeanwhile) {
  Ask("r-1");
  const v1::Message message = Delivered();
  office_.Restart();
  const auto again = Ask("r-1");
  office_.Deliver(message);
  office_.Accept();
  ASSERT_TRUE(again->has_value());
}

TEST_F(RoundTripsTest, OneThatIsNotOursIsAcknowledgedAndDropped) {
  const auto answer = Ask("r-1");
  v1::Message stranger = Delivered();
  *stranger.mutable_sender() = ParseAgency("police/E23000018").value();
  office_.Deliver(stranger);
  v1::Message unknown = Delivered();
  v1::TestMessage other;
  other.set_request_id("another service's");
  unknown.mutable_payload(0)->set_content(other.SerializeAsString());
  office_.Deliver(unknown);
  v1::Message empty = Delivered();
  empty.clear_payload();
  office_.Deliver(empty);
  office_.Accept();
  EXPECT_FALSE(answer->has_value());
  EXPECT_THAT(office_.link.acknowledged, SizeIs(3));
}

TEST_F(RoundTripsTest, SaysWhatElseWaits) {
  v1::RaiseContactRequest contact;
  contact.set_request_id("c-1");
  contact.set_sender_reference("P-1");
  contact.mutable_actor()->set_name("D. Marsh");
  *contact.mutable_recipient() =
      ParseQueueName("council/E06000018/intake").value();
  contact.add_children();
  const auto raised = office_.Call<v1::CaseStatus>([&](Instant now) {
    return CaseDesk(office_.office.get(), {}).RaiseContact(contact, now);
  });
  ASSERT_TRUE(raised.ok()) << raised.status();
  const absl::Time since = office_.disk.now.wall;
  office_.disk.Advance(absl::Minutes(3));
  const auto answer = Ask("r-1", absl::Seconds(1));
  Pass(absl::Seconds(1));
  ASSERT_TRUE(answer->has_value());
  EXPECT_EQ((*answer)->held_messages(), 1);
  EXPECT_EQ(FromProto((*answer)->oldest_held_time()), since);
  EXPECT_EQ((*answer)->refused_messages(), 0);

  office_.Answer(absl::InvalidArgumentError("no"));
  const auto later = Ask("r-2", absl::Seconds(1));
  Pass(absl::Seconds(1));
  ASSERT_TRUE(later->has_value());
  EXPECT_EQ((*later)->held_messages(), 0);
  EXPECT_FALSE((*later)->has_oldest_held_time());
  EXPECT_EQ((*later)->refused_messages(), 1);
}

TEST_F(RoundTripsTest, ALimitedNumberMayWait) {
  for (size_t i = 0; i < RoundTrips::kMaxWaiting; ++i) {
    Ask(absl::StrCat("r-", i));
    EXPECT_TRUE(begun_.ok()) << begun_;
  }
  Ask("too-many");
  EXPECT_EQ(begun_.code(), absl::StatusCode::kResourceExhausted);
  const v1::Message message = Delivered();
  office_.Accept();
  office_.Deliver(message);
  Ask("one-more");
  EXPECT_TRUE(begun_.ok()) << begun_;
}

TEST_F(RoundTripsTest, EveryFaultOfARequestIsSaidAtOnce) {
  for (const absl::Duration wait :
       {absl::Milliseconds(999), absl::Milliseconds(30001),
        -absl::Seconds(1)}) {
    Ask("", wait);
    EXPECT_EQ(begun_.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(begun_.message()), HasSubstr("request_id"));
    EXPECT_THAT(std::string(begun_.message()), HasSubstr("wait"));
  }
  EXPECT_THAT(office_.link.published, IsEmpty());
}

TEST_F(RoundTripsTest, ARequestIdOfSomethingElseIsRefused) {
  v1::RaiseContactRequest contact;
  contact.set_request_id("r-1");
  contact.set_sender_reference("P-1");
  contact.mutable_actor()->set_name("D. Marsh");
  *contact.mutable_recipient() =
      ParseQueueName("council/E06000018/intake").value();
  contact.add_children();
  ASSERT_TRUE(office_
                  .Call<v1::CaseStatus>([&](Instant now) {
                    return CaseDesk(office_.office.get(), {})
                        .RaiseContact(contact, now);
                  })
                  .ok());
  Ask("r-1");
  EXPECT_EQ(begun_.code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(RoundTripsTest, WhoWaitsIsLetGoWhenTheLoopHasFailed) {
  const auto answer = Ask("r-1");
  EXPECT_EQ(answer.use_count(), 2);
  office_.office->Forget();
  EXPECT_EQ(answer.use_count(), 1);
  EXPECT_FALSE(answer->has_value());
}

}  // namespace
}  // namespace baton
