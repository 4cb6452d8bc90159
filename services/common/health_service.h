#ifndef BATON_SERVICES_COMMON_HEALTH_SERVICE_H_
#define BATON_SERVICES_COMMON_HEALTH_SERVICE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "services/common/response_pump.h"
#include "storage/mutex.h"

namespace baton {

// grpc.health.v1.Health of one server: whether the process serves, which is
// the same for every service it has. Begins with NOT_SERVING. (gRPC's own is
// invisible to reflection.)
//
// Thread-safe; never blocks. The server goes first.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  static constexpr size_t kMaxWatchers = 64;

  // `services` are full names, such as "baton.v1.BrokerService". The empty
  // name, the process as a whole, is always known.
  explicit HealthService(std::set<std::string> services);

  // Watchers are told in the order of the calls.
  void SetServing(bool serving) ABSL_LOCKS_EXCLUDED(mu_);
  bool serving() const ABSL_LOCKS_EXCLUDED(mu_);

  // Ends every Watch, once what was told is written, and takes no new one: a
  // server that stops would wait for them.
  void EndWatches() ABSL_LOCKS_EXCLUDED(mu_);

  // NOT_FOUND: unknown service.
  grpc::ServerUnaryReactor* Check(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request,
      grpc::health::v1::HealthCheckResponse* response) override;

  // RESOURCE_EXHAUSTED: kMaxWatchers watch.
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  using Pump = ResponsePump<grpc::health::v1::HealthCheckResponse>;
  class Watcher;
  struct Watched {
    std::shared_ptr<Pump> pump;
    bool known;  // The service is.
  };

  bool Knows(const std::string& service) const {
    return services_.contains(service);
  }
  absl::Status Add(uint64_t* id, Watched watched) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(uint64_t id) ABSL_LOCKS_EXCLUDED(mu_);

  const std::set<std::string> services_;

  mutable Mutex mu_;
  bool serving_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<uint64_t, Watched> watchers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_HEALTH_SERVICE_H_
