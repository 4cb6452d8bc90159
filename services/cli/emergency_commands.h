#ifndef BATON_SERVICES_CLI_EMERGENCY_COMMANDS_H_
#define BATON_SERVICES_CLI_EMERGENCY_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// baton emergency flag, update, moved, end, status, list, watch, attention.
std::vector<Command> EmergencyCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_EMERGENCY_COMMANDS_H_
