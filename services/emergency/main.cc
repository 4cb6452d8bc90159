// baton-emergency: flags children who wait in an emergency department. See
// services/emergency/README.md.

#include "services/common/process.h"
#include "services/emergency/emergency.h"

int main(int argc, char** argv) {
  return baton::RunProcess(
      argc, argv, "baton-emergency",
      [](const std::string& file) {
        return baton::ReadEmergencyConfig(file).status();
      },
      [](const std::string& file)
          -> absl::StatusOr<std::unique_ptr<baton::Process>> {
        absl::StatusOr<baton::v1::EmergencyConfig> config =
            baton::ReadEmergencyConfig(file);
        if (!config.ok()) return config.status();
        static const baton::SystemClock clock;
        static baton::SystemRandom random;
        absl::StatusOr<std::unique_ptr<baton::Emergency>> emergency =
            baton::Emergency::Start(*config, &clock, &random,
                                    rocksdb::FileSystem::Default());
        if (!emergency.ok()) return emergency.status();
        return baton::MakeProcess(*std::move(emergency));
      });
}
