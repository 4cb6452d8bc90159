#include "services/common/probe.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace baton {
namespace {

using IntProbe = Probe<int>;

TEST(ProbeTest, TheAnswerOfAnotherThreadIsWaitedFor) {
  std::vector<std::thread> threads;
  IntProbe probe(
      [&threads](IntProbe::Done done) {
        threads.emplace_back([done] { done(7); });
        return true;
      },
      absl::Minutes(1));
  EXPECT_EQ(probe.Look(), 7);
  EXPECT_EQ(probe.Look(), 7);
  for (std::thread& thread : threads) thread.join();
}

TEST(ProbeTest, WhoIsStuckIsAskedOnceAndWaitedForOnce) {
  std::vector<IntProbe::Done> asked;
  IntProbe probe(
      [&asked](IntProbe::Done done) {
        asked.push_back(std::move(done));
        return true;
      },
      absl::Milliseconds(1));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(probe.Look(), std::nullopt);
  EXPECT_EQ(asked.size(), 1u);

  // Too late for anybody; but it goes on, so it is asked again.
  asked[0](1);
  EXPECT_EQ(probe.Look(), std::nullopt);
  EXPECT_EQ(asked.size(), 2u);
}

TEST(ProbeTest, AQuestionThatIsNotTakenIsPutAgain) {
  bool takes = false;
  IntProbe probe(
      [&takes](const IntProbe::Done& done) {
        if (takes) done(3);
        return takes;
      },
      absl::Minutes(1));
  EXPECT_EQ(probe.Look(), std::nullopt);
  takes = true;
  EXPECT_EQ(probe.Look(), 3);
}

TEST(ProbeTest, AnAnswerMayOutliveTheProbe) {
  IntProbe::Done late;
  {
    IntProbe probe(
        [&late](IntProbe::Done done) {
          late = std::move(done);
          return true;
        },
        absl::ZeroDuration());
    EXPECT_EQ(probe.Look(), std::nullopt);
  }
  late(1);
}

}  // namespace
}  // namespace baton
