#ifndef BATON_SERVICES_BROKER_DOWNLOAD_STREAM_H_
#define BATON_SERVICES_BROKER_DOWNLOAD_STREAM_H_

#include <memory>

#include "baton/v1/attachment_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/broker/attachment_service.h"

namespace baton {

// One DownloadAttachment: the message says who may have the document; the leaf
// is on disk before the first byte leaves; then chunk by chunk, the next one
// read when the one before is written.
//
//   worker (find) -> sequencer (HandOutDocument) -> write -> worker (open) ...
//
// Owned by gRPC: deletes itself when the call is over. Steps keep Download,
// which outlives the reactor when it has to.
class DownloadStream final
    : public grpc::ServerWriteReactor<v1::DownloadAttachmentResponse> {
 public:
  // `parts` outlives the stream.
  DownloadStream(const AttachmentParts& parts,
                 grpc::CallbackServerContext* context,
                 const v1::DownloadAttachmentRequest* request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  class Download;

  const std::shared_ptr<Download> download_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DOWNLOAD_STREAM_H_
