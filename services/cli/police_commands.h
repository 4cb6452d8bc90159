#ifndef BATON_SERVICES_CLI_POLICE_COMMANDS_H_
#define BATON_SERVICES_CLI_POLICE_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// The family "police": what a force calls.
std::vector<Command> PoliceCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_POLICE_COMMANDS_H_
