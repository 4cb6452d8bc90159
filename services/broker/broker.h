#ifndef BATON_SERVICES_BROKER_BROKER_H_
#define BATON_SERVICES_BROKER_BROKER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"
#include "rocksdb/file_system.h"
#include "services/common/clock.h"
#include "services/common/text_config.h"
#include "storage/random.h"

namespace baton {

// Reads and checks baton-broker's configuration and the access file it names,
// whole; every fault at once, each with file and line.
absl::StatusOr<v1::BrokerConfig> ReadBrokerConfig(const std::string& file);

// baton-broker as a library: the process is this and a main().
//
// Start() opens the disk and then listens; the destructor stops in reverse
// order. Thread-safe.
class Broker {
 public:
  // After Stop(), calls that were taken have this long for their answers, and
  // streams to be read to their end.
  static constexpr absl::Duration kDrainGrace = absl::Seconds(5);

  // `clock`, `random` outlive the broker. `config` as ReadBrokerConfig gave
  // it.
  static absl::StatusOr<std::unique_ptr<Broker>> Start(
      const v1::BrokerConfig& config, const Clock* clock, RandomSource* random,
      std::shared_ptr<rocksdb::FileSystem> file_system);
  ~Broker();

  int port() const;
  // Of the admin listener; 0: there is none.
  int admin_http_port() const;
  int admin_grpc_port() const;

  // Returns when the broker has stopped: OK after Stop(), otherwise why the
  // disk failed. Then the process must end.
  absl::Status Wait();

  // Says to health checks that it does not serve, ends streams and waiting
  // pulls with UNAVAILABLE and when to connect again, answers what it has
  // taken, refuses the rest, and stops.
  void Stop();

 private:
  struct Parts;
  explicit Broker(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_BROKER_H_
