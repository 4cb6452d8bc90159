#ifndef BATON_SERVICES_CLI_STANDING_H_
#define BATON_SERVICES_CLI_STANDING_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "baton/v1/emergency_service.pb.h"
#include "baton/v1/message.pb.h"
#include "services/cli/exit_code.h"

// Whether what was raised here has left this machine. A wait and a case say it
// in the same fields; the words and exit codes are made of these in one place.
namespace baton::cli {

struct Standing {
  v1::OutboxState outbox_state;
  int held_messages;
  bool alarm;
  std::string phone;
  std::string headline;
  // "NOT to whom it was addressed"; empty when everybody named is known.
  std::string astray;
};

// Whether the exchange knew a recipient, or gave it to another desk.
std::string AstrayText(
    const google::protobuf::RepeatedPtrField<v1::Mark>& marks);

// Of a WaitingStatus or a CaseStatus.
template <typename Status>
Standing StandingOf(const Status& status) {
  return {status.outbox_state(), status.held_messages(),
          status.alarm(),        status.phone(),
          status.headline(),     AstrayText(status.marks())};
}

// Held, and not refused: a moment later it may be with the exchange.
bool IsHeld(const Standing& standing);

// kHeld, kRefused, or kOk: of one message.
ExitCode ExitCodeOf(v1::OutboxState state);

// kHeld while anything of it is not with the exchange, kRefused when the
// exchange refused it, kOk otherwise.
ExitCode ExitCodeOf(const Standing& standing);

// "NOT SENT, ring 0115 ..."; empty when everything reached the exchange.
std::string NotSentLine(const Standing& standing);

// A list cell: NOT SENT or else `headline`, and what went astray.
std::string StandsCell(const Standing& standing, absl::string_view headline);

// Alarm, NOT SENT, headline and what went astray, the gravest first, to `out`.
void PrintStanding(const Standing& standing, std::ostream& out);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_STANDING_H_
