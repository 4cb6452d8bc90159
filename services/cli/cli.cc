#include "services/cli/cli.h"

#include "absl/strings/str_cat.h"
#include "services/cli/audit_commands.h"
#include "services/cli/case_commands.h"
#include "services/cli/client_config.h"
#include "services/cli/command_line.h"
#include "services/cli/context_commands.h"
#include "services/cli/council_commands.h"
#include "services/cli/directory_commands.h"
#include "services/cli/doctor_command.h"
#include "services/cli/emergency_commands.h"
#include "services/cli/environment_tag.h"
#include "services/cli/errors.h"
#include "services/cli/inbox_commands.h"
#include "services/cli/manual_commands.h"
#include "services/cli/matter_commands.h"
#include "services/cli/police_commands.h"
#include "services/cli/queue_commands.h"
#include "services/cli/request.h"
#include "services/cli/school_commands.h"
#include "services/cli/suggest.h"
#include "services/cli/track_command.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

absl::Status ChooseFormat(const std::string& word, Session* session) {
  session->json_lines = word == "jsonl";
  if (word.empty() || word == "table") {
    session->format = Format::kTable;
  } else if (word == "json" || word == "jsonl") {
    session->format = Format::kJson;
  } else if (word == "csv") {
    session->format = Format::kCsv;
  } else {
    return absl::InvalidArgumentError(absl::StrCat(
        "--output: \"", word, "\" is not table, json, jsonl or csv",
        DidYouMean(word, {"table", "json", "jsonl", "csv"})));
  }
  return absl::OkStatus();
}

absl::StatusOr<Session> Prepare(const Invocation& invocation,
                                const Environment& environment) {
  const Arguments& arguments = invocation.arguments;
  Session session{environment, {}};
  RETURN_IF_ERROR(ChooseFormat(arguments.Get("--output"), &session));
  if (invocation.command->local) return session;
  const std::string file = arguments.Has("--config") ? arguments.Get("--config")
                                                     : environment.config_file;
  auto config = LoadClientConfig(file, arguments.Get("--context"));
  if (config.ok()) {
    session.config = *std::move(config);
  } else if (invocation.command->diagnoses) {
    session.config_fault = config.status();
  } else {
    return config.status();
  }
  return session;
}

// A dry run prints a request that --file must be able to read: nothing is
// added to it.
bool PrintsRequest(const Invocation& invocation) {
  return invocation.command->submits && invocation.arguments.Has("--dry-run");
}

// Shows beside everything else whether this is live or training.
absl::StatusOr<ExitCode> RunTagged(const Invocation& invocation,
                                   const Session& session) {
  const Command& command = *invocation.command;
  const v1::Environment where = ExchangeEnvironment(session.config);
  const bool tags =
      session.format == Format::kJson && !PrintsRequest(invocation);
  if (where == v1::ENVIRONMENT_TRAINING && !tags) {
    session.err() << "TRAINING\n";
  }
  if (where == v1::ENVIRONMENT_UNSPECIFIED || !tags) {
    return command.run(command.options, invocation.arguments, session);
  }
  EnvironmentTag tag(where, &session.out());
  Environment environment = session.environment;
  environment.out = &tag.stream();
  return command.run(command.options, invocation.arguments,
                     {environment, session.config, session.config_fault,
                      session.format, session.json_lines});
}

absl::StatusOr<ExitCode> RunCommand(const Invocation& invocation,
                                    const Environment& environment) {
  const Command& command = *invocation.command;
  auto session = Prepare(invocation, environment);
  if (!session.ok()) {
    return command.submits ? NotSubmitted(session.status(), "")
                           : session.status();
  }
  auto code = RunTagged(invocation, *session);
  if (code.ok()) return code;
  return WithNumberToRing(code.status(), session->config.phone());
}

ExitCode Report(const absl::Status& error, const Environment& environment,
                const FlagOf& flag_of = {}) {
  *environment.err << Explain(error, flag_of);
  return ExitCodeOf(error);
}

}  // namespace

std::vector<Command> AllCommands() {
  std::vector<Command> commands = EmergencyCommands();
  for (const auto& family :
       {PoliceCommands(), SchoolCommands(), CouncilCommands(), CaseCommands(),
        InboxCommands(), MatterCommands(), TrackCommands(), AuditCommands(),
        DirectoryCommands(), QueueCommands(), DoctorCommands(), ContextCommands(),
        ManualCommands()}) {
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
  if (code.ok()) return *code;
  return Report(code.status(), environment, [&](absl::string_view field) {
    return FlagFor(field, invocation->command->options);
  });
}

}  // namespace baton::cli
