#include "services/cli/manual.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "services/cli/words.h"

namespace baton::cli {
namespace {

// Text that roff leaves alone: a line must not begin with a request.
std::string Roff(absl::string_view text) {
  std::string escaped =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"\n", " "}});
  if (absl::StartsWith(escaped, ".") || absl::StartsWith(escaped, "'")) {
    escaped.insert(0, "\\&");
  }
  return escaped;
}

void AddOption(const OptionNode& option, std::string* page) {
  absl::StrAppend(page, ".TP\n\\fB", Roff(absl::StrJoin(option.names, ", ")),
                  "\\fR");
  if (!option.placeholder.empty()) {
    absl::StrAppend(page, " \\fI", Roff(option.placeholder), "\\fR");
  }
  absl::StrAppend(page, "\n", Roff(option.help), "\n");
}

void AddCommand(const std::string& path, const CommandNode& node,
                std::string* page) {
  if (node.commands.empty()) {
    absl::StrAppend(page, ".SS \"", Roff(path), "\"\n", Roff(node.help), ".\n");
    if (node.submits) absl::StrAppend(page, ".PP\n", Roff(kDangerLine), "\n");
    for (const OptionNode& option : node.options) AddOption(option, page);
  }
  for (const CommandNode& sub : node.commands) {
    AddCommand(absl::StrCat(path, " ", sub.name), sub, page);
  }
}

}  // namespace

std::string ManualPage(const CommandNode& root, absl::string_view version) {
  std::string page = absl::StrCat(
      ".TH BATON 1 \"\" \"baton ", Roff(version), "\"\n", ".SH NAME\n",
      Roff("baton"), " \\- the exchange for referrals about children\n",
      ".SH SYNOPSIS\n.B baton\n\\fICOMMAND\\fR [\\fIOPTION\\fR ...]\n",
      ".SH DESCRIPTION\n.B ", Roff(kDangerLine), "\n.PP\n", Roff(root.help),
      "\n.SH COMMANDS\n");
  AddCommand("baton", root, &page);
  absl::StrAppend(&page, ".SH EXIT STATUS\n",
                  "0 done; 1 error; 2 usage; 3 not reachable; 4 refused; 5 "
                  "audit failed; 6 accepted but HELD: NOT SENT\n");
  return page;
}

}  // namespace baton::cli
