#ifndef BATON_SERVICES_CLI_QUEUE_COMMANDS_H_
#define BATON_SERVICES_CLI_QUEUE_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// baton queue ...: how the agency's queues stand, their dead letters, and what
// is done with them by hand. An operator does it with everybody's.
std::vector<Command> QueueCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_QUEUE_COMMANDS_H_
