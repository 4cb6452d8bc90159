#include "services/cli/emergency_commands.h"

#include <utility>

#include "baton/v1/emergency_service.grpc.pb.h"
#include "services/cli/attention.h"
#include "services/cli/emergency_options.h"
#include "services/cli/listing.h"
#include "services/cli/standing.h"
#include "services/cli/submit.h"
#include "services/cli/waiting_view.h"
#include "services/cli/watch.h"
#include "services/cli/words.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using EmergencyClient = Client<v1::EmergencyService>;
using Stub = EmergencyClient::Stub;

absl::StatusOr<EmergencyClient> Connected(const Session& session) {
  return EmergencyClient::Connect(session, "emergency_address",
                                  session.config.emergency_address());
}

template <typename Request, typename Response>
using WaitSubmission = Submission<EmergencyClient, Request, Response>;

// Sends a request and shows how the wait then stands.
template <typename Request, typename Response>
WaitSubmission<Request, Response> Sends(
    const char* name, grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                   const Request&, Response*)) {
  return {.name = name,
          .method = method,
          .connect = [](const Arguments&,
                        const Session& session) { return Connected(session); },
          .is_held =
              [](const Response& response) {
                return IsHeld(StandingOf(response.status()));
              },
          .show =
              [](const Response& response, const std::string& request_id,
                 const Session& session) {
                return PrintWaiting(response.status(), request_id, session);
              }};
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
  record.Add("stands", "stands",
             StandsCell(StandingOf(status), status.headline()));
  record.set_urgent(NeedsRinging(StandingOf(status)));
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
  return RunListing(
      request, limit,
      [&](const v1::ListWaitingRequest& page) {
        return client.Call("ListWaiting", &Stub::ListWaiting, page);
      },
      [](const auto& page) -> const auto& { return page.statuses(); },
      [&](const v1::WaitingStatus& status, std::vector<Record>* records) {
        records->push_back(ListRecord(status, session.clock()));
      },
      std::move(listing), session);
}

absl::StatusOr<ExitCode> RunWatch(const std::vector<OptionSpec>&,
                                  const Arguments& arguments,
                                  const Session& session) {
  ASSIGN_OR_RETURN(const int changes, ChangesFrom(arguments));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  v1::WatchWaitingRequest request;
  request.set_sender_reference(arguments.Get("REFERENCE"));
  Watch watch(changes, &session);
  const auto print = [&](const v1::WaitingStatus& status) {
    PrintWaiting(status, "", session);
  };
  return KeepWatching(
      [&] {
        return ReadStatuses(client.stub(), &Stub::WatchWaiting, request, print,
                            session, &watch);
      },
      client.Where("WatchWaiting"), &watch, session);
}

absl::StatusOr<ExitCode> ListAttention(const Session& session) {
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(auto response,
                   client.Call("ListNeedsAttention", &Stub::ListNeedsAttention,
                               v1::ListNeedsAttentionRequest()));
  PrintAttention(response.items(), HeardIn(response, session.clock()), session);
  return ExitCode::kOk;
}

Runner Resolve() {
  auto submission =
      Sends("ResolveNeedsAttention", &Stub::ResolveNeedsAttention);
  submission.complete = [](const Arguments& arguments,
                           v1::ResolveNeedsAttentionRequest* request) {
    return ChooseResolution(arguments, "baton emergency attention", request);
  };
  return Submits(std::move(submission));
}

absl::StatusOr<ExitCode> RunAttention(const std::vector<OptionSpec>& options,
                                      const Arguments& arguments,
                                      const Session& session) {
  return Resolves(arguments) ? Resolve()(options, arguments, session)
                             : ListAttention(session);
}

std::vector<Command> SubmittingCommands() {
  return {
      {"emergency", "flag", "a child is waiting", FlagWaitingOptions(),
       Submits(Sends("FlagWaiting", &Stub::FlagWaiting)), true},
      {"emergency", "update", "the child is still here; what changed",
       UpdateWaitingOptions(),
       Submits(Sends("UpdateWaiting", &Stub::UpdateWaiting)), true},
      {"emergency", "moved", "the child moved to a ward or another trust",
       MoveWaitingOptions(), Submits(Sends("MoveWaiting", &Stub::MoveWaiting)),
       true},
      {"emergency", "end", "the wait ended", EndWaitingOptions(),
       Submits(Sends("EndWaiting", &Stub::EndWaiting)), true},
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
  commands.push_back({"emergency", "list",
                      "open waits: what is not sent, then the oldest",
                      ListOptions("ended ones too"), RunList});
  commands.push_back(
      {"emergency",
       "watch",
       "waits as they change",
       {{"[REFERENCE]", "", "one wait; default: all"}, ChangesOption()},
       RunWatch});
  commands.push_back({"emergency", "attention",
                      "messages the exchange refused; resend or withdraw one",
                      AttentionOptions(), RunAttention, true});
  return commands;
}

}  // namespace baton::cli
