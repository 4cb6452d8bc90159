#include "services/common/idle_poll.h"

#include <sched.h>

#include <filesystem>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(20);

// Threads of this process that run only when nothing else does.
int LowestThreads() {
  int lowest = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    const int id = std::stoi(task.path().filename().string());
    if (sched_getscheduler(id) == SCHED_IDLE) ++lowest;
  }
  return lowest;
}

// Asks until it does so: on a busy machine its span may be over before its
// turn. Returns when it was asked last; the infinite past after the deadline.
absl::Time AskUntilItPolls(IdlePoll* poll) {
  const absl::Time deadline = absl::Now() + kDeadline;
  while (absl::Now() < deadline) {
    const absl::Time asked = absl::Now();
    poll->Extend();
    const absl::Time again = asked + absl::Milliseconds(60);
    while (absl::Now() < again) {
      if (poll->polling()) return asked;
      std::this_thread::yield();
    }
  }
  return absl::InfinitePast();
}

bool AwaitSleep(const IdlePoll& poll) {
  const absl::Time deadline = absl::Now() + kDeadline;
  while (poll.polling()) {
    if (absl::Now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(IdlePollTest, SleepsUntilItIsAsked) {
  IdlePoll poll(absl::Hours(1));
  EXPECT_FALSE(poll.polling());
  EXPECT_GT(AskUntilItPolls(&poll), absl::InfinitePast());
  EXPECT_EQ(LowestThreads(), 1) << "it is in nobody's way";
}

TEST(IdlePollTest, SleepsAgainAfterItsSpanAndCanBeAskedAgain) {
  IdlePoll poll(absl::Milliseconds(50));
  for (int i = 0; i < 3; ++i) {
    const absl::Time asked = AskUntilItPolls(&poll);
    ASSERT_GT(asked, absl::InfinitePast());
    ASSERT_TRUE(AwaitSleep(poll));
    EXPECT_GE(absl::Now() - asked, absl::Milliseconds(50));
  }
}

TEST(IdlePollTest, EndsWhilePolling) {
  const absl::Time begun = absl::Now();
  {
    IdlePoll poll(absl::Hours(1));
    ASSERT_GT(AskUntilItPolls(&poll), absl::InfinitePast());
  }
  EXPECT_LT(absl::Now() - begun, kDeadline);
}

}  // namespace
}  // namespace baton
