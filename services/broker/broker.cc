#include "services/broker/broker.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "services/broker/access.h"
#include "services/broker/attachment_service.h"
#include "services/broker/audit_service.h"
#include "services/broker/broker_metrics.h"
#include "services/broker/broker_service.h"
#include "services/broker/directory_book.h"
#include "services/broker/directory_service.h"
#include "services/broker/doorway.h"
#include "services/broker/exchange.h"
#include "services/broker/handover.h"
#include "services/broker/measured_store.h"
#include "services/broker/queue_service.h"
#include "services/broker/scrub.h"
#include "services/broker/sequencer.h"
#include "services/broker/tracking_service.h"
#include "services/broker/watch_hub.h"
#include "services/common/admin_server.h"
#include "services/common/environment.h"
#include "services/common/executor.h"
#include "services/common/faults.h"
#include "services/common/file_handles.h"
#include "services/common/health_service.h"
#include "services/common/idle_poll.h"
#include "services/common/ids.h"
#include "services/common/log.h"
#include "services/common/process_metrics.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_identity.h"
#include "services/common/rpc_server.h"
#include "services/common/stream_registry.h"
#include "services/common/ticker.h"
#include "storage/checkpoint.h"
#include "storage/format.h"
#include "storage/rocksdb_store.h"
#include "storage/status.h"
#include "storage/vault.h"

namespace baton {
namespace {

constexpr int kReaderThreads = 2;
constexpr size_t kMaxPendingReads = 1024;
constexpr absl::Duration kHeartbeatInterval = absl::Seconds(5);
constexpr absl::Duration kReconnectDelay = absl::Seconds(1);
constexpr absl::Duration kMinCallGrace = absl::Milliseconds(500);
// About a sync and the way of its answer to the next call.
constexpr absl::Duration kIdlePoll = absl::Microseconds(300);
constexpr int kMaxWaitingPulls = 4096;
constexpr int kMaxWaitingPullsPerAgency = 512;
constexpr absl::Duration kMaxScrapeWait = absl::Seconds(1);
// Logs, connections without a stream, the admin listener.
constexpr int kSpareFileHandles = 256;
constexpr uint64_t kDefaultMinFreeDiskBytes = uint64_t{1} << 30;
// Of the free disk space that is kept: immediate danger may use the rest.
constexpr uint64_t kDangerShare = 4;
constexpr size_t kKeyBytes = 32;

int OrDefault(int value, int otherwise) {
  return value > 0 ? value : otherwise;
}

absl::StatusOr<std::unique_ptr<RocksDbStore>> OpenStore(
    const v1::BrokerConfig& config, const Clock& clock,
    std::shared_ptr<rocksdb::FileSystem> file_system) {
  std::error_code error;
  std::filesystem::create_directories(config.data_directory(), error);
  RocksDbStore::Options options;
  options.directory = config.data_directory() + "/db";
  options.database.set_format_version(kFormatVersion);
  options.database.set_owner("broker");
  options.database.set_environment(config.environment());
  *options.database.mutable_create_time() = ToProto(clock.Now().wall);
  options.file_system = std::move(file_system);
  options.verify_tables = false;  // The scrub does, while we serve.
  return RocksDbStore::Open(std::move(options));
}

absl::StatusOr<uint64_t> NextKeySlot(const Store& store) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes, store.Get(kHeadKey));
  v1::HeadRecord head;
  if (bytes.has_value() && !head.ParseFromString(*bytes)) {
    return absl::DataLossError("the head record is damaged");
  }
  return head.last_key_slot() + 1;
}

int MaxStreams(const v1::BrokerConfig& config) {
  return OrDefault(config.limits().max_streams(), 1024);
}

// Services of the front doors, by full name.
std::set<std::string> ServiceNames() {
  return {v1::BrokerService::service_full_name(),
          v1::TrackingService::service_full_name(),
          v1::AuditService::service_full_name(),
          v1::DirectoryService::service_full_name(),
          v1::AttachmentService::service_full_name(),
          v1::QueueService::service_full_name()};
}

PublishLimits LimitsOf(const v1::BrokerConfig& config) {
  PublishLimits limits;
  limits.max_payload_bytes =
      OrDefault(config.limits().max_payload_bytes(), 256 << 10);
  limits.max_recipients = OrDefault(config.limits().max_recipients(), 32);
  limits.max_matters =
      OrDefault(config.limits().max_conversation_matters(), 15);
  if (config.limits().has_max_deliver_ahead()) {
    limits.max_deliver_ahead = FromProto(config.limits().max_deliver_ahead());
  }
  limits.environment = config.environment();
  return limits;
}

}  // namespace

// In order of construction; destroyed in reverse.
struct Broker::Parts {
  // --- What is known.
  v1::BrokerConfig config;
  std::unique_ptr<DirectoryBook> directory;
  std::unique_ptr<Access> access;
  std::unique_ptr<CheckpointSigner> signer;
  std::unique_ptr<CertificateIdentity> identities;
  // --- The disk.
  std::shared_ptr<rocksdb::FileSystem> file_system;
  std::unique_ptr<RocksDbStore> store;
  std::unique_ptr<MeasuredStore> measured_store;  // For the one writer.
  DiskRoom disk_room;
  std::unique_ptr<Scrub> scrub;
  std::unique_ptr<Vault> vault;
  // --- The state and its one writer.
  std::unique_ptr<IdlePoll> idle_poll;
  std::unique_ptr<Exchange> exchange;
  std::unique_ptr<Sequencer> sequencer;
  // --- Around it.
  std::unique_ptr<StreamRegistry> streams;
  std::unique_ptr<StreamRegistry> pulls;
  WatchHub watchers;
  std::unique_ptr<Executor> readers;
  std::unique_ptr<Doorway> doorway;
  // --- The front doors.
  std::unique_ptr<BrokerServiceImpl> broker_service;
  std::unique_ptr<TrackingServiceImpl> tracking_service;
  std::unique_ptr<AuditServiceImpl> audit_service;
  std::unique_ptr<DirectoryServiceImpl> directory_service;
  std::unique_ptr<AttachmentServiceImpl> attachment_service;
  std::unique_ptr<QueueServiceImpl> queue_service;
  // --- Where operators look.
  std::unique_ptr<QueueProbe> queue_probe;
  std::unique_ptr<HealthService> health;
  std::unique_ptr<AdminServer> admin;
  // --- The network, and its pulse.
  std::unique_ptr<RpcServer> server;
  std::unique_ptr<Ticker> heartbeat;
  // --- Threads.
  absl::Status run_status;  // Of the commit thread; read after joining it.
  std::thread commit_thread;
  std::thread finisher_thread;
  absl::Notification all_told;  // By the finisher; nothing is decided any more.

  void Deliver(StepResult::Delivery delivery);
  absl::Status Upkeep();
  bool AskForQueues(QueueProbe::Done done);
  absl::Status OpenAdmin(const Clock* clock);
  void SetServing(bool serving);
};

// Opens what a step handed over and passes it on. A message that cannot be
// read stays leased and comes again; the log says which.
void Broker::Parts::Deliver(StepResult::Delivery delivery) {
  std::vector<absl::StatusOr<v1::ReceivedMessage>> opened = OpenHandovers(
      delivery.messages, delivery.recipient, *store, *vault, *directory->Now());
  std::vector<v1::ReceivedMessage> messages;
  messages.reserve(opened.size());
  for (size_t i = 0; i < opened.size(); ++i) {
    if (opened[i].ok()) {
      messages.push_back(*std::move(opened[i]));
      continue;
    }
    Log(Severity::kError, "message cannot be read",
        {{"message_id", MessageId(delivery.messages[i].leased.sequence)},
         {"error", opened[i].status().message()}});
  }
  delivery.sink->Deliver(std::move(messages));
}

// Stops at damage, keeps the high-water mark fresh, and room on the disk for
// acknowledgements.
absl::Status Broker::Parts::Upkeep() {
  RETURN_IF_ERROR(scrub->status());
  RETURN_IF_ERROR(store->SyncHighWaterMark());
  uint64_t free = 0;
  if (!file_system
           ->GetFreeSpace(config.data_directory(), rocksdb::IOOptions(), &free,
                          nullptr)
           .ok()) {
    return absl::OkStatus();  // Known again in a second.
  }
  const uint64_t least =
      config.limits().min_free_disk_bytes() > 0
          ? static_cast<uint64_t>(config.limits().min_free_disk_bytes())
          : kDefaultMinFreeDiskBytes;
  disk_room.free_bytes = static_cast<int64_t>(free);
  disk_room.low = free < least;
  sequencer->RefusePublish(
      free < least ? LimitReached("min_free_disk_bytes",
                                  "the exchange's disk is low; new messages "
                                  "wait",
                                  absl::Seconds(30))
                   : absl::OkStatus(),
      /*danger_too=*/free < least / kDangerShare);
  return absl::OkStatus();
}

// Of no caller: who may look was asked at the listener.
bool Broker::Parts::AskForQueues(QueueProbe::Done done) {
  QueueCommand<DescribeQueues> ask;
  ask.act.queues = directory->Now()->Queues();
  ask.done =
      [done = std::move(done)](absl::StatusOr<std::vector<v1::Queue>> queues) {
        done(std::move(queues).value_or(std::vector<v1::Queue>()));
      };
  return sequencer->Submit(std::move(ask)).ok();
}

// Listens before the front doors do, and says until then that we do not serve.
absl::Status Broker::Parts::OpenAdmin(const Clock* clock) {
  queue_probe = std::make_unique<QueueProbe>(
      [this](QueueProbe::Done done) { return AskForQueues(std::move(done)); },
      kMaxScrapeWait);
  health = std::make_unique<HealthService>(ServiceNames());
  const BrokerNumbers numbers{.clock = clock,
                              .ledger = &exchange->counters(),
                              .store = measured_store.get(),
                              .disk = &disk_room,
                              .doorway = doorway.get(),
                              .sequencer = sequencer.get(),
                              .streams = streams.get(),
                              .pulls = pulls.get(),
                              .queues = queue_probe.get()};
  ASSIGN_OR_RETURN(
      admin, AdminServer::Start(config.admin(), ServiceNames(),
                                [numbers, start = clock->Now().wall] {
                                  MetricFamilies families =
                                      ProcessFamilies("baton-broker", start);
                                  Append(BrokerFamilies(numbers), &families);
                                  return families;
                                }));
  return absl::OkStatus();
}

void Broker::Parts::SetServing(bool serving) {
  health->SetServing(serving);
  admin->SetServing(serving);
}

Broker::Broker(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<Broker>> Broker::Start(
    const v1::BrokerConfig& config, const Clock* clock, RandomSource* random,
    std::shared_ptr<rocksdb::FileSystem> file_system) {
  RETURN_IF_ERROR(RequireFileHandles(static_cast<uint64_t>(MaxStreams(config)) +
                                     RocksDbStore::kOpenFiles +
                                     kSpareFileHandles));
  auto parts = std::make_unique<Parts>();
  parts->config = config;
  parts->file_system = file_system;

  Faults faults;
  ASSIGN_OR_RETURN(Directory directory, Directory::Create(config, &faults));
  parts->directory = std::make_unique<DirectoryBook>(std::move(directory));
  v1::AccessPolicy policy;
  TextConfig access_text;
  RETURN_IF_ERROR(access_text.Read(config.access_file(), &policy));
  parts->access =
      std::make_unique<Access>(Access::Create(std::move(policy), &faults));
  RETURN_IF_ERROR(faults.ToStatus());
  ASSIGN_OR_RETURN(const std::string checkpoint_key,
                   ReadFile(config.checkpoint_key_file()));
  ASSIGN_OR_RETURN(
      CheckpointSigner signer,
      CheckpointSigner::Create(config.checkpoint_origin(), checkpoint_key));
  parts->signer = std::make_unique<CheckpointSigner>(std::move(signer));
  parts->identities =
      std::make_unique<CertificateIdentity>(config.trust_domain());
  ASSIGN_OR_RETURN(const std::string vault_key,
                   ReadKeyFile(config.vault_key_file(), kKeyBytes));

  ASSIGN_OR_RETURN(parts->store, OpenStore(config, *clock, file_system));
  parts->measured_store =
      std::make_unique<MeasuredStore>(parts->store.get(), clock);
  parts->scrub = std::make_unique<Scrub>(parts->store.get());
  ASSIGN_OR_RETURN(const uint64_t next_slot, NextKeySlot(*parts->store));
  ASSIGN_OR_RETURN(parts->vault, Vault::Open(file_system.get(),
                                             config.data_directory() + "/vault",
                                             vault_key, next_slot, random));

  ASSIGN_OR_RETURN(
      parts->exchange,
      Exchange::Open(parts->measured_store.get(), parts->vault.get(), random,
                     parts->directory.get(), parts->access.get(),
                     Hkdf(vault_key, "idempotency"), config.limits()));
  Parts* const p = parts.get();
  Sequencer::Options options;
  options.max_pending = OrDefault(config.limits().max_pending_commands(), 4096);
  options.upkeep = [p] { return p->Upkeep(); };
  if (!config.no_idle_poll()) {
    parts->idle_poll = std::make_unique<IdlePoll>(kIdlePoll);
    options.lone_step = [p] { p->idle_poll->Extend(); };
  }
  options.deliver = [p](StepResult::Delivery delivery) {
    p->Deliver(std::move(delivery));
  };
  options.changed = [p](const v1::Conversation& conversation) {
    p->watchers.Tell(conversation);
  };
  parts->sequencer = std::make_unique<Sequencer>(parts->exchange.get(), clock,
                                                 std::move(options));

  parts->streams = std::make_unique<StreamRegistry>(
      "streams", MaxStreams(config),
      OrDefault(config.limits().max_streams_per_agency(), 64));
  parts->pulls = std::make_unique<StreamRegistry>(
      "waiting_pulls", kMaxWaitingPulls, kMaxWaitingPullsPerAgency);
  parts->readers = std::make_unique<Executor>(kReaderThreads, kMaxPendingReads);
  parts->doorway = std::make_unique<Doorway>(
      parts->identities.get(), parts->sequencer.get(), parts->readers.get());

  parts->broker_service = std::make_unique<BrokerServiceImpl>(
      DeliveryStreamParts{.doorway = p->doorway.get(),
                          .access = p->access.get(),
                          .directory = p->directory.get(),
                          .sequencer = p->sequencer.get(),
                          .streams = p->streams.get(),
                          .pulls = p->pulls.get(),
                          .clock = clock},
      LimitsOf(config));
  parts->tracking_service = std::make_unique<TrackingServiceImpl>(
      TrackingServiceImpl::Parts{.doorway = p->doorway.get(),
                                 .directory = p->directory.get(),
                                 .sequencer = p->sequencer.get(),
                                 .streams = p->streams.get(),
                                 .watchers = &p->watchers,
                                 .store = p->store.get(),
                                 .vault = p->vault.get(),
                                 .clock = clock});
  parts->audit_service = std::make_unique<AuditServiceImpl>(
      AuditServiceImpl::Parts{.doorway = p->doorway.get(),
                              .access = p->access.get(),
                              .store = p->store.get(),
                              .signer = p->signer.get()});
  parts->directory_service = std::make_unique<DirectoryServiceImpl>(
      DirectoryServiceImpl::Parts{.doorway = p->doorway.get(),
                                  .directory = p->directory.get(),
                                  .sequencer = p->sequencer.get(),
                                  .streams = p->streams.get(),
                                  .readers = p->readers.get(),
                                  .store = p->store.get(),
                                  .environment = config.environment()});

  parts->attachment_service = std::make_unique<AttachmentServiceImpl>(
      AttachmentServiceImpl::Parts{.doorway = p->doorway.get(),
                                   .sequencer = p->sequencer.get(),
                                   .streams = p->streams.get(),
                                   .store = p->store.get(),
                                   .vault = p->vault.get()},
      config);

  parts->queue_service = std::make_unique<QueueServiceImpl>(
      QueueServiceImpl::Parts{.doorway = p->doorway.get(),
                              .access = p->access.get(),
                              .directory = p->directory.get(),
                              .sequencer = p->sequencer.get(),
                              .store = p->store.get(),
                              .vault = p->vault.get()});

  RETURN_IF_ERROR(parts->OpenAdmin(clock));

  parts->finisher_thread = std::thread([p] {
    p->sequencer->Finish();
    p->all_told.Notify();
  });
  parts->commit_thread = std::thread([p] {
    p->run_status = p->sequencer->Run();
    if (!p->run_status.ok()) {
      p->SetServing(false);
      Log(Severity::kError, "the commit thread stopped",
          {{"error", p->run_status.message()}});
    }
  });
  std::unique_ptr<Broker> broker(new Broker(std::move(parts)));
  ASSIGN_OR_RETURN(
      p->server, RpcServer::Start(
                     config.listen_address(), config.tls(), config.port_file(),
                     {p->broker_service.get(), p->tracking_service.get(),
                      p->audit_service.get(), p->directory_service.get(),
                      p->attachment_service.get(), p->queue_service.get(),
                      p->health.get()},
                     [p](const grpc::ServerContextBase& context,
                         const absl::Status& refusal, absl::string_view call,
                         std::function<void()> finish) {
                       p->doorway->Refuse(
                           p->identities->Identify(context), refusal, call,
                           [finish = std::move(finish)](const grpc::Status&) {
                             finish();
                           });
                     }));
  p->heartbeat = std::make_unique<Ticker>(kHeartbeatInterval,
                                          [p] { p->streams->Heartbeat(); });
  p->SetServing(true);
  Log(Severity::kInfo, "baton-broker serves",
      {{"port", p->server->port()},
       {"environment", EnvironmentName(config.environment())},
       {"queues", static_cast<int64_t>(p->directory->Now()->Queues().size())}});
  return broker;
}

Broker::~Broker() {
  Stop();
  if (parts_->commit_thread.joinable()) parts_->commit_thread.join();
  if (parts_->finisher_thread.joinable()) parts_->finisher_thread.join();
}

int Broker::port() const { return parts_->server->port(); }
int Broker::admin_http_port() const { return parts_->admin->http_port(); }
int Broker::admin_grpc_port() const { return parts_->admin->grpc_port(); }

absl::Status Broker::Wait() {
  if (parts_->commit_thread.joinable()) parts_->commit_thread.join();
  return parts_->run_status;
}

// The server goes last, when there is nothing left to say: a connection that is
// closed while its client still writes takes with it what the client has not
// read yet.
void Broker::Stop() {
  const absl::Time deadline = absl::Now() + kDrainGrace;
  parts_->SetServing(false);
  const absl::Status stopping = Stopping("the exchange", kReconnectDelay);
  parts_->streams->DrainAll(stopping);
  parts_->pulls->DrainAll(stopping);
  parts_->health->EndWatches();
  // What it has taken it still commits and answers.
  parts_->sequencer->Stop();
  parts_->all_told.WaitForNotificationWithTimeout(deadline - absl::Now());
  parts_->streams->AwaitNone(deadline - absl::Now());
  if (parts_->server != nullptr) {
    parts_->server->Stop(std::max(kMinCallGrace, deadline - absl::Now()));
  }
  parts_->heartbeat.reset();
}

}  // namespace baton
