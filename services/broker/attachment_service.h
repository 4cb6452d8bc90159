#ifndef BATON_SERVICES_BROKER_ATTACHMENT_SERVICE_H_
#define BATON_SERVICES_BROKER_ATTACHMENT_SERVICE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "baton/v1/attachment_service.grpc.pb.h"
#include "baton/v1/config.pb.h"
#include "services/broker/doorway.h"
#include "services/broker/sequencer.h"
#include "services/common/executor.h"
#include "services/common/stream_registry.h"
#include "storage/store.h"
#include "storage/vault.h"

namespace baton {

// What uploads and downloads need; all outlive them.
struct AttachmentParts {
  const Doorway* doorway;
  Sequencer* sequencer;
  StreamRegistry* streams;
  const Store* store;
  const Vault* vault;
  // Seal, verify and open here: off gRPC's threads and the commit thread.
  Executor* workers;
  std::vector<std::string> media_types;
  int64_t max_bytes;
};

// Documents beside the messages: see upload_stream.h, download_stream.h and,
// for what is decided, attachment_store.h.
//
// Two threads of its own do all the sealing, so that documents wait for each
// other and never for long in front of a message: a step holds at most what two
// threads seal during one sync, and one chunk of an upload.
//
// Thread-safe.
class AttachmentServiceImpl final
    : public v1::AttachmentService::CallbackService {
 public:
  static constexpr int kWorkers = 2;
  static constexpr size_t kMaxPendingWork = 1024;

  // Pointers outlive the service. Types and size come from `config`. More than
  // `max_pending_work` that waits for the two is refused.
  struct Parts {
    const Doorway* doorway;
    Sequencer* sequencer;
    StreamRegistry* streams;
    const Store* store;
    const Vault* vault;
    size_t max_pending_work = kMaxPendingWork;
  };

  AttachmentServiceImpl(const Parts& parts, const v1::BrokerConfig& config);

  grpc::ServerReadReactor<v1::UploadAttachmentRequest>* UploadAttachment(
      grpc::CallbackServerContext* context,
      v1::UploadAttachmentResponse* response) override;
  grpc::ServerUnaryReactor* GetUpload(grpc::CallbackServerContext* context,
                                      const v1::GetUploadRequest* request,
                                      v1::GetUploadResponse* response) override;
  grpc::ServerWriteReactor<v1::DownloadAttachmentResponse>* DownloadAttachment(
      grpc::CallbackServerContext* context,
      const v1::DownloadAttachmentRequest* request) override;

 private:
  const AttachmentParts parts_;
  Executor workers_;  // What waits there uses parts_.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_ATTACHMENT_SERVICE_H_
