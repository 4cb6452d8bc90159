#ifndef BATON_SERVICES_BROKER_CUSTODY_CHECK_H_
#define BATON_SERVICES_BROKER_CUSTODY_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "services/broker/conversation.h"
#include "services/broker/custody.h"
#include "services/broker/kind_rules.h"
#include "services/common/faults.h"

// Who may say what about a matter, and what its state demands of it. Pure.
namespace baton {

// OK when `agency` is the holder and `expected_version` is 0 or the current
// version. FAILED_PRECONDITION names the holder; ABORTED names the version.
absl::Status CheckCustody(const v1::Matter& matter, const v1::Agency& agency,
                          int64_t expected_version);

// OK when the statement can be made now. FAILED_PRECONDITION or ABORTED when
// the state of the matter forbids it, RESOURCE_EXHAUSTED when a bound is
// reached; what is wrong with the content goes to `faults`, with `field` in
// front. That an author is the author is the caller's to check: it takes the
// message the statement is about.
absl::Status CheckStatement(const KindRule& rule, const Statement& statement,
                            const Saying& saying,
                            const Conversation& conversation,
                            const std::string& field, Faults* faults);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_CUSTODY_CHECK_H_
