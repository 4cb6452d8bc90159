#ifndef BATON_SERVICES_CLI_COMPLETION_H_
#define BATON_SERVICES_CLI_COMPLETION_H_

#include <string>

#include "services/cli/command_line.h"

// What a shell offers when Tab is pressed: commands, options, and the values
// of options that take one of a few words. Generated from the parser's own
// tree. Pure.
namespace baton::cli {

std::string BashCompletion(const CommandNode& root);

// For zsh, which runs the same script in its bash mode.
std::string ZshCompletion(const CommandNode& root);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_COMPLETION_H_
