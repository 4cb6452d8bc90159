#include "services/cli/school_commands.h"

#include <utility>

#include "baton/v1/school_service.grpc.pb.h"
#include "services/cli/listing.h"
#include "services/cli/readable.h"
#include "services/cli/standing.h"
#include "services/cli/submit.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using SchoolClient = Client<v1::SchoolService>;
using Stub = SchoolClient::Stub;

absl::StatusOr<SchoolClient> Connected(const Arguments&,
                                       const Session& session) {
  return SchoolClient::Connect(session, "school_address",
                               session.config.school_address());
}

std::string ChildText(const v1::Child& child) {
  if (child.names().empty()) return "not named";
  const v1::PersonName& name = child.names(0);
  return absl::StrCat(name.given(), name.family().empty() ? "" : " ",
                      name.family());
}

// The first thing to see of an alert; what nobody said is not a no.
void AddDanger(const v1::KnownFlag& danger, Record* record) {
  const bool said = danger.answer_case() == v1::KnownFlag::kValue;
  const std::string word = !said ? "unknown" : (danger.value() ? "yes" : "no");
  record->Add("immediate_danger", "danger now", word,
              word == "yes" ? "IMMEDIATE DANGER" : word);
}

// An alert that only a system has fetched has been seen by nobody.
std::string StandsText(const v1::AlertItem& item) {
  return item.has_worker() ? "a named person has it" : "nobody has taken it";
}

Record AlertRecord(const v1::AlertItem& item, const LocalClock& clock) {
  const v1::Alert& alert = item.alert();
  const bool received = item.has_received_time();
  const absl::Time time = FromProto(item.received_time());
  Record record;
  record.Add("matter_id", "matter", item.matter_id());
  record.Add("code", "about", alert.code() == 0 ? "" : Word(alert.code()),
             alert.code() == 0 ? "" : Text(alert.code()));
  AddDanger(alert.immediate_danger(), &record);
  record.Add("child", "child", ChildText(alert.child()));
  record.Add("pupil_number", "pupil number",
             alert.child().pupil_number().value());
  record.Add("received_time", "received", received ? Iso(time) : "",
             received ? TimeText(time, clock) : "");
  record.Add("state", "stands", Word(item.state()), StandsText(item));
  record.Add("worker", "with", item.worker().name(), PersonText(item.worker()));
  record.Add("ask", "ask", alert.ask());
  return record;
}

absl::StatusOr<ExitCode> RunAlerts(const std::vector<OptionSpec>&,
                                   const Arguments& arguments,
                                   const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(auto client, Connected(arguments, session));
  Listing listing;
  listing.shape = AlertRecord(v1::AlertItem(), session.clock());
  listing.columns = {"matter_id",     "code",  "immediate_danger", "child",
                     "received_time", "state", "worker",           "ask"};
  v1::ListAlertsRequest request;
  request.set_include_taken(arguments.Has("--all"));
  return RunListing(
      request, limit,
      [&](const v1::ListAlertsRequest& page) {
        return client.Call("ListAlerts", &Stub::ListAlerts, page);
      },
      [](const auto& page) -> const auto& { return page.alerts(); },
      [&](const v1::AlertItem& item, std::vector<Record>* records) {
        records->push_back(AlertRecord(item, session.clock()));
      },
      std::move(listing), session);
}

// Whether anybody else can know that the alert was taken.
std::string SentText(v1::OutboxState state) {
  switch (ExitCodeOf(state)) {
    case ExitCode::kHeld:
      return "NOT SENT: that somebody has the alert is on the school's disk "
             "only. If it cannot wait, ring whom the alert says to ask.\n";
    case ExitCode::kRefused:
      return "NOT SENT: the exchange refused it; baton case refused says why. "
             "Ring whom the alert says to ask.\n";
    default:
      return "";
  }
}

ExitCode PrintTaken(const v1::TakeAlertResponse& response,
                    const std::string& request_id, const Session& session) {
  session.words() << SentText(response.outbox_state());
  Record record = AlertRecord(response.alert(), session.clock());
  record.Add("request_id", "request", request_id);
  PrintRecord(record, session.format, session.out());
  if (session.format == Format::kTable) {
    session.out() << Readable(response.alert().alert(), 2, session.clock());
  }
  return ExitCodeOf(response.outbox_state());
}

}  // namespace

std::vector<Command> SchoolCommands() {
  return {
      {"school", "alerts", "alerts about our pupils, oldest first",
       ListOptions("those taken already too"), RunAlerts},
      {"school", "take",
       "a named person takes an alert; until then nobody has seen it",
       Joined(
           {{"MATTER", "", "the alert's matter, such as c-4k7.1", "matter_id"}},
           RequestOptions("actor", true)),
       Submits(Submission<SchoolClient, v1::TakeAlertRequest,
                          v1::TakeAlertResponse>{
           .name = "TakeAlert",
           .method = &Stub::TakeAlert,
           .connect = Connected,
           .is_held =
               [](const v1::TakeAlertResponse& response) {
                 return response.outbox_state() == v1::OUTBOX_STATE_HELD;
               },
           .show = PrintTaken}),
       true},
  };
}

}  // namespace baton::cli
