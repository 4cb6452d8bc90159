#ifndef BATON_SERVICES_BROKER_CONVERSATION_H_
#define BATON_SERVICES_BROKER_CONVERSATION_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"

// Custody: who holds which matter, and the receipts that are never taken back.
// Pure functions of a conversation, a command and the time. Queue settlement
// never changes custody; only these do.
namespace baton {

// A conversation with its details open.
struct Conversation {
  v1::ConversationRecord record;
  std::vector<v1::MatterDetails> details;  // One per matter of the record.
};

// Opens a conversation with message `message` as its first: one matter per
// part "#n", each held by the ACTION recipient from now on.
Conversation OpenConversation(const v1::Message& message,
                              const v1::Address& holder, uint64_t number,
                              absl::Time now);

// Notes that `message` belongs to the conversation.
void AddMessage(const v1::Message& message, uint64_t sequence,
                Conversation* conversation);

// True when `agency` sent or got a message of it.
bool IsParticipant(const Conversation& conversation, const v1::Agency& agency);
void AddParticipant(const v1::Agency& agency, Conversation* conversation);

// The matter's place in the record, or -1.
int FindMatter(const Conversation& conversation, const std::string& matter_id);

// OK when `agency` may act on the matter: it is the holder, and
// `expected_version` is 0 or the current version. FAILED_PRECONDITION names
// the holder; ABORTED names the version.
absl::Status CheckCustody(const v1::Matter& matter, const v1::Agency& agency,
                          int64_t expected_version);

// Receipts. Each returns true when it changed the matter; a second delivered,
// first read or taken changes nothing.
bool RecordDelivered(const v1::Receipt& receipt, int matter,
                     Conversation* conversation);
bool RecordFirstRead(const v1::Receipt& receipt, const v1::Actor& actor,
                     int matter, Conversation* conversation);
bool RecordTaken(const v1::Receipt& receipt, const v1::Taken& taken, int matter,
                 Conversation* conversation);
// The latest decision stands; earlier ones stay in the timeline.
void RecordDecided(const v1::Receipt& receipt, const v1::Decision& decision,
                   int matter, Conversation* conversation);

// What participants are shown.
v1::Conversation ToPublic(const Conversation& conversation);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_CONVERSATION_H_
