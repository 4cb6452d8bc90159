#include "services/cli/emergency_options.h"

#include "baton/v1/message.pb.h"
#include "baton/v1/waiting.pb.h"
#include "services/cli/child_options.h"
#include "services/cli/request.h"

namespace baton::cli {
namespace {

OptionSpec NextReview(const char* field) {
  return {"--next-review", "TIME",        "when you will look again and report",
          field,           Takes::kValue, Direction::kAhead};
}

OptionSpec Reference() {
  return {"REFERENCE", "", "the wait, by your own reference",
          "sender_reference"};
}

std::vector<OptionSpec> WaitOptions() {
  return {
      {"--arrived", "TIME", "when the child arrived", "flag.arrived_time"},
      {"--decided-to-admit", "TIME", "when it was decided to admit",
       "flag.decided_to_admit_time"},
      {"--ready", "TIME", "when clinically ready to proceed",
       "flag.ready_to_proceed_time"},
      {"--reason", "WORD", Choices<v1::WaitingReason>("why the child waits"),
       "flag.reason"},
      {"--detail", "TEXT", "the reason in words", "flag.reason_detail"},
      {"--blocked-by", "WORD",
       Choices<v1::BlockedBy>("what keeps the child from leaving"),
       "flag.blocked_by"},
      {"--legal-status", "WORD", Choices<v1::LegalStatus>("legal status"),
       "flag.legal_status"},
      {"--ordinary-residence", "TEXT", "where the child ordinarily lives",
       "flag.ordinary_residence"},
      {"--one-to-one", "yes|no|unknown", "is somebody with the child?",
       "flag.supervised_one_to_one"},
      NextReview("flag.next_review_time"),
      DangerOption("flag.immediate_danger"),
      {"--location", "TEXT", "site code first: \"RX1RA emergency department\"",
       "flag.location"},
      {"--childs-words", "TEXT", "what the child says", "flag.childs_words"},
      {"--safety-now", "TEXT", "who is with the child, what was agreed",
       "flag.safety_now"},
      {"--safeguarding-code", "CODE", "SNOMED CT", "flag.safeguarding_codes",
       Takes::kValues},
      {"--consent-sought", "yes|no|unknown", "recorded; not the legal basis",
       "flag.consent.sought"},
      {"--consent-given-by", "TEXT", "who gave it", "flag.consent.given_by"},
      {"--consent-why-not", "TEXT", "why it was not sought",
       "flag.consent.why_not"},
  };
}

std::vector<OptionSpec> SharedOptions() {
  return {
      {"--what-happened", "TEXT", "shared by all children of this incident",
       "incident.what_happened"},
      {"--police-reference", "TEXT", "when the police brought the child",
       "incident.police_reference"},
      {"--risk-to-workers", "TEXT", "in the household",
       "incident.household.risk_to_workers"},
      LegalBasisOption(),
  };
}

}  // namespace

std::vector<OptionSpec> FlagWaitingOptions() {
  std::vector<OptionSpec> options = {
      {"--reference", "TEXT", "your own reference of this encounter",
       "flag.sender_reference"},
      {"--to", "CODE[/DESK]",
       "the council asked to act; default: the service's", "recipient"},
      {"--copy", "[CLASS/]CODE[/DESK]", "gets a copy", "copies",
       Takes::kValues},
  };
  for (const auto& more :
       {ChildOptions("flag.child"), WaitOptions(), SharedOptions()}) {
    options = Joined(std::move(options), more);
  }
  return Joined(std::move(options), RequestOptions("actor", true));
}

std::vector<OptionSpec> UpdateWaitingOptions() {
  return Joined(
      {Reference(),
       {"--seen", "TIME", "when the child was looked at", "update.seen_time"},
       {"--blocked-by", "WORD",
        Choices<v1::BlockedBy>("what keeps the child from leaving now"),
        "update.blocked_by"},
       {"--legal-status", "WORD", Choices<v1::LegalStatus>("legal status now"),
        "update.legal_status"},
       {"--one-to-one", "yes|no|unknown", "is somebody with the child?",
        "update.supervised_one_to_one"},
       NextReview("update.next_review_time"),
       DangerOption("update.immediate_danger"),
       {"--note", "TEXT", "what changed", "update.note"},
       {"--ready", "TIME", "when clinically ready to proceed",
        "update.ready_to_proceed_time"}},
      RequestOptions("actor", true));
}

std::vector<OptionSpec> MoveWaitingOptions() {
  return Joined(
      {Reference(),
       {"--at", "TIME", "when", "moved.moved_time"},
       {"--location", "TEXT", "where to, site code first", "moved.location"},
       {"--organisation", "CODE", "who has the child now (ODS), if not you",
        "moved.organisation_code"},
       {"--ward-phone", "NUMBER", "of the ward", "moved.phone"},
       NextReview("moved.next_review_time")},
      RequestOptions("actor", true));
}

std::vector<OptionSpec> EndWaitingOptions() {
  return Joined(
      {Reference(),
       {"--how", "WORD", Choices<v1::WaitingEndReason>("how it ended"),
        "end.end_reason"},
       {"--at", "TIME", "when", "end.end_time"},
       {"--destination", "TEXT", "where the child went", "end.destination"},
       {"--taken-by", "TEXT", "who took the child", "end.taken_by"},
       {"--reason", "TEXT",
        "why: raised in error, or left and no police reference", "end.reason"},
       {"--police-reference", "TEXT", "of the missing report",
        "end.police_reference"}},
      RequestOptions("actor", true));
}

}  // namespace baton::cli
