#include "services/broker/directory.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class DirectoryTest : public testing::Test {
 protected:
  Directory Create() {
    Faults faults;
    Directory directory = Directory::Create(config_, &faults).value();
    EXPECT_TRUE(faults.empty()) << faults.ToStatus();
    return directory;
  }
  std::string FaultsOfConfig() {
    Faults faults;
    (void)Directory::Create(config_, &faults).status();
    return std::string(faults.ToStatus().message());
  }
  v1::DeskConfig* Desk() {
    return config_.mutable_agencies(0)->mutable_desks(0);
  }

  v1::BrokerConfig config_ = TestBrokerConfig();
};

TEST_F(DirectoryTest, KnowsItsQueuesAndAgencies) {
  const Directory directory = Create();
  EXPECT_THAT(directory.Queues(),
              UnorderedElementsAre(kIntake, kDuty, kCounty, kHospitalDesk,
                                   "police/E23000019/replies",
                                   "school/123456/office", kUnknownDesk));
  EXPECT_NE(directory.FindQueue(kIntake), nullptr);
  EXPECT_EQ(directory.FindQueue("council/E06000018/attic"), nullptr);
  EXPECT_NE(directory.FindAgency(CouncilCaller().agency), nullptr);
  EXPECT_EQ(directory.FindAgency(ParseAgency("council/E09").value()), nullptr);
}

TEST_F(DirectoryTest, ResolvesAddresses) {
  const Directory directory = Create();
  const auto resolve = [&](const std::string& queue, bool desk) {
    v1::Address address = AddressOf(queue);
    if (!desk) address.clear_desk();
    const Directory::Route route = directory.Resolve(address);
    return QueueName(route.address) + (route.known ? "" : " (unknown)");
  };
  EXPECT_EQ(resolve(kDuty, true), kDuty);
  EXPECT_EQ(resolve(kDuty, false), kIntake);
  EXPECT_EQ(resolve("council/E06000018/attic", true),
            absl::StrCat(kIntake, " (unknown)"));
  EXPECT_EQ(resolve("council/E09/intake", true),
            "operator/OPS/unknown (unknown)");
  EXPECT_EQ(resolve("council/E09/intake", false),
            "operator/OPS/unknown (unknown)");
}

TEST_F(DirectoryTest, PoliciesHaveDefaults) {
  const QueuePolicy policy = *Create().FindQueue(kIntake);
  EXPECT_EQ(policy.max_delivery_attempts, 20);
  EXPECT_EQ(policy.max_messages, 1'000'000u);
  EXPECT_EQ(policy.max_bytes, 8ULL << 30);
  EXPECT_EQ(policy.min_retry_delay, absl::Seconds(1));
  EXPECT_EQ(policy.max_retry_delay, absl::Seconds(600));
  EXPECT_EQ(policy.aging_delay, absl::Minutes(10));
}

TEST_F(DirectoryTest, PoliciesFollowTheConfiguration) {
  Desk()->set_max_delivery_attempts(3);
  Desk()->set_max_messages(4);
  Desk()->set_max_bytes(5);
  *Desk()->mutable_min_retry_delay() = ToProto(absl::Seconds(6));
  *Desk()->mutable_max_retry_delay() = ToProto(absl::Seconds(7));
  *Desk()->mutable_aging_delay() = ToProto(absl::Seconds(8));
  const QueuePolicy policy = *Create().FindQueue(kIntake);
  EXPECT_EQ(policy.max_delivery_attempts, 3);
  EXPECT_EQ(policy.max_messages, 4u);
  EXPECT_EQ(policy.max_bytes, 5u);
  EXPECT_EQ(policy.min_retry_delay, absl::Seconds(6));
  EXPECT_EQ(policy.max_retry_delay, absl::Seconds(7));
  EXPECT_EQ(policy.aging_delay, absl::Seconds(8));
}

TEST_F(DirectoryTest, OneRetryDelayIsComparedWithTheDefaultOfTheOther) {
  *Desk()->mutable_min_retry_delay() = ToProto(absl::Seconds(5));
  Create();
  *Desk()->mutable_min_retry_delay() = ToProto(absl::Seconds(601));
  EXPECT_THAT(FaultsOfConfig(), HasSubstr("agencies[0].desks[0]"));
  Desk()->clear_min_retry_delay();
  *Desk()->mutable_max_retry_delay() = ToProto(absl::Milliseconds(500));
  EXPECT_THAT(FaultsOfConfig(), HasSubstr("agencies[0].desks[0]"));
}

TEST_F(DirectoryTest, ReportsEveryFault) {
  Desk()->set_name("In Tray");
  Desk()->set_max_delivery_attempts(1001);
  config_.mutable_agencies(1)->mutable_agency()->set_code("e1");
  config_.mutable_agencies(2)->clear_desks();
  *config_.add_agencies() = config_.agencies(3);
  config_.mutable_agencies(4)->add_desks()->set_name("office");
  config_.mutable_agencies(5)->mutable_desks(0)->set_max_bytes(-1);
  config_.clear_unknown_recipient_desk();
  const std::string faults = FaultsOfConfig();
  for (const char* path :
       {"agencies[0].desks[0].name", "agencies[0].desks[0].max_delivery",
        "agencies[1].agency", "agencies[2].desks",
        "agencies[6]: police/E23000019 stands here twice",
        "agencies[4].desks[1]: school/123456/office stands here twice",
        "agencies[5].desks[0]: max_messages and max_bytes",
        "unknown_recipient_desk"}) {
    EXPECT_THAT(faults, HasSubstr(path));
  }
}

TEST_F(DirectoryTest, TeamsDesksAndTextsHaveLimits) {
  v1::AgencyConfig& agency = *config_.mutable_agencies(0);
  agency.set_name(std::string(129, 'n'));
  agency.set_phone(std::string(33, '0'));
  for (int i = 0; i <= 32; ++i) {
    agency.add_desks()->set_name("desk-" + std::to_string(i));
    agency.add_teams()->set_name("team");
  }
  agency.mutable_teams(0)->set_name(std::string(65, 't'));
  agency.mutable_teams(1)->set_phone(std::string(33, '0'));
  agency.mutable_teams(1)->add_opening_hours();
  Desk()->set_team("nobody");
  const std::string faults = FaultsOfConfig();
  for (const char* path :
       {"agencies[0].name: at most 128", "agencies[0].phone: at most 32",
        "agencies[0].desks: at most 32", "agencies[0].teams: at most 32",
        "agencies[0].teams[0].name: at most 64", "agencies[0].teams[1].phone",
        "agencies[0].teams[1].opening_hours[0].weekdays",
        "agencies[0].teams[2].name: stands here twice",
        "agencies[0].desks[0].team"}) {
    EXPECT_THAT(faults, HasSubstr(path));
  }
}

TEST_F(DirectoryTest, HoldsSoManyAgencies) {
  while (static_cast<size_t>(config_.agencies_size()) <=
         Directory::kMaxAgencies) {
    v1::AgencyConfig* const school = config_.add_agencies();
    school->mutable_agency()->set_agency_class(v1::AGENCY_CLASS_SCHOOL);
    school->mutable_agency()->set_code(
        std::to_string(200000 + config_.agencies_size()));
    school->add_desks()->set_name("office");
  }
  EXPECT_THAT(FaultsOfConfig(), HasSubstr("agencies: at most 10000"));
}

TEST_F(DirectoryTest, NobodyIsNoDirectory) {
  config_.clear_agencies();
  EXPECT_THAT(FaultsOfConfig(), HasSubstr("agencies: at least one"));
}

}  // namespace
}  // namespace baton
