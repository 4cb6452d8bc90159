#include "services/broker/attachment_store.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/broker/attachment.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr int kDefaultMaxUploads = 8;
constexpr int64_t kDefaultMaxUploadBytes = 64 << 20;
constexpr int64_t kDefaultMaxConversationBytes = 1 << 30;
constexpr absl::Duration kDefaultRetention = absl::Hours(24);
constexpr absl::Duration kRetryAfter = absl::Minutes(1);
// More than any sensible number of agencies has unfinished.
constexpr size_t kMaxUploadsOnDisk = 1 << 20;

template <typename Number>
Number OrDefault(Number value, Number otherwise) {
  return value > 0 ? value : otherwise;
}

std::string KeyOf(const v1::AttachmentRecord& upload) {
  return UploadKey(upload.conversation_number(), upload.name());
}

bool IsSame(const v1::AttachmentRecord& document,
            const v1::Attachment& declared) {
  return document.size_bytes() == declared.size_bytes() &&
         document.media_type() == declared.media_type();
}

absl::Status WrongOffset(int64_t offset, int64_t durable_bytes) {
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "the upload goes on at ", durable_bytes, ", not at ",
                        offset, ": ask GetUpload where to resume")),
                    "UPLOAD_OFFSET");
}

v1::AuditEntry EntryFor(v1::AuditType type, const Identity& actor,
                        const v1::AttachmentRecord& document) {
  v1::AuditEntry entry;
  entry.set_type(type);
  *entry.mutable_actor() = actor.agency;
  entry.set_actor_key_id(actor.key_id);
  entry.set_matter_id(document.matter_id());
  entry.set_ciphertext_sha256(document.ciphertext_sha256());
  return entry;
}

// The complete document of this name, the coming commit included.
absl::StatusOr<std::optional<v1::AttachmentRecord>> FindDocument(
    const Ledger& ledger, const v1::AttachmentRecord& named) {
  ASSIGN_OR_RETURN(
      const std::optional<std::string> bytes,
      ledger.Get(DocumentKey(named.conversation_number(), named.name())));
  return ParseAttachment(bytes);
}

absl::Status Missing(const std::vector<std::string>& fields) {
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          absl::StrJoin(fields, ", "),
          ": this agency has completed no such document (digest, size and "
          "media type) in the conversation; upload it there first")),
      "ATTACHMENT_MISSING");
}

}  // namespace

AttachmentStore::AttachmentStore(Ledger* ledger, const v1::BrokerLimits& limits)
    : ledger_(ledger),
      max_uploads_(
          OrDefault(limits.max_uploads_per_agency(), kDefaultMaxUploads)),
      max_upload_bytes_(OrDefault<int64_t>(limits.max_upload_bytes_per_agency(),
                                           kDefaultMaxUploadBytes)),
      max_conversation_bytes_(
          OrDefault<int64_t>(limits.max_conversation_attachment_bytes(),
                             kDefaultMaxConversationBytes)),
      retention_(limits.has_upload_retention()
                     ? FromProto(limits.upload_retention())
                     : kDefaultRetention) {}

absl::StatusOr<std::unique_ptr<AttachmentStore>> AttachmentStore::Open(
    Ledger* ledger, const v1::BrokerLimits& limits) {
  std::unique_ptr<AttachmentStore> store(new AttachmentStore(ledger, limits));
  RETURN_IF_ERROR(store->Load());
  return store;
}

absl::Status AttachmentStore::Load() {
  ASSIGN_OR_RETURN(
      std::vector<KeyValue> found,
      ledger_->committed().Scan(UploadEntries(), kMaxUploadsOnDisk));
  for (KeyValue& pair : found) {
    ASSIGN_OR_RETURN(std::optional<v1::AttachmentRecord> upload,
                     ParseAttachment(std::move(pair.value)));
    next_sweep_ = std::min(next_sweep_, DueTime(*upload));
    uploads_.emplace(std::move(pair.key), *std::move(upload));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::AttachmentRecord> AttachmentStore::Decide(
    const Identity& caller, const AttachmentAct& act) {
  return std::visit([&](const auto& body) { return Do(caller, body); }, act);
}

absl::StatusOr<v1::AttachmentRecord> AttachmentStore::Do(
    const Identity& caller, const BeginUpload& begin) {
  ASSIGN_OR_RETURN(Conversation* const conversation,
                   ledger_->FindConversation(begin.conversation_number));
  if (!IsParticipant(*conversation, caller.agency)) {
    return absl::NotFoundError(absl::StrCat(
        "no conversation ", ConversationId(begin.conversation_number),
        " of this agency"));
  }
  const v1::Attachment& declared = begin.attachment;
  ASSIGN_OR_RETURN(v1::AttachmentRecord upload,
                   NameDocument(*conversation, begin.conversation_number,
                                declared.matter_id(), caller.agency,
                                declared.sha256(), *ledger_->vault()));
  ASSIGN_OR_RETURN(const std::optional<v1::AttachmentRecord> complete,
                   FindDocument(*ledger_, upload));
  if (complete.has_value() && IsSame(*complete, declared)) return *complete;
  if (complete.has_value()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "this document is complete already, as ", complete->size_bytes(),
            " bytes of ", complete->media_type())),
        "ATTACHMENT_DIFFERS");
  }
  const auto unfinished = uploads_.find(KeyOf(upload));
  const bool goes_on =
      unfinished != uploads_.end() && IsSame(unfinished->second, declared);
  const int64_t durable = goes_on ? unfinished->second.durable_bytes() : 0;
  if (begin.offset != durable) return WrongOffset(begin.offset, durable);
  if (goes_on) return unfinished->second;
  // It was declared otherwise before: that was a mistake, and no chunk of it
  // is any use.
  if (unfinished != uploads_.end()) Forget(unfinished, /*keep_chunks=*/false);
  RETURN_IF_ERROR(
      CheckRoom(caller.agency, *conversation, declared.size_bytes()));
  upload.set_upload_number(ledger_->NextSequence());
  upload.set_size_bytes(declared.size_bytes());
  upload.set_media_type(declared.media_type());
  Save(&upload);
  return upload;
}

// Declared bytes count from the start, so that what was begun can be finished.
absl::Status AttachmentStore::CheckRoom(const v1::Agency& owner,
                                        const Conversation& conversation,
                                        int64_t bytes) const {
  int count = 0;
  int64_t declared = 0;
  for (const auto& [key, upload] : uploads_) {
    if (!SameAgency(upload.owner(), owner)) continue;
    ++count;
    declared += upload.size_bytes();
  }
  if (count >= max_uploads_) {
    return LimitReached("max_uploads_per_agency",
                        absl::StrCat(AgencyName(owner), " has ", count,
                                     " unfinished uploads; finish one first"),
                        kRetryAfter);
  }
  if (declared + bytes > max_upload_bytes_) {
    return LimitReached(
        "max_upload_bytes_per_agency",
        absl::StrCat("the unfinished uploads of ", AgencyName(owner), " have ",
                     declared, " bytes, at most ", max_upload_bytes_),
        kRetryAfter);
  }
  if (conversation.record.attachment_bytes() + bytes >
      max_conversation_bytes_) {
    return LimitReached(
        "max_conversation_attachment_bytes",
        absl::StrCat(conversation.record.conversation().conversation_id(),
                     " holds at most ", max_conversation_bytes_,
                     " bytes of documents"),
        absl::Hours(24));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::AttachmentRecord> AttachmentStore::Do(const Identity&,
                                                         const AddChunk& add) {
  ASSIGN_OR_RETURN(const Uploads::iterator found, Find(add.upload));
  v1::AttachmentRecord& upload = found->second;
  const int64_t at = upload.durable_bytes();
  ledger_->batch()->Put(
      ChunkKey(upload.upload_number(), static_cast<uint32_t>(at / kChunkBytes)),
      add.sealed);
  upload.set_durable_bytes(at + ChunkSize(upload, at));
  Save(&upload);
  return upload;
}

absl::StatusOr<v1::AttachmentRecord> AttachmentStore::Do(const Identity& caller,
                                                         const EndUpload& end) {
  // Another stream may have ended it a moment ago.
  ASSIGN_OR_RETURN(const std::optional<v1::AttachmentRecord> complete,
                   FindDocument(*ledger_, end.upload));
  if (complete.has_value()) return *complete;
  ASSIGN_OR_RETURN(const Uploads::iterator found, Find(end.upload));
  if (!end.verdict.ok()) {
    Forget(found, /*keep_chunks=*/false);
    return end.verdict;
  }
  return Complete(caller, end, found);
}

absl::StatusOr<v1::AttachmentRecord> AttachmentStore::Complete(
    const Identity& caller, const EndUpload& end, Uploads::iterator upload) {
  v1::AttachmentRecord document = upload->second;
  ASSIGN_OR_RETURN(const std::string commitment,
                   DigestCommitment(document, end.sha256, *ledger_->vault()));
  ASSIGN_OR_RETURN(Conversation* const conversation,
                   ledger_->FindConversation(document.conversation_number()));
  document.set_ciphertext_sha256(end.ciphertext_sha256);
  v1::AuditEntry entry = EntryFor(v1::AUDIT_TYPE_ATTACHED, caller, document);
  entry.add_message_ids(MessageId(document.conversation_number()));
  entry.set_details_commitment(commitment);
  document.set_audit_index(ledger_->Append(std::move(entry)));
  Forget(upload, /*keep_chunks=*/true);
  ledger_->batch()->Put(
      DocumentKey(document.conversation_number(), document.name()),
      document.SerializeAsString());
  conversation->record.set_attachment_bytes(
      conversation->record.attachment_bytes() + document.size_bytes());
  ledger_->MarkChanged(document.conversation_number());
  return document;
}

absl::StatusOr<v1::AttachmentRecord> AttachmentStore::Do(
    const Identity& caller, const HandOutDocument& hand_out) {
  v1::AuditEntry entry =
      EntryFor(v1::AUDIT_TYPE_ATTACHMENT_READ, caller, hand_out.document);
  entry.add_message_ids(hand_out.message.message_id());
  entry.set_kind(hand_out.message.kind());
  entry.set_purpose(hand_out.message.purpose());
  entry.set_legal_basis(hand_out.message.legal_basis());
  ledger_->Append(std::move(entry));
  return hand_out.document;
}

absl::StatusOr<AttachmentStore::Uploads::iterator> AttachmentStore::Find(
    const v1::AttachmentRecord& seen) {
  const auto found = uploads_.find(KeyOf(seen));
  if (found != uploads_.end() &&
      found->second.upload_number() == seen.upload_number() &&
      found->second.durable_bytes() == seen.durable_bytes()) {
    return found;
  }
  return WithReason(
      absl::AbortedError("another stream went on with this upload, or it was "
                         "given up: ask GetUpload where to resume"),
      "UPLOAD_MOVED");
}

void AttachmentStore::Save(v1::AttachmentRecord* upload) {
  upload->set_progress_time_micros(absl::ToUnixMicros(ledger_->commit_time()));
  next_sweep_ = std::min(next_sweep_, DueTime(*upload));
  const std::string key = KeyOf(*upload);
  ledger_->batch()->Put(key, upload->SerializeAsString());
  uploads_[key] = *upload;
}

AttachmentStore::Uploads::iterator AttachmentStore::Forget(
    Uploads::iterator upload, bool keep_chunks) {
  const v1::AttachmentRecord& record = upload->second;
  ledger_->batch()->Delete(upload->first);
  for (int64_t at = 0; !keep_chunks && at < record.durable_bytes();
       at += kChunkBytes) {
    ledger_->batch()->Delete(ChunkKey(record.upload_number(),
                                      static_cast<uint32_t>(at / kChunkBytes)));
  }
  return uploads_.erase(upload);
}

absl::Time AttachmentStore::DueTime(const v1::AttachmentRecord& upload) const {
  return absl::FromUnixMicros(upload.progress_time_micros()) + retention_;
}

void AttachmentStore::Sweep() {
  const absl::Time now = ledger_->commit_time();
  if (now < next_sweep_) return;
  next_sweep_ = absl::InfiniteFuture();
  int swept = 0;
  for (auto it = uploads_.begin(); it != uploads_.end();) {
    const absl::Time due = DueTime(it->second);
    if (due <= now && swept < kMaxSweptPerStep) {
      ++swept;
      it = Forget(it, /*keep_chunks=*/false);
    } else {
      next_sweep_ = std::min(next_sweep_, due);
      ++it;
    }
  }
}

absl::Status CheckAttachments(Ledger* ledger, const Identity& sender,
                              const v1::Message& message,
                              uint64_t conversation_number) {
  std::vector<std::string> missing;
  for (int i = 0; i < message.attachments_size(); ++i) {
    const v1::Attachment& attachment = message.attachments(i);
    std::optional<v1::AttachmentRecord> document;
    if (conversation_number != 0) {
      ASSIGN_OR_RETURN(const Conversation* const conversation,
                       ledger->FindConversation(conversation_number));
      ASSIGN_OR_RETURN(const v1::AttachmentRecord named,
                       NameDocument(*conversation, conversation_number,
                                    attachment.matter_id(), sender.agency,
                                    attachment.sha256(), *ledger->vault()));
      ASSIGN_OR_RETURN(document, FindDocument(*ledger, named));
    }
    if (!document.has_value() || !IsSame(*document, attachment)) {
      missing.push_back(absl::StrCat("attachments[", i, "]"));
    }
  }
  return missing.empty() ? absl::OkStatus() : Missing(missing);
}

}  // namespace baton
