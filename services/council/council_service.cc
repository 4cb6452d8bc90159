#include "services/council/council_service.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"
#include "services/council/intake_stream.h"

namespace baton {
namespace {

// A call on its way through the loop. One that the loop dropped, because the
// disk failed, is answered all the same: whoever holds it last answers.
class PendingCall {
 public:
  explicit PendingCall(grpc::ServerUnaryReactor* reactor) : reactor_(reactor) {}
  ~PendingCall() {
    Finish(absl::UnavailableError(
        "the service has stopped; this may or may not have happened: repeat "
        "it with the same request_id"));
  }
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;

  // The first call counts.
  void Finish(const absl::Status& status) {
    if (reactor_ == nullptr) return;
    std::exchange(reactor_, nullptr)->Finish(ToGrpc(status));
  }

 private:
  grpc::ServerUnaryReactor* reactor_;
};

}  // namespace

template <typename Response, typename Work>
grpc::ServerUnaryReactor* CouncilServiceImpl::Run(
    grpc::CallbackServerContext* context, Response* response, Work work) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (const absl::StatusOr<Identity> caller = agency_->Identify(*context);
      !caller.ok()) {
    reactor->Finish(ToGrpc(caller.status()));
    return reactor;
  }
  AgencyLoop* const loop = agency_->loop();
  const auto call = std::make_shared<PendingCall>(reactor);
  const bool posted =
      loop->Post([loop, call, response, work = std::move(work)](Instant now) {
        absl::StatusOr<Response> result = work(now);
        if (result.ok()) *response = *std::move(result);
        loop->Tell([call, status = result.status()] { call->Finish(status); });
      });
  if (!posted) {
    call->Finish(LimitReached("pending events", "too many calls wait",
                              absl::Milliseconds(200)));
  }
  return reactor;
}

grpc::ServerBidiReactor<v1::StreamIntakeRequest, v1::StreamIntakeResponse>*
CouncilServiceImpl::StreamIntake(grpc::CallbackServerContext* context) {
  return new IntakeStream(agency_, desk_, ++last_stream_id_, context);
}

grpc::ServerUnaryReactor* CouncilServiceImpl::ListIntake(
    grpc::CallbackServerContext* context, const v1::ListIntakeRequest* request,
    v1::ListIntakeResponse* response) {
  return Run(context, response,
             [this, request](Instant) { return desk_->List(*request); });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::OpenMatter(
    grpc::CallbackServerContext* context, const v1::OpenMatterRequest* request,
    v1::OpenMatterResponse* response) {
  return Run(context, response, [this, request](Instant now) {
    return desk_->OpenMatter(*request, now);
  });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::TakeMatter(
    grpc::CallbackServerContext* context, const v1::TakeMatterRequest* request,
    v1::TakeMatterResponse* response) {
  return Run(context, response, [this, request](Instant now) {
    return desk_->Take(*request, now);
  });
}

grpc::ServerUnaryReactor* CouncilServiceImpl::DecideMatter(
    grpc::CallbackServerContext* context,
    const v1::DecideMatterRequest* request,
    v1::DecideMatterResponse* response) {
  return Run(context, response, [this, request](Instant now) {
    return desk_->Decide(*request, now);
  });
}

}  // namespace baton
