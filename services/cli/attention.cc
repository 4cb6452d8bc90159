#include "services/cli/attention.h"

#include "services/cli/listing.h"
#include "services/cli/request.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

Record AttentionRecord(const v1::NeedsAttention& item,
                       const LocalClock& clock) {
  Record record;
  record.AddNumber("outbox_id", "id", item.outbox_id());
  record.Add("reference", "reference", item.sender_reference());
  record.Add("kind", "kind", Word(item.kind()), Text(item.kind()));
  record.Add("held_time", "", Iso(FromProto(item.held_time())));
  record.Add("refused_time", "refused", Iso(FromProto(item.refused_time())),
             TimeText(FromProto(item.refused_time()), clock));
  record.Add("reason", "because", item.reason());
  record.AddNumber("blocked_messages", "behind it", item.blocked_messages());
  record.Add("owner", "owner", PersonText(item.owner()));
  return record;
}

}  // namespace

std::vector<OptionSpec> AttentionOptions() {
  return Joined(
      {{"--resend", "ID", "send it again as it is", ""},
       {"--withdraw", "ID", "never send it; say why with --reason", ""},
       {"--reason", "TEXT", "why; required to withdraw", "reason"}},
      RequestOptions("actor", true));
}

bool Resolves(const Arguments& arguments) {
  return arguments.Has("--resend") || arguments.Has("--withdraw");
}

void PrintAttention(
    const google::protobuf::RepeatedPtrField<v1::NeedsAttention>& items,
    const Heard& heard, const Session& session) {
  Listing listing;
  listing.shape = AttentionRecord(v1::NeedsAttention(), session.clock());
  listing.columns = {"outbox_id", "reference",        "kind", "refused_time",
                     "reason",    "blocked_messages", "owner"};
  for (const auto& item : items) {
    listing.records.push_back(AttentionRecord(item, session.clock()));
  }
  PrintListing(listing, heard, session);
}

}  // namespace baton::cli
