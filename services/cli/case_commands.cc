#include "services/cli/case_commands.h"

#include <utility>

#include "services/cli/attention.h"
#include "services/cli/case_client.h"
#include "services/cli/case_options.h"
#include "services/cli/case_submission.h"
#include "services/cli/document_commands.h"
#include "services/cli/listing.h"
#include "services/cli/watch.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using Stub = CaseClient::Stub;

absl::StatusOr<ExitCode> RunStatus(const std::vector<OptionSpec>&,
                                   const Arguments& arguments,
                                   const Session& session) {
  ASSIGN_OR_RETURN(auto client, ConnectCases(arguments, session));
  v1::GetCaseRequest request;
  request.set_sender_reference(arguments.Get("REFERENCE"));
  ASSIGN_OR_RETURN(auto response,
                   client.Call("GetCase", &Stub::GetCase, request));
  return PrintCase(response.status(), "", session);
}

absl::StatusOr<ExitCode> RunList(const std::vector<OptionSpec>&,
                                 const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(auto client, ConnectCases(arguments, session));
  Listing listing;
  listing.shape = CaseRecords(v1::CaseStatus(), session.clock())[0];
  listing.columns = CaseColumns();
  v1::ListCasesRequest request;
  request.set_include_ended(arguments.Has("--all"));
  return RunListing(
      request, limit,
      [&](const v1::ListCasesRequest& page) {
        return client.Call("ListCases", &Stub::ListCases, page);
      },
      [](const auto& page) -> const auto& { return page.statuses(); },
      [&](const v1::CaseStatus& status, std::vector<Record>* records) {
        for (Record& record : CaseRecords(status, session.clock())) {
          records->push_back(std::move(record));
        }
      },
      std::move(listing), session);
}

absl::StatusOr<ExitCode> RunWatch(const std::vector<OptionSpec>&,
                                  const Arguments& arguments,
                                  const Session& session) {
  ASSIGN_OR_RETURN(const int changes, ChangesFrom(arguments));
  ASSIGN_OR_RETURN(auto client, ConnectCases(arguments, session));
  v1::WatchCasesRequest request;
  request.set_sender_reference(arguments.Get("REFERENCE"));
  Watch watch(changes, &session);
  const auto print = [&](const v1::CaseStatus& status) {
    PrintCase(status, "", session);
  };
  return KeepWatching(
      [&] {
        return ReadStatuses(client.stub(), &Stub::WatchCases, request, print,
                            session, &watch);
      },
      client.Where("WatchCases"), &watch, session);
}

absl::StatusOr<ExitCode> ListRefused(const Arguments& arguments,
                                     const Session& session) {
  ASSIGN_OR_RETURN(auto client, ConnectCases(arguments, session));
  ASSIGN_OR_RETURN(auto response, client.Call("ListRefused", &Stub::ListRefused,
                                              v1::ListRefusedRequest()));
  PrintAttention(response.items(), HeardIn(response, session.clock()), session);
  return ExitCode::kOk;
}

// What was refused may have been an answer about a matter received: then there
// is no case to show.
ExitCode PrintResolved(const v1::ResolveRefusedResponse& response,
                       const std::string& request_id, const Session& session) {
  if (response.has_status()) {
    return PrintCase(response.status(), request_id, session);
  }
  Record record;
  record.Add("resolved", "resolved",
             "an answer about a matter received; whether it went out, baton "
             "inbox list --all shows");
  record.Add("request_id", "request", request_id);
  PrintRecord(record, session.format, session.out());
  return ExitCode::kOk;
}

Runner Resolve() {
  auto submission = CaseSubmission<CaseClient, v1::ResolveRefusedRequest,
                                   v1::ResolveRefusedResponse>(
      "ResolveRefused", &Stub::ResolveRefused, ConnectCases);
  submission.show = PrintResolved;
  submission.complete = [](const Arguments& arguments,
                           v1::ResolveRefusedRequest* request) {
    return ChooseResolution(arguments, "baton case refused", request);
  };
  return Submits(std::move(submission));
}

absl::StatusOr<ExitCode> RunRefused(const std::vector<OptionSpec>& options,
                                    const Arguments& arguments,
                                    const Session& session) {
  return Resolves(arguments) ? Resolve()(options, arguments, session)
                             : ListRefused(arguments, session);
}

}  // namespace

std::vector<Command> CaseCommands() {
  return {
      {"case", "raise",
       "somebody is worried about a child; --file for several together",
       RaiseContactOptions(),
       Submits(CaseSubmission<CaseClient, v1::RaiseContactRequest,
                              v1::RaiseContactResponse>(
           "RaiseContact", &Stub::RaiseContact, ConnectCases)),
       true},
      {"case",
       "status",
       "how one case stands, child by child",
       {{"REFERENCE", "", "the case, by your own reference"}, ServiceOption()},
       RunStatus},
      {"case", "list", "open cases: what is not sent, then the oldest",
       Joined(ListOptions("ended ones too"), {ServiceOption()}), RunList},
      {"case",
       "watch",
       "cases as they change",
       {{"[REFERENCE]", "", "one case; default: all"},
        ChangesOption(),
        ServiceOption()},
       RunWatch},
      {"case", "refused",
       "messages the exchange refused; resend or withdraw one",
       Joined(AttentionOptions(), {ServiceOption()}), RunRefused, true},
      AttachToCaseCommand(),
  };
}

}  // namespace baton::cli
