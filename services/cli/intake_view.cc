#include "services/cli/intake_view.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/cli/readable.h"
#include "services/cli/receipts.h"
#include "services/cli/standing.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

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

// Who has it now: whom it was handed to first, not who took it then.
std::string WorkerText(const v1::IntakeItem& item) {
  const std::string taker = PersonText(item.worker());
  if (item.allocated_to().name().empty()) return taker;
  const std::string now = PersonText(item.allocated_to());
  if (item.worker().name().empty()) return now;
  return absl::StrCat(now, "; taken by ", item.worker().name());
}

}  // namespace

Record IntakeRecord(const v1::IntakeItem& item, const LocalClock& clock) {
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
  record.Add("notes", "note", NotesText(item.matter()));
  record.AddBool("opened", item.opened());
  record.AddBool("copy", item.copy());
  record.Add("worker", "with", item.worker().name(), WorkerText(item));
  record.Add("holder", "next action with", AddressText(item.matter().holder()));
  record.Add("owed", "owed here", absl::StrJoin(item.owed(), "; "));
  record.Add("allocated_to", "allocated to", item.allocated_to().name(),
             PersonText(item.allocated_to()));
  record.Add("outcome", "", item.outcome() == 0 ? "" : Word(item.outcome()),
             "");
  record.AddNumber("message_count", "messages", item.message_count());
  record.Add("answer_state", "answer",
             item.answer_state() == 0 ? "" : Word(item.answer_state()),
             AnswerText(item));
  record.Add("answer_refusal", "", item.answer_refusal());
  record.Add("marks", "odd, kept as given", MarksText(item.marks()),
             MarksInWords(item.marks()));
  record.set_urgent(item.priority() == v1::PRIORITY_IMMEDIATE_DANGER &&
                    item.state() < v1::MATTER_STATE_DECIDED);
  return record;
}

Listing IntakeListing(const Session& session) {
  Listing listing;
  listing.shape = IntakeRecord(v1::IntakeItem(), session.clock());
  listing.columns = {"matter_id", "priority", "kind", "sender", "received_time",
                     "state",     "notes",    "owed", "worker", "answer_state"};
  return listing;
}

ExitCode PrintAnswered(const v1::IntakeItem& item,
                       const std::string& request_id, const Session& session) {
  const ExitCode code = ExitCodeOf(item.answer_state());
  if (code != ExitCode::kOk) {
    session.words() << "NOT SENT, ring the sender and whoever must know: "
                       "nobody outside can read this yet (opening the matter "
                       "shows the number).\n";
  }
  Record record = IntakeRecord(item, session.clock());
  record.Add("request_id", "request", request_id);
  PrintRecord(record, session.format, session.out());
  PrintAdvice(code, /*exchange_heard=*/true, session.words());
  return code;
}

void PrintOpened(
    const v1::IntakeItem& item,
    const google::protobuf::RepeatedPtrField<v1::Message>& messages,
    const Session& session) {
  const LocalClock clock = session.clock();
  const Record record = IntakeRecord(item, clock);
  if (session.format == Format::kJson) {
    session.out() << "{\"item\":" << JsonObject(record) << ",\"messages\":["
                  << absl::StrJoin(messages, ",",
                                   [](std::string* json, const auto& message) {
                                     json->append(JsonMessage(message));
                                   })
                  << "]}\n";
    return;
  }
  PrintRecord(record, session.format, session.out());
  if (session.format == Format::kCsv) {
    session.err() << "csv shows the row only; -o table or json show what was "
                     "said.\n";
    return;
  }
  for (const v1::Message& message : messages) {
    session.out() << "\n" << ReadableMessage(message, clock);
  }
}

}  // namespace baton::cli
