#include "services/cli/manual_commands.h"

#include "absl/strings/str_cat.h"
#include "services/cli/cli.h"
#include "services/cli/command_line.h"
#include "services/cli/completion.h"
#include "services/cli/manual.h"

namespace baton::cli {
namespace {

absl::StatusOr<ExitCode> RunCompletion(const std::vector<OptionSpec>&,
                                       const Arguments& arguments,
                                       const Session& session) {
  const std::string shell = arguments.Get("SHELL");
  const CommandNode root = DescribeCommands(AllCommands());
  if (shell == "bash") {
    session.out() << BashCompletion(root);
  } else if (shell == "zsh") {
    session.out() << ZshCompletion(root);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", shell, "\" is not bash or zsh"));
  }
  return ExitCode::kOk;
}

absl::StatusOr<ExitCode> RunManual(const std::vector<OptionSpec>&,
                                   const Arguments&, const Session& session) {
  session.out() << ManualPage(DescribeCommands(AllCommands()), BATON_VERSION);
  return ExitCode::kOk;
}

}  // namespace

std::vector<Command> ManualCommands() {
  return {{.family = "",
           .name = "completion",
           .help = "prints what a shell needs to complete: eval \"$(baton "
                   "completion bash)\"",
           .options = {{"SHELL", "bash|zsh", "the shell to complete in"}},
           .run = RunCompletion,
           .local = true},
          {.family = "",
           .name = "help-man",
           .help = "prints the manual page as roff",
           .options = {},
           .run = RunManual,
           .local = true,
           .hidden = true}};
}

}  // namespace baton::cli
