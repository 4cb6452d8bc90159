#include "services/cli/listing.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace baton::cli {
namespace {

constexpr int kDefaultLimit = 100;

void PrintJson(const Listing& listing, const Heard& heard, std::ostream& out) {
  out << "{\"exchange_heard_time\":" << JsonString(heard.Machine())
      << ",\"exchange_heard_recently\":" << (heard.recent() ? "true" : "false")
      << ",\"more\":" << (listing.more ? "true" : "false")
      << ",\"items\":" << JsonArray(listing.records) << "}\n";
}

// What it means that there is nothing on the list.
std::string EmptyText(const Listing& listing, const Heard& heard) {
  if (!heard.recent()) return heard.UnknownText();
  return listing.more
             ? "none so far"
             : absl::StrCat("none; exchange last heard ", heard.text());
}

}  // namespace

void PrintMany(const Listing& listing, const Session& session) {
  if (!session.json_lines) {
    return PrintRecords(listing.records, listing.shape, listing.columns,
                        session.format, session.out());
  }
  for (const Record& record : listing.records) {
    session.out() << JsonObject(record) << "\n";
  }
}

// Beside json lines and csv the words go to the error stream: every line is a
// thing.
void PrintListing(const Listing& listing, const Heard& heard,
                  const Session& session) {
  if (session.format == Format::kJson && !session.json_lines) {
    return PrintJson(listing, heard, session.out());
  }
  std::ostream& words = session.words();
  if (session.format != Format::kTable || !listing.records.empty()) {
    PrintMany(listing, session);
  }
  if (listing.records.empty()) {
    words << EmptyText(listing, heard) << "\n";
  } else if (!heard.recent()) {
    words << "whether there are more is " << heard.UnknownText() << "\n";
  }
  if (listing.more) words << "The list goes on: raise --limit.\n";
}

void PutUrgentFirst(int limit, Listing* listing) {
  std::stable_partition(listing->records.begin(), listing->records.end(),
                        [](const Record& record) { return record.urgent(); });
  if (listing->records.size() <= static_cast<size_t>(limit)) return;
  listing->records.resize(limit);
  listing->more = true;
}

std::vector<OptionSpec> ListOptions(const std::string& all_help) {
  return {{"--all", "", all_help, "", Takes::kNothing},
          {"--limit", "N", "at most this many; default 100"}};
}

absl::StatusOr<int> LimitFrom(const std::string& text) {
  if (text.empty()) return kDefaultLimit;
  int limit = 0;
  if (absl::SimpleAtoi(text, &limit) && limit >= 1 && limit <= kMaxLimit) {
    return limit;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--limit: \"", text, "\" is not 1 to ", kMaxLimit));
}

}  // namespace baton::cli
