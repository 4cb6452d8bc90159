#ifndef BATON_SERVICES_COUNCIL_ANSWER_H_
#define BATON_SERVICES_COUNCIL_ANSWER_H_

#include "baton/v1/agency.pb.h"
#include "baton/v1/council_service.pb.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/common/faults.h"

// What a council answers to whoever opened a matter. Pure functions.
namespace baton {

// Add what is wrong with a request, all of it; matters are not looked up.
void CheckTake(const v1::TakeMatterRequest& request, Faults* faults);
void CheckDecide(const v1::DecideMatterRequest& request, Faults* faults);
void CheckOpen(const v1::OpenMatterRequest& request, Faults* faults);

// What an answer takes from its surroundings.
struct AnswerContext {
  v1::Agency agency;  // Ours.
  v1::Environment environment;
  const v1::IntakeRecord* matter;
  v1::LegalBasis legal_basis;
};

// The message that tells the sender; keys and times are the outbox's.
v1::Message TakenMessage(const AnswerContext& context, v1::Taken taken);
// Whole: the exchange keeps it sealed, and shows the sender of the contact the
// outcome and the next step only (services/broker/view.h).
v1::Message DecisionMessage(const AnswerContext& context,
                            v1::Decision decision);

}  // namespace baton

#endif  // BATON_SERVICES_COUNCIL_ANSWER_H_
