#ifndef BATON_SERVICES_CLI_LISTING_H_
#define BATON_SERVICES_CLI_LISTING_H_

#include <string>
#include <vector>

#include "services/cli/output.h"
#include "services/cli/session.h"
#include "services/cli/words.h"

namespace baton::cli {

// What a list is made of.
struct Listing {
  std::vector<Record> records;
  Record shape;                      // Any record of this kind.
  std::vector<std::string> columns;  // Keys a table shows.
  bool more = false;                 // The list goes on; --limit cut it.
};

// Prints a list together with what its silence means: an empty list is "none"
// only when the exchange was heard just now, and "unknown" otherwise.
void PrintListing(const Listing& listing, const Heard& heard,
                  const Session& session);

// --limit as given, or 100. INVALID_ARGUMENT unless it is 1 to 10000.
absl::StatusOr<int> LimitFrom(const std::string& text);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_LISTING_H_
