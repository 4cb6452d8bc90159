#include <cstdlib>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "services/cli/command_line.h"
#include "services/cli/words.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

// Calls `visit` with every level of the tree and its path, "baton police".
void Walk(
    const std::string& path, const CommandNode& node,
    const std::function<void(const std::string&, const CommandNode&)>& visit) {
  visit(path, node);
  for (const CommandNode& sub : node.commands) {
    Walk(absl::StrCat(path, " ", sub.name), sub, visit);
  }
}

class CliManualTest : public CliTest {
 protected:
  // The manual page without its escapes, so that it can be searched.
  std::string Page() {
    EXPECT_EQ(Run({"help-man"}), ExitCode::kOk) << err_;
    return absl::StrReplaceAll(out_,
                               {{"\\-", "-"}, {"\\&", ""}, {"\\e", "\\"}});
  }

  // What bash offers when Tab is pressed at the end of `words`.
  std::vector<std::string> Offered(const std::vector<std::string>& words) {
    EXPECT_EQ(Run({"completion", "bash"}), ExitCode::kOk) << err_;
    Write("completion", out_);
    Write("press-tab",
          absl::StrCat("source '", dir_ / "completion", "'\n", "COMP_WORDS=('",
                       absl::StrJoin(words, "' '"), "')\n",
                       "COMP_CWORD=", words.size() - 1, "\n_baton\n",
                       "printf '%s\\n' \"${COMPREPLY[@]}\"\n"));
    const std::string command =
        absl::StrCat("bash --norc '", dir_ / "press-tab", "' >'",
                     dir_ / "offered", "' 2>'", dir_ / "complaints", "'");
    EXPECT_EQ(std::system(command.c_str()), 0);
    EXPECT_EQ(Read("complaints"), "");
    return absl::StrSplit(Read("offered"), '\n', absl::SkipEmpty());
  }

  const CommandNode root_ = DescribeCommands(AllCommands());
};

TEST_F(CliManualTest, ThePageNamesEveryCommandAndOption) {
  const std::string page = Page();
  Walk("baton", root_, [&](const std::string& path, const CommandNode& node) {
    if (!node.commands.empty()) return;
    const std::string heading = absl::StrCat(".SS \"", path, "\"\n", node.help);
    const size_t begin = page.find(heading);
    ASSERT_NE(begin, std::string::npos) << heading;
    const std::string section =
        page.substr(begin, page.find("\n.S", begin + 1) - begin);
    EXPECT_EQ(absl::StrContains(section, kDangerLine), node.submits) << path;
    for (const OptionNode& option : node.options) {
      const std::string names = absl::StrJoin(option.names, ", ");
      EXPECT_THAT(section, HasSubstr(absl::StrCat("\\fB", names, "\\fR")))
          << path;
      EXPECT_THAT(section, HasSubstr(option.help)) << path << " " << names;
    }
  });
  EXPECT_THAT(page, Not(HasSubstr("help-man")));
}

TEST_F(CliManualTest, ThePageBeginsWithWhatToDoInDanger) {
  EXPECT_THAT(Page(), HasSubstr(absl::StrCat(".SH DESCRIPTION\n.B ",
                                             kDangerLine, "\n")));
}

TEST_F(CliManualTest, ThePageNamesEveryExitCode) {
  const std::string page = Page();
  const std::string section = page.substr(page.find(".SH EXIT STATUS"));
  for (int code = 0; code <= static_cast<int>(ExitCode::kHeld); ++code) {
    EXPECT_THAT(section, HasSubstr(absl::StrCat("\n.B ", code, "\n")));
  }
  EXPECT_THAT(section, HasSubstr("HELD: NOT SENT"));
}

// A help text must not be read as a request of roff.
TEST_F(CliManualTest, ThePageIsRoffAndNothingElse) {
  Page();
  EXPECT_THAT(out_, StartsWith(".TH BATON 1"));
  for (const absl::string_view line : absl::StrSplit(out_, '\n')) {
    if (!absl::StartsWith(line, ".")) continue;
    const std::string request(line.substr(0, line.find(' ')));
    EXPECT_THAT((std::vector<std::string>{".TH", ".SH", ".SS", ".PP", ".TP",
                                          ".B", ".I"}),
                Contains(request));
  }
}

TEST_F(CliManualTest, CompletionOffersEveryCommandAndOption) {
  Run({"completion", "bash"});
  const std::string script = out_;
  Walk("", root_, [&](const std::string& path, const CommandNode& node) {
    const std::string at(absl::StripPrefix(path, " "));
    const size_t begin =
        script.find(absl::StrCat("      \"", at, "\") offered=\""));
    ASSERT_NE(begin, std::string::npos) << at;
    const std::string line = absl::StrReplaceAll(
        script.substr(begin, script.find('\n', begin) - begin), {{"\"", " "}});
    for (const CommandNode& sub : node.commands) {
      EXPECT_THAT(line, HasSubstr(absl::StrCat(" ", sub.name, " "))) << at;
    }
    for (const OptionNode& option : node.options) {
      if (option.positional) continue;
      for (const std::string& name : option.names) {
        EXPECT_THAT(line, HasSubstr(absl::StrCat(" ", name, " "))) << at;
      }
    }
  });
}

TEST_F(CliManualTest, CompletionOffersTheWordsAnOptionTakes) {
  EXPECT_THAT(Offered({"baton", "matter", "triage", "--grade", ""}),
              ElementsAre("red", "amber", "green"));
  EXPECT_THAT(Offered({"baton", "police", "report", "--grade", "h"}),
              ElementsAre("high"));
  EXPECT_THAT(Offered({"baton", "case", "raise", "--immediate-danger", ""}),
              ElementsAre("yes", "no", "unknown"));
  EXPECT_THAT(Offered({"baton", "case", "list", "-o", "j"}),
              ElementsAre("json", "jsonl"));
  EXPECT_THAT(Offered({"baton", "case", "list", "--service", ""}),
              ElementsAre("emergency", "police", "school", "council"));
  EXPECT_THAT(Offered({"baton", "completion", "z"}), ElementsAre("zsh"));
}

TEST_F(CliManualTest, CompletionFollowsTheCommandLine) {
  EXPECT_THAT(Offered({"baton", "pol"}), ElementsAre("police"));
  EXPECT_THAT(Offered({"baton", "matter", "an"}),
              ElementsAre("answer", "answer-challenge"));
  EXPECT_THAT(Offered({"baton", "--context", "night", "inbox", "w"}),
              ElementsAre("watch"));
  EXPECT_THAT(Offered({"baton", "inbox", "watch", "--"}),
              AllOf(IsSupersetOf({"--no-bell", "--consumer", "--context"}),
                    Not(Contains("--reference"))));
  // Nothing of ours fits a file's name: the shell then offers files.
  EXPECT_THAT(Offered({"baton", "case", "raise", "--file", "/tm"}), IsEmpty());
  EXPECT_THAT(Offered({"baton", ""}), Not(Contains("help-man")));
}

TEST_F(CliManualTest, ZshRunsTheSameScript) {
  Run({"completion", "bash"});
  const std::string bash = out_;
  EXPECT_EQ(Run({"completion", "zsh"}), ExitCode::kOk);
  EXPECT_THAT(out_, StartsWith("autoload -U +X bashcompinit"));
  EXPECT_THAT(out_, HasSubstr(bash));
  EXPECT_EQ(Run({"completion", "fish"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("\"fish\" is not bash or zsh"));
}

}  // namespace
}  // namespace baton::cli
