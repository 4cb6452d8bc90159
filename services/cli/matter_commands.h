#ifndef BATON_SERVICES_CLI_MATTER_COMMANDS_H_
#define BATON_SERVICES_CLI_MATTER_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// The family "matter": what is said about one child's matter, raised or
// received here.
std::vector<Command> MatterCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_MATTER_COMMANDS_H_
