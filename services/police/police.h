#ifndef BATON_SERVICES_POLICE_POLICE_H_
#define BATON_SERVICES_POLICE_POLICE_H_

#include "baton/v1/config.pb.h"
#include "services/agency/agency_process.h"
#include "services/police/police_desk.h"
#include "services/police/police_service.h"

namespace baton {

// baton-police: missing children and police notices.
struct PoliceKind {
  using Config = v1::PoliceConfig;
  using Desk = PoliceDesk;
  using Service = PoliceServiceImpl;
  static constexpr char kOwner[] = "police";
  static constexpr v1::AgencyClass kClass = v1::AGENCY_CLASS_POLICE;
  static constexpr char kDefaultDesk[] = "replies";
};
using Police = AgencyProcess<PoliceKind>;

}  // namespace baton

#endif  // BATON_SERVICES_POLICE_POLICE_H_
