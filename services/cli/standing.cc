#include "services/cli/standing.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/cli/words.h"

namespace baton::cli {
namespace {

std::string MisaddressedText(
    const google::protobuf::RepeatedPtrField<v1::Mark>& marks,
    const v1::Matter& matter) {
  if (matter.has_taken()) return "";
  std::vector<std::string> lines;
  for (const v1::Mark& mark : marks) {
    if (mark.code() != v1::MARK_CODE_UNKNOWN_RECIPIENT ||
        !absl::StartsWith(mark.field(), "recipients[")) {
      continue;
    }
    if (mark.field() != "recipients[0]") {
      lines.push_back(
          "WRONG ADDRESS: the exchange does not know one of those who should "
          "get a copy. It went to another desk: ring whom you meant.");
      continue;
    }
    const std::string agency = AgencyText(matter.holder().agency());
    lines.push_back(absl::StrCat(
        "WRONG ADDRESS: the exchange does not know whom this was sent to. ",
        agency.empty()
            ? "Somebody else has it: ring"
            : absl::StrCat("It is with ", AddressText(matter.holder()),
                           " instead: ring them (baton directory "
                           "show ",
                           agency, "), and"),
        " whom you meant."));
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace

std::string MisaddressedText(const v1::WaitingStatus& status) {
  return MisaddressedText(status.marks(), status.matter());
}

std::string MisaddressedText(const v1::CaseStatus& status) {
  return MisaddressedText(status.marks(), status.matters_size() > 0
                                              ? status.matters(0).matter()
                                              : v1::Matter());
}

bool NeedsRinging(const Standing& standing) {
  return standing.alarm || !standing.misaddressed.empty() ||
         ExitCodeOf(standing) != ExitCode::kOk;
}

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

std::string StandsCell(const Standing& standing, absl::string_view headline) {
  std::string cell = NotSentLine(standing);
  if (cell.empty()) cell = std::string(headline);
  return standing.misaddressed.empty() ? cell
                                       : absl::StrCat("WRONG ADDRESS; ", cell);
}

void PrintStanding(const Standing& standing, std::ostream& out) {
  const std::string not_sent = NotSentLine(standing);
  if (standing.alarm) {
    out << "ALARM: immediate danger, and not sent. Ring NOW.\n";
  }
  if (!not_sent.empty() && !absl::StrContains(standing.headline, "NOT SENT")) {
    out << Printable(not_sent) << "\n";
  }
  if (!standing.misaddressed.empty()) out << standing.misaddressed << "\n";
  if (!standing.headline.empty()) out << Printable(standing.headline) << "\n";
}

void PrintAdvice(ExitCode code, bool exchange_heard, std::ostream& out) {
  if (code == ExitCode::kRefused) {
    out << "The exchange refused it; what follows in this conversation waits "
           "behind it. baton case refused says why: withdraw it there "
           "(--withdraw ID --reason TEXT) and say it again, mended.\n";
  } else if (code == ExitCode::kHeld && exchange_heard) {
    out << "If this stays while the exchange is heard, something before it was "
           "refused and holds it back: baton case refused shows what.\n";
  }
}

}  // namespace baton::cli
