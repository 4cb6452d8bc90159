#include "services/broker/sealed_records.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "storage/seal.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr char kActorPart[] = "actor";

PartContext ContextOf(const v1::Message& envelope, absl::string_view part,
                      absl::string_view sender) {
  return {.message_id = envelope.message_id(),
          .part = part,
          .view = "",
          .sender = sender};
}

// The slot of the key that seals what concerns `matter_id`.
uint64_t SlotOf(const Conversation& conversation,
                const std::string& matter_id) {
  const int matter = FindMatter(conversation, matter_id);
  return matter < 0 ? conversation.record.common_key_slot()
                    : conversation.record.matters(matter).key_slot();
}

absl::StatusOr<v1::SealedPart> Seal(const Vault& vault, uint64_t slot,
                                    const PartContext& context,
                                    absl::string_view plain) {
  ASSIGN_OR_RETURN(const std::string key, vault.Key(slot));
  v1::SealedPart part;
  part.set_key_slot(slot);
  part.set_ciphertext(SealPart(key, context, plain));
  return part;
}

// nullopt when the key was erased.
absl::StatusOr<std::optional<std::string>> Open(const Vault& vault,
                                                const v1::SealedPart& part,
                                                const PartContext& context) {
  const absl::StatusOr<std::string> key = vault.Key(part.key_slot());
  if (absl::IsNotFound(key.status())) return std::optional<std::string>();
  RETURN_IF_ERROR(key.status());
  ASSIGN_OR_RETURN(std::string plain,
                   OpenPart(*key, context, part.ciphertext()));
  return std::optional<std::string>(std::move(plain));
}

// Details are sealed anew when their matter moves on, each time under another
// name; a matter that did not change keeps its bytes.
std::string DetailsName(const v1::MatterRecord& matter) {
  return absl::StrCat("details/", matter.matter().matter_id(), "/",
                      matter.sealed_version());
}

}  // namespace

absl::StatusOr<v1::MessageRecord> SealMessage(const v1::Message& message,
                                              const Conversation& conversation,
                                              const Vault& vault) {
  const std::string sender = AgencyName(message.sender());
  v1::MessageRecord record;
  for (const v1::PayloadPart& part : message.payload()) {
    ASSIGN_OR_RETURN(
        v1::SealedPart sealed,
        Seal(vault, SlotOf(conversation, part.matter_id()),
             ContextOf(message, part.matter_id(), sender), part.content()));
    sealed.set_matter_id(part.matter_id());
    sealed.set_type(part.type());
    *record.add_parts() = std::move(sealed);
  }
  if (message.has_actor()) {
    ASSIGN_OR_RETURN(*record.mutable_actor(),
                     Seal(vault, conversation.record.common_key_slot(),
                          ContextOf(message, kActorPart, sender),
                          message.actor().SerializeAsString()));
  }
  return record;
}

std::string SerializeRecord(v1::MessageRecord* sealed, v1::Message* message) {
  google::protobuf::RepeatedPtrField<v1::PayloadPart> payload;
  payload.Swap(message->mutable_payload());
  v1::Actor* const actor = message->release_actor();
  sealed->set_allocated_envelope(message);
  std::string bytes = sealed->SerializeAsString();
  (void)sealed->release_envelope();
  message->set_allocated_actor(actor);
  message->mutable_payload()->Swap(&payload);
  return bytes;
}

absl::StatusOr<v1::Message> OpenMessage(const v1::MessageRecord& record,
                                        const Vault& vault) {
  v1::Message message = record.envelope();
  const std::string sender = AgencyName(message.sender());
  for (const v1::SealedPart& sealed : record.parts()) {
    ASSIGN_OR_RETURN(
        std::optional<std::string> plain,
        Open(vault, sealed, ContextOf(message, sealed.matter_id(), sender)));
    if (!plain.has_value()) continue;
    v1::PayloadPart* const part = message.add_payload();
    part->set_matter_id(sealed.matter_id());
    part->set_type(sealed.type());
    part->set_content(*std::move(plain));
  }
  if (record.has_actor()) {
    ASSIGN_OR_RETURN(
        const std::optional<std::string> plain,
        Open(vault, record.actor(), ContextOf(message, kActorPart, sender)));
    if (plain.has_value() &&
        !message.mutable_actor()->ParseFromString(*plain)) {
      return absl::DataLossError(
          absl::StrCat("the actor of ", message.message_id(), " is damaged"));
    }
  }
  return message;
}

std::string CiphertextDigest(const v1::MessageRecord& record) {
  std::string ciphertext;
  for (const v1::SealedPart& part : record.parts()) {
    ciphertext += part.ciphertext();
  }
  return std::string(AsBytes(Sha256(ciphertext)));
}

absl::StatusOr<v1::MessageRecord> ReadMessageRecord(const Reader& reader,
                                                    uint64_t sequence) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   reader.Get(MessageKey(sequence)));
  if (!bytes.has_value()) return absl::NotFoundError("no such message");
  return ParseMessageRecord(*bytes, sequence);
}

absl::StatusOr<v1::MessageRecord> ParseMessageRecord(const std::string& bytes,
                                                     uint64_t sequence) {
  v1::MessageRecord record;
  if (!record.ParseFromString(bytes)) {
    return absl::DataLossError(
        absl::StrCat("the record of ", MessageId(sequence), " is damaged"));
  }
  return record;
}

absl::Status SealDetails(const Vault& vault, RandomSource* random,
                         Conversation* conversation) {
  for (int i = 0; i < conversation->record.matters_size(); ++i) {
    const std::string plain = conversation->details[i].SerializeAsString();
    v1::MatterRecord* const matter = conversation->record.mutable_matters(i);
    if (plain.empty() ||
        matter->sealed_version() == matter->matter().version()) {
      continue;
    }
    matter->set_sealed_version(matter->matter().version());
    ASSIGN_OR_RETURN(const std::string key, vault.Key(matter->key_slot()));
    matter->set_sealed_details(
        SealRecord(key, DetailsName(*matter), plain, random));
  }
  return absl::OkStatus();
}

absl::StatusOr<Conversation> OpenConversationRecord(
    v1::ConversationRecord record, const Vault& vault) {
  Conversation conversation;
  conversation.details.resize(record.matters_size());
  for (int i = 0; i < record.matters_size(); ++i) {
    const v1::MatterRecord& matter = record.matters(i);
    if (matter.sealed_details().empty()) continue;
    const absl::StatusOr<std::string> key = vault.Key(matter.key_slot());
    if (absl::IsNotFound(key.status())) continue;
    RETURN_IF_ERROR(key.status());
    ASSIGN_OR_RETURN(
        const std::string plain,
        OpenRecord(*key, DetailsName(matter), matter.sealed_details()));
    if (!conversation.details[i].ParseFromString(plain)) {
      return absl::DataLossError(absl::StrCat(
          "the details of ", matter.matter().matter_id(), " are damaged"));
    }
  }
  conversation.record = std::move(record);
  return conversation;
}

absl::StatusOr<Conversation> ReadConversation(const Reader& reader,
                                              uint64_t number,
                                              const Vault& vault) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   reader.Get(ConversationKey(number)));
  if (!bytes.has_value()) {
    return absl::NotFoundError(absl::StrCat(
        "no conversation ", ConversationId(number), " of this agency"));
  }
  v1::ConversationRecord record;
  if (!record.ParseFromString(*bytes)) {
    return absl::DataLossError(
        absl::StrCat("the record of ", ConversationId(number), " is damaged"));
  }
  return OpenConversationRecord(std::move(record), vault);
}

}  // namespace baton
