#ifndef BATON_SERVICES_COUNCIL_COUNCIL_H_
#define BATON_SERVICES_COUNCIL_COUNCIL_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "rocksdb/file_system.h"
#include "services/common/clock.h"
#include "storage/random.h"

namespace baton {

// Reads and checks baton-council's configuration, whole; every fault at once,
// each with file and line. Fills in the default desk.
absl::StatusOr<v1::CouncilConfig> ReadCouncilConfig(const std::string& file);

// baton-council as a library: the process is this and a main().
//
// Start() opens the disk, then dials the exchange and listens; the destructor
// stops in reverse order. Thread-safe.
class Council {
 public:
  // `clock` and `random` outlive the council. `config` as ReadCouncilConfig
  // gave it.
  static absl::StatusOr<std::unique_ptr<Council>> Start(
      const v1::CouncilConfig& config, const Clock* clock, RandomSource* random,
      std::shared_ptr<rocksdb::FileSystem> file_system);
  ~Council();

  int port() const;

  // Returns when the council has stopped: OK after Stop(), otherwise why the
  // disk failed. Then the process must end.
  absl::Status Wait();

  // Answers what it has begun, refuses the rest, and stops.
  void Stop();

 private:
  struct Parts;
  explicit Council(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COUNCIL_COUNCIL_H_
