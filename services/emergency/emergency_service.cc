#include "services/emergency/emergency_service.h"

#include <memory>
#include <utility>

#include "services/common/loop_call.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kMaxPendingResponses = 1024;

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

// One WatchWaiting. Owned by gRPC: deletes itself when the call is over.
class WaitingWatch final
    : public grpc::ServerWriteReactor<v1::WatchWaitingResponse> {
 public:
  WaitingWatch(AgencyService* service, EmergencyDesk* desk,
               WaitingWatchers* watchers, grpc::CallbackServerContext* context,
               std::string reference)
      : service_(service),
        watchers_(watchers),
        pump_(std::make_shared<WaitingWatchers::Pump>(
            [this](const v1::WatchWaitingResponse* response) {
              StartWrite(response);
            },
            [this](grpc::Status status) { Finish(std::move(status)); },
            kMaxPendingResponses)) {
    const absl::Status opened = Open(desk, context, std::move(reference));
    if (!opened.ok()) pump_->End(opened);
  }

  void OnWriteDone(bool ok) override { pump_->OnWriteDone(ok); }
  void OnCancel() override {
    pump_->End(absl::CancelledError("the client is gone"));
  }
  void OnDone() override {
    pump_->Detach();
    if (registration_ != 0) service_->streams()->Remove(registration_);
    if (watcher_ != 0) watchers_->Remove(watcher_);
    delete this;
  }

 private:
  // Watching begins before the current state is read: a change in between is
  // told twice rather than never.
  absl::Status Open(EmergencyDesk* desk, grpc::CallbackServerContext* context,
                    std::string reference) {
    ASSIGN_OR_RETURN(const Identity caller, service_->Identify(*context));
    const auto tell_heard = [pump = pump_, loop = service_->loop(), desk] {
      (void)loop->Post([pump, loop, desk](Instant) {
        v1::WatchWaitingResponse heartbeat;
        if (desk->heard_time().has_value()) {
          *heartbeat.mutable_exchange_heard_time() =
              ToProto(*desk->heard_time());
        }
        loop->Tell([pump, heartbeat] { pump->Send(heartbeat); });
      });
    };
    ASSIGN_OR_RETURN(registration_, service_->streams()->Add(
                                        caller.agency, pump_, tell_heard));
    watcher_ = watchers_->Add(reference, pump_);
    const bool posted = service_->loop()->Post(
        [pump = pump_, loop = service_->loop(), desk, reference](Instant now) {
          const absl::Status shown =
              Show(*desk, reference, now, [&](v1::WaitingStatus status) {
                v1::WatchWaitingResponse response;
                *response.mutable_status() = std::move(status);
                loop->Tell([pump, response] { pump->Send(response); });
              });
          if (!shown.ok()) loop->Tell([pump, shown] { pump->End(shown); });
        });
    return posted ? absl::OkStatus() : LoopIsFull();
  }

  static absl::Status Show(const EmergencyDesk& desk,
                           const std::string& reference, Instant now,
                           const std::function<void(v1::WaitingStatus)>& show) {
    if (!reference.empty()) {
      ASSIGN_OR_RETURN(v1::WaitingStatus status, desk.Get(reference, now));
      show(std::move(status));
      return absl::OkStatus();
    }
    v1::ListWaitingRequest request;
    do {
      ASSIGN_OR_RETURN(const v1::ListWaitingResponse page,
                       desk.List(request, now));
      for (const v1::WaitingStatus& status : page.statuses()) show(status);
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return absl::OkStatus();
  }

  AgencyService* const service_;
  WaitingWatchers* const watchers_;
  const std::shared_ptr<WaitingWatchers::Pump> pump_;
  uint64_t registration_ = 0;
  uint64_t watcher_ = 0;
};

}  // namespace

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
  return new WaitingWatch(service_, desk_, watchers_, context,
                          request->sender_reference());
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
