#include "services/cli/police_options.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "baton/v1/child.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/police.pb.h"
#include "services/cli/child_options.h"
#include "services/cli/request.h"

namespace baton::cli {
namespace {

using Options = std::vector<OptionSpec>;

// Which episode, and which of its children.
Options Episode() {
  return {{"REFERENCE", "", "the episode, by the force's own number",
           "sender_reference"},
          {"--child", "N",
           "only this child, by its place in the report from 1; default: all",
           "children", Takes::kValues}};
}

OptionSpec NextReview(const char* field) {
  return {"--next-review", "TIME",        "when the police review the grade",
          field,           Takes::kValue, Direction::kAhead};
}

// The RiskAssessment at `path`.
Options RiskOptions(const std::string& path) {
  return {
      {"--grade", "WORD", Choices<v1::RiskGrade>("the police's grade"),
       absl::StrCat(path, ".grade")},
      {"--rationale", "TEXT", "why this grade",
       absl::StrCat(path, ".rationale")},
      {"--graded-by", "TEXT", "who graded: name or role",
       absl::StrCat(path, ".graded_by")},
      {"--graded-at", "TIME", "when", absl::StrCat(path, ".graded_time")},
  };
}

Options ReportOptions() {
  return {
      {"--episode", "TEXT", "the force's number of this child's episode",
       "children.episode_reference"},
      {"--reported-by", "TEXT", "who reported it: name, relationship, number",
       "children.reported_by"},
      {"--last-seen", "TIME", "when the child was last seen, or unknown",
       "children.last_seen_time"},
      {"--last-seen-place", "TEXT", "where", "children.last_seen_place"},
      {"--last-seen-by", "TEXT", "by whom", "children.last_seen_by"},
      {"--clothing", "TEXT", "what the child wore", "children.clothing"},
      NextReview("children.next_review_time"),
      {"--exploitation", "WORD",
       Choices<v1::ExploitationFlag>("a concern that was looked for"),
       "children.exploitation_flags", Takes::kValues},
      {"--legal-status", "WORD", Choices<v1::LegalStatus>("care status"),
       "children.legal_status"},
      {"--placing-authority", "CODE", "GSS code, or unknown",
       "children.placing_authority"},
      {"--placement", "TEXT", "the placement the child is missing from",
       "children.placement"},
      {"--ssda-type", "WORD",
       Choices<v1::SsdaType>("how the SSDA903 return counts it"),
       "children.ssda_type"},
      {"--likely-whereabouts", "TEXT", "where, and with whom",
       "children.likely_whereabouts"},
      {"--restricted", "yes|no",
       "adopted, protected identity or refuge: no matching, no automatic "
       "copies",
       "children.restricted", Takes::kOptionalValue},
  };
}

Options IncidentOptions() {
  return {
      {"--incident", "TEXT", "the force's number of the incident",
       "incident.incident_reference"},
      {"--at", "TIME", "when it happened, or unknown",
       "incident.incident_time"},
      {"--what-happened", "TEXT", "shared by all children of this incident",
       "incident.what_happened"},
      {"--domestic-abuse", "yes|no",
       "the school is told before the next school day",
       "incident.domestic_abuse", Takes::kOptionalValue},
      {"--present", "TEXT", "who was present", "incident.present"},
      {"--weapons", "TEXT", "weapons", "incident.weapons"},
      {"--home-conditions", "TEXT", "home conditions",
       "incident.home_conditions"},
      {"--risk-to-workers", "TEXT", "in the household",
       "incident.household.risk_to_workers"},
  };
}

Options NoticeChildOptions() {
  return {
      {"--grade", "WORD", Choices<v1::NoticeGrade>("how the police see it"),
       "children.grade"},
      {"--presence", "TEXT", "was the child there, and where",
       "children.presence"},
      {"--injuries", "TEXT", "injuries", "children.injuries"},
      {"--demeanour", "TEXT", "how the child seemed", "children.demeanour"},
      {"--childs-words", "TEXT", "what the child says",
       "children.childs_words"},
      {"--action-taken", "TEXT", "what officers did", "children.action_taken"},
      {"--restricted", "yes|no",
       "adopted, protected identity or refuge: no matching, no automatic "
       "copies",
       "children.restricted", Takes::kOptionalValue},
      DangerOption("children.immediate_danger"),
  };
}

Options WithRequest(std::initializer_list<Options> parts) {
  Options options;
  for (const Options& part : parts) options = Joined(std::move(options), part);
  return Joined(std::move(options), RequestOptions("actor", true));
}

}  // namespace

Options ReportMissingOptions() {
  return WithRequest({RaisingOptions("episode"),
                      ChildOptions("children.child"),
                      ReportOptions(),
                      RiskOptions("children.risk"),
                      {LegalBasisOption()}});
}

Options UpdateMissingOptions() {
  return WithRequest(
      {Episode(),
       {{"--information", "TEXT", "what became known", "update.information"},
        {"--ssda-type", "WORD",
         Choices<v1::SsdaType>("how the SSDA903 return counts it now"),
         "update.ssda_type"},
        {"--annex-a", "WORD",
         Choices<v1::AnnexACount>("how the inspection list counts it now"),
         "update.annex_a_count"},
        {"--known", "TIME", "when it became known", "update.known_time"},
        NextReview("update.next_review_time")}});
}

Options RegradeOptions() {
  return WithRequest(
      {Episode(),
       RiskOptions("update.regrade"),
       {{"--known", "TIME", "when it became known", "update.known_time"},
        NextReview("update.next_review_time")}});
}

Options SightingOptions() {
  return WithRequest(
      {Episode(),
       {{"--seen", "TIME", "when, or unknown", "update.sighting.time"},
        {"--place", "TEXT", "where", "update.sighting.place"},
        {"--by", "TEXT", "by whom", "update.sighting.by"},
        {"--with", "TEXT", "with whom the child was", "update.sighting.with"},
        {"--known", "TIME", "when it became known", "update.known_time"},
        NextReview("update.next_review_time")}});
}

Options ReportFoundOptions() {
  return WithRequest(
      {Episode(),
       {{"--found", "TIME", "when the child was found, or unknown",
         "found.found_time"},
        {"--returned", "TIME",
         "when the child was back; unknown: you owe it within hours",
         "found.return_time"},
        {"--place", "TEXT", "where the child was found", "found.found_place"},
        {"--how", "TEXT", "by whom, by chance, came back alone", "found.how"},
        {"--condition", "TEXT", "condition, injuries", "found.condition"},
        {"--whereabouts-now", "TEXT", "where the child is now",
         "found.whereabouts_now"},
        {"--found-authority", "CODE", "where found (GSS), or unknown",
         "found.found_authority"},
        DangerOption("found.immediate_danger")}});
}

Options PreventionInterviewOptions() {
  return WithRequest(
      {Episode(),
       {{"--state", "WORD",
         Choices<v1::InterviewState>("how far it got; only done meets the "
                                     "clock"),
         "interview.state"},
        {"--at", "TIME", "when", "interview.time"},
        {"--by", "TEXT", "who held it", "interview.by"},
        {"--summary", "TEXT", "what the child said, what may prevent it",
         "interview.summary"},
        {"--disclosed", "TEXT", "harm or crime disclosed",
         "interview.disclosed"}}});
}

Options SendNoticeOptions() {
  return WithRequest({RaisingOptions("incident"),
                      ChildOptions("children.child"),
                      IncidentOptions(),
                      NoticeChildOptions(),
                      {LegalBasisOption()}});
}

}  // namespace baton::cli
