#ifndef BATON_SERVICES_BROKER_VIEW_H_
#define BATON_SERVICES_BROKER_VIEW_H_

#include <string>

#include "baton/v1/agency.pb.h"
#include "baton/v1/message.pb.h"
#include "services/broker/directory.h"

namespace baton {

// What `recipient` may see of a message: the minimum necessary (rule 12), by
// the class of the recipient and the type of each part, as the table in
// view.cc says. Pure; thread-safe.
//
// What is taken out says so where it can: a Known... becomes "withheld, ask
// <sender>, <phone>", whether it held a value or a reason for having none;
// text becomes "withheld (ask ...)"; anything else is cleared.
//
//   the sender             sees its own message whole
//   COUNCIL, POLICE        see whole what the table does not name
//   every other class      sees nothing of a type the table does not name
//                          but what is never removed; of a type that Baton
//                          does not know, only its name
//
// Never removed from anybody: immediate danger, risk to workers, medication,
// interpreter, do_not_tell. A protected address is removed silently from
// everybody but COUNCIL and POLICE. A Correction is seen as what it corrects.
void ApplyView(const Directory& directory, const v1::Agency& recipient,
               v1::Message* message);

// Whom to ask about what an agency sent: "ask RX1RA, 0115 496 0100"; without
// the number when the directory has none.
std::string AskText(const Directory& directory, const v1::Agency& agency);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_VIEW_H_
