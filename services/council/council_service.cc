#include "services/council/council_service.h"

#include "services/agency/arrival_stream.h"
#include "services/agency/case_service.h"
#include "services/agency/loop_call.h"

namespace baton {

grpc::ServerBidiReactor<v1::StreamIntakeRequest, v1::StreamIntakeResponse>*
CouncilServiceImpl::StreamIntake(grpc::CallbackServerContext* context) {
  return new ArrivalStream<v1::StreamIntakeRequest, v1::StreamIntakeResponse>(
      agency_, desk_->office()->intake(), last_stream_id_ += 2, context);
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

grpc::ServerUnaryReactor* CouncilServiceImpl::RecordPhoneContact(
    grpc::CallbackServerContext* context,
    const v1::RecordPhoneContactRequest* request,
    v1::RecordPhoneContactResponse* response) {
  return AnswerCaseStatus(agency_, context, response,
                          [this, request](Instant now) {
                            return desk_->RecordPhoneContact(*request, now);
                          });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::PresentHomeless(
    grpc::CallbackServerContext* context,
    const v1::PresentHomelessRequest* request,
    v1::PresentHomelessResponse* response) {
  return AnswerCaseStatus(agency_, context, response,
                          [this, request](Instant now) {
                            return desk_->PresentHomeless(*request, now);
                          });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::NotifyPlacement(
    grpc::CallbackServerContext* context,
    const v1::NotifyPlacementRequest* request,
    v1::NotifyPlacementResponse* response) {
  return AnswerCaseStatus(agency_, context, response,
                          [this, request](Instant now) {
                            return desk_->NotifyPlacement(*request, now);
                          });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::HandOver(
    grpc::CallbackServerContext* context, const v1::HandOverRequest* request,
    v1::HandOverResponse* response) {
  return AnswerOnLoop<v1::HandOverResponse>(
      agency_, context, response,
      [this, request](Instant now) { return desk_->HandOver(*request, now); });
}

}  // namespace baton
