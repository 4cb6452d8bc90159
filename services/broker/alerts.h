#ifndef BATON_SERVICES_BROKER_ALERTS_H_
#define BATON_SERVICES_BROKER_ALERTS_H_

#include <optional>

#include "baton/v1/message.pb.h"
#include "services/broker/child_part.h"
#include "services/broker/directory.h"

// What the exchange itself tells a child's school, no more than it needs:
//
//   PoliceNotice of a domestic abuse incident   DOMESTIC_ABUSE
//   MissingReport                               MISSING
//   FoundReport                                 FOUND
//   WaitingFlag                                 EMERGENCY_DEPARTMENT
//
// One message per child, to the default desk of the school the child's bodies
// name, from the exchange. Each opens a conversation of its own with one
// matter, held by the school, so that the school sees nothing of the cause's.
// Nothing in the envelope leads back to the cause. Pure functions.
namespace baton {

// Code of the exchange as a sender: exchange/BATON. Schools that answer need
// such an agency, with a desk, in the directory.
inline constexpr char kExchangeCode[] = "BATON";
// Attribute of an alert that names its AlertCode.
inline constexpr char kAlertCodeAttribute[] = "alert_code";

v1::Agency ExchangeAgency();

// The alert that `cause` owes about `child`; nullopt when it owes none, when
// the child's school is not known or not in the directory, or when the school
// sent or gets the cause itself. `cause` is accepted: its ids are set. The
// child comes from the message that opened the matter, which is `cause` or,
// for a FoundReport, an earlier one.
std::optional<v1::Message> AlertOf(const Directory& directory,
                                   const v1::Message& cause,
                                   const ChildPart& child);

// True when `cause` owes an alert about `child` and the school it names is
// not in the directory: nobody there is told.
bool IsSchoolUnknown(const Directory& directory, const v1::Message& cause,
                     const ChildPart& child);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_ALERTS_H_
