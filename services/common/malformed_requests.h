#ifndef BATON_SERVICES_COMMON_MALFORMED_REQUESTS_H_
#define BATON_SERVICES_COMMON_MALFORMED_REQUESTS_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_interceptor.h"

namespace baton {

// Told of a refused request: `call` is the RPC's name; `finish`, called once
// from any thread, sends the answer.
using MalformedRequestSeen = std::function<void(
    const grpc::ServerContextBase& context, const absl::Status& refusal,
    absl::string_view call, std::function<void()> finish)>;

// Answers requests that are no well-formed message of their type (cut short, or
// text that is not UTF-8) with INVALID_ARGUMENT. gRPC shows these to no service
// and by itself answers UNIMPLEMENTED, which sends people to look for another
// fault. Thread-safe.
class MalformedRequests final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // `seen` may be null. What it uses must outlive the server.
  explicit MalformedRequests(MalformedRequestSeen seen)
      : seen_(std::move(seen)) {}

  // Calls whose requests are a stream end by themselves with a bad one.
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  const MalformedRequestSeen seen_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_MALFORMED_REQUESTS_H_
