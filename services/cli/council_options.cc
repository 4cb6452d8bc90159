#include "services/cli/council_options.h"

#include <utility>

#include "baton/v1/child.pb.h"
#include "baton/v1/placement.pb.h"
#include "services/cli/child_options.h"
#include "services/cli/matter_options.h"
#include "services/cli/request.h"

namespace baton::cli {
namespace {

using Options = std::vector<OptionSpec>;

OptionSpec Reference() {
  return {"--reference", "TEXT", "the council's own reference",
          "sender_reference"};
}

Options Matter(const char* field) {
  return {{"MATTER", "", "the matter, such as c-4k7.1", field}};
}

Options CallOptions() {
  return {
      {"--called", "TIME", "when the call was taken: the clock starts here",
       "children.call_time"},
      {"--caller-name", "TEXT", "who rang", "children.caller.name"},
      {"--caller-role", "TEXT", "role, or relationship to the child",
       "children.caller.role"},
      {"--caller-phone", "NUMBER", "to ring back", "children.caller.phone"},
      {"--caller-agency", "CLASS/CODE", "which owes the written form",
       "children.caller_agency"},
      {"--concern", "TEXT", "what was said", "children.concern"},
      DangerOption("children.immediate_danger"),
      {"--advice", "TEXT", "what the caller was advised to do",
       "children.advice_given"},
      LegalBasisOption(),
  };
}

Options PresentationOptions() {
  return {
      {"--presented", "TIME", "when they presented", "child.presented_time"},
      {"--found-place", "TEXT", "where they were found", "child.found_place"},
      {"--slept-last", "TEXT", "where they slept last", "child.slept_last"},
      {"--family-contact", "TEXT", "and whether home is safe",
       "child.family_contact"},
      {"--why", "TEXT", "why they are homeless", "child.reason"},
      DangerOption("child.immediate_danger"),
      LegalBasisOption(),
  };
}

Options NoticeOptions() {
  return {
      {"--event", "WORD", Choices<v1::PlacementEvent>("what happened"),
       "notice.event"},
      {"--from", "TIME", "from when", "notice.event_time"},
      {"--placement", "TEXT", "provider, place", "notice.placement"},
      {"--emergency", "yes|no|unknown", "was it made in an emergency?",
       "notice.emergency", Takes::kOptionalValue},
      {"--legal-status", "WORD", Choices<v1::LegalStatus>("legal status"),
       "notice.legal_status"},
      {"--contact", "TEXT", "who to ask: name and number", "notice.contact"},
      {"--needs", "TEXT", "what the host needs to know", "notice.needs"},
      LegalBasisOption(),
  };
}

}  // namespace

Options TakeMatterOptions() {
  return Joined(Joined(Matter("taken.matter_id"), TakenOptions()),
                RequestOptions("taken.worker", true));
}

Options DecideMatterOptions() {
  return Joined(Joined(Matter("decision.matter_id"), DecisionOptions()),
                RequestOptions("decision.worker", true));
}

Options PhoneContactOptions() {
  Options options = {Reference(),
                     {"--desk", "NAME", "that acts; default: intake", "desk"}};
  options = Joined(std::move(options), ChildOptions("children.child"));
  options = Joined(std::move(options), CallOptions());
  return Joined(std::move(options), RequestOptions("actor", true));
}

Options HomelessOptions() {
  Options options = {
      Reference(),
      {"--to", "CODE[/DESK]", "children's services; default: our intake",
       "recipient"},
      {"--housing", "CODE[/DESK]", "default: our desk housing", "housing"}};
  options = Joined(std::move(options), ChildOptions("child.child"));
  options = Joined(std::move(options), PresentationOptions());
  return Joined(std::move(options), RequestOptions("actor", true));
}

Options PlacementOptions() {
  Options options = {Reference(),
                     {"--to", "CODE[/DESK]", "the host authority", "recipient"},
                     {"--copy", "[CLASS/]CODE[/DESK]", "care boards and others",
                      "copies", Takes::kValues}};
  options = Joined(std::move(options), ChildOptions("notice.child"));
  options = Joined(std::move(options), NoticeOptions());
  return Joined(std::move(options), RequestOptions("actor", true));
}

Options HandOverOptions() {
  return Joined(
      {{"--from", "NAME", "whose matters, as taken or allocated", "from_name"},
       {"--to", "PERSON", "who has them now, \"name;role;team;phone\"", "to"},
       {"--reason", "TEXT", "why: shift ends, worker leaves", "reason"}},
      RequestOptions("actor", true));
}

}  // namespace baton::cli
