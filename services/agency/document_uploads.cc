#include "services/agency/document_uploads.h"

#include <string>
#include <utility>

#include "services/common/faults.h"

namespace baton {
namespace {

// What asking again how far it is puts right is no refusal.
absl::Status Outcome(const absl::Status& status) {
  const std::string reason = ReasonOf(status);
  const bool passes = reason == "UPLOAD_MOVED" || reason == "UPLOAD_OFFSET" ||
                      reason == "UPLOAD_INCOMPLETE";
  return passes ? absl::UnavailableError(status.message()) : status;
}

}  // namespace

void DocumentUploads::Begin(const Outbox::Outgoing& outgoing, Done done) {
  const v1::Attachment& document = outgoing.message.attachments(0);
  v1::GetUploadRequest request;
  request.set_conversation_id(outgoing.message.conversation_id());
  request.set_matter_id(document.matter_id());
  request.set_sha256(document.sha256());
  parts_.loop->Tell([this, outgoing, request = std::move(request),
                     done = std::move(done)] {
    parts_.link->GetUpload(
        request, [this, outgoing,
                  done](const absl::StatusOr<v1::GetUploadResponse>& upload) {
          if (upload.ok() && !upload->complete()) {
            Upload(outgoing, upload->durable_bytes(), done);
          } else {
            done(upload.status());
          }
        });
  });
}

void DocumentUploads::Upload(const Outbox::Outgoing& outgoing, int64_t offset,
                             Done done) {
  v1::UploadBegin begin;
  begin.set_conversation_id(outgoing.message.conversation_id());
  *begin.mutable_attachment() = outgoing.message.attachments(0);
  begin.set_offset(offset);
  parts_.outbox->OnProgress(outgoing.outbox_id, parts_.loop->now());
  parts_.loop->Tell([this, begin = std::move(begin), id = outgoing.outbox_id,
                     number = outgoing.document_number,
                     done = std::move(done)] {
    parts_.link->Upload(
        begin, [this, id, number](int64_t at) { return Read(id, number, at); },
        [done](const absl::StatusOr<v1::UploadAttachmentResponse>& uploaded) {
          done(Outcome(uploaded.status()));
        });
  });
}

// Off the loop. Bytes damaged here will never be what was announced: a person
// withdraws the document and adds it again.
absl::StatusOr<std::string> DocumentUploads::Read(uint64_t outbox_id,
                                                  uint64_t number,
                                                  int64_t offset) const {
  (void)parts_.loop->Post([outbox = parts_.outbox, outbox_id](Instant now) {
    outbox->OnProgress(outbox_id, now);
  });
  absl::StatusOr<std::string> bytes = parts_.shelf->Read(number, offset);
  if (bytes.ok() || absl::IsNotFound(bytes.status())) return bytes;
  return absl::FailedPreconditionError(
      "the document's bytes are damaged on this machine's disk: withdraw it "
      "and "
      "add it again");
}

}  // namespace baton
