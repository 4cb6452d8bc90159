#include "services/cli/case_view.h"

#include "absl/strings/str_cat.h"
#include "services/cli/receipts.h"
#include "services/cli/standing.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

void AddTime(const char* key, const char* title, bool there,
             const google::protobuf::Timestamp& time, const LocalClock& clock,
             Record* record) {
  record->Add(key, title, there ? Iso(FromProto(time)) : "",
              there ? TimeText(FromProto(time), clock) : "");
}

// What is true of the case whatever its children.
Record CaseRecord(const v1::CaseStatus& status, const LocalClock& clock) {
  const Heard heard = HeardIn(status, clock);
  Record record;
  record.Add("reference", "reference", status.sender_reference());
  record.Add("kind", "opened with",
             status.kind() == 0 ? "" : Word(status.kind()),
             status.kind() == 0 ? "" : Text(status.kind()));
  record.Add("case_headline", "", status.headline());
  record.Add("outbox_state", "", Word(status.outbox_state()), "");
  record.AddNumber("held_messages",
                   status.held_messages() > 0 ? "not sent" : "",
                   status.held_messages());
  record.AddBool("alarm", status.alarm());
  record.Add("phone", "ring", status.phone());
  record.Add("refusal", "refused because", status.refusal());
  record.AddBool("ended", status.ended());
  AddTime("held_time", "raised", status.has_held_time(), status.held_time(),
          clock, &record);
  AddTime("accepted_time", "", status.has_accepted_time(),
          status.accepted_time(), clock, &record);
  record.Add("conversation_id", "conversation", status.conversation_id());
  record.Add("marks", "odd, kept as given", MarksText(status.marks()),
             MarksInWords(status.marks()));
  record.Add("exchange_heard_time", "exchange last heard", heard.Machine(),
             heard.text());
  record.AddBool("exchange_heard_recently", heard.recent());
  return record;
}

void AddChild(const v1::MatterStatus& status, const Heard& heard,
              const LocalClock& clock, Record* record) {
  record->Add("headline", "", status.headline());
  AddMatter(status.matter(), heard, clock, record);
}

std::vector<Record> ChildRecords(const v1::CaseStatus& status,
                                 const LocalClock& clock) {
  std::vector<Record> records;
  for (const v1::MatterStatus& matter : status.matters()) {
    AddChild(matter, HeardIn(status, clock), clock, &records.emplace_back());
  }
  return records;
}

// A list cell: what matters first.
std::string StandsText(const v1::CaseStatus& status,
                       const v1::MatterStatus& matter) {
  return StandsCell(StandingOf(status), matter.headline().empty()
                                            ? status.headline()
                                            : matter.headline());
}

void PrintTableOf(const Record& record, const std::vector<Record>& children,
                  std::ostream& out) {
  PrintRecord(record, Format::kTable, out);
  for (const Record& child : children) {
    out << "\n";
    PrintRecord(child, Format::kTable, out);
  }
}

}  // namespace

std::vector<Record> CaseRecords(const v1::CaseStatus& status,
                                const LocalClock& clock) {
  std::vector<v1::MatterStatus> matters(status.matters().begin(),
                                        status.matters().end());
  if (matters.empty()) matters.emplace_back();
  std::vector<Record> records;
  for (const v1::MatterStatus& matter : matters) {
    Record& record = records.emplace_back(CaseRecord(status, clock));
    AddChild(matter, HeardIn(status, clock), clock, &record);
    record.Add("stands_text", "stands", StandsText(status, matter));
    record.set_urgent(NeedsRinging(StandingOf(status)));
  }
  return records;
}

std::vector<std::string> CaseColumns() {
  return {"reference",   "kind",   "matter_id",
          "stands_text", "holder", "exchange_heard_time"};
}

ExitCode PrintCase(const v1::CaseStatus& status, const std::string& request_id,
                   const Session& session) {
  const LocalClock clock = session.clock();
  Record record = CaseRecord(status, clock);
  record.Add("request_id", "request", request_id);
  const std::vector<Record> children = ChildRecords(status, clock);
  PrintStanding(StandingOf(status), session.words());
  switch (session.format) {
    case Format::kTable:
      PrintTableOf(record, children, session.out());
      break;
    case Format::kJson:
      session.out() << "{\"case\":" << JsonObject(record)
                    << ",\"matters\":" << JsonArray(children) << "}\n";
      break;
    case Format::kCsv: {
      const std::vector<Record> rows = CaseRecords(status, clock);
      PrintRecords(rows, rows[0], {}, Format::kCsv, session.out());
      break;
    }
  }
  const ExitCode code = ExitCodeOf(StandingOf(status));
  PrintAdvice(code, HeardIn(status, clock).recent(), session.words());
  return code;
}

}  // namespace baton::cli
