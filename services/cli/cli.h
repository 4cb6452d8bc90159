#ifndef BATON_SERVICES_CLI_CLI_H_
#define BATON_SERVICES_CLI_CLI_H_

#include <string>
#include <vector>

#include "services/cli/command.h"
#include "services/cli/exit_code.h"
#include "services/cli/session.h"

// The whole program but main(): one command line in, lines and an exit code
// out.
namespace baton::cli {

// Every command there is.
std::vector<Command> AllCommands();

// Runs `arguments` (without the program's name).
ExitCode Run(const std::vector<std::string>& arguments,
             const Environment& environment);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CLI_H_
