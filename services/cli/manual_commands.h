#ifndef BATON_SERVICES_CLI_MANUAL_COMMANDS_H_
#define BATON_SERVICES_CLI_MANUAL_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// What the program prints about itself for shells and manuals. Calls nobody.
std::vector<Command> ManualCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_MANUAL_COMMANDS_H_
