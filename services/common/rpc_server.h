#ifndef BATON_SERVICES_COMMON_RPC_SERVER_H_
#define BATON_SERVICES_COMMON_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/common/malformed_requests.h"

namespace baton {

// A gRPC server on one mutual-TLS address, with every limit set.
//
// Thread-safe. The services must outlive it.
class RpcServer {
 public:
  static constexpr int kMaxRequestBytes = 1 << 20;
  static constexpr int kMaxMetadataBytes = 8 << 10;
  static constexpr int kMaxStreamsPerConnection = 1024;

  // UNAVAILABLE when the address cannot be listened on. Writes the bound port
  // to `port_file` (unless empty), by rename, once the server answers. Requests
  // that cannot be parsed are refused here; `malformed` (may be null) is told.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(
      const std::string& listen_address, const v1::TlsConfig& tls,
      const std::string& port_file, const std::vector<grpc::Service*>& services,
      MalformedRequestSeen malformed = nullptr);

  int port() const { return port_; }

  // Refuses new calls, gives running ones `grace`, then cancels them.
  void Stop(absl::Duration grace);

 private:
  RpcServer(std::unique_ptr<grpc::Server> server, int port)
      : server_(std::move(server)), port_(port) {}

  const std::unique_ptr<grpc::Server> server_;
  const int port_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_RPC_SERVER_H_
