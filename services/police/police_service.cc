#include "services/police/police_service.h"

#include "services/agency/case_service.h"

namespace baton {

grpc::ServerUnaryReactor* PoliceServiceImpl::ReportMissing(
    grpc::CallbackServerContext* context,
    const v1::ReportMissingRequest* request,
    v1::ReportMissingResponse* response) {
  return AnswerCaseStatus(service_, context, response,
                          [this, request](Instant now) {
                            return desk_->ReportMissing(*request, now);
                          });
}

grpc::ServerUnaryReactor* PoliceServiceImpl::UpdateMissing(
    grpc::CallbackServerContext* context,
    const v1::UpdateMissingRequest* request,
    v1::UpdateMissingResponse* response) {
  return AnswerCaseStatus(service_, context, response,
                          [this, request](Instant now) {
                            return desk_->UpdateMissing(*request, now);
                          });
}

grpc::ServerUnaryReactor* PoliceServiceImpl::ReportFound(
    grpc::CallbackServerContext* context, const v1::ReportFoundRequest* request,
    v1::ReportFoundResponse* response) {
  return AnswerCaseStatus(service_, context, response,
                          [this, request](Instant now) {
                            return desk_->ReportFound(*request, now);
                          });
}

grpc::ServerUnaryReactor* PoliceServiceImpl::RecordPreventionInterview(
    grpc::CallbackServerContext* context,
    const v1::RecordPreventionInterviewRequest* request,
    v1::RecordPreventionInterviewResponse* response) {
  return AnswerCaseStatus(
      service_, context, response, [this, request](Instant now) {
        return desk_->RecordPreventionInterview(*request, now);
      });
}

grpc::ServerUnaryReactor* PoliceServiceImpl::SendNotice(
    grpc::CallbackServerContext* context, const v1::SendNoticeRequest* request,
    v1::SendNoticeResponse* response) {
  return AnswerCaseStatus(service_, context, response,
                          [this, request](Instant now) {
                            return desk_->SendNotice(*request, now);
                          });
}

}  // namespace baton
