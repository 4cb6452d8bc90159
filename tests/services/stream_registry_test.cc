#include "services/common/stream_registry.h"

#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/limit_of.h"

namespace baton {
namespace {

class Stream final : public OpenStream {
 public:
  void End(absl::Status status) override { ended = std::move(status); }
  std::optional<absl::Status> ended;
};

v1::Agency Hospital(const std::string& code) {
  v1::Agency agency;
  agency.set_agency_class(v1::AGENCY_CLASS_EMERGENCY);
  agency.set_code(code);
  return agency;
}

class StreamRegistryTest : public testing::Test {
 protected:
  absl::StatusOr<uint64_t> Open(const std::string& code) {
    return registry_.Add(Hospital(code), stream_, [this] { ++beats_; });
  }

  StreamRegistry registry_{"streams", 3, 2};
  std::shared_ptr<Stream> stream_ = std::make_shared<Stream>();
  int beats_ = 0;
};

TEST_F(StreamRegistryTest, AnAgencyHasItsShare) {
  ASSERT_TRUE(Open("RX1RA").ok());
  const absl::StatusOr<uint64_t> second = Open("RX1RA");
  ASSERT_TRUE(second.ok());
  const absl::Status refused = Open("RX1RA").status();
  EXPECT_EQ(LimitOf(refused), "max_streams_per_agency");
  EXPECT_TRUE(Open("RX1RB").ok());
  registry_.Remove(*second);
  EXPECT_TRUE(Open("RX1RA").ok());
}

TEST_F(StreamRegistryTest, AllOfThemAreBounded) {
  ASSERT_TRUE(Open("RX1RA").ok());
  ASSERT_TRUE(Open("RX1RA").ok());
  const absl::StatusOr<uint64_t> third = Open("RX1RB");
  ASSERT_TRUE(third.ok());
  const absl::Status refused = Open("RX1RC").status();
  EXPECT_EQ(LimitOf(refused), "max_streams");
  registry_.Remove(*third);
  EXPECT_TRUE(Open("RX1RC").ok());
  EXPECT_EQ(registry_.size(), 3u);
}

TEST_F(StreamRegistryTest, AHeartbeatReachesAll) {
  ASSERT_TRUE(Open("RX1RA").ok());
  ASSERT_TRUE(Open("RX1RB").ok());
  registry_.Heartbeat();
  EXPECT_EQ(beats_, 2);
}

TEST_F(StreamRegistryTest, OneAgencysStreamsEndAlone) {
  ASSERT_TRUE(Open("RX1RA").ok());
  const auto other = std::make_shared<Stream>();
  ASSERT_TRUE(registry_.Add(Hospital("RX1RB"), other, [] {}).ok());
  registry_.EndAgency(Hospital("RX1RA"), absl::UnavailableError("it went"));
  ASSERT_TRUE(stream_->ended.has_value());
  EXPECT_EQ(stream_->ended->message(), "it went");
  EXPECT_FALSE(other->ended.has_value());
}

TEST_F(StreamRegistryTest, NothingOpensAfterTheDrain) {
  ASSERT_TRUE(Open("RX1RA").ok());
  registry_.DrainAll(absl::UnavailableError("stopping"));
  ASSERT_TRUE(stream_->ended.has_value());
  EXPECT_TRUE(absl::IsUnavailable(Open("RX1RB").status()));
}

}  // namespace
}  // namespace baton
