#include "services/cli/cli.h"

#include "absl/strings/str_cat.h"
#include "services/cli/audit_commands.h"
#include "services/cli/client_config.h"
#include "services/cli/command_line.h"
#include "services/cli/council_commands.h"
#include "services/cli/directory_commands.h"
#include "services/cli/emergency_commands.h"
#include "services/cli/environment_tag.h"
#include "services/cli/suggest.h"
#include "services/cli/track_command.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

absl::StatusOr<Format> FormatFrom(const std::string& word) {
  if (word.empty() || word == "table") return Format::kTable;
  if (word == "json") return Format::kJson;
  if (word == "csv") return Format::kCsv;
  return absl::InvalidArgumentError(
      absl::StrCat("--output: \"", word, "\" is not table, json or csv",
                   DidYouMean(word, {"table", "json", "csv"})));
}

absl::StatusOr<Session> Prepare(const Arguments& arguments,
                                const Environment& environment) {
  const std::string file = arguments.Has("--config") ? arguments.Get("--config")
                                                     : environment.config_file;
  ASSIGN_OR_RETURN(const Format format, FormatFrom(arguments.Get("--output")));
  ASSIGN_OR_RETURN(v1::ClientConfig config, LoadClientConfig(file));
  return Session{environment, std::move(config), format};
}

// Shows beside everything else whether this is live or training.
absl::StatusOr<ExitCode> RunTagged(const Invocation& invocation,
                                   const Session& session) {
  const Command& command = *invocation.command;
  const v1::Environment where = ExchangeEnvironment(session.config);
  if (where == v1::ENVIRONMENT_TRAINING && session.format != Format::kJson) {
    session.err() << "TRAINING\n";
  }
  if (where == v1::ENVIRONMENT_UNSPECIFIED || session.format != Format::kJson) {
    return command.run(command.options, invocation.arguments, session);
  }
  EnvironmentTag tag(where, &session.out());
  Environment environment = session.environment;
  environment.out = &tag.stream();
  return command.run(command.options, invocation.arguments,
                     {environment, session.config, session.format});
}

absl::StatusOr<ExitCode> RunCommand(const Invocation& invocation,
                                    const Environment& environment) {
  const Command& command = *invocation.command;
  auto session = Prepare(invocation.arguments, environment);
  if (!session.ok()) {
    return command.submits ? NotSubmitted(session.status(), "")
                           : session.status();
  }
  return RunTagged(invocation, *session);
}

ExitCode Report(const absl::Status& error, const Environment& environment) {
  *environment.err << Explain(error);
  return ExitCodeOf(error);
}

}  // namespace

std::vector<Command> AllCommands() {
  std::vector<Command> commands = EmergencyCommands();
  for (const auto& family : {CouncilCommands(), TrackCommands(),
                             AuditCommands(), DirectoryCommands()}) {
    commands.insert(commands.end(), family.begin(), family.end());
  }
  return commands;
}

ExitCode Run(const std::vector<std::string>& arguments,
             const Environment& environment) {
  const std::vector<Command> commands = AllCommands();
  auto invocation = ParseCommandLine(commands, arguments);
  if (!invocation.ok()) return Report(invocation.status(), environment);
  if (invocation->command == nullptr) {
    *environment.out << invocation->text;
    return invocation->asked ? ExitCode::kOk : ExitCode::kUsage;
  }
  auto code = RunCommand(*invocation, environment);
  return code.ok() ? *code : Report(code.status(), environment);
}

}  // namespace baton::cli
