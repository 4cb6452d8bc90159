#ifndef BATON_SERVICES_SCHOOL_SCHOOL_SERVICE_H_
#define BATON_SERVICES_SCHOOL_SCHOOL_SERVICE_H_

#include "baton/v1/school_service.grpc.pb.h"
#include "services/agency/agency_service.h"
#include "services/school/school_desk.h"

namespace baton {

// The front door of a school's system: every call runs on the agency loop and
// is answered after its commit. Thread-safe; never blocks.
class SchoolServiceImpl final : public v1::SchoolService::CallbackService {
 public:
  // Both must outlive the service.
  SchoolServiceImpl(AgencyService* service, SchoolDesk* desk)
      : service_(service), desk_(desk) {}

  grpc::ServerUnaryReactor* ListAlerts(
      grpc::CallbackServerContext* context,
      const v1::ListAlertsRequest* request,
      v1::ListAlertsResponse* response) override;
  grpc::ServerUnaryReactor* TakeAlert(grpc::CallbackServerContext* context,
                                      const v1::TakeAlertRequest* request,
                                      v1::TakeAlertResponse* response) override;

 private:
  AgencyService* const service_;
  SchoolDesk* const desk_;
};

}  // namespace baton

#endif  // BATON_SERVICES_SCHOOL_SCHOOL_SERVICE_H_
