#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "baton/v1/case_service.pb.h"
#include "baton/v1/council_service.pb.h"
#include "baton/v1/emergency_service.pb.h"
#include "baton/v1/police_service.pb.h"
#include "baton/v1/school_service.pb.h"
#include "gtest/gtest.h"
#include "services/cli/cli.h"
#include "services/cli/command_line.h"
#include "services/cli/fields.h"
#include "services/cli/matter_options.h"
#include "services/cli/words.h"
#include "services/common/text_config.h"
#include "tests/support/source_file.h"

namespace baton::cli {
namespace {

const LocalClock kClock = {absl::UnixEpoch(), absl::UTCTimeZone()};

const Command& Find(const std::vector<Command>& commands,
                    const std::string& family, const std::string& name) {
  for (const Command& command : commands) {
    if (command.family == family && command.name == name) return command;
  }
  ADD_FAILURE() << "no command " << family << " " << name;
  return commands[0];
}

// A flag whose path no request has would show only when somebody uses it: the
// text must be understood, or refused for what it says.
template <typename Request>
void ExpectFieldsExist(const std::string& family, const std::string& name) {
  const std::vector<Command> commands = AllCommands();
  for (const OptionSpec& option : Find(commands, family, name).options) {
    if (option.field.empty()) continue;
    Request request;
    const absl::Status status =
        SetField(option.field, "x", kClock, option.direction, &request);
    EXPECT_FALSE(absl::IsInternal(status)) << option.name << ": " << status;
  }
}

TEST(CommandTableTest, EveryFlagSetsAFieldThatExists) {
  ExpectFieldsExist<v1::FlagWaitingRequest>("emergency", "flag");
  ExpectFieldsExist<v1::UpdateWaitingRequest>("emergency", "update");
  ExpectFieldsExist<v1::MoveWaitingRequest>("emergency", "moved");
  ExpectFieldsExist<v1::EndWaitingRequest>("emergency", "end");
  ExpectFieldsExist<v1::ResolveNeedsAttentionRequest>("emergency", "attention");
  ExpectFieldsExist<v1::OpenMatterRequest>("council", "open");
  ExpectFieldsExist<v1::TakeMatterRequest>("council", "take");
  ExpectFieldsExist<v1::DecideMatterRequest>("council", "decide");
  ExpectFieldsExist<v1::RecordPhoneContactRequest>("council", "phone");
  ExpectFieldsExist<v1::PresentHomelessRequest>("council", "homeless");
  ExpectFieldsExist<v1::NotifyPlacementRequest>("council", "placement");
  ExpectFieldsExist<v1::HandOverRequest>("council", "hand-over");
  ExpectFieldsExist<v1::DocumentForm>("case", "attach");
  ExpectFieldsExist<v1::DocumentForm>("matter", "attach");
  ExpectFieldsExist<v1::FetchDocumentRequest>("inbox", "fetch");
  ExpectFieldsExist<v1::ReportMissingRequest>("police", "report");
  ExpectFieldsExist<v1::UpdateMissingRequest>("police", "update");
  ExpectFieldsExist<v1::UpdateMissingRequest>("police", "regrade");
  ExpectFieldsExist<v1::UpdateMissingRequest>("police", "sighting");
  ExpectFieldsExist<v1::ReportFoundRequest>("police", "found");
  ExpectFieldsExist<v1::RecordPreventionInterviewRequest>("police",
                                                          "interview");
  ExpectFieldsExist<v1::SendNoticeRequest>("police", "notice");
  ExpectFieldsExist<v1::TakeAlertRequest>("school", "take");
  ExpectFieldsExist<v1::RaiseContactRequest>("case", "raise");
  ExpectFieldsExist<v1::ResolveRefusedRequest>("case", "refused");
  ExpectFieldsExist<v1::OpenInboxMatterRequest>("inbox", "open");
  for (const Verb& verb : Verbs()) {
    ExpectFieldsExist<v1::ActOnMatterRequest>("matter", verb.name);
  }
}

TEST(CommandTableTest, EveryMatterActionOfTheServiceHasItsVerb) {
  std::set<std::string> contents;
  for (const Verb& verb : Verbs()) contents.insert(verb.content);
  const auto* oneof = v1::ActOnMatterRequest::descriptor()->oneof_decl(0);
  for (int i = 0; i < oneof->field_count(); ++i) {
    EXPECT_EQ(contents.count(oneof->field(i)->name()), 1u)
        << oneof->field(i)->name();
  }
  EXPECT_EQ(contents.size(), static_cast<size_t>(oneof->field_count()));
}

// What can be sent says in its help where to ring, and can be tried first.
TEST(CommandTableTest, WhatIsSentSaysSo) {
  for (const Command& command : AllCommands()) {
    std::set<std::string> names;
    for (const OptionSpec& option : command.options) names.insert(option.name);
    if (names.count("--request-id") == 0) continue;
    EXPECT_TRUE(command.submits) << command.family << " " << command.name;
    EXPECT_EQ(names.count("--dry-run"), 1u) << command.name;
  }
}

void ExpectHelp(const std::string& path, const CommandNode& node) {
  EXPECT_FALSE(node.help.empty()) << path;
  EXPECT_FALSE(absl::EndsWith(node.help, ".")) << path;
  for (const OptionNode& option : node.options) {
    EXPECT_FALSE(option.help.empty()) << path << " " << option.names[0];
  }
  for (const CommandNode& sub : node.commands) {
    ExpectHelp(absl::StrCat(path, " ", sub.name), sub);
  }
}

TEST(CommandTableTest, EverythingHasHelp) {
  CommandNode root = DescribeCommands(AllCommands());
  root.help = "a sentence";  // Ends with a full stop, as a sentence does.
  ExpectHelp("baton", root);
}

// What the parser prints, not only what the table says.
TEST(CommandTableTest, TheHelpOfWhatIsSentSaysWhatToDoInDanger) {
  const std::vector<Command> commands = AllCommands();
  for (const Command& command : commands) {
    std::vector<std::string> line = {command.name, "--help"};
    if (!command.family.empty()) line.insert(line.begin(), command.family);
    const auto help = ParseCommandLine(commands, line);
    ASSERT_TRUE(help.ok()) << help.status();
    EXPECT_TRUE(!command.submits || absl::StrContains(help->text, kDangerLine))
        << command.family << " " << command.name;
  }
}

// A usage that can be typed as it stands.
TEST(CommandTableTest, HelpNamesTheWholeCommand) {
  const std::vector<Command> commands = AllCommands();
  for (const auto& [line, usage] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"matter", "take", "--help"}, "baton matter take [OPTIONS]"},
           {{"matter"}, "baton matter [OPTIONS]"},
           {{"track", "-h"}, "baton track [OPTIONS]"},
           {{}, "baton [OPTIONS]"}}) {
    const auto help = ParseCommandLine(commands, line);
    ASSERT_TRUE(help.ok()) << help.status();
    EXPECT_TRUE(absl::StrContains(help->text, absl::StrCat("Usage: ", usage)))
        << help->text;
  }
}

// "=yes" after the flag would read as if danger were assumed.
TEST(CommandTableTest, HelpAssumesNoDanger) {
  const std::vector<Command> commands = AllCommands();
  const auto help = ParseCommandLine(commands, {"case", "raise", "--help"});
  ASSERT_TRUE(help.ok()) << help.status();
  EXPECT_TRUE(
      absl::StrContains(help->text, "--immediate-danger [yes|no|unknown]"));
  EXPECT_FALSE(absl::StrContains(help->text, "=yes"));
}

using Families = std::map<std::string, std::set<std::string>>;

// Commands by family; those that stand alone below "".
Families FamiliesOf(const CommandNode& root) {
  Families families;
  for (const CommandNode& node : root.commands) {
    if (node.commands.empty()) families[""].insert(node.name);
    for (const CommandNode& sub : node.commands) {
      families[node.name].insert(sub.name);
    }
  }
  return families;
}

// The words between backquotes.
std::set<std::string> Quoted(absl::string_view cell) {
  std::set<std::string> words;
  const std::vector<std::string> parts = absl::StrSplit(cell, '`');
  for (size_t i = 1; i < parts.size(); i += 2) words.insert(parts[i]);
  return words;
}

// Rows "| `police` | `report` `update` | ... |" below "## Commands"; the first
// cell of those that stand alone is empty.
Families FamiliesInReadme() {
  const std::string file = SourceFile("services/cli/README.md");
  const std::string text = ReadFile(file).value();
  const size_t begin = text.find("## Commands");
  const std::string section =
      text.substr(begin, text.find("\n## ", begin) - begin);
  Families families;
  for (const absl::string_view line : absl::StrSplit(section, '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    if (cells.size() < 4 || Quoted(cells[2]).empty()) continue;
    const std::set<std::string> family = Quoted(cells[1]);
    families[family.empty() ? "" : *family.begin()] = Quoted(cells[2]);
  }
  return families;
}

TEST(CommandTableTest, TheReadmeNamesEveryCommandAndNoOther) {
  const Families families = FamiliesOf(DescribeCommands(AllCommands()));
  const Families written = FamiliesInReadme();
  EXPECT_EQ(written.size(), families.size());
  for (const auto& [family, commands] : families) {
    EXPECT_EQ(written.count(family), 1u) << family;
    if (written.count(family) == 1) {
      EXPECT_EQ(written.at(family), commands) << family;
    }
  }
}

}  // namespace
}  // namespace baton::cli
