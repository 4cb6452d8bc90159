#ifndef BATON_SERVICES_BROKER_SEALED_RECORDS_H_
#define BATON_SERVICES_BROKER_SEALED_RECORDS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/conversation.h"
#include "storage/random.h"
#include "storage/store.h"
#include "storage/vault.h"

// Between what travels and what rests: payload parts, actors and details are
// sealed under the keys of their matters and conversations. Thread-safe.
namespace baton {

// What is sealed of `message`, whose ids are set and whose conversation is
// `conversation`. The record has no envelope yet.
absl::StatusOr<v1::MessageRecord> SealMessage(const v1::Message& message,
                                              const Conversation& conversation,
                                              const Vault& vault);

// The record on disk: `sealed`, and the rest of `message` as its envelope. Both
// are as before afterwards: the envelope is lent, not copied.
std::string SerializeRecord(v1::MessageRecord* sealed, v1::Message* message);

// The message as published. Parts whose keys were erased are left out.
absl::StatusOr<v1::Message> OpenMessage(const v1::MessageRecord& record,
                                        const Vault& vault);

// SHA-256 over the sealed parts, in order.
std::string CiphertextDigest(const v1::MessageRecord& record);

// Reads a message. NOT_FOUND when there is none.
absl::StatusOr<v1::MessageRecord> ReadMessageRecord(const Reader& reader,
                                                    uint64_t sequence);
// The same from its bytes on disk.
absl::StatusOr<v1::MessageRecord> ParseMessageRecord(const std::string& bytes,
                                                     uint64_t sequence);

// Seals the details of every matter into the record.
absl::Status SealDetails(const Vault& vault, RandomSource* random,
                         Conversation* conversation);

// Opens a stored conversation. Details whose keys were erased stay empty.
absl::StatusOr<Conversation> OpenConversationRecord(
    v1::ConversationRecord record, const Vault& vault);

// Reads a conversation. NOT_FOUND when there is none.
absl::StatusOr<Conversation> ReadConversation(const Reader& reader,
                                              uint64_t number,
                                              const Vault& vault);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_SEALED_RECORDS_H_
