#include "services/broker/attachment_service.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/broker/attachment.h"
#include "services/broker/conversation.h"
#include "services/broker/download_stream.h"
#include "services/broker/sealed_records.h"
#include "services/broker/upload_stream.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/media_type.h"
#include "storage/crypto.h"
#include "storage/status.h"

namespace baton {
namespace {

std::vector<std::string> MediaTypesOf(const v1::BrokerConfig& config) {
  if (config.attachment_media_types().empty()) return DefaultMediaTypes();
  return {config.attachment_media_types().begin(),
          config.attachment_media_types().end()};
}

int64_t MaxBytesOf(const v1::BrokerConfig& config) {
  const int64_t configured = config.limits().max_attachment_bytes();
  return configured > 0 ? configured : kMaxAttachmentBytes;
}

absl::Status CheckRequest(const v1::GetUploadRequest& request) {
  Faults faults;
  if (!ParseConversationId(request.conversation_id()).ok()) {
    faults.Add("conversation_id", "is no conversation id of this exchange");
  }
  if (!HashFromBytes(request.sha256()).ok()) {
    faults.Add("sha256", "must have 32 bytes");
  }
  return faults.ToStatus();
}

absl::Status ReadProgress(const Reader& reader, const Vault& vault,
                          const v1::Agency& owner,
                          const v1::GetUploadRequest& request,
                          v1::GetUploadResponse* response) {
  RETURN_IF_ERROR(CheckRequest(request));
  ASSIGN_OR_RETURN(const uint64_t number,
                   ParseConversationId(request.conversation_id()));
  ASSIGN_OR_RETURN(const Conversation conversation,
                   ReadConversation(reader, number, vault));
  if (!IsParticipant(conversation, owner)) {
    return absl::NotFoundError(absl::StrCat(
        "no conversation ", ConversationId(number), " of this agency"));
  }
  ASSIGN_OR_RETURN(const v1::AttachmentRecord named,
                   NameDocument(conversation, number, request.matter_id(),
                                owner, request.sha256(), vault));
  ASSIGN_OR_RETURN(std::optional<v1::AttachmentRecord> found,
                   ReadDocument(reader, named));
  if (!found.has_value()) {
    ASSIGN_OR_RETURN(found, ReadUpload(reader, named));
  }
  if (!found.has_value()) return absl::OkStatus();
  response->set_durable_bytes(found->durable_bytes());
  response->set_complete(IsComplete(*found));
  return absl::OkStatus();
}

}  // namespace

AttachmentServiceImpl::AttachmentServiceImpl(const Parts& parts,
                                             const v1::BrokerConfig& config)
    : parts_{.doorway = parts.doorway,
             .sequencer = parts.sequencer,
             .streams = parts.streams,
             .store = parts.store,
             .vault = parts.vault,
             .workers = &workers_,
             .media_types = MediaTypesOf(config),
             .max_bytes = MaxBytesOf(config)},
      workers_(kWorkers, parts.max_pending_work) {}

grpc::ServerReadReactor<v1::UploadAttachmentRequest>*
AttachmentServiceImpl::UploadAttachment(
    grpc::CallbackServerContext* context,
    v1::UploadAttachmentResponse* response) {
  return new UploadStream(parts_, context, response);
}

grpc::ServerUnaryReactor* AttachmentServiceImpl::GetUpload(
    grpc::CallbackServerContext* context, const v1::GetUploadRequest* request,
    v1::GetUploadResponse* response) {
  return parts_.doorway->Read(
      context, "GetUpload", [this, request, response](const Identity& caller) {
        return ReadProgress(*parts_.store->Snapshot(), *parts_.vault,
                            caller.agency, *request, response);
      });
}

grpc::ServerWriteReactor<v1::DownloadAttachmentResponse>*
AttachmentServiceImpl::DownloadAttachment(
    grpc::CallbackServerContext* context,
    const v1::DownloadAttachmentRequest* request) {
  return new DownloadStream(parts_, context, request);
}

}  // namespace baton
