#ifndef BATON_SERVICES_CLI_INBOX_COMMANDS_H_
#define BATON_SERVICES_CLI_INBOX_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// The family "inbox": what arrived at this agency.
std::vector<Command> InboxCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_INBOX_COMMANDS_H_
