#ifndef BATON_SERVICES_BROKER_ATTACHMENT_H_
#define BATON_SERVICES_BROKER_ATTACHMENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/conversation.h"
#include "storage/store.h"
#include "storage/vault.h"

// A document beside a conversation: its name, its chunks and their seals.
// Whoever uploads it owns it: it is found by conversation, matter, owner and
// digest together, so that knowing a digest gets nobody somebody else's
// document, nor tells them that there is one. Thread-safe functions.
namespace baton {

// Chunk n holds the bytes from n * kChunkBytes on; only the last is shorter.
inline constexpr int64_t kChunkBytes = 256 << 10;
inline constexpr int64_t kMaxAttachmentBytes = 20 << 20;

// Size of the chunk that begins at `offset`.
int64_t ChunkSize(const v1::AttachmentRecord& document, int64_t offset);

inline bool IsComplete(const v1::AttachmentRecord& document) {
  return document.audit_index() != 0;
}

// A record with everything that says which document it is: numbers, owner, key
// slot and name. INVALID_ARGUMENT when `matter_id` is none of the conversation;
// FAILED_PRECONDITION with reason ERASED when the matter was erased.
absl::StatusOr<v1::AttachmentRecord> NameDocument(
    const Conversation& conversation, uint64_t conversation_number,
    const std::string& matter_id, const v1::Agency& owner,
    absl::string_view sha256, const Vault& vault);

// The document or upload as stored, by its name. nullopt: there is none.
absl::StatusOr<std::optional<v1::AttachmentRecord>> ReadDocument(
    const Reader& reader, const v1::AttachmentRecord& named);
absl::StatusOr<std::optional<v1::AttachmentRecord>> ReadUpload(
    const Reader& reader, const v1::AttachmentRecord& named);
// nullopt in, nullopt out.
absl::StatusOr<std::optional<v1::AttachmentRecord>> ParseAttachment(
    const std::optional<std::string>& bytes);

// Seals the chunk that begins at `offset`. One chunk of one upload is sealed
// with different bytes only when at most one of them is ever stored.
absl::StatusOr<std::string> SealChunk(const v1::AttachmentRecord& document,
                                      int64_t offset, absl::string_view plain,
                                      const Vault& vault);

// The stored chunk that begins at `offset`, sealed and open. DATA_LOSS when it
// is missing or damaged; FAILED_PRECONDITION with reason ERASED.
struct Chunk {
  std::string sealed;
  std::string plain;
};
absl::StatusOr<Chunk> ReadChunk(const Reader& reader,
                                const v1::AttachmentRecord& document,
                                int64_t offset, const Vault& vault);

// What is stored of a document, read back and compared with `sha256`.
struct Verdict {
  absl::Status status;  // INVALID_ARGUMENT with reason ATTACHMENT_DIGEST.
  std::string ciphertext_sha256;
};
absl::StatusOr<Verdict> VerifyDocument(const Reader& reader,
                                       const v1::AttachmentRecord& document,
                                       absl::string_view sha256,
                                       const Vault& vault);

// For the ATTACHED leaf: whoever is given the digest and the key of this
// document alone can check that they belong to it.
absl::StatusOr<std::string> DigestCommitment(
    const v1::AttachmentRecord& document, absl::string_view sha256,
    const Vault& vault);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_ATTACHMENT_H_
