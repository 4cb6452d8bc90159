#include "services/cli/waiting_view.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/cli/receipts.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

using google::protobuf::Timestamp;

void AddTime(absl::string_view key, absl::string_view title, bool there,
             const Timestamp& time, const LocalClock& clock, Record* record) {
  record->Add(key, title, there ? Iso(FromProto(time)) : "",
              there ? TimeText(FromProto(time), clock) : "");
}

Heard HeardOf(const v1::WaitingStatus& status, const LocalClock& clock) {
  return Heard(status.has_exchange_heard_time() ? &status.exchange_heard_time()
                                                : nullptr,
               clock);
}

void AddOutbox(const v1::WaitingStatus& status, Record* record) {
  record->Add("outbox_state", "", Word(status.outbox_state()), "");
  record->AddNumber("held_messages", "not sent", status.held_messages());
  record->AddBool("alarm", status.alarm());
  record->Add("phone", "ring", status.phone());
  record->Add("refusal", "refused because", status.refusal());
}

void AddWaiting(const v1::WaitingStatus& status, Record* record) {
  const absl::Duration waiting = FromProto(status.waiting_for());
  record->Add("waiting_for_seconds", status.ended() ? "waited" : "waiting for",
              status.has_waiting_for()
                  ? absl::StrCat(absl::ToInt64Seconds(waiting))
                  : "",
              status.has_waiting_for() ? DurationText(waiting) : "");
  record->AddBool("ended", status.ended());
}

void PrintWords(const v1::WaitingStatus& status, std::ostream& out) {
  const std::string not_sent = NotSentLine(status);
  if (status.alarm()) {
    out << "ALARM: immediate danger, and not sent. Ring NOW.\n";
  }
  if (!not_sent.empty() && !absl::StrContains(status.headline(), "NOT SENT")) {
    out << Printable(not_sent) << "\n";
  }
  if (!status.headline().empty()) out << Printable(status.headline()) << "\n";
}

}  // namespace

Record WaitingRecord(const v1::WaitingStatus& status, const LocalClock& clock) {
  const Heard heard = HeardOf(status, clock);
  Record record;
  record.Add("reference", "reference", status.sender_reference());
  record.Add("headline", "", status.headline());
  AddOutbox(status, &record);
  AddWaiting(status, &record);
  AddTime("held_time", "flagged", status.has_held_time(), status.held_time(),
          clock, &record);
  AddTime("accepted_time", "", status.has_accepted_time(),
          status.accepted_time(), clock, &record);
  record.Add("conversation_id", "conversation", status.conversation_id());
  AddMatter(status.matter(), heard, clock, &record);
  record.Add("marks", "odd, kept as given", MarksText(status.marks()));
  record.Add("exchange_heard_time", "exchange last heard", heard.Machine(),
             heard.text());
  record.AddBool("exchange_heard_recently", heard.recent());
  return record;
}

std::string NotSentLine(const v1::WaitingStatus& status) {
  if (ExitCodeOf(status) == ExitCode::kOk) return "";
  return absl::StrCat("NOT SENT, ring ", status.phone().empty()
                                             ? "999 or the duty team"
                                             : status.phone());
}

ExitCode ExitCodeOf(const v1::WaitingStatus& status) {
  if (status.outbox_state() == v1::OUTBOX_STATE_REFUSED) {
    return ExitCode::kRefused;
  }
  const bool held = status.outbox_state() == v1::OUTBOX_STATE_HELD ||
                    status.held_messages() > 0;
  return held ? ExitCode::kHeld : ExitCode::kOk;
}

ExitCode PrintWaiting(const v1::WaitingStatus& status,
                      absl::string_view request_id, const Session& session) {
  Record record = WaitingRecord(status, session.clock());
  record.Add("request_id", "request", request_id);
  const bool table = session.format == Format::kTable;
  PrintWords(status, table ? session.out() : session.err());
  PrintRecord(record, session.format, session.out());
  return ExitCodeOf(status);
}

}  // namespace baton::cli
