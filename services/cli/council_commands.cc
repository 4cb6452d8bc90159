#include "services/cli/council_commands.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "baton/v1/council_service.grpc.pb.h"
#include "services/cli/fields.h"
#include "services/cli/listing.h"
#include "services/cli/patience.h"
#include "services/cli/readable.h"
#include "services/cli/request.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using CouncilClient = Client<v1::CouncilService>;
using Stub = CouncilClient::Stub;

absl::StatusOr<CouncilClient> Connected(const Session& session) {
  return CouncilClient::Connect(session, "council_address",
                                session.config.council_address());
}

std::string StandsText(const v1::IntakeItem& item) {
  std::string text;
  switch (item.state()) {
    case v1::MATTER_STATE_DECIDED:
      text = absl::StrCat("decided: ", Text(item.outcome()));
      break;
    case v1::MATTER_STATE_TAKEN:
      text = item.opened() ? "taken" : "taken, but never opened";
      break;
    default:
      text =
          item.opened() ? "opened; nobody has taken it" : "nobody has looked";
  }
  return item.copy() ? absl::StrCat(text, " (copy: another acts)") : text;
}

// Where our answer is on its way to the sender.
std::string AnswerText(const v1::IntakeItem& item) {
  switch (item.answer_state()) {
    case v1::OUTBOX_STATE_HELD:
      return "NOT SENT to the sender";
    case v1::OUTBOX_STATE_REFUSED:
      return absl::StrCat("REFUSED: ", item.answer_refusal());
    case v1::OUTBOX_STATE_ACCEPTED:
      return "with the exchange";
    case v1::OUTBOX_STATE_WITHDRAWN:
      return "withdrawn";
    default:
      return "";
  }
}

Record ItemRecord(const v1::IntakeItem& item, const LocalClock& clock) {
  Record record;
  auto time = [&](const char* key, const char* title, bool there,
                  const google::protobuf::Timestamp& at) {
    record.Add(key, title, there ? Iso(FromProto(at)) : "",
               there ? TimeText(FromProto(at), clock) : "");
  };
  record.Add("matter_id", "matter", item.matter_id());
  record.Add("priority", "priority", Word(item.priority()),
             Text(item.priority()));
  record.Add("kind", "kind", Word(item.kind()), Text(item.kind()));
  record.Add("sender", "from", AgencyText(item.sender()));
  time("received_time", "received", item.has_received_time(),
       item.received_time());
  time("delivered_time", "", item.has_delivered_time(), item.delivered_time());
  record.Add("state", "stands", Word(item.state()), StandsText(item));
  record.AddBool("opened", item.opened());
  record.AddBool("copy", item.copy());
  record.Add("worker", "with", item.worker().name(), PersonText(item.worker()));
  record.Add("outcome", "", item.outcome() == 0 ? "" : Word(item.outcome()),
             "");
  record.AddNumber("message_count", "messages", item.message_count());
  record.Add("answer_state", "answer",
             item.answer_state() == 0 ? "" : Word(item.answer_state()),
             AnswerText(item));
  record.Add("answer_refusal", "", item.answer_refusal());
  record.Add("marks", "odd, kept as given", MarksText(item.marks()));
  return record;
}

ExitCode ExitCodeOf(const v1::IntakeItem& item) {
  if (item.answer_state() == v1::OUTBOX_STATE_REFUSED) {
    return ExitCode::kRefused;
  }
  return item.answer_state() == v1::OUTBOX_STATE_HELD ? ExitCode::kHeld
                                                      : ExitCode::kOk;
}

// After an answer: whether the sender can know of it.
ExitCode PrintAnswer(const v1::IntakeItem& item, const std::string& request_id,
                     const Session& session) {
  const ExitCode code = ExitCodeOf(item);
  std::ostream& words =
      session.format == Format::kTable ? session.out() : session.err();
  if (code != ExitCode::kOk) {
    words << "NOT SENT, ring the sender: it does not know of this answer "
             "(\"baton council open\" shows the number).\n";
  }
  Record record = ItemRecord(item, session.clock());
  record.Add("request_id", "request", request_id);
  PrintRecord(record, session.format, session.out());
  return code;
}

absl::StatusOr<ExitCode> RunList(const std::vector<OptionSpec>&,
                                 const Arguments& arguments,
                                 const Session& session) {
  ASSIGN_OR_RETURN(const int limit, LimitFrom(arguments.Get("--limit")));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  Listing listing;
  listing.shape = ItemRecord(v1::IntakeItem(), session.clock());
  listing.columns = {"matter_id",     "priority", "kind",   "sender",
                     "received_time", "state",    "worker", "answer_state"};
  v1::ListIntakeRequest request;
  request.set_include_decided(arguments.Has("--all"));
  v1::ListIntakeResponse page;
  do {
    request.set_page_size(
        std::min<int>(500, limit - static_cast<int>(listing.records.size())));
    ASSIGN_OR_RETURN(page,
                     client.Call("ListIntake", &Stub::ListIntake, request));
    for (const auto& item : page.items()) {
      listing.records.push_back(ItemRecord(item, session.clock()));
    }
    request.set_page_token(page.next_page_token());
  } while (!page.next_page_token().empty() && page.items_size() > 0 &&
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

void PrintMatter(const v1::OpenMatterResponse& response,
                 const Session& session) {
  const LocalClock clock = session.clock();
  PrintRecord(ItemRecord(response.item(), clock), session.format,
              session.out());
  for (const v1::Message& message : response.messages()) {
    session.out() << "\n" << ReadableMessage(message, clock);
  }
}

absl::StatusOr<ExitCode> RunOpen(const std::vector<OptionSpec>& options,
                                 const Arguments& arguments,
                                 const Session& session) {
  v1::OpenMatterRequest request;
  RETURN_IF_ERROR(FillRequest(options, arguments, session, "actor", &request));
  ASSIGN_OR_RETURN(auto client, Connected(session));
  ASSIGN_OR_RETURN(auto response,
                   client.Call("OpenMatter", &Stub::OpenMatter, request));
  switch (session.format) {
    case Format::kTable:
      PrintMatter(response, session);
      break;
    case Format::kJson:
      session.out() << "{\"item\":"
                    << JsonObject(ItemRecord(response.item(), session.clock()))
                    << ",\"messages\":["
                    << absl::StrJoin(
                           response.messages(), ",",
                           [](std::string* json, const auto& message) {
                             json->append(JsonMessage(message));
                           })
                    << "]}\n";
      break;
    case Format::kCsv:
      PrintRecord(ItemRecord(response.item(), session.clock()), Format::kCsv,
                  session.out());
      session.err() << "csv shows the row only; -o table or json show what was "
                       "said.\n";
      break;
  }
  return ExitCode::kOk;
}

// Fills a request, sends it, shows the row; see Submits in
// emergency_commands.cc.
template <typename Request, typename Response>
Runner Answers(const char* name, const char* actor_field,
               grpc::Status (Stub::*method)(grpc::ClientContext*,
                                            const Request&, Response*)) {
  return [=](const std::vector<OptionSpec>& options, const Arguments& arguments,
             const Session& session) -> absl::StatusOr<ExitCode> {
    Request request;
    absl::Status filled =
        FillRequest(options, arguments, session, actor_field, &request);
    if (!filled.ok()) return NotSubmitted(filled, "");
    auto client = Connected(session);
    if (!client.ok()) return NotSubmitted(client.status(), "");
    auto response = SubmitAndSee(
        session, [&] { return client->Call(name, method, request); },
        [](const Response& answer) {
          return answer.item().answer_state() == v1::OUTBOX_STATE_HELD;
        });
    if (!response.ok()) {
      return NotSubmitted(response.status(), request.request_id());
    }
    return PrintAnswer(response->item(), request.request_id(), session);
  };
}

std::vector<OptionSpec> TakeOptions() {
  return Joined(
      {{"MATTER", "", "the matter", "taken.matter_id"},
       {"--at", "TIME", "when the person took it", "taken.taken_time"},
       {"--expected-version", "N", "refuse when the matter has moved on since",
        "taken.expected_version"}},
      RequestOptions("taken.worker", true));
}

std::vector<OptionSpec> DecideOptions() {
  return Joined(
      {{"MATTER", "", "the matter", "decision.matter_id"},
       {"--outcome", "WORD",
        absl::StrCat("what was decided: ",
                     ChoicesText(*v1::Outcome_descriptor())),
        "decision.outcome"},
       {"--next-step", "TEXT", "what happens next; the sender is told",
        "decision.next_step"},
       {"--reason", "TEXT", "why; stays with the council", "decision.reason"},
       {"--contact-phone", "NUMBER", "number the sender can ring about it",
        "decision.contact_phone"},
       {"--open-case", "TEXT", "the open case the information went to",
        "decision.open_case_reference"},
       {"--at", "TIME", "when the person decided", "decision.decided_time"},
       {"--expected-version", "N", "refuse when the matter has moved on since",
        "decision.expected_version"}},
      RequestOptions("decision.worker", true));
}

}  // namespace

std::vector<Command> CouncilCommands() {
  return {
      {"council",
       "list",
       "matters in intake, oldest first",
       {{"--all", "", "decided ones too", "", Takes::kNothing},
        {"--limit", "N", "at most this many; default 100"}},
       RunList},
      {"council", "open", "reads one matter; the first reading is recorded",
       Joined({{"MATTER", "", "the matter", "matter_id"}},
              RequestOptions("actor", false)),
       RunOpen},
      {"council", "take", "a named person takes a matter", TakeOptions(),
       Answers("TakeMatter", "taken.worker", &Stub::TakeMatter), true},
      {"council", "decide", "records the outcome of a contact", DecideOptions(),
       Answers("DecideMatter", "decision.worker", &Stub::DecideMatter), true},
  };
}

}  // namespace baton::cli
