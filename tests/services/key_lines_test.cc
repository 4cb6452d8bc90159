#include "services/broker/key_lines.h"

#include <map>
#include <random>

#include "gtest/gtest.h"

namespace baton {
namespace {

TEST(KeyLinesTest, WithoutAKeyNobodyStandsInALine) {
  KeyLines lines;
  lines.Add(0, 1, v1::PRIORITY_URGENT);
  EXPECT_EQ(lines.First(0), 0u);
  EXPECT_EQ(lines.FirstDanger(0), 0u);
  EXPECT_EQ(lines.Lends(0), v1::PRIORITY_UNSPECIFIED);
  lines.Remove(0, 1, v1::PRIORITY_URGENT);
}

TEST(KeyLinesTest, DangerLendsNothing) {
  KeyLines lines;
  lines.Add(7, 1, v1::PRIORITY_LOW);
  lines.Add(7, 2, v1::PRIORITY_IMMEDIATE_DANGER);
  EXPECT_EQ(lines.Lends(7), v1::PRIORITY_UNSPECIFIED);
  EXPECT_EQ(lines.FirstDanger(7), 2u);
  EXPECT_EQ(lines.First(7), 1u);
}

// Against the plain way to say it.
TEST(KeyLinesTest, LinesGrowAndShrinkInAnyOrder) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  KeyLines lines;
  std::map<uint64_t, std::map<uint64_t, v1::Priority>> model;  // By key.
  uint64_t next = 0;
  for (int i = 0; i < 20'000; ++i) {
    const uint64_t key = random() % 5 + 1;
    std::map<uint64_t, v1::Priority>& line = model[key];
    if (line.size() < 4 && random() % 2 == 0) {
      const auto priority = static_cast<v1::Priority>(random() % 5 + 1);
      line[++next] = priority;
      lines.Add(key, next, priority);
    } else if (!line.empty()) {
      const auto it =
          std::next(line.begin(), static_cast<int>(random() % line.size()));
      lines.Remove(key, it->first, it->second);
      line.erase(it);
    }
    uint64_t danger = 0;
    v1::Priority lends = v1::PRIORITY_UNSPECIFIED;
    for (const auto& [sequence, priority] : line) {
      if (priority == v1::PRIORITY_IMMEDIATE_DANGER) {
        if (danger == 0) danger = sequence;
      } else if (priority >= v1::PRIORITY_HIGH) {
        lends = std::max(lends, priority);
      }
    }
    ASSERT_EQ(lines.First(key), line.empty() ? 0 : line.begin()->first);
    ASSERT_EQ(lines.FirstDanger(key), danger);
    ASSERT_EQ(lines.Lends(key), lends);
  }
}

}  // namespace
}  // namespace baton
