#include "services/common/agency.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

TEST(AgencyTest, EveryClassHasANameThatLeadsBack) {
  for (int value = v1::AgencyClass_MIN; value <= v1::AgencyClass_MAX; ++value) {
    const auto agency_class = static_cast<v1::AgencyClass>(value);
    if (agency_class == v1::AGENCY_CLASS_UNSPECIFIED) continue;
    EXPECT_FALSE(ClassName(agency_class).empty()) << value;
    EXPECT_EQ(ClassFromName(ClassName(agency_class)), agency_class);
  }
  EXPECT_EQ(ClassName(v1::AGENCY_CLASS_UNSPECIFIED), "");
  EXPECT_EQ(ClassFromName(""), v1::AGENCY_CLASS_UNSPECIFIED);
  EXPECT_EQ(ClassFromName("Council"), v1::AGENCY_CLASS_UNSPECIFIED);
}

TEST(AgencyTest, NamesLeadBack) {
  const v1::Agency agency = ParseAgency("council/E06000018").value();
  EXPECT_EQ(agency.agency_class(), v1::AGENCY_CLASS_COUNCIL);
  EXPECT_EQ(agency.code(), "E06000018");
  EXPECT_EQ(AgencyName(agency), "council/E06000018");
}

TEST(AgencyTest, RefusesWhatIsNoAgency) {
  for (const char* name :
       {"", "council", "council/", "/E06000018", "borough/E06000018",
        "council/e06000018", "council/E06000018/intake", "council/E0 6",
        "council/12345678901234567", "council/9990000018"}) {
    EXPECT_EQ(ParseAgency(name).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
}

TEST(AgencyTest, IsTheSameOnlyWithClassAndCode) {
  const v1::Agency a = ParseAgency("council/A1").value();
  EXPECT_TRUE(SameAgency(a, a));
  EXPECT_FALSE(SameAgency(a, ParseAgency("council/A2").value()));
  EXPECT_FALSE(SameAgency(a, ParseAgency("police/A1").value()));
}

TEST(AgencyTest, QueueNamesLeadBack) {
  const v1::Address address =
      ParseQueueName("council/E06000018/intake").value();
  EXPECT_EQ(address.agency().code(), "E06000018");
  EXPECT_EQ(address.desk(), "intake");
  EXPECT_EQ(QueueName(address), "council/E06000018/intake");
}

TEST(AgencyTest, RefusesWhatIsNoQueue) {
  for (const char* name :
       {"", "intake", "council/E06000018", "council/E06000018/",
        "council/E06000018/In Tray", "council/E06000018/intake/x",
        "council/E06000018/999-000-0018",
        "council/E06000018/123456789012345678901234567890123"}) {
    EXPECT_EQ(ParseQueueName(name).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_TRUE(
      ParseQueueName("council/E06000018/12345678901234567890123456789012")
          .ok());
}

}  // namespace
}  // namespace baton
