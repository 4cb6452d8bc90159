#include "services/school/school_desk.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/office_fixture.h"

namespace baton {
namespace {

using ::testing::SizeIs;

class SchoolDeskTest : public testing::Test {
 protected:
  // An alert of the exchange, and a question of the council.
  SchoolDeskTest() {
    v1::Message alert = From("exchange/BATON", v1::MESSAGE_KIND_ALERT, "4k7");
    v1::Alert content;
    content.set_code(v1::ALERT_CODE_DOMESTIC_ABUSE);
    alert.mutable_payload(0)->set_type(content.GetDescriptor()->full_name());
    alert.mutable_payload(0)->set_content(content.SerializeAsString());
    office_.Deliver(alert);
    office_.Deliver(
        From("council/E06000018", v1::MESSAGE_KIND_INFORMATION_REQUEST, "4k8"));
  }

  static v1::Message From(const std::string& sender, v1::MessageKind kind,
                          const std::string& number) {
    v1::Message message;
    message.set_message_id("m-" + number);
    message.set_conversation_id("c-" + number);
    message.add_matter_ids("c-" + number + ".1");
    message.set_kind(kind);
    *message.mutable_sender() = ParseAgency(sender).value();
    v1::Recipient& recipient = *message.add_recipients();
    *recipient.mutable_address() =
        ParseQueueName("school/123401/replies").value();
    recipient.set_role(v1::RECIPIENT_ROLE_ACTION);
    message.add_payload()->set_matter_id("c-" + number + ".1");
    return message;
  }

  v1::ListAlertsResponse List(bool include_taken = false) {
    v1::ListAlertsRequest request;
    request.set_include_taken(include_taken);
    return desk_.ListAlerts(request).value();
  }
  absl::StatusOr<v1::TakeAlertResponse> Take(const std::string& matter_id) {
    v1::TakeAlertRequest request;
    request.set_request_id("r-1");
    request.set_matter_id(matter_id);
    request.mutable_actor()->set_name("Ms Invented");
    request.mutable_actor()->set_role("designated safeguarding lead");
    request.mutable_actor()->set_team("pastoral");
    request.mutable_actor()->set_phone("0115 496 0300");
    return office_.Call<v1::TakeAlertResponse>(
        [&](Instant now) { return desk_.TakeAlert(request, now); });
  }

  OfficeFixture office_{"school/123401"};
  SchoolDesk desk_{office_.office.get()};
};

TEST_F(SchoolDeskTest, ListsAlertsAndNothingElse) {
  const v1::ListAlertsResponse alerts = List();
  ASSERT_THAT(alerts.alerts(), SizeIs(1));
  EXPECT_EQ(alerts.alerts(0).matter_id(), "c-4k7.1");
  EXPECT_EQ(alerts.alerts(0).alert().code(), v1::ALERT_CODE_DOMESTIC_ABUSE);
}

TEST_F(SchoolDeskTest, Rule16OnlyANamedPersonTakesAnAlert) {
  EXPECT_EQ(List().alerts(0).state(), v1::MATTER_STATE_DELIVERED);
  const auto taken = Take("c-4k7.1");
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->alert().state(), v1::MATTER_STATE_TAKEN);
  EXPECT_EQ(taken->alert().worker().name(), "Ms Invented");
  EXPECT_EQ(taken->outbox_state(), v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(office_.TakePublished().kind(), v1::MESSAGE_KIND_TAKEN);
  EXPECT_THAT(List().alerts(), SizeIs(0));
  EXPECT_THAT(List(/*include_taken=*/true).alerts(), SizeIs(1));
}

TEST_F(SchoolDeskTest, WhatIsNoAlertIsNotTakenAsOne) {
  EXPECT_TRUE(absl::IsNotFound(Take("c-4k8.1").status()));
  EXPECT_TRUE(absl::IsNotFound(Take("c-9.1").status()));
}

}  // namespace
}  // namespace baton
