// The `baton` command. Everything it can do is in services/cli/cli.h; this
// file says what it runs on.

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "absl/time/clock.h"
#include "services/cli/cli.h"
#include "services/common/tls.h"
#include "storage/random.h"

namespace {

std::string ConfigFile() {
  if (const char* file = std::getenv("BATON_CONFIG")) return file;
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "" : home) +
         "/.config/baton/client.txtpb";
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Dial(
    const std::string& address, const baton::v1::ClientConfig& config) {
  return baton::DialTwice(address, config.server_name(), config.tls());
}

baton::cli::Handshake ShakeHands(const std::string& address,
                                 const std::string& server_name,
                                 const baton::v1::ClientConfig& config) {
  return baton::cli::ShakeHands(address, server_name, config.tls(),
                                baton::cli::CallDeadline(config));
}

}  // namespace

int main(int argc, char** argv) {
  // Our own errors say what gRPC's log would, in words.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  baton::SystemRandom random;
  const baton::cli::Environment environment = {
      .out = &std::cout,
      .err = &std::cerr,
      .now = absl::Now,
      .sleep = absl::SleepFor,
      .zone = absl::LocalTimeZone(),
      .random = &random,
      .err_is_terminal = isatty(STDERR_FILENO) != 0,
      .config_file = ConfigFile(),
      .dial = Dial,
      .shake_hands = ShakeHands,
  };
  const auto code = baton::cli::Run({argv + 1, argv + argc}, environment);
  std::cout.flush();
  // Output nobody could read is a failure, whatever was done.
  if (!std::cout) return static_cast<int>(baton::cli::ExitCode::kError);
  return static_cast<int>(code);
}
