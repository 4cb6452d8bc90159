#include "services/common/malformed_requests.h"

#include "services/common/faults.h"
#include "services/common/rpc_status.h"

namespace baton {
namespace {

using ::grpc::experimental::InterceptionHookPoints;
using ::grpc::experimental::ServerRpcInfo;

// "Publish" of "/baton.v1.BrokerService/Publish".
absl::string_view CallName(absl::string_view method) {
  return method.substr(method.rfind('/') + 1);
}

absl::Status Refusal() {
  Faults faults;
  faults.Add("request",
             "is no well-formed message of its type (cut short, or text that "
             "is not UTF-8)");
  return faults.ToStatus();
}

// One call.
class Interceptor final : public grpc::experimental::Interceptor {
 public:
  Interceptor(ServerRpcInfo* info, const MalformedRequestSeen* seen)
      : info_(info), seen_(seen) {}

  void Intercept(
      grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_MESSAGE)) {
      malformed_ = methods->GetRecvMessage() == nullptr;
    }
    if (!malformed_ || !methods->QueryInterceptionHookPoint(
                           InterceptionHookPoints::PRE_SEND_STATUS)) {
      methods->Proceed();
      return;
    }
    const absl::Status refusal = Refusal();
    methods->ModifySendStatus(ToGrpc(refusal));
    if (*seen_ == nullptr) {
      methods->Proceed();
      return;
    }
    (*seen_)(*info_->server_context(), refusal, CallName(info_->method()),
             [methods] { methods->Proceed(); });
  }

 private:
  ServerRpcInfo* const info_;
  const MalformedRequestSeen* const seen_;
  bool malformed_ = false;
};

}  // namespace

grpc::experimental::Interceptor* MalformedRequests::CreateServerInterceptor(
    ServerRpcInfo* info) {
  const bool one_request =
      info->type() == ServerRpcInfo::Type::UNARY ||
      info->type() == ServerRpcInfo::Type::SERVER_STREAMING;
  return one_request ? new Interceptor(info, &seen_) : nullptr;
}

}  // namespace baton
