#include "services/cli/waiting_view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/cli/receipts.h"
#include "services/cli/standing.h"
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

void AddOutbox(const v1::WaitingStatus& status, Record* record) {
  record->Add("outbox_state", "", Word(status.outbox_state()), "");
  record->AddNumber("held_messages",
                    status.held_messages() > 0 ? "not sent" : "",
                    status.held_messages());
  record->AddBool("alarm", status.alarm());
  record->Add("phone", "ring", status.phone());
  record->Add("refusal", "refused because", status.refusal());
}

// Then the wait is counted from when it was flagged.
bool IsArrivalBlank(const v1::WaitingStatus& status) {
  return std::any_of(status.marks().begin(), status.marks().end(),
                     [](const v1::Mark& mark) {
                       return mark.code() == v1::MARK_CODE_BLANK_ANSWER &&
                              mark.field() == "flag.arrived_time";
                     });
}

std::string WaitText(const v1::WaitingStatus& status) {
  if (!status.has_waiting_for()) return "";
  const std::string wait = DurationText(FromProto(status.waiting_for()));
  return IsArrivalBlank(status)
             ? absl::StrCat("at least ", wait, "; arrival not stated")
             : wait;
}

void AddWaiting(const v1::WaitingStatus& status, Record* record) {
  const absl::Duration waiting = FromProto(status.waiting_for());
  record->Add("waiting_for_seconds", status.ended() ? "waited" : "waiting for",
              status.has_waiting_for()
                  ? absl::StrCat(absl::ToInt64Seconds(waiting))
                  : "",
              WaitText(status));
  record->AddBool("ended", status.ended());
}

}  // namespace

Record WaitingRecord(const v1::WaitingStatus& status, const LocalClock& clock) {
  const Heard heard = HeardIn(status, clock);
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
  record.Add("marks", "odd, kept as given", MarksText(status.marks()),
             MarksInWords(status.marks()));
  record.Add("exchange_heard_time", "exchange last heard", heard.Machine(),
             heard.text());
  record.AddBool("exchange_heard_recently", heard.recent());
  return record;
}

ExitCode PrintWaiting(const v1::WaitingStatus& status,
                      absl::string_view request_id, const Session& session) {
  Record record = WaitingRecord(status, session.clock());
  record.Add("request_id", "request", request_id);
  PrintStanding(StandingOf(status), session.words());
  PrintRecord(record, session.format, session.out());
  const ExitCode code = ExitCodeOf(StandingOf(status));
  PrintAdvice(code, HeardIn(status, session.clock()).recent(), session.words());
  return code;
}

}  // namespace baton::cli
