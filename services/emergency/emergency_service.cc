#include "services/emergency/emergency_service.h"

#include <memory>
#include <utility>

#include "services/agency/loop_call.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

// A call whose answer is how one wait stands.
template <typename Response>
grpc::ServerUnaryReactor* AnswerStatus(
    AgencyService* service, grpc::CallbackServerContext* context,
    Response* response,
    std::function<absl::StatusOr<v1::WaitingStatus>(Instant)> decide) {
  return AnswerOnLoop<Response>(
      service, context, response,
      [decide = std::move(decide)](Instant now) -> absl::StatusOr<Response> {
        Response answer;
        ASSIGN_OR_RETURN(*answer.mutable_status(), decide(now));
        return answer;
      });
}

v1::WatchWaitingResponse Shown(v1::WaitingStatus status) {
  v1::WatchWaitingResponse response;
  if (status.has_exchange_heard_time()) {
    *response.mutable_exchange_heard_time() = status.exchange_heard_time();
  }
  *response.mutable_status() = std::move(status);
  return response;
}

absl::Status Show(const EmergencyDesk& desk, const std::string& reference,
                  Instant now,
                  const std::function<void(v1::WatchWaitingResponse)>& show) {
  if (!reference.empty()) {
    ASSIGN_OR_RETURN(v1::WaitingStatus status, desk.Get(reference, now));
    show(Shown(std::move(status)));
    return absl::OkStatus();
  }
  v1::ListWaitingRequest request;
  do {
    ASSIGN_OR_RETURN(const v1::ListWaitingResponse page,
                     desk.List(request, now));
    for (const v1::WaitingStatus& status : page.statuses()) show(Shown(status));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

}  // namespace

EmergencyServiceImpl::EmergencyServiceImpl(AgencyService* service,
                                           EmergencyDesk* desk)
    : service_(service), desk_(desk) {
  desk->office()->cases()->AddListener(
      [this](const v1::CaseRecord& wait, Instant now) { Changed(wait, now); });
}

// Who watches a reference means its latest wait.
void EmergencyServiceImpl::Changed(const v1::CaseRecord& wait, Instant now) {
  absl::StatusOr<v1::WaitingStatus> status = desk_->StatusOf(wait, now);
  if (!status.ok()) {
    service_->loop()->Fail(status.status());
    return;
  }
  if (desk_->office()->cases()->IsEarlier(wait) && !status->alarm()) return;
  service_->loop()->Tell([this, response = Shown(*std::move(status))] {
    watchers_.Tell(response.status().sender_reference(), response);
  });
}

grpc::ServerUnaryReactor* EmergencyServiceImpl::FlagWaiting(
    grpc::CallbackServerContext* context, const v1::FlagWaitingRequest* request,
    v1::FlagWaitingResponse* response) {
  return AnswerStatus(
      service_, context, response,
      [this, request](Instant now) { return desk_->Flag(*request, now); });
}

grpc::ServerUnaryReactor* EmergencyServiceImpl::UpdateWaiting(
    grpc::CallbackServerContext* context,
    const v1::UpdateWaitingRequest* request,
    v1::UpdateWaitingResponse* response) {
  return AnswerStatus(
      service_, context, response,
      [this, request](Instant now) { return desk_->Update(*request, now); });
}

grpc::ServerUnaryReactor* EmergencyServiceImpl::MoveWaiting(
    grpc::CallbackServerContext* context, const v1::MoveWaitingRequest* request,
    v1::MoveWaitingResponse* response) {
  return AnswerStatus(
      service_, context, response,
      [this, request](Instant now) { return desk_->Move(*request, now); });
}

grpc::ServerUnaryReactor* EmergencyServiceImpl::EndWaiting(
    grpc::CallbackServerContext* context, const v1::EndWaitingRequest* request,
    v1::EndWaitingResponse* response) {
  return AnswerStatus(
      service_, context, response,
      [this, request](Instant now) { return desk_->End(*request, now); });
}

grpc::ServerUnaryReactor* EmergencyServiceImpl::GetWaiting(
    grpc::CallbackServerContext* context, const v1::GetWaitingRequest* request,
    v1::GetWaitingResponse* response) {
  return AnswerStatus(service_, context, response,
                      [this, request](Instant now) {
                        return desk_->Get(request->sender_reference(), now);
                      });
}

grpc::ServerUnaryReactor* EmergencyServiceImpl::ListWaiting(
    grpc::CallbackServerContext* context, const v1::ListWaitingRequest* request,
    v1::ListWaitingResponse* response) {
  return AnswerOnLoop<v1::ListWaitingResponse>(
      service_, context, response,
      [this, request](Instant now) { return desk_->List(*request, now); });
}

grpc::ServerWriteReactor<v1::WatchWaitingResponse>*
EmergencyServiceImpl::WatchWaiting(grpc::CallbackServerContext* context,
                                   const v1::WatchWaitingRequest* request) {
  return new CaseWatch<v1::WatchWaitingResponse>(
      {.service = service_,
       .watchers = &watchers_,
       .show =
           [desk = desk_](
               const std::string& reference, Instant now,
               const std::function<void(v1::WatchWaitingResponse)>& show) {
             return Show(*desk, reference, now, show);
           },
       .heartbeat =
           [desk = desk_] {
             v1::WatchWaitingResponse alive;
             if (desk->office()->heard_time().has_value()) {
               *alive.mutable_exchange_heard_time() =
                   ToProto(*desk->office()->heard_time());
             }
             return alive;
           }},
      context, request->sender_reference());
}

grpc::ServerUnaryReactor* EmergencyServiceImpl::ListNeedsAttention(
    grpc::CallbackServerContext* context, const v1::ListNeedsAttentionRequest*,
    v1::ListNeedsAttentionResponse* response) {
  return AnswerOnLoop<v1::ListNeedsAttentionResponse>(
      service_, context, response,
      [this](Instant) { return desk_->NeedsAttention(); });
}

grpc::ServerUnaryReactor* EmergencyServiceImpl::ResolveNeedsAttention(
    grpc::CallbackServerContext* context,
    const v1::ResolveNeedsAttentionRequest* request,
    v1::ResolveNeedsAttentionResponse* response) {
  return AnswerStatus(
      service_, context, response,
      [this, request](Instant now) { return desk_->Resolve(*request, now); });
}

}  // namespace baton
