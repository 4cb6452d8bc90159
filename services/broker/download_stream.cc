#include "services/broker/download_stream.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/broker/attachment.h"
#include "services/broker/sealed_records.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/log.h"
#include "services/common/response_pump.h"
#include "storage/crypto.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kMaxPendingResponses = 2;

absl::Status CheckRequest(const v1::DownloadAttachmentRequest& request) {
  Faults faults;
  if (!ParseMessageId(request.message_id()).ok()) {
    faults.Add("message_id", "is no message id of this exchange");
  }
  if (!HashFromBytes(request.sha256()).ok()) {
    faults.Add("sha256", "must have 32 bytes");
  }
  if (request.offset() < 0) faults.Add("offset", "must not be negative");
  return faults.ToStatus();
}

// True when `agency` sent or got `message`.
bool Concerns(const v1::Message& message, const v1::Agency& agency) {
  return SameAgency(message.sender(), agency) ||
         std::any_of(message.recipients().begin(), message.recipients().end(),
                     [&agency](const v1::Recipient& recipient) {
                       return SameAgency(
                           recipient.has_redirected_to()
                               ? recipient.redirected_to().agency()
                               : recipient.address().agency(),
                           agency);
                     });
}

const v1::Attachment* FindAttachment(
    const v1::Message& message, const v1::DownloadAttachmentRequest& request) {
  for (const v1::Attachment& attachment : message.attachments()) {
    if (attachment.matter_id() == request.matter_id() &&
        attachment.sha256() == request.sha256()) {
      return &attachment;
    }
  }
  return nullptr;
}

// The same whether there is no such message, or it is not the caller's, or it
// names no such document.
absl::Status NoSuchDocument() {
  return absl::NotFoundError(
      "no such document in a message that this agency sent or got");
}

}  // namespace

// Belongs to the step under way, but for the pump.
class DownloadStream::Download final
    : public std::enable_shared_from_this<Download> {
 public:
  Download(const AttachmentParts& parts, grpc::CallbackServerContext* context,
           v1::DownloadAttachmentRequest request, DownloadStream* reactor)
      : parts_(parts),
        caller_(parts.doorway->Identify(*context)),
        request_(std::move(request)),
        pump_(std::make_shared<Pump>(reactor, context, kMaxPendingResponses)) {}

  void Start() {
    const absl::Status opened = Open();
    if (opened.ok()) {
      Work(&Download::Find);
    } else {
      Refuse(opened);
    }
  }

  void OnWriteDone(bool ok) {
    pump_->OnWriteDone(ok);
    if (ok) Work(&Download::WriteNext);
  }

  void Cancel() { pump_->End(absl::CancelledError("the client is gone")); }

  // The reactor is about to go away.
  void Detach() {
    pump_->Detach();
    if (registration_ != 0) parts_.streams->Remove(registration_);
  }

 private:
  using Pump = ResponsePump<v1::DownloadAttachmentResponse>;

  absl::Status Open() {
    RETURN_IF_ERROR(caller_.status());
    RETURN_IF_ERROR(CheckRequest(request_));
    ASSIGN_OR_RETURN(registration_, parts_.streams->Add(caller_->agency, pump_,
                                                        /*heartbeat=*/[] {}));
    return absl::OkStatus();
  }

  // Ends with `refusal` once its leaf is on disk.
  void Refuse(const absl::Status& refusal) {
    parts_.doorway->Refuse(
        caller_, refusal, "DownloadAttachment",
        [pump = pump_, refusal](const grpc::Status&) { pump->End(refusal); });
  }

  void Work(void (Download::*step)()) {
    if (!parts_.workers->Submit(
            [self = shared_from_this(), step] { (self.get()->*step)(); })) {
      pump_->End(LimitReached("attachment work",
                              "too many documents are under way",
                              absl::Seconds(1)));
    }
  }

  void Find() {
    const absl::Status found = FindDocument();
    if (!found.ok()) {
      Refuse(found);
      return;
    }
    const absl::Status submitted = parts_.sequencer->Submit(AttachmentCommand{
        .caller = *caller_,
        .act = HandOutDocument{.message = message_, .document = document_},
        .done = [self = shared_from_this()](
                    const absl::StatusOr<v1::AttachmentRecord>& logged) {
          self->OnLogged(logged.status());
        }});
    if (!submitted.ok()) pump_->End(submitted);
  }

  absl::Status FindDocument() {
    ASSIGN_OR_RETURN(const uint64_t sequence,
                     ParseMessageId(request_.message_id()));
    absl::StatusOr<v1::MessageRecord> record =
        ReadMessageRecord(*parts_.store, sequence);
    if (absl::IsNotFound(record.status())) return NoSuchDocument();
    RETURN_IF_ERROR(record.status());
    message_ = std::move(*record->mutable_envelope());
    const v1::Attachment* const named = FindAttachment(message_, request_);
    if (named == nullptr || !Concerns(message_, caller_->agency)) {
      return NoSuchDocument();
    }
    attachment_ = *named;
    ASSIGN_OR_RETURN(document_, ReadNamed());
    if (request_.offset() <= document_.size_bytes()) return absl::OkStatus();
    Faults faults;
    faults.Add("offset", absl::StrCat("the document has ",
                                      document_.size_bytes(), " bytes"));
    return faults.ToStatus();
  }

  absl::StatusOr<v1::AttachmentRecord> ReadNamed() const {
    ASSIGN_OR_RETURN(const uint64_t number,
                     ParseConversationId(message_.conversation_id()));
    ASSIGN_OR_RETURN(const Conversation conversation,
                     ReadConversation(*parts_.store, number, *parts_.vault));
    ASSIGN_OR_RETURN(
        const v1::AttachmentRecord named,
        NameDocument(conversation, number, attachment_.matter_id(),
                     message_.sender(), attachment_.sha256(), *parts_.vault));
    ASSIGN_OR_RETURN(std::optional<v1::AttachmentRecord> document,
                     ReadDocument(*parts_.store, named));
    if (document.has_value()) return *std::move(document);
    return absl::DataLossError(absl::StrCat(
        "a document that ", message_.message_id(), " names is missing"));
  }

  void OnLogged(const absl::Status& logged) {
    if (!logged.ok()) {
      pump_->End(logged);
      return;
    }
    offset_ = request_.offset();
    v1::DownloadAttachmentResponse response;
    *response.mutable_attachment() = attachment_;
    pump_->Send(std::move(response));
  }

  void WriteNext() {
    if (offset_ == document_.size_bytes()) {
      pump_->End(absl::OkStatus());
      return;
    }
    const int64_t begin = offset_ - offset_ % kChunkBytes;
    absl::StatusOr<Chunk> chunk =
        ReadChunk(*parts_.store, document_, begin, *parts_.vault);
    if (!chunk.ok()) {
      Log(Severity::kError, "document cannot be read",
          {{"message_id", message_.message_id()},
           {"error", chunk.status().message()}});
      pump_->End(chunk.status());
      return;
    }
    v1::DownloadAttachmentResponse response;
    response.set_chunk(chunk->plain.substr(offset_ - begin));
    offset_ = begin + static_cast<int64_t>(chunk->plain.size());
    pump_->Send(std::move(response));
  }

  const AttachmentParts& parts_;
  const absl::StatusOr<Identity> caller_;
  const v1::DownloadAttachmentRequest request_;
  const std::shared_ptr<Pump> pump_;

  uint64_t registration_ = 0;
  v1::Message message_;            // Envelope of the one that names it.
  v1::Attachment attachment_;      // As the message names it.
  v1::AttachmentRecord document_;  // As stored.
  int64_t offset_ = 0;             // Of the next byte to write.
};

DownloadStream::DownloadStream(const AttachmentParts& parts,
                               grpc::CallbackServerContext* context,
                               const v1::DownloadAttachmentRequest* request)
    : download_(std::make_shared<Download>(parts, context, *request, this)) {
  download_->Start();
}

void DownloadStream::OnWriteDone(bool ok) { download_->OnWriteDone(ok); }

void DownloadStream::OnCancel() { download_->Cancel(); }

void DownloadStream::OnDone() {
  download_->Detach();
  delete this;
}

}  // namespace baton
