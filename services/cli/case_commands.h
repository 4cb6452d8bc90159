#ifndef BATON_SERVICES_CLI_CASE_COMMANDS_H_
#define BATON_SERVICES_CLI_CASE_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// The family "case": what this agency raised.
std::vector<Command> CaseCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CASE_COMMANDS_H_
