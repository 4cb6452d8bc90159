#ifndef BATON_SERVICES_COMMON_ADMIN_SERVER_H_
#define BATON_SERVICES_COMMON_ADMIN_SERVER_H_

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "grpcpp/server.h"
#include "services/common/health_service.h"
#include "services/common/http_server.h"
#include "services/common/metrics.h"

namespace baton {

// Where an operator's tools look at a process, in plain text on loopback:
//
//   HTTP  GET /metrics   Prometheus        gRPC  grpc.health.v1.Health
//         GET /healthz   200 or 503              reflection, channelz
//
// Whoever is on this machine may look: there is nothing personal to see, and
// nothing can be changed. Begins with "not serving", so that it can listen
// before the front doors do.
//
// Thread-safe.
class AdminServer {
 public:
  static constexpr int kMaxRequestBytes = 64 << 10;
  static constexpr int kMaxStreamsPerConnection = 32;
  static constexpr int kMaxThreads = 8;

  // Numbers of now; called on the HTTP thread, one at a time, for at most a
  // second or so.
  using Collect = std::function<MetricFamilies()>;

  // `config` as CheckAdmin let it pass; an address that is empty is not
  // listened on. `services` are those of the front doors, for health.
  // UNAVAILABLE when an address cannot be listened on.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(
      const v1::AdminConfig& config, std::set<std::string> services,
      Collect collect);
  ~AdminServer();

  void SetServing(bool serving) { health_.SetServing(serving); }

  // 0: there is none.
  int http_port() const { return http_ == nullptr ? 0 : http_->port(); }
  int grpc_port() const { return grpc_port_; }

 private:
  explicit AdminServer(std::set<std::string> services)
      : health_(std::move(services)) {}

  absl::Status StartGrpc(const v1::AdminConfig& config);
  absl::Status StartHttp(const v1::AdminConfig& config, Collect collect);

  HealthService health_;
  int grpc_port_ = 0;
  std::unique_ptr<grpc::Server> grpc_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_ADMIN_SERVER_H_
