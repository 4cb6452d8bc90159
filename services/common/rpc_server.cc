#include "services/common/rpc_server.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/common/port_file.h"
#include "services/common/server_plugins.h"
#include "services/common/tls.h"
#include "storage/status.h"

namespace baton {

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(
    const std::string& listen_address, const v1::TlsConfig& tls,
    const std::string& port_file, const std::vector<grpc::Service*>& services,
    MalformedRequestSeen malformed) {
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ServerCredentials> credentials,
                   MutualTlsServer(tls));
  grpc::ServerBuilder builder;
  // No reflection, no channelz: those are the admin listener's.
  builder.SetOption(std::make_unique<OnlyPlugins>(std::set<std::string>()));
  int port = 0;
  builder.AddListeningPort(listen_address, credentials, &port);
  for (grpc::Service* const service : services) {
    builder.RegisterService(service);
  }
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(
      std::make_unique<MalformedRequests>(std::move(malformed)));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 20000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", listen_address,
                     ": is the address right, and is no other process on it?"));
  }
  RETURN_IF_ERROR(WritePortFile(port_file, port));
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(server), port));
}

void RpcServer::Stop(absl::Duration grace) {
  server_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoMilliseconds(grace));
}

}  // namespace baton
