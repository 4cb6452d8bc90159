#include "services/cli/emergency_commands.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/emergency_service.grpc.pb.h"
#include "services/cli/emergency_options.h"
#include "services/cli/listing.h"
#include "services/cli/patience.h"
#include "services/cli/request.h"
#include "services/cli/waiting_view.h"
#include "services/cli/watch.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using EmergencyClient = Client<v1::EmergencyService>;
using Stub = EmergencyClient::Stub;

absl::StatusOr<EmergencyClient> Connected(const Session& session) {
  return EmergencyClient::Connect(session, "emergency_address",
                                  session.config.emergency_address());
}

// A command that fills a request, sends it and shows how the wait then
// stands. Whatever goes wrong on the way, the person is told it is not sent.
template <typename Request, typename Response>
Runner Submits(const char* name,
               grpc::Status (Stub::*method)(grpc::ClientContext*,
                                            const Request&, Response*)) {
  return [name, method](const std::vector<OptionSpec>& options,
                        const Arguments& arguments,
                        const Session& session) -> absl::StatusOr<ExitCode> {
    Request request;
    absl::Status filled =
        FillRequest(options, arguments, session, "actor", &request);
    if (!filled.ok()) return NotSubmitted(filled, "");
    auto client = Connected(session);
    if (!client.ok()) return NotSubmitted(client.status(), "");
    auto response = SubmitAndSee(
        session, [&] { return client->Call(name, method, request); },
        [](const Response& answer) {
          return answer.status().held_messages() > 0 &&
                 answer.status().outbox_state() != v1::OUTBOX_STATE_REFUSED;
        });
    if (!response.ok()) {
      return NotSubmitted(response.status(), request.request_id());
    }
    return PrintWaiting(response->status(), request.request_id(), session);
  };
}

absl::StatusOr<ExitCode> RunStatus(const std::vector<OptionSpec>&,
                                   const Arguments& arguments,
                                   const Session& session) {
  ASSIGN_OR_RETURN(auto client, Connected(session));
  v1::GetWaitingRequest request;
  request.set_sender_reference(arguments.Get("REFERENCE"));
  ASSIGN_OR_RETURN(auto response,
                   client.Call("GetWaiting", &Stub::GetWaiting, request));
  return PrintWaiting(response.status(), "", session);
}

// A list cell: what matters first.
Record ListRecord(const v1::WaitingStatus& status, const LocalClock& clock) {
  Record record = WaitingRecord(status, clock);
  std::string stands = status.headline();
  if (std::string line = NotSentLine(status); !line.empty()) stands = line;
  record.Add("stands", "stands", stands);
  return record;
}

absl::StatusOr<ExitCode> RunList(const std::vector<OptionSpec>&,
                                 const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  Listing listing;
  listing.shape = ListRecord(v1::WaitingStatus(), session.clock());
  listing.columns = {"reference", "waiting_for_seconds", "stands", "holder",
                     "exchange_heard_time"};
  v1::ListWaitingRequest request;
  request.set_include_ended(arguments.Has("--all"));
  v1::ListWaitingResponse page;
  do {
    request.set_page_size(
        std::min<int>(500, limit - static_cast<int>(listing.records.size())));
    ASSIGN_OR_RETURN(page,
                     client.Call("ListWaiting", &Stub::ListWaiting, request));
    for (const auto& status : page.statuses()) {
      listing.records.push_back(ListRecord(status, session.clock()));
    }
    request.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty() && page.statuses_size() > 0 &&
           static_cast<int>(listing.records.size()) < limit);
  listing.more = !page.next_page_token().empty();
  PrintListing(
      listing,
      Heard(page.has_exchange_heard_time() ? &page.exchange_heard_time()
                                           : nullptr,
            session.clock()),
      session);
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunWatch(const std::vector<OptionSpec>&,
                                  const Arguments& arguments,
                                  const Session& session) {
  int changes = 0;
  const std::string text = arguments.Get("--changes");
  if (!text.empty() && (!absl::SimpleAtoi(text, &changes) || changes < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--changes: \"", text, "\" is not a number from 1"));
  }
  return WatchWaits(arguments.Get("REFERENCE"), changes, session);
}

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

absl::StatusOr<ExitCode> ListAttention(const Session& session) {
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(auto response,
                   client.Call("ListNeedsAttention", &Stub::ListNeedsAttention,
                               v1::ListNeedsAttentionRequest()));
  Listing listing;
  listing.shape = AttentionRecord(v1::NeedsAttention(), session.clock());
  listing.columns = {"outbox_id", "reference",        "kind", "refused_time",
                     "reason",    "blocked_messages", "owner"};
  for (const auto& item : response.items()) {
    listing.records.push_back(AttentionRecord(item, session.clock()));
  }
  PrintListing(
      listing,
      Heard(response.has_exchange_heard_time() ? &response.exchange_heard_time()
                                               : nullptr,
            session.clock()),
      session);
  return ExitCode::kOk;
}

// --resend or --withdraw, each naming the entry.
absl::Status ChooseResolution(const Arguments& arguments,
                              v1::ResolveNeedsAttentionRequest* request) {
  const bool resend = arguments.Has("--resend");
  if (resend && arguments.Has("--withdraw")) {
    return absl::InvalidArgumentError(
        "--resend and --withdraw exclude each other; choose one");
  }
  const std::string id = arguments.Get(resend ? "--resend" : "--withdraw");
  int64_t outbox_id = 0;
  if (!absl::SimpleAtoi(id, &outbox_id)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", id, "\" is not an id; \"baton emergency attention\" lists them"));
  }
  request->set_outbox_id(outbox_id);
  request->set_resolution(resend ? v1::RESOLUTION_RESEND
                                 : v1::RESOLUTION_WITHDRAW);
  return absl::OkStatus();
}

absl::StatusOr<ExitCode> Resolve(const std::vector<OptionSpec>& options,
                                 const Arguments& arguments,
                                 const Session& session) {
  v1::ResolveNeedsAttentionRequest request;
  RETURN_IF_ERROR(ChooseResolution(arguments, &request));
  RETURN_IF_ERROR(FillRequest(options, arguments, session, "actor", &request));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  auto response = client.Call("ResolveNeedsAttention",
                              &Stub::ResolveNeedsAttention, request);
  if (!response.ok()) {
    return NotSubmitted(response.status(), request.request_id());
  }
  return PrintWaiting(response->status(), request.request_id(), session);
}

absl::StatusOr<ExitCode> RunAttention(const std::vector<OptionSpec>& options,
                                      const Arguments& arguments,
                                      const Session& session) {
  if (arguments.Has("--resend") || arguments.Has("--withdraw")) {
    return Resolve(options, arguments, session);
  }
  return ListAttention(session);
}

std::vector<OptionSpec> AttentionOptions() {
  return Joined(
      {{"--resend", "ID", "send it again as it is", ""},
       {"--withdraw", "ID", "never send it; say why with --reason", ""},
       {"--reason", "TEXT", "why; required to withdraw", "reason"}},
      RequestOptions("actor", true));
}

std::vector<Command> SubmittingCommands() {
  return {
      {"emergency", "flag", "a child is waiting", FlagWaitingOptions(),
       Submits("FlagWaiting", &Stub::FlagWaiting), true},
      {"emergency", "update", "the child is still here; what changed",
       UpdateWaitingOptions(), Submits("UpdateWaiting", &Stub::UpdateWaiting),
       true},
      {"emergency", "moved", "the child moved to a ward or another trust",
       MoveWaitingOptions(), Submits("MoveWaiting", &Stub::MoveWaiting), true},
      {"emergency", "end", "the wait ended", EndWaitingOptions(),
       Submits("EndWaiting", &Stub::EndWaiting), true},
  };
}

}  // namespace

std::vector<Command> EmergencyCommands() {
  std::vector<Command> commands = SubmittingCommands();
  commands.push_back({"emergency",
                      "status",
                      "how one wait stands",
                      {{"REFERENCE", "", "the wait, by your own reference"}},
                      RunStatus});
  commands.push_back({"emergency",
                      "list",
                      "open waits, oldest first",
                      {{"--all", "", "ended ones too", "", Takes::kNothing},
                       {"--limit", "N", "at most this many; default 100"}},
                      RunList});
  commands.push_back(
      {"emergency",
       "watch",
       "waits as they change",
       {{"[REFERENCE]", "", "one wait; default: all"},
        {"--changes", "N", "end after this many; default: never"}},
       RunWatch});
  commands.push_back({"emergency", "attention",
                      "messages the exchange refused; resend or withdraw one",
                      AttentionOptions(), RunAttention, true});
  return commands;
}

}  // namespace baton::cli
