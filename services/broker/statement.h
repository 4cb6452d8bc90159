#ifndef BATON_SERVICES_BROKER_STATEMENT_H_
#define BATON_SERVICES_BROKER_STATEMENT_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/message.pb.h"
#include "services/broker/conversation.h"
#include "services/broker/custody.h"
#include "services/broker/directory.h"
#include "services/broker/ledger.h"
#include "services/common/identity.h"

// Between a message and custody: opens what it says about matters, reads the
// messages it is about, and writes the leaves of what it changed. The decisions
// are in custody.h. Not thread-safe: owned by the commit thread.
namespace baton {

// All that one message says about matters of its conversation.
struct Said {
  Saying saying;
  std::vector<Statement> statements;
  // Places of the matters that it gives joint duties on.
  std::vector<int> joint_matters;
  // To be added to the recipients: the holder, or everyone who got what is
  // corrected, withdrawn or recalled. All have a queue.
  std::vector<v1::Address> owed;

  // Nothing about any matter.
  bool empty() const { return statements.empty() && joint_matters.empty(); }
};

// Makes the body that matters are offered to a recipient, when it is on the
// exchange and the sender did not name it. Before the routes are checked: the
// choice is the sender's. INVALID_ARGUMENT when the offers of one message go to
// different bodies: each would read about all children.
absl::Status NameOfferedTo(const Directory& directory, v1::Message* message);

// Checks everything a message says in its `conversation`, whose participant the
// sender is. INVALID_ARGUMENT lists every fault; else as CheckStatement, and
// FAILED_PRECONDITION when the sender is not the author it must be.
absl::StatusOr<Said> CheckSaid(const Identity& sender,
                               const v1::Message& message,
                               const Conversation& conversation,
                               const Directory& directory,
                               const Ledger& ledger);

// Changes the matters and appends the leaves. `message` is as published.
absl::Status ApplySaid(const Identity& sender, const v1::Message& message,
                       Said said, Conversation* conversation, Ledger* ledger);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_STATEMENT_H_
