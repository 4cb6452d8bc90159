#ifndef BATON_SERVICES_BROKER_CUSTODY_H_
#define BATON_SERVICES_BROKER_CUSTODY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "baton/v1/audit_service.pb.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/message.pb.h"
#include "services/broker/conversation.h"
#include "services/broker/custody_content.h"
#include "services/broker/kind_rules.h"
#include "services/common/faults.h"

// Custody: who may say what about a matter, and what it changes. Pure functions
// of a conversation, a statement and the time. Queue settlement never changes
// custody; only these do.
//
// The holder owes the next action. It changes by offer and acceptance alone;
// then the receipts of the old holder become a past custody and the matter's
// are the new holder's. Nothing else ever takes a receipt back. Duties of
// others stay where they are, whoever holds the matter.
namespace baton {

inline constexpr int kMaxPastCustodies = 32;
inline constexpr int kMaxMilestones = 64;
inline constexpr int kMaxDuties = 64;

// What one part of a message says about one matter. A Correction of what a
// conversation shares is one statement about each of its matters.
struct Statement {
  int matter;  // Its place in the conversation's record.
  int part;    // Its place in the payload.
  CustodyContent content;
};

// Who says it, and what the whole message is about.
struct Saying {
  v1::Agency sender;
  std::string message_id;
  std::string in_reply_to;
  // Everyone who got the message it is about, and the holders.
  std::vector<v1::Address> readers;
  // The body a matter is offered to is not on the exchange.
  bool off_exchange = false;
};

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

// One audit leaf's worth of change.
struct Effect {
  v1::AuditType type;
  int64_t version;      // Of the matter, after it.
  std::string code;     // Outcome, grade, duty: whatever the type calls for.
  v1::Address address;  // The new holder, or whose duty; may be empty.
};

// Makes a statement that CheckStatement has passed. `receipt` is that of the
// first effect; the others follow it. Questions between agencies change
// nothing and have no effect.
std::vector<Effect> ApplyStatement(const Statement& statement,
                                   const Saying& saying,
                                   const v1::Receipt& receipt,
                                   Conversation* conversation);

// Receipts that no message carries. Each returns true when it changed the
// matter; a second one changes nothing.
bool RecordDelivered(const v1::Receipt& receipt, int matter,
                     Conversation* conversation);
bool RecordFirstRead(const v1::Receipt& receipt, const v1::Actor& actor,
                     int matter, Conversation* conversation);

// Joint duties: each of `addresses` owes an answer of its own about a homeless
// young person. RESOURCE_EXHAUSTED when there is no room for them.
absl::Status CheckRoomForDuties(const v1::Matter& matter, size_t count);
std::vector<Effect> RecordHomelessDuties(
    const std::vector<v1::Address>& addresses, const std::string& message_id,
    absl::Time now, int matter, Conversation* conversation);

// A named person released a restricted matter; the first one stays.
bool RecordReleased(const v1::Receipt& receipt, const v1::Actor& actor,
                    int matter, Conversation* conversation);
// A named person said that the other matter is not the same: the link from
// this matter to it stays, as undone. False when there is no such link.
bool RecordUnlinked(const v1::Receipt& receipt, const v1::Actor& actor,
                    const std::string& other_matter_id, int matter,
                    Conversation* conversation);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_CUSTODY_H_
