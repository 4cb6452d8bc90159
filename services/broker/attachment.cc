#include "services/broker/attachment.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "storage/seal.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kNameBytes = 16;

absl::StatusOr<std::string> KeyOf(const Vault& vault, uint64_t slot) {
  absl::StatusOr<std::string> key = vault.Key(slot);
  if (!absl::IsNotFound(key.status())) return key;
  return WithReason(
      absl::FailedPreconditionError("what this document is about was erased"),
      "ERASED");
}

absl::StatusOr<uint64_t> KeySlot(const Conversation& conversation,
                                 const std::string& matter_id) {
  if (matter_id.empty()) return conversation.record.common_key_slot();
  const int matter = FindMatter(conversation, matter_id);
  if (matter >= 0) return conversation.record.matters(matter).key_slot();
  return absl::InvalidArgumentError(
      absl::StrCat(conversation.record.conversation().conversation_id(),
                   " has no matter ", matter_id));
}

std::string SealName(const v1::AttachmentRecord& document) {
  return absl::StrCat("attachment/", document.upload_number());
}

uint32_t ChunkNumber(int64_t offset) {
  return static_cast<uint32_t>(offset / kChunkBytes);
}

// Calls `use` with what the chunk at `offset` is bound to.
template <typename Use>
auto WithContext(const v1::AttachmentRecord& document, int64_t offset,
                 const Use& use) {
  const std::string name = SealName(document);
  const std::string chunk = absl::StrCat("chunk/", ChunkNumber(offset));
  const std::string owner = AgencyName(document.owner());
  return use(PartContext{.message_id = name,
                         .part = document.matter_id(),
                         .view = chunk,
                         .sender = owner});
}

}  // namespace

int64_t ChunkSize(const v1::AttachmentRecord& document, int64_t offset) {
  return std::min(kChunkBytes, document.size_bytes() - offset);
}

absl::StatusOr<v1::AttachmentRecord> NameDocument(
    const Conversation& conversation, uint64_t conversation_number,
    const std::string& matter_id, const v1::Agency& owner,
    absl::string_view sha256, const Vault& vault) {
  ASSIGN_OR_RETURN(const uint64_t slot, KeySlot(conversation, matter_id));
  ASSIGN_OR_RETURN(const std::string key, KeyOf(vault, slot));
  v1::AttachmentRecord document;
  document.set_conversation_number(conversation_number);
  document.set_matter_id(matter_id);
  *document.mutable_owner() = owner;
  document.set_key_slot(slot);
  const Hash name = HmacSha256(Hkdf(key, "attachment name"),
                               absl::StrCat(sha256, AgencyName(owner)));
  document.set_name(std::string(AsBytes(name).substr(0, kNameBytes)));
  return document;
}

absl::StatusOr<std::optional<v1::AttachmentRecord>> ParseAttachment(
    const std::optional<std::string>& bytes) {
  std::optional<v1::AttachmentRecord> record;
  if (bytes.has_value() && !record.emplace().ParseFromString(*bytes)) {
    return absl::DataLossError("the record of a document is damaged");
  }
  return record;
}

absl::StatusOr<std::optional<v1::AttachmentRecord>> ReadDocument(
    const Reader& reader, const v1::AttachmentRecord& named) {
  ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      reader.Get(DocumentKey(named.conversation_number(), named.name())));
  return ParseAttachment(bytes);
}

absl::StatusOr<std::optional<v1::AttachmentRecord>> ReadUpload(
    const Reader& reader, const v1::AttachmentRecord& named) {
  ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      reader.Get(UploadKey(named.conversation_number(), named.name())));
  return ParseAttachment(bytes);
}

absl::StatusOr<std::string> SealChunk(const v1::AttachmentRecord& document,
                                      int64_t offset, absl::string_view plain,
                                      const Vault& vault) {
  ASSIGN_OR_RETURN(const std::string key, KeyOf(vault, document.key_slot()));
  return WithContext(document, offset, [&](const PartContext& context) {
    return SealPart(key, context, plain);
  });
}

absl::StatusOr<Chunk> ReadChunk(const Reader& reader,
                                const v1::AttachmentRecord& document,
                                int64_t offset, const Vault& vault) {
  ASSIGN_OR_RETURN(const std::string key, KeyOf(vault, document.key_slot()));
  ASSIGN_OR_RETURN(
      std::optional<std::string> sealed,
      reader.Get(ChunkKey(document.upload_number(), ChunkNumber(offset))));
  if (!sealed.has_value()) {
    return absl::DataLossError(absl::StrCat("chunk ", ChunkNumber(offset),
                                            " of a document is missing"));
  }
  ASSIGN_OR_RETURN(
      std::string plain,
      WithContext(document, offset, [&](const PartContext& context) {
        return OpenPart(key, context, *sealed);
      }));
  return Chunk{.sealed = *std::move(sealed), .plain = std::move(plain)};
}

absl::StatusOr<Verdict> VerifyDocument(const Reader& reader,
                                       const v1::AttachmentRecord& document,
                                       absl::string_view sha256,
                                       const Vault& vault) {
  Sha256Stream plain;
  Sha256Stream sealed;
  for (int64_t at = 0; at < document.size_bytes(); at += kChunkBytes) {
    ASSIGN_OR_RETURN(const Chunk chunk, ReadChunk(reader, document, at, vault));
    plain.Update(chunk.plain);
    sealed.Update(chunk.sealed);
  }
  Verdict verdict;
  verdict.ciphertext_sha256 = std::string(AsBytes(sealed.Finish()));
  if (AsBytes(plain.Finish()) != sha256) {
    verdict.status = WithReason(
        absl::InvalidArgumentError("the document's bytes do not have the "
                                   "declared SHA-256; none were kept: upload "
                                   "it again from the start"),
        "ATTACHMENT_DIGEST");
  }
  return verdict;
}

absl::StatusOr<std::string> DigestCommitment(
    const v1::AttachmentRecord& document, absl::string_view sha256,
    const Vault& vault) {
  ASSIGN_OR_RETURN(const std::string key, KeyOf(vault, document.key_slot()));
  const std::string commitment_key =
      Hkdf(key, absl::StrCat("commitment/", SealName(document)));
  return std::string(AsBytes(HmacSha256(commitment_key, sha256)));
}

}  // namespace baton
