#include "services/cli/receipts.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

std::string ReceiptText(const v1::Matter& matter, const Step& step,
                        const Heard& heard, const LocalClock& clock) {
  if (step.receipt == nullptr) {
    return heard.recent() ? "not yet" : heard.UnknownText();
  }
  std::string text =
      absl::StrCat(ClockText(FromProto(step.receipt->time()), clock),
                   ", after ", DurationText(After(matter, *step.receipt)));
  const std::string person = PersonText(step.receipt->actor());
  if (!person.empty()) absl::StrAppend(&text, ", by ", person);
  return text;
}

void AddStep(const v1::Matter& matter, const Step& step, const Heard& heard,
             const LocalClock& clock, Record* record) {
  const bool there = step.receipt != nullptr;
  const v1::Actor person = there ? step.receipt->actor() : v1::Actor();
  record->Add(absl::StrCat(step.key, "_time"), step.title,
              there ? Iso(FromProto(step.receipt->time())) : "",
              ReceiptText(matter, step, heard, clock));
  record->Add(
      absl::StrCat(step.key, "_after_seconds"), "",
      there ? absl::StrCat(absl::ToInt64Seconds(After(matter, *step.receipt)))
            : "",
      "");
  record->Add(absl::StrCat(step.key, "_by"), "", person.name());
  record->Add(absl::StrCat(step.key, "_by_role"), "", person.role());
  record->Add(absl::StrCat(step.key, "_by_phone"), "", person.phone());
  record->Add(absl::StrCat(step.key, "_asserted_by"), "",
              person.asserted_by().code());
}

std::string HolderText(const v1::Matter& matter, const LocalClock& clock) {
  std::string text = AddressText(matter.holder());
  if (!text.empty() && matter.has_holder_time()) {
    absl::StrAppend(&text, " for ",
                    DurationText(clock.now - FromProto(matter.holder_time())));
  }
  return text;
}

}  // namespace

std::vector<Step> StepsOf(const v1::Matter& matter) {
  return {
      {"delivered", "delivered",
       matter.has_delivered() ? &matter.delivered() : nullptr},
      {"first_read", "first read",
       matter.has_first_read() ? &matter.first_read() : nullptr},
      {"taken", "taken", matter.has_taken() ? &matter.taken() : nullptr},
      {"decided", "decided",
       matter.has_decided() ? &matter.decided() : nullptr},
  };
}

std::string StateText(const v1::Matter& matter) {
  switch (matter.state()) {
    case v1::MATTER_STATE_PUBLISHED:
      return "on the exchange; their system does not have it yet";
    case v1::MATTER_STATE_DELIVERED:
      return matter.has_first_read()
                 ? "in their system; opened, nobody has taken it"
                 : "in their system; nobody has looked";
    case v1::MATTER_STATE_TAKEN:
      return matter.has_first_read() ? "a named person has it"
                                     : "taken, but never opened";
    case v1::MATTER_STATE_DECIDED:
      return absl::StrCat("decided: ", Text(matter.decision().outcome()));
    default:
      return "unknown";
  }
}

absl::Duration After(const v1::Matter& matter, const v1::Receipt& receipt) {
  return FromProto(receipt.time()) - FromProto(matter.received_time());
}

std::string NotesText(const v1::Matter& matter) {
  std::vector<std::string> notes;
  if (matter.has_recalled()) {
    notes.push_back("RECALLED (wrong child): read the recall before acting");
  }
  if (matter.has_withdrawn()) {
    notes.push_back("withdrawn by the sender; that closes nothing");
  }
  if (matter.has_corrected()) {
    notes.push_back("corrected: read the correction too");
  }
  if (matter.has_offer()) {
    notes.push_back(
        absl::StrCat("offered to ", AddressText(matter.offer().offered_to()),
                     ", not accepted: ", AgencyText(matter.holder().agency()),
                     " still holds it"));
  }
  for (const v1::Link& link : matter.links()) {
    if (link.has_undone()) continue;
    notes.push_back(absl::StrCat("possible match (", Text(link.reason()),
                                 ") with ", link.matter_id(), ", ring ",
                                 AddressText(link.holder())));
  }
  if (matter.notices_in_three_months() > 0) {
    notes.push_back(absl::StrCat(matter.notices_in_three_months(),
                                 " police notices in three months"));
  }
  if (matter.restricted() && !matter.has_released()) {
    notes.push_back("restricted: not matched, no automatic copies");
  }
  return absl::StrJoin(notes, "; ");
}

void AddMatter(const v1::Matter& matter, const Heard& heard,
               const LocalClock& clock, Record* record) {
  record->Add("matter_id", "matter", matter.matter_id());
  record->Add("state", "stands", Word(matter.state()), StateText(matter));
  record->Add("notes", "note", NotesText(matter));
  const v1::Actor& allocated = matter.allocated().actor();
  record->Add("allocated_to", "handed to", allocated.name(),
              PersonText(allocated));
  record->Add("holder", "next action with", AddressText(matter.holder()),
              HolderText(matter, clock));
  const bool received = matter.has_received_time();
  const absl::Time received_time = FromProto(matter.received_time());
  record->Add("received_time", "on the exchange",
              received ? Iso(received_time) : "",
              received ? TimeText(received_time, clock) : "");
  for (const Step& step : StepsOf(matter)) {
    AddStep(matter, step, heard, clock, record);
  }
  const v1::DecisionSummary& decision = matter.decision();
  record->Add("outcome", "outcome",
              matter.has_decision() ? Word(decision.outcome()) : "",
              matter.has_decision() ? Text(decision.outcome()) : "");
  record->Add("next_step", "next step", decision.next_step());
  record->Add("decision_phone", "ring about it", decision.phone());
}

}  // namespace baton::cli
