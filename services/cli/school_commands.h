#ifndef BATON_SERVICES_CLI_SCHOOL_COMMANDS_H_
#define BATON_SERVICES_CLI_SCHOOL_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// The family "school": alerts about the school's own pupils.
std::vector<Command> SchoolCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_SCHOOL_COMMANDS_H_
