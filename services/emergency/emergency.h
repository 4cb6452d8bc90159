#ifndef BATON_SERVICES_EMERGENCY_EMERGENCY_H_
#define BATON_SERVICES_EMERGENCY_EMERGENCY_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "rocksdb/file_system.h"
#include "services/common/agency_service.h"
#include "services/common/clock.h"
#include "services/emergency/emergency_desk.h"
#include "services/emergency/emergency_service.h"
#include "services/emergency/waiting_watchers.h"
#include "storage/random.h"

namespace baton {

// Reads and checks baton-emergency's configuration, whole; every fault at
// once, each with file and line.
absl::StatusOr<v1::EmergencyConfig> ReadEmergencyConfig(
    const std::string& file);

// baton-emergency as a library: the process is this and a main().
// Thread-safe; the destructor stops.
class Emergency {
 public:
  // `clock` and `random` outlive it.
  static absl::StatusOr<std::unique_ptr<Emergency>> Start(
      const v1::EmergencyConfig& config, const Clock* clock,
      RandomSource* random, std::shared_ptr<rocksdb::FileSystem> file_system);
  ~Emergency();

  int port() const { return service_->port(); }
  absl::Status Wait() { return service_->Wait(); }
  void Stop() { service_->Stop(); }

 private:
  explicit Emergency(v1::EmergencyConfig config) : config_(std::move(config)) {}

  const v1::EmergencyConfig config_;
  WaitingWatchers watchers_;
  std::unique_ptr<EmergencyDesk> desk_;
  std::unique_ptr<EmergencyServiceImpl> front_door_;
  std::unique_ptr<AgencyService> service_;  // Goes first: it runs the others.
};

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_EMERGENCY_H_
