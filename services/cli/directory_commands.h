#ifndef BATON_SERVICES_CLI_DIRECTORY_COMMANDS_H_
#define BATON_SERVICES_CLI_DIRECTORY_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// baton directory list, show, add, remove, import. Everybody may look; only an
// operator's certificate may change.
std::vector<Command> DirectoryCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_DIRECTORY_COMMANDS_H_
