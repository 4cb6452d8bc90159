#ifndef BATON_SERVICES_CLI_WATCH_H_
#define BATON_SERVICES_CLI_WATCH_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/cli/exit_code.h"
#include "services/cli/session.h"

namespace baton::cli {

// Prints waits as they change, all or the one of `reference`, until `changes`
// of them were printed (0: for ever). A service that falls silent is said so
// and tried again; only a refusal ends the watch early.
absl::StatusOr<ExitCode> WatchWaits(const std::string& reference, int changes,
                                    const Session& session);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_WATCH_H_
