#include "services/council/council_service.h"

#include "services/common/loop_call.h"
#include "services/council/intake_stream.h"

namespace baton {

grpc::ServerBidiReactor<v1::StreamIntakeRequest, v1::StreamIntakeResponse>*
CouncilServiceImpl::StreamIntake(grpc::CallbackServerContext* context) {
  return new IntakeStream(agency_, desk_, ++last_stream_id_, context);
}

grpc::ServerUnaryReactor* CouncilServiceImpl::ListIntake(
    grpc::CallbackServerContext* context, const v1::ListIntakeRequest* request,
    v1::ListIntakeResponse* response) {
  return AnswerOnLoop<v1::ListIntakeResponse>(
      agency_, context, response,
      [this, request](Instant) { return desk_->List(*request); });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::OpenMatter(
    grpc::CallbackServerContext* context, const v1::OpenMatterRequest* request,
    v1::OpenMatterResponse* response) {
  return AnswerOnLoop<v1::OpenMatterResponse>(
      agency_, context, response, [this, request](Instant now) {
        return desk_->OpenMatter(*request, now);
      });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::TakeMatter(
    grpc::CallbackServerContext* context, const v1::TakeMatterRequest* request,
    v1::TakeMatterResponse* response) {
  return AnswerOnLoop<v1::TakeMatterResponse>(
      agency_, context, response,
      [this, request](Instant now) { return desk_->Take(*request, now); });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::DecideMatter(
    grpc::CallbackServerContext* context,
    const v1::DecideMatterRequest* request,
    v1::DecideMatterResponse* response) {
  return AnswerOnLoop<v1::DecideMatterResponse>(
      agency_, context, response,
      [this, request](Instant now) { return desk_->Decide(*request, now); });
}

}  // namespace baton
