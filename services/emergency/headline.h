#ifndef BATON_SERVICES_EMERGENCY_HEADLINE_H_
#define BATON_SERVICES_EMERGENCY_HEADLINE_H_

#include <string>

#include "baton/v1/emergency_service.pb.h"

namespace baton {

// Where a wait stands, in one sentence that cannot reassure falsely: held is
// "NOT SENT, ring ...", delivered is "nobody has looked". Pure.
std::string Headline(const v1::WaitingStatus& status);

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_HEADLINE_H_
