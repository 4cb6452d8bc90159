#include "gtest/gtest.h"
#include "services/cli/suggest.h"

namespace baton::cli {
namespace {

TEST(SuggestTest, CountsEdits) {
  EXPECT_EQ(EditDistance("status", "status"), 0);
  EXPECT_EQ(EditDistance("statu", "status"), 1);
  EXPECT_EQ(EditDistance("staXus", "status"), 1);
  EXPECT_EQ(EditDistance("", "end"), 3);
}

TEST(SuggestTest, SwappedNeighboursAreOneEdit) {
  EXPECT_EQ(EditDistance("sattus", "status"), 1);
}

TEST(SuggestTest, FindsTheNearest) {
  EXPECT_EQ(Nearest("flga", {"flag", "list", "end"}), "flag");
  EXPECT_EQ(Nearest("--refrence", {"--reason", "--reference"}), "--reference");
}

TEST(SuggestTest, SuggestsNothingForAnotherWord) {
  EXPECT_EQ(Nearest("publish", {"flag", "list", "end"}), "");
  EXPECT_EQ(Nearest(std::string(100000, 'x'), {"flag"}), "");
  EXPECT_EQ(DidYouMean("publish", {"flag"}), "");
}

}  // namespace
}  // namespace baton::cli
