#include "services/broker/access.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kDenied = absl::StatusCode::kPermissionDenied;

class AccessTest : public testing::Test {
 protected:
  Access Create() {
    Faults faults;
    Access access = Access::Create(policy_, &faults);
    EXPECT_TRUE(faults.empty()) << faults.ToStatus();
    return access;
  }
  absl::StatusCode Publish(const Identity& sender,
                           v1::AgencyClass recipient = v1::AGENCY_CLASS_COUNCIL,
                           v1::MessageKind kind = v1::MESSAGE_KIND_CONTACT,
                           v1::Purpose purpose = v1::PURPOSE_SAFEGUARDING) {
    return Create()
        .CheckPublish(sender.agency, recipient, kind, purpose)
        .code();
  }

  v1::AccessPolicy policy_ = TestAccessPolicy();
};

TEST_F(AccessTest, ARuleMustMatchInEveryPart) {
  EXPECT_EQ(Publish(HospitalCaller()), absl::StatusCode::kOk);
  EXPECT_EQ(Publish(SchoolCaller()), kDenied);
  EXPECT_EQ(Publish(HospitalCaller(), v1::AGENCY_CLASS_SCHOOL), kDenied);
  EXPECT_EQ(Publish(HospitalCaller(), v1::AGENCY_CLASS_COUNCIL,
                    v1::MESSAGE_KIND_RECALL),
            kDenied);
  EXPECT_EQ(Publish(HospitalCaller(), v1::AGENCY_CLASS_COUNCIL,
                    v1::MESSAGE_KIND_CONTACT, v1::PURPOSE_CRIME_PREVENTION),
            kDenied);
}

TEST_F(AccessTest, ARuleMayNameSenders) {
  policy_.mutable_rules(0)->add_sender_codes("RX1RA");
  EXPECT_EQ(Publish(HospitalCaller()), absl::StatusCode::kOk);
  EXPECT_EQ(Publish(PoliceCaller()), kDenied);
}

TEST_F(AccessTest, TwoRulesDoNotAddUp) {
  v1::AccessRule* const rule = policy_.add_rules();
  rule->set_name("schools to schools");
  rule->add_sender_classes(v1::AGENCY_CLASS_SCHOOL);
  rule->add_recipient_classes(v1::AGENCY_CLASS_SCHOOL);
  rule->add_kinds(v1::MESSAGE_KIND_CONTACT);
  rule->add_purposes(v1::PURPOSE_SAFEGUARDING);
  EXPECT_EQ(Publish(SchoolCaller(), v1::AGENCY_CLASS_SCHOOL),
            absl::StatusCode::kOk);
  EXPECT_EQ(Publish(SchoolCaller(), v1::AGENCY_CLASS_COUNCIL), kDenied);
}

TEST_F(AccessTest, AnAgencyConsumesItsOwnQueuesOnly) {
  const Access access = Create();
  const v1::Agency council = ParseAgency("council/E06").value();
  EXPECT_TRUE(access.CheckConsume(council, "council/E06/intake").ok());
  EXPECT_TRUE(access.CheckConsume(council, "council/E06/none").ok());
  for (const char* queue : {"council/E06000018/intake", "council/E06",
                            "police/E06/intake", "", "/council/E06/intake"}) {
    EXPECT_EQ(access.CheckConsume(council, queue).code(), kDenied) << queue;
  }
}

TEST_F(AccessTest, EverybodyReadsTheAuditLogUnlessClassesAreNamed) {
  EXPECT_TRUE(Create().CheckAudit(SchoolCaller().agency).ok());
  policy_.add_audit_classes(v1::AGENCY_CLASS_WITNESS);
  EXPECT_EQ(Create().CheckAudit(SchoolCaller().agency).code(), kDenied);
  EXPECT_TRUE(Create().CheckAudit(ParseAgency("witness/W1").value()).ok());
}

TEST_F(AccessTest, ReportsEveryFaultOfAPolicy) {
  policy_.mutable_rules(0)->add_sender_codes("rx1");
  policy_.add_rules();
  Faults faults;
  Access::Create(policy_, &faults);
  const std::string text(faults.ToStatus().message());
  for (const char* path :
       {"rules[0].sender_codes", "rules[1].name", "rules[1].sender_classes",
        "rules[1].recipient_classes", "rules[1].kinds", "rules[1].purposes"}) {
    EXPECT_THAT(text, HasSubstr(path));
  }
}

TEST_F(AccessTest, APolicyWithoutRulesIsAFault) {
  Faults faults;
  Access::Create({}, &faults);
  EXPECT_THAT(std::string(faults.ToStatus().message()), HasSubstr("rules:"));
}

}  // namespace
}  // namespace baton
