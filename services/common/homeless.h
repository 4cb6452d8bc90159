#ifndef BATON_SERVICES_COMMON_HOMELESS_H_
#define BATON_SERVICES_COMMON_HOMELESS_H_

#include <string>

#include "baton/v1/conversation.pb.h"
#include "baton/v1/homeless.pb.h"
#include "baton/v1/message.pb.h"
#include "services/common/faults.h"

// What a decision about a homeless young person must say (rule 20): the agency
// asks while the person is at the screen, and the exchange of everybody. Pure.
namespace baton {

// `opened_with` is the kind of the message that opened the matter.
bool IsAboutHomelessness(v1::MessageKind opened_with, const v1::Matter& matter);

// Where they sleep tonight, and accommodation offered or refused; what is
// missing goes to `faults`, with `field` ("decision.homeless") in front.
void CheckHomelessAnswer(const v1::HomelessAnswer& answer,
                         const std::string& field, Faults* faults);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_HOMELESS_H_
