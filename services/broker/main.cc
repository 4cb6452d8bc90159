// baton-broker: the exchange. See services/broker/README.md.

#include "services/broker/broker.h"
#include "services/common/process.h"

int main(int argc, char** argv) {
  return baton::RunProcess(
      argc, argv, "baton-broker",
      [](const std::string& file) {
        return baton::ReadBrokerConfig(file).status();
      },
      [](const std::string& file)
          -> absl::StatusOr<std::unique_ptr<baton::Process>> {
        absl::StatusOr<baton::v1::BrokerConfig> config =
            baton::ReadBrokerConfig(file);
        if (!config.ok()) return config.status();
        static const baton::SystemClock clock;
        static baton::SystemRandom random;
        absl::StatusOr<std::unique_ptr<baton::Broker>> broker =
            baton::Broker::Start(*config, &clock, &random,
                                 rocksdb::FileSystem::Default());
        if (!broker.ok()) return broker.status();
        return baton::MakeProcess(*std::move(broker));
      });
}
