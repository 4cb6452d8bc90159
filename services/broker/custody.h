#ifndef BATON_SERVICES_BROKER_CUSTODY_H_
#define BATON_SERVICES_BROKER_CUSTODY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "baton/v1/audit_service.pb.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/message.pb.h"
#include "services/broker/conversation.h"
#include "services/broker/custody_content.h"

// Custody: what is said about a matter, and what it changes; custody_check.h
// has who may say it. Pure functions of a conversation, a statement and the
// time. Queue settlement never changes custody; only these do.
//
// The holder owes the next action. It changes by offer and acceptance alone;
// then the receipts of the old holder become a past custody and the matter's
// are the new holder's. Nothing else ever takes a receipt back. Duties of
// others stay where they are, whoever holds the matter.
namespace baton {

inline constexpr int kMaxPastCustodies = 32;
inline constexpr int kMaxMilestones = 64;

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

// One audit leaf's worth of change.
struct Effect {
  v1::AuditType type;
  int64_t version;      // Of the matter, after it.
  std::string code;     // Outcome, grade, duty: whatever the type calls for.
  v1::Address address;  // The new holder, or whose duty; may be empty.
};

// Every change raises the version of the matter; the state of one holder never
// goes back.
void Changed(v1::MatterState state, v1::Matter* matter);

// Makes a statement that CheckStatement() has passed. `receipt` is that of the
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
// young person. CheckRoomForDuties() has said that there is room.
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
