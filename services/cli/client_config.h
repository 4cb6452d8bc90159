#ifndef BATON_SERVICES_CLI_CLIENT_CONFIG_H_
#define BATON_SERVICES_CLI_CLIENT_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"

// The client's configuration file (text format). Relative file names in it
// count from its own directory and come back joined to it.
namespace baton::cli {

inline constexpr int kMaxContexts = 32;
inline constexpr size_t kMaxContextName = 64;

// Reads `file` and checks its contexts, not what is needed to call anybody.
// INVALID_ARGUMENT lists every fault and its line.
absl::StatusOr<v1::ClientConfig> ReadClientConfig(const std::string& file);

// The same as `context` says it ("": default_context, or none), checked whole;
// its default_context is the one in force. An absent checkpoint_file becomes
// "checkpoint" beside `file`, and "checkpoint-<name>" for a context with a
// broker of its own: two logs never share a memory. INVALID_ARGUMENT lists
// every fault and its line, and the contexts there are.
absl::StatusOr<v1::ClientConfig> LoadClientConfig(const std::string& file,
                                                  const std::string& context);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CLIENT_CONFIG_H_
