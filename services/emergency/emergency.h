#ifndef BATON_SERVICES_EMERGENCY_EMERGENCY_H_
#define BATON_SERVICES_EMERGENCY_EMERGENCY_H_

#include "baton/v1/config.pb.h"
#include "services/agency/agency_process.h"
#include "services/emergency/emergency_desk.h"
#include "services/emergency/emergency_service.h"

namespace baton {

// baton-emergency: flags children who wait in an emergency department.
struct EmergencyKind {
  using Config = v1::EmergencyConfig;
  using Desk = EmergencyDesk;
  using Service = EmergencyServiceImpl;
  static constexpr char kOwner[] = "emergency";
  static constexpr v1::AgencyClass kClass = v1::AGENCY_CLASS_EMERGENCY;
  static constexpr char kDefaultDesk[] = "replies";
};
using Emergency = AgencyProcess<EmergencyKind>;

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_EMERGENCY_H_
