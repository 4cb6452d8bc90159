#include "services/cli/standing.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/cli/words.h"

namespace baton::cli {

bool IsHeld(const Standing& standing) {
  return ExitCodeOf(standing) == ExitCode::kHeld;
}

ExitCode ExitCodeOf(v1::OutboxState state) {
  if (state == v1::OUTBOX_STATE_REFUSED) return ExitCode::kRefused;
  return state == v1::OUTBOX_STATE_HELD ? ExitCode::kHeld : ExitCode::kOk;
}

ExitCode ExitCodeOf(const Standing& standing) {
  const ExitCode code = ExitCodeOf(standing.outbox_state);
  return code == ExitCode::kOk && standing.held_messages > 0 ? ExitCode::kHeld
                                                             : code;
}

std::string NotSentLine(const Standing& standing) {
  if (ExitCodeOf(standing) == ExitCode::kOk) return "";
  return absl::StrCat("NOT SENT, ring ", standing.phone.empty()
                                             ? "999 or the duty team"
                                             : standing.phone);
}

std::string AstrayText(
    const google::protobuf::RepeatedPtrField<v1::Mark>& marks) {
  std::string text;
  for (const v1::Mark& mark : marks) {
    if (mark.code() != v1::MARK_CODE_UNKNOWN_RECIPIENT) continue;
    if (mark.field() == "recipients[0]") return "NOT to whom it was addressed";
    if (absl::StartsWith(mark.field(), "recipients[")) {
      text = "a copy NOT to whom it was addressed";
    }
  }
  return text;
}

std::string StandsCell(const Standing& standing, absl::string_view headline) {
  std::string cell = NotSentLine(standing);
  if (cell.empty()) cell = std::string(headline);
  if (!standing.astray.empty()) absl::StrAppend(&cell, "; ", standing.astray);
  return cell;
}

void PrintStanding(const Standing& standing, std::ostream& out) {
  const std::string not_sent = NotSentLine(standing);
  if (standing.alarm) {
    out << "ALARM: immediate danger, and not sent. Ring NOW.\n";
  }
  if (!not_sent.empty() && !absl::StrContains(standing.headline, "NOT SENT")) {
    out << Printable(not_sent) << "\n";
  }
  if (!standing.headline.empty()) out << Printable(standing.headline) << "\n";
  if (!standing.astray.empty()) {
    out << standing.astray
        << ": the exchange knows no such agency or desk. Ring whom you meant, "
           "and who has it instead.\n";
  }
}

}  // namespace baton::cli
