#include "services/cli/suggest.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace baton::cli {
namespace {

// Longer words are nobody's typing error; keeps the table small.
constexpr size_t kMaxLength = 64;

}  // namespace

int EditDistance(absl::string_view a, absl::string_view b) {
  // Row i holds the distances of a's first i letters to every prefix of b.
  std::vector<std::vector<int>> rows(a.size() + 1,
                                     std::vector<int>(b.size() + 1));
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    rows[i][0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substitute = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      int least =
          std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, substitute});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        least = std::min(least, rows[i - 2][j - 2] + 1);
      }
      rows[i][j] = least;
    }
  }
  return rows[a.size()][b.size()];
}

std::string Nearest(absl::string_view typed,
                    const std::vector<std::string>& candidates) {
  if (typed.size() > kMaxLength) return "";
  int best = std::max<int>(1, static_cast<int>(typed.size()) / 3) + 1;
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(typed, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string DidYouMean(absl::string_view typed,
                       const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(typed, candidates);
  if (nearest.empty()) return "";
  return absl::StrCat("; did you mean \"", nearest, "\"?");
}

}  // namespace baton::cli
