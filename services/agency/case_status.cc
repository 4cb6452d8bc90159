#include "services/agency/case_status.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

std::string AssertedBy(const v1::Receipt& receipt) {
  const v1::Actor& actor = receipt.actor();
  return absl::StrCat(actor.name(), actor.role().empty() ? "" : ", ",
                      actor.role(), " (asserted by ", receipt.agency().code(),
                      ")", actor.phone().empty() ? "" : ", ring ",
                      actor.phone());
}

std::string ReceiptWords(const v1::Matter& matter, const std::string& phone) {
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
                      phone, " if it cannot wait");
}

// Who took it may have gone home since.
std::string HandedWords(const v1::Matter& matter) {
  if (!matter.has_allocated()) return "";
  const v1::Actor& actor = matter.allocated().actor();
  return absl::StrCat("; handed to ",
                      actor.name().empty() ? actor.team() : actor.name(),
                      actor.phone().empty() ? "" : ", ring ", actor.phone());
}

std::string MatterWords(const v1::Matter& matter, const std::string& phone) {
  std::string words =
      absl::StrCat(ReceiptWords(matter, phone), HandedWords(matter));
  if (matter.has_offer()) {
    absl::StrAppend(
        &words, "; offered to ", matter.offer().offered_to().agency().code(),
        ", not accepted: ", matter.holder().agency().code(), " still holds it");
  } else if (!matter.past_custodies().empty()) {
    absl::StrAppend(&words, "; now with ", matter.holder().agency().code());
  }
  for (const v1::Link& link : matter.links()) {
    if (link.has_undone()) continue;
    absl::StrAppend(&words, "; possible match with ", link.matter_id(),
                    ", ring ", link.holder().agency().code());
    break;
  }
  return words;
}

google::protobuf::Duration After(const v1::Matter& matter,
                                 const v1::Receipt& receipt) {
  return ToProto(FromProto(receipt.time()) - FromProto(matter.received_time()));
}

std::string NotSent(const v1::CaseStatus& status, absl::string_view why) {
  return absl::StrCat("NOT SENT", why, ", ring ", status.phone(),
                      status.alarm() ? " NOW: immediate danger" : "");
}

// The child who is furthest behind decides what is said of all.
std::string MattersWords(const v1::CaseStatus& status) {
  if (status.matters().empty()) {
    return absl::StrCat("with the exchange, NOT yet in their system; ring ",
                        status.phone(), " if it cannot wait");
  }
  const auto last = std::min_element(
      status.matters().begin(), status.matters().end(),
      [](const v1::MatterStatus& a, const v1::MatterStatus& b) {
        return a.matter().state() < b.matter().state();
      });
  if (status.matters_size() == 1) return last->headline();
  return absl::StrCat(status.matters_size(), " children; ",
                      last->matter().matter_id(), ": ", last->headline());
}

}  // namespace

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

v1::MatterStatus StatusOfMatter(const v1::Matter& matter,
                                const std::string& phone) {
  v1::MatterStatus status;
  *status.mutable_matter() = matter;
  status.set_headline(MatterWords(matter, phone));
  if (matter.has_delivered()) {
    *status.mutable_delivered_after() = After(matter, matter.delivered());
  }
  if (matter.has_first_read()) {
    *status.mutable_first_read_after() = After(matter, matter.first_read());
  }
  if (matter.has_taken()) {
    *status.mutable_taken_after() = After(matter, matter.taken());
  }
  if (matter.has_decided()) {
    *status.mutable_decided_after() = After(matter, matter.decided());
  }
  return status;
}

std::string CaseHeadline(const v1::CaseStatus& status) {
  switch (status.outbox_state()) {
    case v1::OUTBOX_STATE_HELD:
      return NotSent(status, "");
    case v1::OUTBOX_STATE_REFUSED:
      return NotSent(status, ", refused by the exchange");
    case v1::OUTBOX_STATE_WITHDRAWN:
      return "withdrawn here; it was never sent";
    default:
      break;
  }
  std::string words = MattersWords(status);
  if (status.held_messages() > 0) {
    absl::StrAppend(&words, "; ", status.held_messages(), " later message(s) ",
                    NotSent(status, ""));
  }
  return words;
}

}  // namespace baton
