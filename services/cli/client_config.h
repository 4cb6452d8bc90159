#ifndef BATON_SERVICES_CLI_CLIENT_CONFIG_H_
#define BATON_SERVICES_CLI_CLIENT_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"

namespace baton::cli {

// Reads the client's configuration (text format) and checks it whole.
// Relative file names in it count from its own directory and come back
// joined to it; an absent checkpoint_file becomes "checkpoint" there.
// INVALID_ARGUMENT lists every fault and its line.
absl::StatusOr<v1::ClientConfig> LoadClientConfig(const std::string& file);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CLIENT_CONFIG_H_
