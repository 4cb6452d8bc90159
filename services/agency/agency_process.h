#ifndef BATON_SERVICES_AGENCY_AGENCY_PROCESS_H_
#define BATON_SERVICES_AGENCY_AGENCY_PROCESS_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "rocksdb/file_system.h"
#include "services/agency/agency_config.h"
#include "services/agency/agency_service.h"
#include "services/agency/case_service.h"
#include "services/agency/office.h"
#include "services/agency/recipients.h"
#include "services/common/clock.h"
#include "services/common/process.h"
#include "storage/random.h"

namespace baton {

// An agency's service as a library; its process is this and a main(). `Kind`
// says what it is:
//
//   Config, Desk(Office*, const Config&), Service(AgencyService*, Desk*)
//   kOwner ("police"), kClass, kDefaultDesk ("replies")
//
// Start() opens the disk, then dials the exchange and listens; the destructor
// stops in reverse order. Thread-safe.
template <typename Kind>
class AgencyProcess {
 public:
  using Config = typename Kind::Config;

  // Reads and checks the configuration, whole; every fault at once, each with
  // file and line.
  static absl::StatusOr<Config> ReadConfig(const std::string& file) {
    return ReadAgencyConfig<Config>(file, Kind::kClass, Kind::kDefaultDesk);
  }

  // `config` as ReadConfig gave it. `clock` and `random` outlive the process.
  static absl::StatusOr<std::unique_ptr<AgencyProcess>> Start(
      const Config& config, const Clock* clock, RandomSource* random,
      std::shared_ptr<rocksdb::FileSystem> file_system) {
    std::unique_ptr<AgencyProcess> made(new AgencyProcess(config));
    AgencyProcess* const p = made.get();
    ASSIGN_OR_RETURN(p->agency_,
                     AgencyService::Open(config.service(), Kind::kOwner, clock,
                                         random, std::move(file_system)));
    AgencyService* const agency = p->agency_.get();
    ASSIGN_OR_RETURN(p->office_,
                     Office::Open({.store = agency->store(),
                                   .loop = agency->loop(),
                                   .link = agency->link(),
                                   .documents = agency->documents()},
                                  OfficeOptions(p->config_), clock->Now()));
    Office* const office = p->office_.get();
    p->desk_ = std::make_unique<typename Kind::Desk>(office, p->config_);
    v1::Address default_recipient;
    if constexpr (requires { config.default_recipient(); }) {
      default_recipient = config.default_recipient();
    }
    p->cases_ =
        std::make_unique<CaseServiceImpl>(agency, office, default_recipient);
    p->service_ =
        std::make_unique<typename Kind::Service>(agency, p->desk_.get());
    RETURN_IF_ERROR(agency->Serve(
        office, office, QueuesOf(config.service().agency(), config.desks()),
        {p->cases_.get(), p->service_.get()}, [office] {
          return AgencyNumbers{office->backlog(), office->heard_time()};
        }));
    return made;
  }

  // The loop uses the others until it has ended.
  ~AgencyProcess() {
    if (office_ == nullptr) return;
    Stop();
    (void)Wait();
  }

  int port() const { return agency_->port(); }
  // Returns when it has stopped: OK after Stop(), otherwise why the disk
  // failed. Then the process must end.
  absl::Status Wait() { return agency_->Wait(); }
  // Answers what it has begun, refuses the rest, and stops. Nobody who waits
  // for a test message holds it up.
  void Stop() {
    (void)agency_->loop()->Post(
        [office = office_.get()](Instant) { office->Forget(); });
    agency_->Stop();
  }

  // The main() of this kind.
  static int Run(int argc, char** argv) {
    return RunProcess(
        argc, argv, absl::StrCat("baton-", Kind::kOwner),
        [](const std::string& file) { return ReadConfig(file).status(); },
        [](const std::string& file)
            -> absl::StatusOr<std::unique_ptr<Process>> {
          ASSIGN_OR_RETURN(const Config config, ReadConfig(file));
          static const SystemClock clock;
          static SystemRandom random;
          ASSIGN_OR_RETURN(
              std::unique_ptr<AgencyProcess> process,
              Start(config, &clock, &random, rocksdb::FileSystem::Default()));
          return MakeProcess(std::move(process));
        });
  }

 private:
  explicit AgencyProcess(Config config) : config_(std::move(config)) {}

  const Config config_;
  std::unique_ptr<Office> office_;
  std::unique_ptr<typename Kind::Desk> desk_;
  std::unique_ptr<CaseServiceImpl> cases_;
  std::unique_ptr<typename Kind::Service> service_;
  std::unique_ptr<AgencyService> agency_;  // Goes first: it runs the others.
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_AGENCY_PROCESS_H_
