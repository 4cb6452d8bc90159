#ifndef BATON_SERVICES_CLI_RECEIPTS_H_
#define BATON_SERVICES_CLI_RECEIPTS_H_

#include <string>
#include <vector>

#include "baton/v1/conversation.pb.h"
#include "services/cli/output.h"
#include "services/cli/times.h"
#include "services/cli/words.h"

// Custody of one matter: who holds it, and the receipts, each with how long
// it took since the exchange first had the matter.
namespace baton::cli {

// One of delivered, first read, taken, decided.
struct Step {
  const char* key;             // "first_read"
  const char* title;           // "first read"
  const v1::Receipt* receipt;  // Null: not so far as we know.
};
std::vector<Step> StepsOf(const v1::Matter& matter);

// "in their system; nobody has looked", "taken, but never opened", ...
std::string StateText(const v1::Matter& matter);

// Since the exchange had the matter.
absl::Duration After(const v1::Matter& matter, const v1::Receipt& receipt);

// What else whoever looks at it must know: recalled, withdrawn, corrected, an
// offer nobody accepted yet, a possible match and whom to ring. Empty: nothing.
std::string NotesText(const v1::Matter& matter);

// Adds everything about the matter. A receipt that is not there is "not yet"
// when `heard` is recent and unknown otherwise.
void AddMatter(const v1::Matter& matter, const Heard& heard,
               const LocalClock& clock, Record* record);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_RECEIPTS_H_
