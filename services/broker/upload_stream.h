#ifndef BATON_SERVICES_BROKER_UPLOAD_STREAM_H_
#define BATON_SERVICES_BROKER_UPLOAD_STREAM_H_

#include <memory>

#include "baton/v1/attachment_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/broker/attachment_service.h"

namespace baton {

// One UploadAttachment: bytes come in pieces of any size and leave for the
// sequencer as whole chunks, each sealed, one at a time. When all are on disk
// they are read back and compared with the declared digest: what is judged is
// what is stored, whether it came on this stream or on one before.
//
//   read -> worker (check, seal) -> sequencer (AddChunk) -> read ...
//   all durable -> worker (verify) -> sequencer (EndUpload) -> answer
//
// Exactly one of these steps is under way, and hands on to the next; a slow
// disk is felt by the client through gRPC's flow control.
//
// Owned by gRPC: deletes itself when the call is over. Steps keep Upload, which
// outlives the reactor when it has to.
class UploadStream final
    : public grpc::ServerReadReactor<v1::UploadAttachmentRequest> {
 public:
  // `parts` outlives the stream, `response` as gRPC has it.
  UploadStream(const AttachmentParts& parts,
               grpc::CallbackServerContext* context,
               v1::UploadAttachmentResponse* response);

  void OnReadDone(bool ok) override;
  void OnDone() override;

 private:
  class Upload;

  const std::shared_ptr<Upload> upload_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_UPLOAD_STREAM_H_
