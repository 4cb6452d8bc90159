#ifndef BATON_SERVICES_CLI_LISTING_H_
#define BATON_SERVICES_CLI_LISTING_H_

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/cli/command.h"
#include "services/cli/output.h"
#include "services/cli/session.h"
#include "services/cli/words.h"
#include "storage/status.h"

namespace baton::cli {

// What a list is made of.
struct Listing {
  std::vector<Record> records;
  Record shape;                      // Any record of this kind.
  std::vector<std::string> columns;  // Keys a table shows.
  bool more = false;                 // The list goes on; --limit cut it.
};

// Prints its records alone: as PrintRecords() does, or one json object a line.
void PrintMany(const Listing& listing, const Session& session);

// Prints a list together with what its silence means: an empty list is "none"
// only when the exchange was heard just now, and "unknown" otherwise.
void PrintListing(const Listing& listing, const Heard& heard,
                  const Session& session);

// Cuts what a person reads to `limit` records, the urgent ones first.
void PutUrgentFirst(int limit, Listing* listing);

// --all, which means `all_help`, and --limit.
std::vector<OptionSpec> ListOptions(const std::string& all_help);

inline constexpr int kMaxLimit = 10000;

// --limit as given, or 100. INVALID_ARGUMENT unless it is 1 to kMaxLimit.
absl::StatusOr<int> LimitFrom(const std::string& text);

// Reads pages until the list or `limit` ends, then prints it. `call` answers
// `request` with a page, `items` are the things on one, and `add` adds what is
// shown of one: a record, or one for each child. Services list the oldest
// first: for a person it reads on to kMaxLimit, as the last may be urgent.
template <typename Request, typename Call, typename Items, typename Add>
absl::StatusOr<ExitCode> RunListing(Request request, int limit, Call call,
                                    Items items, Add add, Listing listing,
                                    const Session& session) {
  constexpr int kMostPerPage = 500;
  const bool for_person = session.format == Format::kTable;
  const int most = for_person ? kMaxLimit : limit;
  int count = 0;
  std::string token;
  while (true) {
    request.set_page_size(std::min(kMostPerPage, most - count));
    ASSIGN_OR_RETURN(const auto page, call(request));
    for (const auto& item : items(page)) add(item, &listing.records);
    count += items(page).size();
    listing.more = !page.next_page_token().empty();
    // A page may be empty and the list go on; one that leads nowhere ends it.
    const bool stuck = items(page).empty() && page.next_page_token() == token;
    if (!listing.more || stuck || count >= most) {
      if (for_person) PutUrgentFirst(limit, &listing);
      PrintListing(listing, HeardIn(page, session.clock()), session);
      return ExitCode::kOk;
    }
    token = page.next_page_token();
    request.set_page_token(token);
  }
}

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_LISTING_H_
