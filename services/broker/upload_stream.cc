#include "services/broker/upload_stream.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/broker/attachment.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/log.h"
#include "services/common/media_type.h"
#include "services/common/rpc_status.h"
#include "storage/crypto.h"
#include "storage/mutex.h"
#include "storage/status.h"

namespace baton {
namespace {

void CheckBegin(const v1::UploadBegin& begin, const AttachmentParts& parts,
                Faults* faults) {
  const v1::Attachment& attachment = begin.attachment();
  const auto conversation = ParseConversationId(begin.conversation_id());
  const auto matter = ParseMatterId(attachment.matter_id());
  if (!conversation.ok()) {
    faults->Add("begin.conversation_id",
                "is no conversation id of this exchange");
  } else if (!attachment.matter_id().empty() &&
             (!matter.ok() || matter->conversation_number != *conversation)) {
    faults->Add("begin.attachment.matter_id",
                "is no matter of the conversation; empty when common to all");
  }
  if (!HashFromBytes(attachment.sha256()).ok()) {
    faults->Add("begin.attachment.sha256", "must have 32 bytes");
  }
  if (attachment.size_bytes() < 1 ||
      attachment.size_bytes() > parts.max_bytes) {
    faults->Add("begin.attachment.size_bytes",
                absl::StrCat("must be 1 to ", parts.max_bytes));
  }
  if (std::find(parts.media_types.begin(), parts.media_types.end(),
                attachment.media_type()) == parts.media_types.end()) {
    faults->Add("begin.attachment.media_type",
                absl::StrCat("this exchange carries ",
                             absl::StrJoin(parts.media_types, ", ")));
  }
  if (begin.offset() < 0 || begin.offset() > attachment.size_bytes()) {
    faults->Add("begin.offset", "must be 0 to size_bytes");
  }
}

absl::Status Incomplete(const v1::AttachmentRecord& upload) {
  if (upload.size_bytes() == 0) {
    return absl::InvalidArgumentError("the stream ended before it began");
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "the stream ended before the document: ", upload.durable_bytes(),
          " of ", upload.size_bytes(), " bytes are on disk; go on from there")),
      "UPLOAD_INCOMPLETE");
}

}  // namespace

// Everything but mu_ and what it guards belongs to the step under way.
class UploadStream::Upload final : public OpenStream,
                                   public std::enable_shared_from_this<Upload> {
 public:
  Upload(const AttachmentParts& parts, grpc::CallbackServerContext* context,
         UploadStream* reactor, v1::UploadAttachmentResponse* response)
      : parts_(parts),
        caller_(parts.doorway->Identify(*context)),
        reactor_(reactor),
        response_(response) {}

  void Start() {
    if (caller_.ok()) {
      Read();
    } else {
      Refuse(caller_.status());
    }
  }

  void OnReadDone(bool ok) {
    if (!ok) {
      End(Incomplete(upload_));
      return;
    }
    const bool first = !begin_.has_attachment();
    const absl::Status taken = first ? Begin() : TakeBytes();
    if (!taken.ok()) {
      Refuse(taken);
    } else if (!first) {
      Proceed();
    }
  }

  // The one Finish; the first caller's status counts.
  void End(absl::Status status) override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (ended_) return;
    ended_ = true;
    reactor_->Finish(ToGrpc(status));
  }

  // The reactor is about to go away; it has ended.
  void Detach() {
    if (registration_ != 0) parts_.streams->Remove(registration_);
  }

 private:
  void Read() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (!ended_) reactor_->StartRead(&request_);
  }

  // Ends with `refusal` once its leaf is on disk.
  void Refuse(const absl::Status& refusal) {
    parts_.doorway->Refuse(caller_, refusal, "UploadAttachment",
                           [self = shared_from_this(), refusal](
                               const grpc::Status&) { self->End(refusal); });
  }

  void Work(void (Upload::*step)()) {
    if (!parts_.workers->Submit(
            [self = shared_from_this(), step] { (self.get()->*step)(); })) {
      End(LimitReached("attachment work", "too many documents are under way",
                       absl::Seconds(1)));
    }
  }

  absl::Status Submit(AttachmentAct act) {
    return parts_.sequencer->Submit(AttachmentCommand{
        .caller = *caller_,
        .act = std::move(act),
        .done = [self = shared_from_this()](
                    absl::StatusOr<v1::AttachmentRecord> record) {
          self->OnDecided(std::move(record));
        }});
  }

  absl::Status Begin() {
    Faults faults;
    if (!request_.has_begin()) faults.Add("begin", "comes first");
    CheckBegin(request_.begin(), parts_, &faults);
    RETURN_IF_ERROR(faults.ToStatus());
    begin_ = request_.begin();
    ASSIGN_OR_RETURN(registration_,
                     parts_.streams->Add(caller_->agency, shared_from_this(),
                                         /*heartbeat=*/[] {}));
    ASSIGN_OR_RETURN(const uint64_t conversation_number,
                     ParseConversationId(begin_.conversation_id()));
    return Submit(BeginUpload{.conversation_number = conversation_number,
                              .attachment = begin_.attachment(),
                              .offset = begin_.offset()});
  }

  absl::Status TakeBytes() {
    Faults faults;
    const int64_t room = upload_.size_bytes() - upload_.durable_bytes() -
                         static_cast<int64_t>(bytes_.size());
    const int64_t size = static_cast<int64_t>(request_.chunk().size());
    if (size < 1 || size > kChunkBytes) {
      faults.Add("chunk", "1 byte to 256 KiB in every request but the first");
    } else if (size > room) {
      faults.Add("chunk", "the document is longer than its size_bytes");
    }
    bytes_ += request_.chunk();
    return faults.ToStatus();
  }

  // An answer of the sequencer: the upload as it is now on disk.
  void OnDecided(absl::StatusOr<v1::AttachmentRecord> record) {
    if (!record.ok()) {
      End(record.status());
      return;
    }
    upload_ = *std::move(record);
    Proceed();
  }

  void Proceed() {
    if (IsComplete(upload_)) {
      Complete();
    } else if (upload_.durable_bytes() == upload_.size_bytes()) {
      Work(&Upload::Verify);
    } else if (static_cast<int64_t>(bytes_.size()) >= NextSize()) {
      Work(&Upload::Seal);
    } else {
      Read();
    }
  }

  int64_t NextSize() const {
    return ChunkSize(upload_, upload_.durable_bytes());
  }

  void Seal() {
    const absl::string_view plain =
        absl::string_view(bytes_).substr(0, static_cast<size_t>(NextSize()));
    if (upload_.durable_bytes() == 0) {
      absl::Status fits = CheckSignature(upload_.media_type(), plain);
      if (!fits.ok()) {
        Conclude({.status = std::move(fits), .ciphertext_sha256 = ""});
        return;
      }
    }
    absl::StatusOr<std::string> sealed =
        SealChunk(upload_, upload_.durable_bytes(), plain, *parts_.vault);
    if (!sealed.ok()) {
      Refuse(sealed.status());
      return;
    }
    bytes_.erase(0, plain.size());
    const absl::Status submitted =
        Submit(AddChunk{.upload = upload_, .sealed = *std::move(sealed)});
    if (!submitted.ok()) End(submitted);
  }

  void Verify() {
    absl::StatusOr<Verdict> verdict = Judge();
    if (!verdict.ok()) {
      Log(Severity::kError, "document cannot be verified",
          {{"conversation_id", begin_.conversation_id()},
           {"error", verdict.status().message()}});
      End(verdict.status());
      return;
    }
    Conclude(*std::move(verdict));
  }

  // Another stream may end the upload meanwhile: then the sequencer says so,
  // whatever is found here.
  absl::StatusOr<Verdict> Judge() const {
    const std::unique_ptr<Reader> snapshot = parts_.store->Snapshot();
    ASSIGN_OR_RETURN(const std::optional<v1::AttachmentRecord> stored,
                     ReadUpload(*snapshot, upload_));
    if (!stored.has_value() ||
        stored->upload_number() != upload_.upload_number()) {
      return Verdict();
    }
    return VerifyDocument(*snapshot, upload_, begin_.attachment().sha256(),
                          *parts_.vault);
  }

  void Conclude(Verdict verdict) {
    const absl::Status submitted = Submit(
        EndUpload{.upload = upload_,
                  .sha256 = begin_.attachment().sha256(),
                  .verdict = std::move(verdict.status),
                  .ciphertext_sha256 = std::move(verdict.ciphertext_sha256)});
    if (!submitted.ok()) End(submitted);
  }

  void Complete() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (ended_) return;
    ended_ = true;
    *response_->mutable_attachment() = begin_.attachment();
    response_->set_audit_index(upload_.audit_index());
    reactor_->Finish(grpc::Status::OK);
  }

  const AttachmentParts& parts_;
  const absl::StatusOr<Identity> caller_;

  v1::UploadAttachmentRequest request_;  // Owned by the read in flight.
  v1::UploadBegin begin_;                // Set by the first request.
  v1::AttachmentRecord upload_;          // As last committed.
  std::string bytes_;  // Not sealed yet; less than two chunks.
  uint64_t registration_ = 0;

  Mutex mu_;
  // Alive until ended_, and then no longer touched.
  UploadStream* const reactor_ ABSL_PT_GUARDED_BY(mu_);
  v1::UploadAttachmentResponse* const response_ ABSL_PT_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

UploadStream::UploadStream(const AttachmentParts& parts,
                           grpc::CallbackServerContext* context,
                           v1::UploadAttachmentResponse* response)
    : upload_(std::make_shared<Upload>(parts, context, this, response)) {
  upload_->Start();
}

void UploadStream::OnReadDone(bool ok) { upload_->OnReadDone(ok); }

void UploadStream::OnDone() {
  upload_->Detach();
  delete this;
}

}  // namespace baton
