#ifndef BATON_SERVICES_CLI_DOCUMENT_COMMANDS_H_
#define BATON_SERVICES_CLI_DOCUMENT_COMMANDS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// Documents: "attach" to a case or matter, "fetch" from the inbox.
Command AttachToCaseCommand();
Command AttachToMatterCommand();
Command FetchCommand();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_DOCUMENT_COMMANDS_H_
