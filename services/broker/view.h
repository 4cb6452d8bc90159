#ifndef BATON_SERVICES_BROKER_VIEW_H_
#define BATON_SERVICES_BROKER_VIEW_H_

#include "baton/v1/agency.pb.h"
#include "baton/v1/message.pb.h"

namespace baton {

// What `recipient` may see of a message: the minimum necessary. Pure.
//
//   Decision   the sender of a contact is told the category and the next
//              step; the reason and the open case stay with the council
//
// Every other kind is seen whole: flags go to councils, which act on all of
// it. A message's own sender always sees it whole.
void ApplyView(const v1::Agency& recipient, v1::Message* message);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_VIEW_H_
