#ifndef BATON_SERVICES_CLI_COUNCIL_COMMANDS_H_
#define BATON_SERVICES_CLI_COUNCIL_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// The family "council": intake, and what a council itself raises.
std::vector<Command> CouncilCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_COUNCIL_COMMANDS_H_
