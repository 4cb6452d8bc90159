#ifndef BATON_SERVICES_CLI_SUGGEST_H_
#define BATON_SERVICES_CLI_SUGGEST_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace baton::cli {

// Fewest insertions, deletions, substitutions and swaps of neighbours that
// make `a` of `b`.
int EditDistance(absl::string_view a, absl::string_view b);

// The candidate a person most likely meant by `typed`; empty when none is
// near: more than a third of the letters would have to change.
std::string Nearest(absl::string_view typed,
                    const std::vector<std::string>& candidates);

// "; did you mean \"X\"?", or nothing when no candidate is near.
std::string DidYouMean(absl::string_view typed,
                       const std::vector<std::string>& candidates);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_SUGGEST_H_
