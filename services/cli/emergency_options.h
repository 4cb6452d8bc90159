#ifndef BATON_SERVICES_CLI_EMERGENCY_OPTIONS_H_
#define BATON_SERVICES_CLI_EMERGENCY_OPTIONS_H_

#include <vector>

#include "services/cli/command.h"

// Which flag sets which field of which request.
namespace baton::cli {

std::vector<OptionSpec> FlagWaitingOptions();
std::vector<OptionSpec> UpdateWaitingOptions();
std::vector<OptionSpec> MoveWaitingOptions();
std::vector<OptionSpec> EndWaitingOptions();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_EMERGENCY_OPTIONS_H_
