#ifndef BATON_SERVICES_CLI_STANDING_H_
#define BATON_SERVICES_CLI_STANDING_H_

#include <ostream>
#include <string>

#include "absl/strings/string_view.h"
#include "baton/v1/case_status.pb.h"
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
  std::string misaddressed;
};

// That somebody it was sent to is not known to the exchange, and who has it
// instead: whoever sent it believes others have it. Empty when all are known,
// and once a person has taken it.
std::string MisaddressedText(const v1::WaitingStatus& status);
std::string MisaddressedText(const v1::CaseStatus& status);

// Of a WaitingStatus or a CaseStatus.
template <typename Status>
Standing StandingOf(const Status& status) {
  return {status.outbox_state(), status.held_messages(),
          status.alarm(),        status.phone(),
          status.headline(),     MisaddressedText(status)};
}

// Somebody must ring: it is not sent, or not where it should be.
bool NeedsRinging(const Standing& standing);

// Held, and not refused: a moment later it may be with the exchange.
bool IsHeld(const Standing& standing);

// kHeld, kRefused, or kOk: of one message.
ExitCode ExitCodeOf(v1::OutboxState state);

// kHeld while anything of it is not with the exchange, kRefused when the
// exchange refused it, kOk otherwise.
ExitCode ExitCodeOf(const Standing& standing);

// "NOT SENT, ring 0115 ..."; empty when everything reached the exchange.
std::string NotSentLine(const Standing& standing);

// A list cell: NOT SENT or else `headline`, and WRONG ADDRESS.
std::string StandsCell(const Standing& standing, absl::string_view headline);

// Alarm, NOT SENT, WRONG ADDRESS and headline, the gravest first, to `out`.
void PrintStanding(const Standing& standing, std::ostream& out);

// What to do about what is refused, and about what is held while the exchange
// is heard, so that waiting alone does not help.
void PrintAdvice(ExitCode code, bool exchange_heard, std::ostream& out);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_STANDING_H_
