#include "services/common/file_handles.h"

#include <sys/resource.h>

#include "gmock/gmock.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

class FileHandlesTest : public testing::Test {
 protected:
  void SetUp() override { getrlimit(RLIMIT_NOFILE, &before_); }
  void TearDown() override { setrlimit(RLIMIT_NOFILE, &before_); }

  rlimit before_;
};

TEST_F(FileHandlesTest, TheSoftLimitIsRaisedToTheHardOne) {
  rlimit low = before_;
  low.rlim_cur = 64;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const absl::Status enough = RequireFileHandles(128);
  EXPECT_TRUE(enough.ok()) << enough;
  rlimit now;
  getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(now.rlim_cur, before_.rlim_max);
}

TEST_F(FileHandlesTest, TooLowAHardLimitIsRefusedWithWhatToSet) {
  const absl::Status refused = RequireFileHandles(before_.rlim_max + 1);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("LimitNOFILE="));
}

}  // namespace
}  // namespace baton
