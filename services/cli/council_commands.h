#ifndef BATON_SERVICES_CLI_COUNCIL_COMMANDS_H_
#define BATON_SERVICES_CLI_COUNCIL_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// baton council list, open, take, decide.
std::vector<Command> CouncilCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_COUNCIL_COMMANDS_H_
