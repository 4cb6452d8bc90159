// baton-council: a council's intake. See services/council/README.md.

#include "services/common/process.h"
#include "services/council/council.h"

int main(int argc, char** argv) {
  return baton::RunProcess(
      argc, argv, "baton-council",
      [](const std::string& file) {
        return baton::ReadCouncilConfig(file).status();
      },
      [](const std::string& file)
          -> absl::StatusOr<std::unique_ptr<baton::Process>> {
        absl::StatusOr<baton::v1::CouncilConfig> config =
            baton::ReadCouncilConfig(file);
        if (!config.ok()) return config.status();
        static const baton::SystemClock clock;
        static baton::SystemRandom random;
        absl::StatusOr<std::unique_ptr<baton::Council>> council =
            baton::Council::Start(*config, &clock, &random,
                                  rocksdb::FileSystem::Default());
        if (!council.ok()) return council.status();
        return baton::MakeProcess(*std::move(council));
      });
}
