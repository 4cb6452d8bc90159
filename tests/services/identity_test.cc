#include "services/common/identity.h"

#include "gtest/gtest.h"
#include "services/common/agency.h"

namespace baton {
namespace {

constexpr char kDomain[] = "baton.example";

TEST(IdentityTest, AnAgencyIsItsSpiffeUri) {
  for (const char* uri :
       {"spiffe://baton.example/agency/council/E06000018",
        "spiffe://baton.example/agency/council/E06000018/inbox"}) {
    const auto agency = AgencyFromSpiffe({uri}, kDomain);
    ASSERT_TRUE(agency.ok()) << agency.status();
    EXPECT_EQ(AgencyName(*agency), "council/E06000018");
  }
}

TEST(IdentityTest, RefusesNoneOrTwoUris) {
  const std::string uri = "spiffe://baton.example/agency/council/E06000018";
  EXPECT_EQ(AgencyFromSpiffe({}, kDomain).status().code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(AgencyFromSpiffe({uri, uri}, kDomain).status().code(),
            absl::StatusCode::kUnauthenticated);
}

TEST(IdentityTest, RefusesEveryOtherUri) {
  for (const char* uri :
       {"", "https://baton.example/agency/council/E06000018",
        "spiffe://other.example/agency/council/E06000018",
        "spiffe://baton.example.evil/agency/council/E06000018",
        "spiffe://baton.example", "spiffe://baton.example/",
        "spiffe://baton.example/agency/council",
        "spiffe://baton.example/agency/council/",
        "spiffe://baton.example/agency/council/E06000018/",
        "spiffe://baton.example/agency/council/E06000018/a/b",
        "spiffe://baton.example/service/council/E06000018",
        "spiffe://baton.example/agency/borough/E06000018",
        "spiffe://baton.example/agency/council/e06",
        "spiffe://baton.example//agency/council/E06000018"}) {
    EXPECT_EQ(AgencyFromSpiffe({uri}, kDomain).status().code(),
              absl::StatusCode::kUnauthenticated)
        << uri;
  }
}

}  // namespace
}  // namespace baton
