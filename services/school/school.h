#ifndef BATON_SERVICES_SCHOOL_SCHOOL_H_
#define BATON_SERVICES_SCHOOL_SCHOOL_H_

#include "baton/v1/config.pb.h"
#include "services/agency/agency_process.h"
#include "services/school/school_desk.h"
#include "services/school/school_service.h"

namespace baton {

// baton-school: a school's contacts and alerts.
struct SchoolKind {
  using Config = v1::SchoolConfig;
  using Desk = SchoolDesk;
  using Service = SchoolServiceImpl;
  static constexpr char kOwner[] = "school";
  static constexpr v1::AgencyClass kClass = v1::AGENCY_CLASS_SCHOOL;
  static constexpr char kDefaultDesk[] = "replies";
};
using School = AgencyProcess<SchoolKind>;

}  // namespace baton

#endif  // BATON_SERVICES_SCHOOL_SCHOOL_H_
