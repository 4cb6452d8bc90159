#include "services/cli/inbox_commands.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"
#include "services/cli/case_client.h"
#include "services/cli/document_commands.h"
#include "services/cli/intake_view.h"
#include "services/cli/listing.h"
#include "services/cli/request.h"
#include "services/cli/watch.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using Stub = CaseClient::Stub;

// Messages offered and not yet on the screen.
constexpr int kCredit = 10;

// Matters counted when a watch begins.
constexpr int kOwedPage = 500;

absl::StatusOr<ExitCode> RunList(const std::vector<OptionSpec>&,
                                 const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(auto client, ConnectCases(arguments, session));
  v1::ListInboxRequest request;
  request.set_include_settled(arguments.Has("--all"));
  return RunListing(
      request, limit,
      [&](const v1::ListInboxRequest& page) {
        return client.Call("ListInbox", &Stub::ListInbox, page);
      },
      [](const auto& page) -> const auto& { return page.items(); },
      [&](const v1::IntakeItem& item, std::vector<Record>* records) {
        records->push_back(IntakeRecord(item, session.clock()));
      },
      IntakeListing(session), session);
}

absl::StatusOr<ExitCode> RunOpen(const std::vector<OptionSpec>& options,
                                 const Arguments& arguments,
                                 const Session& session) {
  v1::OpenInboxMatterRequest request;
  RETURN_IF_ERROR(FillRequest(options, arguments, session, "actor", &request));
  ASSIGN_OR_RETURN(auto client, ConnectCases(arguments, session));
  ASSIGN_OR_RETURN(auto response, client.Call("OpenInboxMatter",
                                              &Stub::OpenInboxMatter, request));
  PrintOpened(response.item(), response.messages(), session);
  return ExitCode::kOk;
}

// That it arrived and from whom. Its content stays closed: reading is done by
// a named person, and recorded.
Record ArrivalRecord(const v1::Message& message, const LocalClock& clock) {
  const absl::Time time = FromProto(message.publish_time());
  Record record;
  record.Add("publish_time", "published", Iso(time), TimeText(time, clock));
  record.Add("kind", "kind", Word(message.kind()), Text(message.kind()));
  record.Add("priority", "priority", Word(message.priority()),
             Text(message.priority()));
  record.Add("sender", "from", AgencyText(message.sender()));
  record.Add("matter_ids", "open with baton inbox open",
             absl::StrJoin(message.matter_ids(), " "));
  record.Add("message_id", "message", message.message_id());
  return record;
}

// Shows what arrives and acknowledges it, so that it is shown once.
class Arrivals {
 public:
  Arrivals(std::string consumer, bool bell, const Session* session,
           Watch* watch)
      : consumer_(std::move(consumer)),
        bell_(bell),
        session_(*session),
        watch_(*watch) {}

  // One stream, to its end.
  grpc::Status Read(CaseClient& client) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    auto stream = client.stub().StreamInbox(&context);
    v1::StreamInboxRequest request;
    request.set_max_outstanding_messages(kCredit);
    request.set_consumer(consumer_);
    bool open = stream->Write(request);
    v1::StreamInboxResponse response;
    while (open && !watch_.done() && stream->Read(&response)) {
      watch_.Heartbeat(HeardIn(response, session_.clock()));
      if (!said_owed_) SayOwed(client);
      said_owed_ = true;
      if (response.has_message()) {
        Show(response.message());
        open = stream->Write(Acknowledging(response.message()));
      }
    }
    // What was acknowledged last must still arrive there.
    stream->WritesDone();
    while (stream->Read(&response)) continue;
    return stream->Finish();
  }

 private:
  // What an earlier screen showed is not shown again: without this, an empty
  // screen at the change of shifts would hide it.
  void SayOwed(CaseClient& client) {
    v1::ListInboxRequest request;
    request.set_page_size(kOwedPage);
    const auto list = client.Call("ListInbox", &Stub::ListInbox, request);
    if (!list.ok()) {
      session_.err() << "What is owed here already is unknown: baton inbox "
                        "list.\n";
      return;
    }
    const auto untaken =
        std::count_if(list->items().begin(), list->items().end(),
                      [](const v1::IntakeItem& item) {
                        return item.state() == v1::MATTER_STATE_DELIVERED;
                      });
    session_.err() << "Owed here already: " << list->items_size()
                   << (list->next_page_token().empty() ? "" : " and more")
                   << ", " << untaken << " of them not taken by anybody. "
                   << "baton inbox list shows them; here stands what arrives "
                      "from now on.\n";
  }

  void Show(const v1::Message& message) {
    if (bell_) session_.err() << '\a' << std::flush;
    if (message.priority() == v1::PRIORITY_IMMEDIATE_DANGER) {
      session_.words() << "IMMEDIATE DANGER: ring the sender now; 999 if "
                          "nobody has.\n";
    }
    PrintRecord(ArrivalRecord(message, session_.clock()), session_.format,
                session_.out());
    if (session_.format == Format::kTable) session_.out() << "\n";
    watch_.Printed();
  }

  static v1::StreamInboxRequest Acknowledging(const v1::Message& message) {
    v1::StreamInboxRequest request;
    request.add_acknowledge_message_ids(message.message_id());
    return request;
  }

  const std::string consumer_;
  const bool bell_;
  const Session& session_;
  Watch& watch_;
  bool said_owed_ = false;
};

absl::StatusOr<ExitCode> RunWatch(const std::vector<OptionSpec>&,
                                  const Arguments& arguments,
                                  const Session& session) {
  ASSIGN_OR_RETURN(const int changes, ChangesFrom(arguments));
  ASSIGN_OR_RETURN(auto client, ConnectCases(arguments, session));
  Watch watch(changes, &session);
  Arrivals arrivals(
      arguments.Has("--consumer") ? arguments.Get("--consumer") : "terminal",
      !arguments.Has("--no-bell"), &session, &watch);
  auto code = KeepWatching([&] { return arrivals.Read(client); },
                           client.Where("StreamInbox"), &watch, session);
  if (absl::IsAborted(code.status())) {
    session.err() << "This screen shows nothing more: another one watches "
                     "under its name. Give each its own with --consumer.\n";
  }
  return code;
}

}  // namespace

std::vector<Command> InboxCommands() {
  return {
      {"inbox", "list", "matters that arrived here: danger, then the oldest",
       Joined(ListOptions("those that need nothing more from here too"),
              {ServiceOption()}),
       RunList},
      {"inbox", "open", "reads one matter; the first reading is recorded",
       Joined({{"MATTER", "", "the matter, such as c-4k7.1", "matter_id"},
               ServiceOption()},
              RequestOptions("actor", false)),
       RunOpen},
      {"inbox",
       "watch",
       "rings the bell for every message that arrives",
       {{"--no-bell", "", "silently", "", Takes::kNothing},
        {"--consumer", "NAME",
         "one screen each: what was shown under a name is not shown again; "
         "default: terminal"},
        ChangesOption(),
        ServiceOption()},
       RunWatch},
      FetchCommand(),
  };
}

}  // namespace baton::cli
