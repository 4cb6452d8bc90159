#include "services/common/faults.h"

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

template <typename Detail>
Detail DetailOf(const absl::Status& status) {
  Detail detail;
  const absl::optional<absl::Cord> payload = status.GetPayload(
      "type.googleapis.com/" + Detail::descriptor()->full_name());
  EXPECT_TRUE(payload.has_value());
  if (payload.has_value()) {
    EXPECT_TRUE(detail.ParseFromString(std::string(*payload)));
  }
  return detail;
}

TEST(FaultsTest, NoFaultIsOk) { EXPECT_TRUE(Faults().ToStatus().ok()); }

TEST(FaultsTest, ListsEveryFault) {
  Faults faults;
  faults.Add("messages[0].kind", "must be stated");
  faults.Add("messages[1]", "is odd");
  const absl::Status status = faults.ToStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "messages[0].kind: must be stated; messages[1]: is odd");
  const auto details = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(details.field_violations_size(), 2);
  EXPECT_EQ(details.field_violations(1).field(), "messages[1]");
  EXPECT_EQ(details.field_violations(1).description(), "is odd");
}

TEST(FaultsTest, ALimitSaysWhichAndWhenToTryAgain) {
  const absl::Status status =
      LimitReached("max_messages", "queue q holds 7", absl::Milliseconds(1500));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_messages"));
  EXPECT_EQ(DetailOf<google::rpc::QuotaFailure>(status).violations(0).subject(),
            "max_messages");
  const auto retry = DetailOf<google::rpc::RetryInfo>(status);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(FaultsTest, AReasonLeadsBack) {
  const absl::Status status =
      WithReason(absl::AbortedError("moved"), "VERSION_MOVED");
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), "VERSION_MOVED");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).domain(), "baton");
  EXPECT_EQ(ReasonOf(absl::AbortedError("moved")), "");
  EXPECT_EQ(ReasonOf(absl::OkStatus()), "");
}

}  // namespace
}  // namespace baton
