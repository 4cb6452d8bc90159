#include "services/school/school_service.h"

#include "services/agency/loop_call.h"

namespace baton {

grpc::ServerUnaryReactor* SchoolServiceImpl::ListAlerts(
    grpc::CallbackServerContext* context, const v1::ListAlertsRequest* request,
    v1::ListAlertsResponse* response) {
  return AnswerOnLoop<v1::ListAlertsResponse>(
      service_, context, response,
      [this, request](Instant) { return desk_->ListAlerts(*request); });
}

grpc::ServerUnaryReactor* SchoolServiceImpl::TakeAlert(
    grpc::CallbackServerContext* context, const v1::TakeAlertRequest* request,
    v1::TakeAlertResponse* response) {
  return AnswerOnLoop<v1::TakeAlertResponse>(
      service_, context, response,
      [this, request](Instant now) { return desk_->TakeAlert(*request, now); });
}

}  // namespace baton
