#include "services/emergency/headline.h"

#include "absl/strings/str_cat.h"

namespace baton {
namespace {

std::string AssertedBy(const v1::Receipt& receipt) {
  const v1::Actor& actor = receipt.actor();
  return absl::StrCat(actor.name(), actor.role().empty() ? "" : ", ",
                      actor.role(), " (asserted by ", receipt.agency().code(),
                      ")", actor.phone().empty() ? "" : ", ring ",
                      actor.phone());
}

std::string OutcomeWords(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_NO_FURTHER_ACTION:
      return "no further action";
    case v1::OUTCOME_INFORMATION_AND_ADVICE:
      return "information and advice";
    case v1::OUTCOME_EARLY_HELP:
      return "early help";
    case v1::OUTCOME_REFERRAL_SECTION_17:
      return "referral, child in need (section 17)";
    case v1::OUTCOME_STRATEGY_DISCUSSION_SECTION_47:
      return "strategy discussion (section 47)";
    case v1::OUTCOME_INFORMATION_ON_OPEN_CASE:
      return "passed to the team of an open case";
    case v1::OUTCOME_NOT_OURS_TRANSFER_OFFERED:
      return "not theirs, transfer offered";
    default:
      return "outcome not stated";
  }
}

std::string ReceiptWords(const v1::WaitingStatus& status) {
  const v1::Matter& matter = status.matter();
  if (matter.has_decided()) {
    return absl::StrCat("decided: ", OutcomeWords(matter.decision().outcome()),
                        "; next: ", matter.decision().next_step());
  }
  if (matter.has_taken()) {
    return absl::StrCat(
        "taken by ", AssertedBy(matter.taken()),
        matter.has_first_read() ? "; not decided yet" : "; never opened");
  }
  if (matter.has_first_read()) {
    return "opened in their system; nobody has taken it";
  }
  if (matter.has_delivered()) return "in their system; nobody has looked";
  return absl::StrCat("with the exchange, NOT yet in their system; ring ",
                      status.phone(), " if it cannot wait");
}

}  // namespace

std::string Headline(const v1::WaitingStatus& status) {
  switch (status.outbox_state()) {
    case v1::OUTBOX_STATE_HELD:
      return absl::StrCat("NOT SENT, ring ", status.phone(),
                          status.alarm() ? " NOW: immediate danger" : "");
    case v1::OUTBOX_STATE_REFUSED:
      return absl::StrCat("NOT SENT, refused by the exchange, ring ",
                          status.phone(),
                          status.alarm() ? " NOW: immediate danger" : "");
    case v1::OUTBOX_STATE_WITHDRAWN:
      return "withdrawn here; it was never sent";
    default:
      break;
  }
  std::string words = ReceiptWords(status);
  if (status.held_messages() > 0) {
    absl::StrAppend(&words, "; ", status.held_messages(),
                    " later message(s) NOT SENT, ring ", status.phone(),
                    status.alarm() ? " NOW: immediate danger" : "");
  }
  if (status.ended()) absl::StrAppend(&words, "; wait ended");
  return words;
}

}  // namespace baton
