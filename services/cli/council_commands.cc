#include "services/cli/council_commands.h"

#include <algorithm>

#include "baton/v1/council_service.grpc.pb.h"
#include "services/cli/case_submission.h"
#include "services/cli/council_options.h"
#include "services/cli/intake_view.h"
#include "services/cli/listing.h"
#include "services/cli/standing.h"
#include "services/cli/submit.h"
#include "services/cli/words.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using CouncilClient = Client<v1::CouncilService>;
using Stub = CouncilClient::Stub;

absl::StatusOr<CouncilClient> Connected(const Arguments&,
                                        const Session& session) {
  return CouncilClient::Connect(session, "council_address",
                                session.config.council_address());
}

absl::StatusOr<ExitCode> RunList(const std::vector<OptionSpec>&,
                                 const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(auto client, Connected(arguments, session));
  v1::ListIntakeRequest request;
  request.set_include_decided(arguments.Has("--all"));
  return RunListing(
      request, limit,
      [&](const v1::ListIntakeRequest& page) {
        return client.Call("ListIntake", &Stub::ListIntake, page);
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
  v1::OpenMatterRequest request;
  RETURN_IF_ERROR(FillRequest(options, arguments, session, "actor", &request));
  ASSIGN_OR_RETURN(auto client, Connected(arguments, session));
  ASSIGN_OR_RETURN(auto response,
                   client.Call("OpenMatter", &Stub::OpenMatter, request));
  PrintOpened(response.item(), response.messages(), session);
  return ExitCode::kOk;
}

// Sends an answer about a matter and shows its row.
template <typename Request, typename Response>
Runner Answers(const char* name, const char* actor_field,
               grpc::Status (Stub::*method)(grpc::ClientContext*,
                                            const Request&, Response*)) {
  return Submits(Submission<CouncilClient, Request, Response>{
      .name = name,
      .method = method,
      .connect = Connected,
      .is_held =
          [](const Response& response) {
            return response.item().answer_state() == v1::OUTBOX_STATE_HELD;
          },
      .show =
          [](const Response& response, const std::string& request_id,
             const Session& session) {
            return PrintAnswered(response.item(), request_id, session);
          },
      .actor_field = actor_field});
}

// Sends what the council itself raises and shows how the case stands.
template <typename Request, typename Response>
Runner Raises(const char* name,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                           Response*)) {
  return Submits(CaseSubmission<CouncilClient, Request, Response>(name, method,
                                                                  Connected));
}

bool AnyIsHeld(const v1::HandOverResponse& response) {
  return std::any_of(response.items().begin(), response.items().end(),
                     [](const v1::IntakeItem& item) {
                       return item.answer_state() == v1::OUTBOX_STATE_HELD;
                     });
}

// The printable sheet. It is whole: every matter moved, or none.
ExitCode PrintSheet(const v1::HandOverResponse& response,
                    const std::string& request_id, const Session& session) {
  Listing sheet = IntakeListing(session);
  ExitCode code = ExitCode::kOk;
  for (const v1::IntakeItem& item : response.items()) {
    sheet.records.push_back(IntakeRecord(item, session.clock()));
    if (code == ExitCode::kOk) code = ExitCodeOf(item.answer_state());
  }
  if (code != ExitCode::kOk) {
    session.words() << "NOT SENT: the senders do not know of it yet.\n";
  }
  PrintMany(sheet, session);
  if (response.items().empty()) {
    session.err() << "NOTHING WAS HANDED OVER: under this name nobody holds "
                     "anything here. baton council list shows under WITH how "
                     "each name is written; give --from exactly so.\n";
    code = ExitCode::kRefused;
  }
  session.words() << response.items_size() << " handed over; request "
                  << Printable(request_id) << "\n";
  return code;
}

}  // namespace

std::vector<Command> CouncilCommands() {
  return {
      {"council", "list", "matters in intake: danger, then the oldest",
       ListOptions("decided ones too"), RunList},
      {"council", "open", "reads one matter; the first reading is recorded",
       Joined({{"MATTER", "", "the matter, such as c-4k7.1", "matter_id"}},
              RequestOptions("actor", false)),
       RunOpen},
      {"council", "take", "a named person takes a matter", TakeMatterOptions(),
       Answers("TakeMatter", "taken.worker", &Stub::TakeMatter), true},
      {"council", "decide", "records the outcome of a contact",
       DecideMatterOptions(),
       Answers("DecideMatter", "decision.worker", &Stub::DecideMatter), true},
      {"council", "phone", "a call was taken; the clock starts at the call",
       PhoneContactOptions(),
       Raises("RecordPhoneContact", &Stub::RecordPhoneContact), true},
      {"council", "homeless", "a young person of 16 or 17 has nowhere to sleep",
       HomelessOptions(), Raises("PresentHomeless", &Stub::PresentHomeless),
       true},
      {"council", "placement", "a child is placed outside the area",
       PlacementOptions(), Raises("NotifyPlacement", &Stub::NotifyPlacement),
       true},
      {"council", "hand-over",
       "everything one worker holds moves to another, or none of it",
       HandOverOptions(),
       Submits(
           Submission<CouncilClient, v1::HandOverRequest, v1::HandOverResponse>{
               .name = "HandOver",
               .method = &Stub::HandOver,
               .connect = Connected,
               .is_held = AnyIsHeld,
               .show = PrintSheet}),
       true},
  };
}

}  // namespace baton::cli
