#include "services/common/environment.h"

#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/certificate.h"
#include "services/common/identity.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(EnvironmentTest, TrustDomainsSayWhichExchangeTheyAreOf) {
  for (const char* name : {"baton.test", "training.example", "my-training-2"}) {
    EXPECT_EQ(EnvironmentOf(name), v1::ENVIRONMENT_TRAINING) << name;
  }
  for (const char* name : {"baton.example", "baton.test.example", "contest"}) {
    EXPECT_EQ(EnvironmentOf(name), v1::ENVIRONMENT_LIVE) << name;
  }
  EXPECT_EQ(EnvironmentOf(""), v1::ENVIRONMENT_UNSPECIFIED);
}

TEST(EnvironmentTest, ATrustDomainOfTheOtherEnvironmentIsAFault) {
  const auto faulty = [](const char* name, v1::Environment environment) {
    Faults faults;
    CheckTrustDomain(name, environment, "trust_domain", &faults);
    return !faults.empty();
  };
  EXPECT_FALSE(faulty("baton.test", v1::ENVIRONMENT_TRAINING));
  EXPECT_FALSE(faulty("baton.example", v1::ENVIRONMENT_LIVE));
  EXPECT_TRUE(faulty("baton.test", v1::ENVIRONMENT_LIVE));
  EXPECT_TRUE(faulty("baton.example", v1::ENVIRONMENT_TRAINING));
}

TEST(EnvironmentTest, CertificatesOfTheOtherEnvironmentAreToldWhy) {
  const auto refusal = [](const char* uri, const char* ours) {
    return std::string(AgencyFromSpiffe({uri}, ours).status().message());
  };
  EXPECT_THAT(
      refusal("spiffe://baton.test/agency/council/E06000018", "baton.example"),
      HasSubstr("of a training exchange, this one is live"));
  EXPECT_THAT(
      refusal("spiffe://baton.example/agency/council/E06000018", "baton.test"),
      HasSubstr("of a live exchange, this one is training"));
  EXPECT_THAT(refusal("spiffe://other.example/agency/council/E06000018",
                      "baton.example"),
              Not(HasSubstr("never mix")));
}

TEST(EnvironmentTest, TrustDomainsAreReadFromSpiffeUris) {
  EXPECT_EQ(TrustDomainOf("spiffe://baton.test/agency/council/E06000018"),
            "baton.test");
  EXPECT_EQ(TrustDomainOf("spiffe://baton.test"), "baton.test");
  EXPECT_EQ(TrustDomainOf("https://baton.test/"), "");
  EXPECT_TRUE(SpiffeUris("no certificate").empty());
}

TEST(EnvironmentTest, KnowsTheRangeThatIsNeverIssued) {
  for (const char* number : {"9990000018", "999 000 0018", "999-999-9999"}) {
    EXPECT_TRUE(IsNeverIssued(number)) << number;
  }
  for (const char* number :
       {"9989999999", "999000001", "99900000180", "", "x"}) {
    EXPECT_FALSE(IsNeverIssued(number)) << number;
  }
}

class NhsNumbersTest : public testing::Test {
 protected:
  static std::string Check(const std::string& number,
                           v1::Environment environment) {
    v1::WaitingFlag flag;
    flag.mutable_child()->mutable_nhs_number()->set_value(number);
    Faults faults;
    CheckNhsNumbers(flag, environment, "content", &faults);
    return std::string(faults.ToStatus().message());
  }
};

TEST_F(NhsNumbersTest, TrainingCarriesOnlyNumbersThatAreNeverIssued) {
  EXPECT_EQ(Check("999 000 0018", v1::ENVIRONMENT_TRAINING), "");
  const std::string refusal = Check("123 456 7890", v1::ENVIRONMENT_TRAINING);
  EXPECT_THAT(refusal, HasSubstr("content.child.nhs_number: this is training"));
  EXPECT_THAT(refusal, Not(HasSubstr("456")));
}

TEST_F(NhsNumbersTest, LiveCarriesOnlyOthers) {
  EXPECT_EQ(Check("123 456 7890", v1::ENVIRONMENT_LIVE), "");
  const std::string refusal = Check("9990000018", v1::ENVIRONMENT_LIVE);
  EXPECT_THAT(refusal, HasSubstr("content.child.nhs_number: this is live"));
  EXPECT_THAT(refusal, Not(HasSubstr("0018")));
}

TEST_F(NhsNumbersTest, WhatIsNobodysNumberPasses) {
  for (const char* number : {"", "unknown", "12345678", "123456789000"}) {
    EXPECT_EQ(Check(number, v1::ENVIRONMENT_TRAINING), "") << number;
    EXPECT_EQ(Check(number, v1::ENVIRONMENT_LIVE), "") << number;
  }
}

}  // namespace
}  // namespace baton
