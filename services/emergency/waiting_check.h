#ifndef BATON_SERVICES_EMERGENCY_WAITING_CHECK_H_
#define BATON_SERVICES_EMERGENCY_WAITING_CHECK_H_

#include "baton/v1/emergency_service.pb.h"
#include "services/agency/form_check.h"

// What a wait needs beyond what every form does. Refused is only what cannot
// be parsed or bounded, or names no wait. Pure functions.
namespace baton {

// Also sets the `check` of identifiers.
void CheckFlag(v1::FlagWaitingRequest* request, FormCheck* check);
void CheckUpdate(v1::UpdateWaitingRequest* request, FormCheck* check);
void CheckMove(v1::MoveWaitingRequest* request, FormCheck* check);
void CheckEnd(v1::EndWaitingRequest* request, FormCheck* check);

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_WAITING_CHECK_H_
