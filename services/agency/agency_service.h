#ifndef BATON_SERVICES_AGENCY_AGENCY_SERVICE_H_
#define BATON_SERVICES_AGENCY_AGENCY_SERVICE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/case_service.pb.h"
#include "baton/v1/config.pb.h"
#include "grpcpp/grpcpp.h"
#include "rocksdb/file_system.h"
#include "services/agency/agency_loop.h"
#include "services/agency/agency_metrics.h"
#include "services/agency/agency_store.h"
#include "services/agency/document_link.h"
#include "services/agency/exchange_link.h"
#include "services/common/rpc_identity.h"
#include "services/common/stream_registry.h"
#include "storage/random.h"

namespace baton {

// What every agency service is made of: a disk, a loop, a link to the
// exchange, a server. Each kind of agency adds what it decides (an Office and
// a desk of its own) and gRPC services (how to ask).
//
// Construction order: Open() -> the desk is made on its parts -> Serve().
class AgencyService {
 public:
  // Opens the disk; nothing runs yet. `owner` names the database's kind.
  // `clock` and `random` must outlive the service.
  static absl::StatusOr<std::unique_ptr<AgencyService>> Open(
      const v1::AgencyServiceConfig& config, absl::string_view owner,
      const Clock* clock, RandomSource* random,
      std::shared_ptr<rocksdb::FileSystem> file_system);
  ~AgencyService();

  AgencyStore* store();
  AgencyLoop* loop();
  StreamRegistry* streams();
  const Clock* clock();
  // Good from Open on; its answers come once Serve was called.
  ExchangeLink* link();
  DocumentLink* documents();

  // The caller, when it is of this service's own agency; PERMISSION_DENIED or
  // UNAUTHENTICATED otherwise.
  absl::StatusOr<Identity> Identify(
      const grpc::CallbackServerContext& context) const;

  // Adds what only the process knows: its time, its certificate as the file is
  // now, and the exchange's. Reads the file: on the loop.
  void Describe(v1::TestExchangeResponse* response) const;

  // Starts the loop with `desk`, connects to the exchange (tells `listener`;
  // consumes `queues`), and serves `services`. All must outlive Stop().
  // `numbers` are for the admin listener; called on the loop.
  absl::Status Serve(AgencyDesk* desk, ExchangeListener* listener,
                     std::vector<std::string> queues,
                     std::vector<grpc::Service*> services,
                     std::function<AgencyNumbers()> numbers);

  int port() const;
  // As Process: returns when stopped, or why the disk failed.
  absl::Status Wait();
  void Stop();

 private:
  struct Parts;
  explicit AgencyService(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_AGENCY_SERVICE_H_
