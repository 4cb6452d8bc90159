#include "services/cli/manual.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "services/cli/words.h"

namespace baton::cli {
namespace {

constexpr char kExitStatus[] = R"(.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
error of the call or of this machine
.TP
.B 2
usage: the command line, a file or the configuration
.TP
.B 3
nobody answered: what became of it is not known; repeat with the same
\-\-request\-id
.TP
.B 4
refused
.TP
.B 5
audit failed: the log is not what it was signed or seen to be
.TP
.B 6
accepted on the service's disk but HELD: NOT SENT
)";

constexpr char kFiles[] = R"(.SH FILES
.TP
.I ~/.config/baton/client.txtpb
addresses, certificates, who acts, and contexts; elsewhere with \-\-config or
$BATON_CONFIG
.TP
.I checkpoint
beside it: the last checkpoint of the audit log this program saw
)";

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
  absl::StrAppend(&page, kExitStatus, kFiles);
  return page;
}

}  // namespace baton::cli
