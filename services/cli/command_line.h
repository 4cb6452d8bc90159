#ifndef BATON_SERVICES_CLI_COMMAND_LINE_H_
#define BATON_SERVICES_CLI_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/cli/command.h"

namespace baton::cli {

// What a command line asks for: a command, or a text to print.
struct Invocation {
  const Command* command = nullptr;  // Null: print `text`.
  Arguments arguments;
  std::string text;
  bool asked = false;  // The text was asked for; otherwise it is a reminder.
};

// Options every command takes beside its own: --output, --context, --config.
const std::vector<OptionSpec>& CommonOptions();

// An option or positional, as the parser knows it.
struct OptionNode {
  std::vector<std::string> names;  // "-o", "--output"; "MATTER".
  std::string placeholder = {};    // "NAME", "yes|no"; empty: takes nothing.
  std::string help = {};
  // The words it takes, when they are few: "yes", "no".
  std::vector<std::string> values = {};
  bool positional = false;
};

// A command, or a family of them, as the parser knows it.
struct CommandNode {
  std::string name;
  std::string help;
  bool submits = false;
  std::vector<OptionNode> options = {};
  std::vector<CommandNode> commands = {};  // Without the hidden ones.
};

// The whole tree, for what is generated from it: completion and manual.
CommandNode DescribeCommands(const std::vector<Command>& commands);

// Reads `arguments` by `commands`, which must outlive the result.
// INVALID_ARGUMENT says what was not understood and what is nearest to it.
absl::StatusOr<Invocation> ParseCommandLine(
    const std::vector<Command>& commands,
    const std::vector<std::string>& arguments);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_COMMAND_LINE_H_
