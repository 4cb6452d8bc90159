#include "services/cli/command_line.h"

#include <algorithm>
#include <map>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
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

// What the commands of a family are about.
std::string FamilyHelp(const std::string& family) {
  static const auto& help = *new std::map<std::string, std::string>{
      {"emergency", "an emergency department: children who wait there"},
      {"police", "a police force: missing children, notices"},
      {"school", "a school: alerts about its pupils"},
      {"council", "a council: its intake, calls, placements, shift ends"},
      {"case", "what this agency raised: contacts, and how it all stands"},
      {"inbox", "what arrived at this agency"},
      {"matter",
       "one child's matter: take, decide, ask, offer, correct and more"},
      {"audit", "the record that nobody can rewrite"},
      {"directory", "which agencies there are"},
      {"queue", "queues: what waits in them, dead letters, jobs"},
      {"context", "the exchanges and agencies the configuration names"},
  };
  const auto it = help.find(family);
  return it == help.end() ? "" : it->second;
}

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
      // Help would show the default as if it held without the option.
      option->expected(0, 1)->default_str("yes")->option_text(
          absl::StrCat("[", spec.placeholder, "]"));
      break;
  }
}

// "table|json" in its placeholder are words; so are those its help ends with,
// ": red | amber", when it takes a WORD.
std::vector<std::string> WordsOf(const CLI::Option& option) {
  const std::string placeholder = option.get_type_name();
  if (absl::StrContains(placeholder, "|")) {
    return absl::StrSplit(placeholder, '|');
  }
  const std::string help = option.get_description();
  const size_t colon = help.rfind(": ");
  if (placeholder != "WORD" || colon == std::string::npos) return {};
  return absl::StrSplit(help.substr(colon + 2), " | ");
}

OptionNode DescribeOption(const CLI::Option& option) {
  OptionNode node;
  node.help = option.get_description();
  node.values = WordsOf(option);
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

  // Whether `app`, or any command below it, sends something.
  bool Submits(CLI::App* app) const {
    const Command* command = CommandOf(app);
    if (command != nullptr) return command->submits;
    const std::vector<CLI::App*> below = app->get_subcommands({});
    return std::any_of(below.begin(), below.end(),
                       [this](CLI::App* sub) { return Submits(sub); });
  }

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
      family = root_.add_subcommand(command.family, FamilyHelp(command.family));
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
  for (CLI::App* sub : app->get_subcommands({})) {
    if (!sub->get_group().empty()) names.push_back(sub->get_name());
  }
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

// "baton matter take".
std::string PathOf(const CLI::App* app) {
  const CLI::App* parent = app->get_parent();
  return parent == nullptr ? app->get_name()
                           : absl::StrCat(PathOf(parent), " ", app->get_name());
}

// What was meant by an option that `app` has not: the nearest it has, or its
// positional of that name.
std::string MeantOption(const std::string& name, CLI::App* app) {
  const std::string bare = absl::AsciiStrToUpper(absl::StripPrefix(name, "--"));
  for (const CLI::Option* option : app->get_options()) {
    if (option->get_positional() && option->get_name(true) == bare) {
      return absl::StrCat("; ", bare, " stands alone: ", PathOf(app), " ",
                          bare);
    }
  }
  return DidYouMean(name, OptionNames(app));
}

// What was meant by a command that `app` has not: the nearest it has, or those
// of that name in its families.
std::string MeantCommand(const std::string& word, CLI::App* app) {
  std::vector<std::string> meant;
  for (CLI::App* family : app->get_subcommands({})) {
    const std::vector<std::string> names = SubcommandNames(family);
    if (std::find(names.begin(), names.end(), word) != names.end()) {
      meant.push_back(absl::StrCat("\"", family->get_name(), " ", word, "\""));
    }
  }
  if (meant.empty()) return DidYouMean(word, SubcommandNames(app));
  return absl::StrCat("; did you mean ", absl::StrJoin(meant, " or "), "?");
}

absl::Status Unknown(const std::string& word, CLI::App* app) {
  const std::vector<std::string> names = SubcommandNames(app);
  if (absl::StartsWith(word, "-")) {
    const std::string name = word.substr(0, word.find('='));
    return absl::InvalidArgumentError(
        absl::StrCat("unknown option \"", name, "\"", MeantOption(name, app),
                     "\nsee ", PathOf(app), " --help"));
  }
  if (names.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", word, "\" is one argument too many"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown command \"", word, "\"", MeantCommand(word, app),
                   "\ncommands here: ", absl::StrJoin(names, ", ")));
}

// "--immediate-danger M-1" takes what was meant for the command itself.
std::string Swallowed(const Command& command, const Arguments& arguments) {
  for (const OptionSpec& option : command.options) {
    const std::string value = arguments.Get(option.name);
    if (option.takes == Takes::kOptionalValue && !value.empty() &&
        !absl::StrContains(option.placeholder, value)) {
      return absl::StrCat("\n", option.name, " took \"", value,
                          "\" for its answer");
    }
  }
  return "";
}

absl::Status CheckRequired(const Command& command, const Arguments& arguments,
                           const std::string& path) {
  for (const OptionSpec& option : command.options) {
    const bool required =
        IsPositional(option) && !absl::StartsWith(option.name, "[");
    // A file can say which wait or matter is meant.
    if (required && !arguments.Has(option.name) && !arguments.Has("--file")) {
      return absl::InvalidArgumentError(
          absl::StrCat(option.name, " is missing (", option.help, "); see ",
                       path, " --help", Swallowed(command, arguments)));
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
    invocation.text = tree.root().help();
    return invocation;
  }
  if (status.ok()) {
    Collect(CommonOptions(), &tree.root(), &invocation.arguments);
    Collect(CommonOptions(), app, &invocation.arguments);
    Collect(invocation.command->options, app, &invocation.arguments);
    status =
        CheckRequired(*invocation.command, invocation.arguments, PathOf(app));
  }
  if (status.ok()) return invocation;
  return tree.Submits(app) ? NotSubmitted(status, "") : status;
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
    return Invocation{nullptr, {}, tree.root().help(), true};
  } catch (const CLI::ParseError& error) {
    absl::Status status = absl::InvalidArgumentError(error.what());
    return tree.Submits(tree.Deepest()) ? NotSubmitted(status, "") : status;
  }
  return Understand(tree);
}

}  // namespace baton::cli
