#include "services/agency/agency_service.h"

#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/agency/grpc_exchange_link.h"
#include "services/common/admin_server.h"
#include "services/common/agency.h"
#include "services/common/certificate.h"
#include "services/common/environment.h"
#include "services/common/faults.h"
#include "services/common/file_handles.h"
#include "services/common/health_service.h"
#include "services/common/log.h"
#include "services/common/probe.h"
#include "services/common/process_metrics.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_server.h"
#include "services/common/text_config.h"
#include "services/common/ticker.h"
#include "storage/format.h"
#include "storage/rocksdb_store.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr int kMaxStreams = 256;
constexpr absl::Duration kHeartbeatInterval = absl::Seconds(5);
constexpr absl::Duration kMarkInterval = absl::Seconds(1);
constexpr absl::Duration kStopGrace = absl::Seconds(5);
constexpr absl::Duration kReconnectDelay = absl::Seconds(1);
constexpr absl::Duration kMaxScrapeWait = absl::Seconds(1);
// Logs, connections without a stream, the admin listener.
constexpr int kSpareFileHandles = 256;

absl::StatusOr<v1::CertificateSummary> SummaryOf(
    const absl::StatusOr<std::string>& pem) {
  RETURN_IF_ERROR(pem.status());
  ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate(*pem));
  v1::CertificateSummary summary;
  *summary.mutable_spiffe_uris() = {certificate.spiffe_uris.begin(),
                                    certificate.spiffe_uris.end()};
  *summary.mutable_not_before_time() = ToProto(certificate.not_before);
  *summary.mutable_not_after_time() = ToProto(certificate.not_after);
  return summary;
}

}  // namespace

// In order of construction; destroyed in reverse.
struct AgencyService::Parts {
  v1::AgencyServiceConfig config;
  std::string owner;
  const Clock* clock;
  std::unique_ptr<CertificateIdentity> identities;
  std::unique_ptr<RocksDbStore> database;
  std::unique_ptr<AgencyStore> store;
  std::unique_ptr<AgencyLoop> loop;
  std::unique_ptr<StreamRegistry> streams;
  std::unique_ptr<Probe<AgencyNumbers>> probe;
  std::unique_ptr<HealthService> health;
  std::unique_ptr<AdminServer> admin;
  std::unique_ptr<RpcServer> server;
  std::unique_ptr<GrpcExchangeLink> link;
  std::unique_ptr<Ticker> heartbeat;
  std::unique_ptr<Ticker> mark;
  absl::Status run_status;  // Of the loop; read after joining it.
  std::thread loop_thread;

  absl::Status OpenAdmin(std::function<AgencyNumbers()> numbers);
  void SetServing(bool serving);
};

absl::Status AgencyService::Parts::OpenAdmin(
    std::function<AgencyNumbers()> numbers) {
  health = std::make_unique<HealthService>(std::set<std::string>());
  probe = std::make_unique<Probe<AgencyNumbers>>(
      [this, numbers](Probe<AgencyNumbers>::Done done) {
        return loop->Post([numbers, done](Instant) { done(numbers()); });
      },
      kMaxScrapeWait);
  ASSIGN_OR_RETURN(
      admin,
      AdminServer::Start(config.admin(), {}, [this, start = clock->Now().wall] {
        MetricFamilies families =
            ProcessFamilies(absl::StrCat("baton-", owner), start);
        Append(AgencyFamilies(probe->Look(), clock->Now().wall), &families);
        return families;
      }));
  return absl::OkStatus();
}

void AgencyService::Parts::SetServing(bool serving) {
  health->SetServing(serving);
  admin->SetServing(serving);
}

AgencyService::AgencyService(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<AgencyService>> AgencyService::Open(
    const v1::AgencyServiceConfig& config, absl::string_view owner,
    const Clock* clock, RandomSource* random,
    std::shared_ptr<rocksdb::FileSystem> file_system) {
  RETURN_IF_ERROR(RequireFileHandles(kMaxStreams + RocksDbStore::kOpenFiles +
                                     kSpareFileHandles));
  auto parts = std::make_unique<Parts>();
  parts->config = config;
  parts->owner = std::string(owner);
  parts->clock = clock;
  parts->identities =
      std::make_unique<CertificateIdentity>(config.trust_domain());
  ASSIGN_OR_RETURN(std::string disk_key,
                   ReadKeyFile(config.disk_key_file(), kKeyBytes));

  std::error_code error;
  std::filesystem::create_directories(config.data_directory(), error);
  RocksDbStore::Options options;
  options.directory = config.data_directory() + "/db";
  options.database.set_format_version(kFormatVersion);
  options.database.set_owner(parts->owner);
  options.database.set_environment(config.environment());
  *options.database.mutable_create_time() = ToProto(clock->Now().wall);
  options.file_system = std::move(file_system);
  ASSIGN_OR_RETURN(parts->database, RocksDbStore::Open(std::move(options)));
  ASSIGN_OR_RETURN(
      parts->store,
      AgencyStore::Open(parts->database.get(), std::move(disk_key), random));
  parts->loop = std::make_unique<AgencyLoop>(parts->store.get(), clock);
  parts->streams =
      std::make_unique<StreamRegistry>("streams", kMaxStreams, kMaxStreams);
  ASSIGN_OR_RETURN(parts->link,
                   GrpcExchangeLink::Create(config.exchange(), config.tls(),
                                            absl::StrCat("baton-", owner),
                                            parts->loop.get()));
  return std::unique_ptr<AgencyService>(new AgencyService(std::move(parts)));
}

AgencyService::~AgencyService() {
  Stop();
  if (parts_->loop_thread.joinable()) parts_->loop_thread.join();
}

AgencyStore* AgencyService::store() { return parts_->store.get(); }
AgencyLoop* AgencyService::loop() { return parts_->loop.get(); }
StreamRegistry* AgencyService::streams() { return parts_->streams.get(); }
const Clock* AgencyService::clock() { return parts_->clock; }
ExchangeLink* AgencyService::link() { return parts_->link.get(); }
DocumentLink* AgencyService::documents() { return parts_->link.get(); }
int AgencyService::port() const { return parts_->server->port(); }

absl::StatusOr<Identity> AgencyService::Identify(
    const grpc::CallbackServerContext& context) const {
  ASSIGN_OR_RETURN(Identity caller, parts_->identities->Identify(context));
  if (!SameAgency(caller.agency, parts_->config.agency())) {
    Log(Severity::kWarning, "caller of another agency refused",
        {{"caller", AgencyName(caller.agency)}});
    return absl::PermissionDeniedError(absl::StrCat(
        "this service is ", AgencyName(parts_->config.agency()),
        "'s own; the certificate says ", AgencyName(caller.agency)));
  }
  return caller;
}

void AgencyService::Describe(v1::TestExchangeResponse* response) const {
  *response->mutable_service_time() = ToProto(parts_->clock->Now().wall);
  const auto own = SummaryOf(ReadFile(parts_->config.tls().certificate_file()));
  if (own.ok()) *response->mutable_service_certificate() = *own;
  const auto exchange = SummaryOf(parts_->link->exchange_certificate());
  if (exchange.ok()) *response->mutable_exchange_certificate() = *exchange;
}

absl::Status AgencyService::Serve(AgencyDesk* desk, ExchangeListener* listener,
                                  std::vector<std::string> queues,
                                  std::vector<grpc::Service*> services,
                                  std::function<AgencyNumbers()> numbers) {
  Parts* const p = parts_.get();
  RETURN_IF_ERROR(p->OpenAdmin(std::move(numbers)));
  p->loop->set_desk(desk);
  p->loop_thread = std::thread([p] {
    p->run_status = p->loop->Run();
    if (!p->run_status.ok()) {
      p->SetServing(false);
      Log(Severity::kError, "the agency loop stopped",
          {{"error", p->run_status.message()}});
    }
  });
  p->link->Listen(listener, std::move(queues));
  services.push_back(p->health.get());
  ASSIGN_OR_RETURN(
      p->server, RpcServer::Start(p->config.listen_address(), p->config.tls(),
                                  p->config.port_file(), std::move(services)));
  p->heartbeat = std::make_unique<Ticker>(kHeartbeatInterval,
                                          [p] { p->streams->Heartbeat(); });
  p->mark = std::make_unique<Ticker>(kMarkInterval, [p] {
    (void)p->loop->Post([p](Instant) {
      const absl::Status synced = p->database->SyncHighWaterMark();
      if (!synced.ok()) p->loop->Fail(synced);
    });
  });
  p->SetServing(true);
  Log(Severity::kInfo, absl::StrCat("baton-", p->owner, " serves"),
      {{"port", p->server->port()},
       {"agency", AgencyName(p->config.agency())},
       {"environment", EnvironmentName(p->config.environment())}});
  return absl::OkStatus();
}

absl::Status AgencyService::Wait() {
  if (parts_->loop_thread.joinable()) parts_->loop_thread.join();
  return parts_->run_status;
}

void AgencyService::Stop() {
  if (parts_->admin != nullptr) {
    parts_->SetServing(false);
    parts_->health->EndWatches();
  }
  parts_->streams->DrainAll(Stopping("the service", kReconnectDelay));
  parts_->streams->AwaitNone(kStopGrace);
  if (parts_->server != nullptr) parts_->server->Stop(kStopGrace);
  parts_->heartbeat.reset();
  parts_->mark.reset();
  // The link lives on until the loop, which calls it, has ended.
  parts_->loop->Stop();
}

}  // namespace baton
