#include "services/cli/case_options.h"

#include <utility>

#include "baton/v1/contact.pb.h"
#include "services/cli/case_client.h"
#include "services/cli/child_options.h"
#include "services/cli/request.h"

namespace baton::cli {
namespace {

std::vector<OptionSpec> ContactOptions() {
  return {
      {"--concern", "TEXT", "what the worry is about this child",
       "children.concern"},
      {"--source", "WORD", Choices<v1::ConcernSource>("how you know"),
       "children.source"},
      DangerOption("children.immediate_danger"),
      {"--childs-words", "TEXT", "what the child says",
       "children.childs_words"},
      {"--safety-now", "TEXT",
       "where the child is, who is with them, what was agreed",
       "children.safety_now"},
      {"--impact", "TEXT", "what it does to the child", "children.impact"},
      {"--threshold", "WORD",
       Choices<v1::ThresholdLevel>("level of need as you see it"),
       "children.threshold_level"},
      {"--last-seen", "TIME", "when you last saw the child, or unknown",
       "children.last_seen_time"},
      {"--restricted", "yes|no",
       "adopted, protected identity or refuge: no matching, no automatic "
       "copies",
       "children.restricted", Takes::kOptionalValue},
      {"--staff-allegation", "yes|no",
       "against somebody who works with children: the designated officer's "
       "desk only",
       "children.staff_allegation", Takes::kOptionalValue},
  };
}

std::vector<OptionSpec> SharedOptions() {
  return {
      {"--what-happened", "TEXT", "shared by all children",
       "incident.what_happened"},
      {"--happened", "TIME", "when, or unknown", "incident.happened_time"},
      {"--risk-to-workers", "TEXT", "in the household",
       "incident.household.risk_to_workers"},
      {"--previous-help", "TEXT", "help given before, and its effect",
       "incident.previous_help"},
      {"--desired-outcome", "TEXT", "what you ask for",
       "incident.desired_outcome"},
      {"--consent-sought", "yes|no|unknown", "recorded; not the legal basis",
       "incident.consent.sought"},
      {"--consent-given-by", "TEXT", "who gave it",
       "incident.consent.given_by"},
      {"--consent-why-not", "TEXT", "why it was not sought",
       "incident.consent.why_not"},
      LegalBasisOption(),
  };
}

std::vector<OptionSpec> ReferrerOptions() {
  return {
      {"--referrer-name", "TEXT", "who refers", "incident.referrer.name"},
      {"--referrer-role", "TEXT", "role, or relationship to the child",
       "incident.referrer.role"},
      {"--referrer-phone", "NUMBER", "to ring back", "incident.referrer.phone"},
      {"--referrer-email", "ADDRESS", "secure e-mail",
       "incident.referrer.secure_email"},
      {"--referrer-confidential", "yes|no",
       "the family must not learn who referred",
       "incident.referrer.confidential", Takes::kOptionalValue},
      {"--referrer-source", "CODE",
       "of the children-in-need census: 2A schools",
       "incident.referrer.source_code"},
  };
}

}  // namespace

std::vector<OptionSpec> RaiseContactOptions() {
  std::vector<OptionSpec> options = RaisingOptions("case");
  options.push_back({"--joins", "CONVERSATION",
                     "this is the written form of a call that was taken",
                     "joins_conversation_id"});
  for (const auto& more : {ChildOptions("children.child"), ContactOptions(),
                           SharedOptions(), ReferrerOptions()}) {
    options = Joined(std::move(options), more);
  }
  options.push_back(ServiceOption());
  return Joined(std::move(options), RequestOptions("actor", true));
}

}  // namespace baton::cli
