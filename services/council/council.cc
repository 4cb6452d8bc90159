#include "services/council/council.h"

#include <utility>
#include <vector>

#include "services/common/agency.h"
#include "services/common/agency_service.h"
#include "services/common/proto_time.h"
#include "services/council/council_desk.h"
#include "services/council/council_service.h"
#include "storage/status.h"

namespace baton {
namespace {

CouncilDesk::Options OptionsOf(const v1::AgencyServiceConfig& config) {
  CouncilDesk::Options options;
  options.outbox.sender = config.agency();
  if (config.max_held_messages() > 0) {
    options.outbox.max_held = static_cast<uint64_t>(config.max_held_messages());
  }
  if (config.has_sent_retention()) {
    options.outbox.sent_retention = FromProto(config.sent_retention());
  }
  if (config.exchange().has_max_retry_delay()) {
    options.outbox.max_retry_delay =
        FromProto(config.exchange().max_retry_delay());
  }
  options.environment = config.environment();
  return options;
}

std::vector<std::string> QueuesOf(const v1::CouncilConfig& config) {
  std::vector<std::string> queues;
  for (const std::string& desk : config.desks()) {
    v1::Address address;
    *address.mutable_agency() = config.service().agency();
    address.set_desk(desk);
    queues.push_back(QueueName(address));
  }
  return queues;
}

}  // namespace

// In order of construction; destroyed in reverse.
struct Council::Parts {
  std::unique_ptr<AgencyService> agency;
  std::unique_ptr<CouncilDesk> desk;
  std::unique_ptr<CouncilServiceImpl> service;
};

Council::Council(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<Council>> Council::Start(
    const v1::CouncilConfig& config, const Clock* clock, RandomSource* random,
    std::shared_ptr<rocksdb::FileSystem> file_system) {
  auto parts = std::make_unique<Parts>();
  ASSIGN_OR_RETURN(parts->agency,
                   AgencyService::Open(config.service(), "council", clock,
                                       random, std::move(file_system)));
  AgencyService* const agency = parts->agency.get();
  ASSIGN_OR_RETURN(parts->desk, CouncilDesk::Open({.store = agency->store(),
                                                   .loop = agency->loop(),
                                                   .link = agency->link()},
                                                  OptionsOf(config.service()),
                                                  clock->Now()));
  CouncilDesk* const desk = parts->desk.get();
  parts->service = std::make_unique<CouncilServiceImpl>(agency, desk);
  CouncilServiceImpl* const service = parts->service.get();
  std::unique_ptr<Council> council(new Council(std::move(parts)));
  RETURN_IF_ERROR(agency->Serve(desk, desk, QueuesOf(config), service));
  return council;
}

// The loop uses the desk until it has ended.
Council::~Council() {
  Stop();
  (void)Wait();
}

int Council::port() const { return parts_->agency->port(); }

absl::Status Council::Wait() { return parts_->agency->Wait(); }

void Council::Stop() { parts_->agency->Stop(); }

}  // namespace baton
