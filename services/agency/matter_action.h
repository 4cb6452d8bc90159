#ifndef BATON_SERVICES_AGENCY_MATTER_ACTION_H_
#define BATON_SERVICES_AGENCY_MATTER_ACTION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/case_service.pb.h"
#include "baton/v1/message.pb.h"
#include "services/agency/form_check.h"

// What an agency says about a matter: checked, then a message. Pure functions.
namespace baton {

// Fills in what the content leaves to the request (matter, worker, time), then
// adds what is wrong, all of it; matters are not looked up.
void CheckAction(absl::Time now, const v1::Agency& agency,
                 v1::ActOnMatterRequest* request, FormCheck* check);

// The kind of message an action becomes.
v1::MessageKind KindOf(const v1::ActOnMatterRequest& request);

// True when only the holder may say it (the exchange has the last word).
bool IsForHolder(const v1::ActOnMatterRequest& request);

// What a message about a matter takes from its surroundings.
struct ActionContext {
  v1::Agency agency;  // Ours.
  v1::Environment environment;
  v1::Priority priority;
  v1::LegalBasis legal_basis;
  v1::Purpose purpose = v1::PURPOSE_SAFEGUARDING;
  v1::Agency opened_by;
  std::optional<v1::Address> holder;  // As last heard.
  // Everyone else who takes part, as far as known here.
  std::vector<v1::Agency> participants;
  // Who asked the question this answers.
  std::optional<v1::Agency> asker;
  std::string ordering_key;
};

// Whom it is addressed to follows from its kind; keys and times are the
// outbox's.
v1::Message ActionMessage(const ActionContext& context,
                          const v1::ActOnMatterRequest& request);

// A message of `kind` about the matter, to whoever opened it and whoever holds
// it; its parts are the caller's.
v1::Message MessageToHolder(const ActionContext& context, v1::MessageKind kind,
                            const std::string& matter_id,
                            const v1::Actor& actor);

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_MATTER_ACTION_H_
