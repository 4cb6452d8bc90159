#ifndef BATON_SERVICES_CLI_CONTEXT_COMMANDS_H_
#define BATON_SERVICES_CLI_CONTEXT_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// The family "context": the named configurations of the file. Calls nobody.
std::vector<Command> ContextCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CONTEXT_COMMANDS_H_
