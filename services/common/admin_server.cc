#include "services/common/admin_server.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "services/common/port_file.h"
#include "services/common/server_plugins.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr char kReflection[] = "proto_server_reflection";
constexpr char kChannelz[] = "channelz_service";
constexpr absl::Duration kStopGrace = absl::Milliseconds(500);

HttpPage HealthPage(bool serving) {
  return serving ? HttpPage{.status = 200, .body = "serving\n"}
                 : HttpPage{.status = 503, .body = "not serving\n"};
}

HttpPage MetricsPage(const MetricFamilies& families) {
  return {.status = 200,
          .content_type = "text/plain; version=0.0.4; charset=utf-8",
          .body = ToPrometheusText(families)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(
    const v1::AdminConfig& config, std::set<std::string> services,
    Collect collect) {
  std::unique_ptr<AdminServer> server(new AdminServer(std::move(services)));
  if (!config.grpc_address().empty()) {
    RETURN_IF_ERROR(server->StartGrpc(config));
  }
  if (!config.http_address().empty()) {
    RETURN_IF_ERROR(server->StartHttp(config, std::move(collect)));
  }
  return server;
}

absl::Status AdminServer::StartGrpc(const v1::AdminConfig& config) {
  // For every server made from now on; the others leave it out.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<OnlyPlugins>(
      std::set<std::string>{kReflection, kChannelz}));
  builder.AddListeningPort(config.grpc_address(),
                           grpc::InsecureServerCredentials(), &grpc_port_);
  builder.RegisterService(&health_);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Reflection and channelz answer on threads of gRPC's own.
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
  builder.SetResourceQuota(
      grpc::ResourceQuota("admin").SetMaxThreads(kMaxThreads));
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || grpc_port_ == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", config.grpc_address(),
        " (admin.grpc_address): is the address right, and is no other process "
        "on it?"));
  }
  return WritePortFile(config.grpc_port_file(), grpc_port_);
}

absl::Status AdminServer::StartHttp(const v1::AdminConfig& config,
                                    Collect collect) {
  HttpServer::Options options;
  options.address = config.http_address();
  options.port_file = config.http_port_file();
  options.pages["/healthz"] = [this] { return HealthPage(health_.serving()); };
  options.pages["/metrics"] = [collect = std::move(collect)] {
    return MetricsPage(collect());
  };
  ASSIGN_OR_RETURN(http_, HttpServer::Start(std::move(options)));
  return absl::OkStatus();
}

AdminServer::~AdminServer() {
  http_.reset();
  health_.EndWatches();
  if (grpc_ == nullptr) return;
  grpc_->Shutdown(std::chrono::system_clock::now() +
                  absl::ToChronoMilliseconds(kStopGrace));
}

}  // namespace baton
