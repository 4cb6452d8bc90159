#ifndef BATON_SERVICES_CLI_AUDIT_COMMANDS_H_
#define BATON_SERVICES_CLI_AUDIT_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// baton audit checkpoint, verify.
std::vector<Command> AuditCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_AUDIT_COMMANDS_H_
