#ifndef BATON_SERVICES_CLI_TRACK_COMMAND_H_
#define BATON_SERVICES_CLI_TRACK_COMMAND_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// baton track: one conversation, everything that was sent and who has it.
std::vector<Command> TrackCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_TRACK_COMMAND_H_
