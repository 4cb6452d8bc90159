#ifndef BATON_SERVICES_AGENCY_LOOP_CALL_H_
#define BATON_SERVICES_AGENCY_LOOP_CALL_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "services/agency/agency_loop.h"
#include "services/agency/agency_service.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"

namespace baton {

// True when `error` is the disk's own word, after which the process stops;
// other errors are answers to the caller.
inline bool IsDiskFailure(const absl::Status& error) {
  return absl::IsDataLoss(error) || absl::IsInternal(error);
}

inline absl::Status LoopIsFull() {
  return LimitReached("pending calls", "this service has too much to do",
                      absl::Milliseconds(200));
}

// A unary call on its way through the loop. One that the loop dropped, because
// the disk failed, is answered all the same, by whoever holds it last.
class LoopCall {
 public:
  explicit LoopCall(grpc::ServerUnaryReactor* reactor) : reactor_(reactor) {}
  ~LoopCall() {
    Finish(absl::UnavailableError(
        "the service has stopped; this may or may not have happened: repeat "
        "it with the same request_id"));
  }
  LoopCall(const LoopCall&) = delete;
  LoopCall& operator=(const LoopCall&) = delete;

  // The first call counts.
  void Finish(const absl::Status& status) {
    if (reactor_ == nullptr) return;
    std::exchange(reactor_, nullptr)->Finish(ToGrpc(status));
  }

 private:
  grpc::ServerUnaryReactor* reactor_;
};

// The body of a unary call of an agency service: the caller must be of the
// service's own agency; `decide` runs on the loop; the answer leaves after the
// commit. Never blocks.
template <typename Response>
grpc::ServerUnaryReactor* AnswerOnLoop(
    AgencyService* service, grpc::CallbackServerContext* context,
    Response* response,
    std::function<absl::StatusOr<Response>(Instant now)> decide) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (const auto caller = service->Identify(*context); !caller.ok()) {
    reactor->Finish(ToGrpc(caller.status()));
    return reactor;
  }
  AgencyLoop* const loop = service->loop();
  const auto call = std::make_shared<LoopCall>(reactor);
  const bool posted = loop->Post(
      [loop, call, response, decide = std::move(decide)](Instant now) {
        absl::StatusOr<Response> decided = decide(now);
        const absl::Status status = decided.status();
        if (IsDiskFailure(status)) {
          loop->Fail(status);
          call->Finish(status);
          return;
        }
        if (decided.ok()) *response = *std::move(decided);
        loop->Tell([call, status] { call->Finish(status); });
      });
  if (!posted) call->Finish(LoopIsFull());
  return reactor;
}

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_LOOP_CALL_H_
