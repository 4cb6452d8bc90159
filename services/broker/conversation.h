#ifndef BATON_SERVICES_BROKER_CONVERSATION_H_
#define BATON_SERVICES_BROKER_CONVERSATION_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"

// Conversations: what opens them, who takes part, what they are shown. Pure
// functions. What moves custody within one is in custody.h.
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

// Notes that `message` belongs to the conversation. True when somebody takes
// part now who did not.
bool AddMessage(const v1::Message& message, uint64_t sequence,
                Conversation* conversation);

// True when `agency` sent or got a message of it.
bool IsParticipant(const Conversation& conversation, const v1::Agency& agency);
// False when it was one.
bool AddParticipant(const v1::Agency& agency, Conversation* conversation);

// The first part of AddMessage, for a message that brings nobody new.
void JoinMessage(uint64_t sequence, Conversation* conversation);

// The matter's place in the record, or -1.
int FindMatter(const Conversation& conversation, const std::string& matter_id);

// Visits the receipts of a matter that messages carried, except those whose
// names have places of their own in its details (taken, decided).
void ForEachMessageReceipt(v1::Matter* matter,
                           const std::function<void(v1::Receipt*)>& visit);

// What participants are shown.
v1::Conversation ToPublic(const Conversation& conversation);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_CONVERSATION_H_
