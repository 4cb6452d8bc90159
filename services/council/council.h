#ifndef BATON_SERVICES_COUNCIL_COUNCIL_H_
#define BATON_SERVICES_COUNCIL_COUNCIL_H_

#include "baton/v1/config.pb.h"
#include "services/agency/agency_process.h"
#include "services/council/council_desk.h"
#include "services/council/council_service.h"

namespace baton {

// baton-council: the front door of a council's children's services.
struct CouncilKind {
  using Config = v1::CouncilConfig;
  using Desk = CouncilDesk;
  using Service = CouncilServiceImpl;
  static constexpr char kOwner[] = "council";
  static constexpr v1::AgencyClass kClass = v1::AGENCY_CLASS_COUNCIL;
  static constexpr char kDefaultDesk[] = "intake";
};
using Council = AgencyProcess<CouncilKind>;

}  // namespace baton

#endif  // BATON_SERVICES_COUNCIL_COUNCIL_H_
