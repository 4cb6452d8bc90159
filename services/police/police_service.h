#ifndef BATON_SERVICES_POLICE_POLICE_SERVICE_H_
#define BATON_SERVICES_POLICE_POLICE_SERVICE_H_

#include "baton/v1/police_service.grpc.pb.h"
#include "services/agency/agency_service.h"
#include "services/police/police_desk.h"

namespace baton {

// The front door of police systems: every call runs on the agency loop and is
// answered after its commit. Thread-safe; never blocks.
class PoliceServiceImpl final : public v1::PoliceService::CallbackService {
 public:
  // Both must outlive the service.
  PoliceServiceImpl(AgencyService* service, PoliceDesk* desk)
      : service_(service), desk_(desk) {}

  grpc::ServerUnaryReactor* ReportMissing(
      grpc::CallbackServerContext* context,
      const v1::ReportMissingRequest* request,
      v1::ReportMissingResponse* response) override;
  grpc::ServerUnaryReactor* UpdateMissing(
      grpc::CallbackServerContext* context,
      const v1::UpdateMissingRequest* request,
      v1::UpdateMissingResponse* response) override;
  grpc::ServerUnaryReactor* ReportFound(
      grpc::CallbackServerContext* context,
      const v1::ReportFoundRequest* request,
      v1::ReportFoundResponse* response) override;
  grpc::ServerUnaryReactor* RecordPreventionInterview(
      grpc::CallbackServerContext* context,
      const v1::RecordPreventionInterviewRequest* request,
      v1::RecordPreventionInterviewResponse* response) override;
  grpc::ServerUnaryReactor* SendNotice(
      grpc::CallbackServerContext* context,
      const v1::SendNoticeRequest* request,
      v1::SendNoticeResponse* response) override;

 private:
  AgencyService* const service_;
  PoliceDesk* const desk_;
};

}  // namespace baton

#endif  // BATON_SERVICES_POLICE_POLICE_SERVICE_H_
