#ifndef BATON_SERVICES_CLI_COMMAND_H_
#define BATON_SERVICES_CLI_COMMAND_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/cli/arguments.h"
#include "services/cli/exit_code.h"
#include "services/cli/session.h"
#include "services/cli/times.h"

namespace baton::cli {

enum class Takes {
  kValue,
  kValues,         // May be given more than once.
  kOptionalValue,  // Alone it means "yes".
  kNothing,
};

// One option ("--reference") or positional ("MATTER") of a command.
struct OptionSpec {
  std::string name;
  std::string placeholder;  // "CODE[/DESK]"
  std::string help;
  // Path in the request it sets, for example "flag.child.birth_date"; empty
  // when the command reads it itself. See fields.h.
  std::string field = {};
  Takes takes = Takes::kValue;
  Direction direction = Direction::kPast;  // Of a time of day.
};

using Runner = std::function<absl::StatusOr<ExitCode>(
    const std::vector<OptionSpec>&, const Arguments&, const Session&)>;

// One command: what it takes, what it says about itself, what it does.
struct Command {
  std::string family;  // "emergency"; empty: stands alone.
  std::string name;
  std::string help;
  std::vector<OptionSpec> options;
  Runner run;
  // Something is sent: its help says what to do in immediate danger.
  bool submits = false;
  // Runs with an empty configuration: it calls nobody.
  bool local = false;
  // Runs with a faulty configuration too; see Session::config_fault.
  bool diagnoses = false;
  // Not in --help: for builds and installers.
  bool hidden = false;
};

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_COMMAND_H_
