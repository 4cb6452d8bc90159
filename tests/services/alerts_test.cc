#include "services/broker/alerts.h"

#include "baton/v1/alert.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "tests/support/child_messages.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class AlertsTest : public testing::Test {
 protected:
  // The alert an accepted message of the police owes about its child.
  std::optional<v1::Message> AlertFor(v1::Message cause) {
    *cause.mutable_sender() = PoliceCaller().agency;
    cause.set_message_id("m-4k7");
    *cause.mutable_publish_time() = ToProto(absl::FromUnixSeconds(1767225600));
    const std::vector<ChildPart> children = ReadChildParts(cause);
    EXPECT_EQ(children.size(), 1u);
    return AlertOf(directory_, cause, children[0]);
  }
  v1::AlertCode CodeFor(v1::Message cause) {
    const std::optional<v1::Message> alert = AlertFor(std::move(cause));
    return alert ? PartOf<v1::Alert>(*alert).code()
                 : v1::ALERT_CODE_UNSPECIFIED;
  }

  const Directory directory_ = DirectoryOf(ChildRulesConfig());
};

TEST_F(AlertsTest, TheSchoolIsToldOfFourThings) {
  EXPECT_EQ(CodeFor(NoticeMessage(Persephone(), true)),
            v1::ALERT_CODE_DOMESTIC_ABUSE);
  EXPECT_EQ(CodeFor(MissingMessage(Persephone())), v1::ALERT_CODE_MISSING);
  EXPECT_EQ(CodeFor(WaitMessage(Persephone())),
            v1::ALERT_CODE_EMERGENCY_DEPARTMENT);

  v1::Message found = FoundMessage("c-4k7", "c-4k7.1");
  *found.mutable_sender() = PoliceCaller().agency;
  ChildPart child;
  child.matter_id = "c-4k7.1";
  child.child = Persephone();
  const auto alert = AlertOf(directory_, found, child);
  ASSERT_TRUE(alert.has_value());
  EXPECT_EQ(PartOf<v1::Alert>(*alert).code(), v1::ALERT_CODE_FOUND);
  EXPECT_EQ(PartOf<v1::Alert>(*alert).time().value().seconds(), 1767230000);
  child.matter_id = "c-4k7.2";  // Her brother is still missing.
  EXPECT_FALSE(AlertOf(directory_, found, child).has_value());
}

TEST_F(AlertsTest, NothingElseIsTold) {
  EXPECT_FALSE(AlertFor(NoticeMessage(Persephone(), false)).has_value());
  EXPECT_FALSE(AlertFor(ContactMessage(Persephone())).has_value());
  v1::Message odd = WaitMessage(Persephone());  // The kind counts.
  odd.set_kind(v1::MESSAGE_KIND_CONTACT);
  EXPECT_FALSE(AlertFor(odd).has_value());
}

TEST_F(AlertsTest, Rule12AnAlertHoldsTheMinimum) {
  const auto message = AlertFor(NoticeMessage(Persephone(), true));
  ASSERT_TRUE(message.has_value());
  const auto alert = PartOf<v1::Alert>(*message);
  EXPECT_EQ(alert.ask(), "ask E23000019, 0115 496 0300");
  EXPECT_EQ(alert.time().value().seconds(), 1767200000);
  EXPECT_EQ(alert.source_time().seconds(), 1767225600);
  EXPECT_EQ(alert.risk_to_workers().value(), "a dog");
  EXPECT_TRUE(alert.immediate_danger().value());
  v1::Child minimum;
  *minimum.mutable_names() = Persephone().names();
  *minimum.mutable_birth_date() = Persephone().birth_date();
  *minimum.mutable_pupil_number() = Persephone().pupil_number();
  *minimum.mutable_interpreter() = Persephone().interpreter();
  *minimum.mutable_medication() = Persephone().medication();
  *minimum.mutable_do_not_tell() = Persephone().do_not_tell();
  EXPECT_EQ(alert.child().SerializeAsString(), minimum.SerializeAsString());
}

TEST_F(AlertsTest, TheEnvelopeLeadsNowhere) {
  v1::Message cause = MissingMessage(Persephone());
  cause.set_priority(v1::PRIORITY_URGENT);
  (*cause.mutable_attributes())["crime"] = "26-1";
  cause.mutable_actor()->set_name("Inspector Hyacinth");
  const auto message = AlertFor(cause);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->kind(), v1::MESSAGE_KIND_ALERT);
  EXPECT_EQ(message->priority(), v1::PRIORITY_URGENT);
  EXPECT_EQ(message->environment(), v1::ENVIRONMENT_TRAINING);
  ASSERT_EQ(message->recipients_size(), 1);
  EXPECT_EQ(QueueName(message->recipients(0).address()), kSchoolOffice);
  EXPECT_EQ(message->recipients(0).role(), v1::RECIPIENT_ROLE_ACTION);
  EXPECT_THAT(message->conversation_id(), IsEmpty());
  EXPECT_THAT(message->in_reply_to(), IsEmpty());
  ASSERT_EQ(message->attributes_size(), 1);
  EXPECT_EQ(message->attributes().at(kAlertCodeAttribute),
            "ALERT_CODE_MISSING");
  EXPECT_THAT(message->DebugString(), Not(HasSubstr("m-4k7")));
  EXPECT_THAT(message->DebugString(), Not(HasSubstr("Hyacinth")));
}

TEST_F(AlertsTest, Rule9TheSchoolIsTheOneTheChildsBodiesName) {
  v1::Child child = Persephone();
  child.mutable_bodies()->mutable_school()->set_code(" 123456 ");
  EXPECT_TRUE(AlertFor(MissingMessage(child)).has_value());
  child.mutable_bodies()->mutable_school()->set_code("999999");
  EXPECT_FALSE(AlertFor(MissingMessage(child)).has_value());
  child.mutable_bodies()->mutable_school()->set_absence(v1::ABSENCE_UNKNOWN);
  EXPECT_FALSE(AlertFor(MissingMessage(child)).has_value());
  child.clear_bodies();
  EXPECT_FALSE(AlertFor(MissingMessage(child)).has_value());
  // Another body's code is no school's.
  child.mutable_bodies()->mutable_host_authority()->set_code("123456");
  EXPECT_FALSE(AlertFor(MissingMessage(child)).has_value());
}

TEST_F(AlertsTest, Rule16ASchoolThatHasItAlreadyIsNotTold) {
  v1::Message cause = MissingMessage(Persephone());
  v1::Recipient* const copy = cause.add_recipients();
  *copy->mutable_address() = AddressOf(kSchoolOffice);
  copy->set_role(v1::RECIPIENT_ROLE_COPY);
  EXPECT_FALSE(AlertFor(cause).has_value());
  *copy->mutable_redirected_to() =
      AddressOf(kUnknownDesk);  // It did not get it.
  EXPECT_TRUE(AlertFor(cause).has_value());
}

}  // namespace
}  // namespace baton
