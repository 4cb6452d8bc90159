#include "services/cli/command_line.h"

#include <algorithm>
#include <map>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "services/cli/errors.h"
#include "services/cli/suggest.h"
#include "services/cli/words.h"

namespace baton::cli {
namespace {

constexpr char kAbout[] =
    "Hands child-safeguarding messages between agencies, and shows who has "
    "them.";

constexpr char kExitCodes[] =
    "Exit codes: 0 done; 1 error; 2 usage; 3 not reachable; 4 refused;\n"
    "            5 audit failed; 6 accepted but HELD: NOT SENT.\n";

bool IsPositional(const OptionSpec& option) {
  return !absl::StartsWith(option.name, "-");
}

// "[REFERENCE]" may be left out.
std::string BareName(const OptionSpec& option) {
  return std::string(
      absl::StripSuffix(absl::StripPrefix(option.name, "["), "]"));
}

void AddOption(const OptionSpec& spec, CLI::App* app) {
  std::string names = BareName(spec);
  if (names == "--output") names = "-o,--output";
  if (spec.takes == Takes::kNothing) {
    app->add_flag(names, spec.help);
    return;
  }
  CLI::Option* option = app->add_option(names, CLI::callback_t(), spec.help);
  if (!spec.placeholder.empty()) option->type_name(spec.placeholder);
  switch (spec.takes) {
    case Takes::kValue:
    case Takes::kNothing:
      break;
    case Takes::kValues:
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      break;
    case Takes::kOptionalValue:
      option->expected(0, 1)->default_str("yes");
      break;
  }
}

OptionNode DescribeOption(const CLI::Option& option) {
  OptionNode node;
  node.help = option.get_description();
  for (const std::string& name : option.get_snames()) {
    node.names.push_back(absl::StrCat("-", name));
  }
  for (const std::string& name : option.get_lnames()) {
    node.names.push_back(absl::StrCat("--", name));
  }
  if (option.get_positional()) node.names.push_back(option.get_name(true));
  node.positional = option.get_positional();
  // A flag, --help among them, expects nothing.
  if (!node.positional && option.get_items_expected_max() > 0) {
    node.placeholder = option.get_type_name();
  }
  return node;
}

// CLI11's tree for our table of commands.
class Tree {
 public:
  explicit Tree(const std::vector<Command>& commands) : root_(kAbout, "baton") {
    root_.require_subcommand(0, 1);
    root_.allow_extras();
    root_.set_version_flag("--version", BATON_VERSION);
    root_.footer(absl::StrCat("\n", kDangerLine, "\n\n", kExitCodes));
    for (const OptionSpec& option : CommonOptions()) AddOption(option, &root_);
    for (const Command& command : commands) Add(command);
  }

  CLI::App& root() { return root_; }

  // The deepest level the command line named.
  CLI::App* Deepest() {
    CLI::App* app = &root_;
    while (!app->get_subcommands().empty()) app = app->get_subcommands()[0];
    return app;
  }

  CommandNode Describe() { return Describe(&root_); }

  // Null for a level that is no command by itself.
  const Command* CommandOf(const CLI::App* app) const {
    auto it = commands_.find(app);
    return it == commands_.end() ? nullptr : it->second;
  }

 private:
  CommandNode Describe(CLI::App* app) const {
    const Command* command = CommandOf(app);
    CommandNode node = {.name = app->get_name(),
                        .help = app->get_description(),
                        .submits = command != nullptr && command->submits};
    for (const CLI::Option* option : app->get_options()) {
      node.options.push_back(DescribeOption(*option));
    }
    for (CLI::App* sub : app->get_subcommands({})) {
      if (!sub->get_group().empty()) node.commands.push_back(Describe(sub));
    }
    return node;
  }

  void Add(const Command& command) {
    CLI::App* app = Family(command)->add_subcommand(command.name, command.help);
    app->allow_extras();
    if (command.hidden) app->group("");
    if (command.submits) app->footer(absl::StrCat("\n", kDangerLine));
    for (const OptionSpec& option : command.options) AddOption(option, app);
    for (const OptionSpec& option : CommonOptions()) AddOption(option, app);
    commands_[app] = &command;
  }

  CLI::App* Family(const Command& command) {
    if (command.family.empty()) return &root_;
    CLI::App*& family = families_[command.family];
    if (family == nullptr) {
      family = root_.add_subcommand(command.family,
                                    absl::StrCat(command.family, " commands"));
      family->require_subcommand(0, 1);
      family->allow_extras();
    }
    return family;
  }

  CLI::App root_;
  std::map<std::string, CLI::App*> families_;
  std::map<const CLI::App*, const Command*> commands_;
};

std::vector<std::string> SubcommandNames(CLI::App* app) {
  std::vector<std::string> names;
  for (CLI::App* sub : app->get_subcommands({}))
    names.push_back(sub->get_name());
  return names;
}

std::vector<std::string> OptionNames(CLI::App* app) {
  std::vector<std::string> names;
  for (CLI::Option* option : app->get_options()) {
    if (option->nonpositional()) {
      names.push_back(absl::StrCat("--", option->get_lnames()[0]));
    }
  }
  return names;
}

absl::Status Unknown(const std::string& word, CLI::App* app) {
  const std::vector<std::string> names = SubcommandNames(app);
  if (absl::StartsWith(word, "-")) {
    const std::string name = word.substr(0, word.find('='));
    return absl::InvalidArgumentError(absl::StrCat(
        "unknown option \"", name, "\"", DidYouMean(name, OptionNames(app)),
        "\nsee ", app->get_display_name(), " --help"));
  }
  if (names.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", word, "\" is one argument too many"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown command \"", word, "\"", DidYouMean(word, names),
                   "\ncommands here: ", absl::StrJoin(names, ", ")));
}

absl::Status CheckRequired(const Command& command, const Arguments& arguments) {
  for (const OptionSpec& option : command.options) {
    const bool required =
        IsPositional(option) && !absl::StartsWith(option.name, "[");
    // A file can say which wait or matter is meant.
    if (required && !arguments.Has(option.name) && !arguments.Has("--file")) {
      return absl::InvalidArgumentError(absl::StrCat(
          option.name, " is missing (", option.help, "); see baton ",
          command.family, command.family.empty() ? "" : " ", command.name,
          " --help"));
    }
  }
  return absl::OkStatus();
}

void Collect(const std::vector<OptionSpec>& options, CLI::App* app,
             Arguments* arguments) {
  for (const OptionSpec& option : options) {
    const CLI::Option* found = app->get_option(BareName(option));
    if (found->count() > 0) {
      arguments->Set(BareName(option), found->results());
    }
  }
}

absl::StatusOr<Invocation> Understand(Tree& tree) {
  CLI::App* app = tree.Deepest();
  Invocation invocation;
  invocation.command = tree.CommandOf(app);
  const std::vector<std::string> unknown = tree.root().remaining(true);
  absl::Status status;
  if (!unknown.empty()) status = Unknown(unknown[0], app);
  if (status.ok() && invocation.command == nullptr) {
    invocation.text = app->help();
    return invocation;
  }
  if (status.ok()) {
    Collect(CommonOptions(), &tree.root(), &invocation.arguments);
    Collect(CommonOptions(), app, &invocation.arguments);
    Collect(invocation.command->options, app, &invocation.arguments);
    status = CheckRequired(*invocation.command, invocation.arguments);
  }
  if (status.ok()) return invocation;
  const bool submits =
      invocation.command != nullptr && invocation.command->submits;
  return submits ? NotSubmitted(status, "") : status;
}

}  // namespace

const std::vector<OptionSpec>& CommonOptions() {
  static const auto& options = *new std::vector<OptionSpec>{
      {"--output", "table|json|jsonl|csv",
       "how to print; default: table; jsonl: a list as one object a line"},
      {"--context", "NAME", "one of the configuration's contexts"},
      {"--config", "FILE",
       "default: $BATON_CONFIG, then ~/.config/baton/client.txtpb"}};
  return options;
}

CommandNode DescribeCommands(const std::vector<Command>& commands) {
  return Tree(commands).Describe();
}

absl::StatusOr<Invocation> ParseCommandLine(
    const std::vector<Command>& commands,
    const std::vector<std::string>& arguments) {
  Tree tree(commands);
  // CLI11 takes them last first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    tree.root().parse(reversed);
  } catch (const CLI::CallForVersion& version) {
    return Invocation{nullptr, {}, absl::StrCat(version.what(), "\n"), true};
  } catch (const CLI::CallForHelp&) {
    return Invocation{nullptr, {}, tree.Deepest()->help(), true};
  } catch (const CLI::ParseError& error) {
    absl::Status status = absl::InvalidArgumentError(error.what());
    const Command* command = tree.CommandOf(tree.Deepest());
    return command != nullptr && command->submits ? NotSubmitted(status, "")
                                                  : status;
  }
  return Understand(tree);
}

}  // namespace baton::cli
