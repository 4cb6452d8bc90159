#ifndef BATON_SERVICES_AGENCY_GRPC_EXCHANGE_LINK_H_
#define BATON_SERVICES_AGENCY_GRPC_EXCHANGE_LINK_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "baton/v1/attachment_service.grpc.pb.h"
#include "baton/v1/broker_service.grpc.pb.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/tracking_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/agency/agency_loop.h"
#include "services/agency/document_link.h"
#include "services/agency/exchange_link.h"
#include "services/common/executor.h"
#include "storage/mutex.h"

namespace baton {

// Both links over mutual TLS. Dials out only; reconnects for ever, with a
// growing delay. One thread per stream reads and posts to the loop; an upload
// has a thread while it lasts; calls and downloads are asynchronous.
//
// Thread-safe. The destructor cancels everything and waits for it.
class GrpcExchangeLink final : public ExchangeLink, public DocumentLink {
 public:
  // Uploads at once; the outbox begins no more.
  static constexpr int kUploadThreads = 2;
  static constexpr size_t kMaxPendingUploads = 16;
  // Slower than this, an upload or download is cut off: it goes on later.
  static constexpr int64_t kMinBytesPerSecond = 16 << 10;

  template <typename Result>
  using Callback = ExchangeLink::Callback<Result>;

  // `loop` must outlive the link. Nothing connects before Listen().
  static absl::StatusOr<std::unique_ptr<GrpcExchangeLink>> Create(
      const v1::ExchangeConfig& config, const v1::TlsConfig& tls,
      std::string consumer, AgencyLoop* loop);
  ~GrpcExchangeLink() override;

  // Watches the agency's conversations and consumes `queues`, telling
  // `listener`, which must outlive the link. Call once.
  void Listen(ExchangeListener* listener, std::vector<std::string> queues);

  // What the exchange showed when it was connected last, PEM; empty: never.
  std::string exchange_certificate() const ABSL_LOCKS_EXCLUDED(mu_);

  void Publish(v1::PublishRequest request,
               Callback<v1::PublishResponse> done) override;
  void GetConversation(v1::GetConversationRequest request,
                       Callback<v1::GetConversationResponse> done) override;
  void RecordFirstRead(v1::RecordFirstReadRequest request,
                       Callback<v1::RecordFirstReadResponse> done) override;
  void Acknowledge(const std::string& queue,
                   std::vector<std::string> ack_ids) override;

  void GetUpload(v1::GetUploadRequest request,
                 Callback<v1::GetUploadResponse> done) override;
  void Upload(v1::UploadBegin begin, ReadBytes read,
              Callback<v1::UploadAttachmentResponse> done) override;
  std::shared_ptr<DocumentDownload> Download(
      v1::DownloadAttachmentRequest request,
      std::shared_ptr<DownloadSink> sink) override;

 private:
  class RunningDownload;

  GrpcExchangeLink(std::shared_ptr<grpc::Channel> channel,
                   const v1::ExchangeConfig& config, std::string consumer,
                   AgencyLoop* loop);

  // Starts one unary call; its answer is posted to the loop.
  template <typename Request, typename Response, typename Start>
  void Call(Request request, Callback<Response> done, Start start);

  // Runs `session` again and again until stopping; it returns when its stream
  // ends, and says whether it may do so again at once: it worked, and was not
  // taken over.
  void Repeat(const std::function<bool(grpc::ClientContext*)>& session)
      ABSL_LOCKS_EXCLUDED(mu_);
  bool WatchOnce(grpc::ClientContext* context);
  bool PullOnce(const std::string& queue, grpc::ClientContext* context);

  // On an upload thread, from begin to end.
  absl::StatusOr<v1::UploadAttachmentResponse> UploadNow(
      const v1::UploadBegin& begin, const ReadBytes& read);
  void SetDocumentDeadline(int64_t bytes, grpc::ClientContext* context) const;

  bool Begin(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mu_);
  void End(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mu_);
  // Once per stream, when something has come on it.
  void KeepCertificate(const grpc::ClientContext& context)
      ABSL_LOCKS_EXCLUDED(mu_);

  const std::unique_ptr<v1::BrokerService::Stub> broker_;
  const std::unique_ptr<v1::TrackingService::Stub> tracking_;
  const std::unique_ptr<v1::AttachmentService::Stub> attachments_;
  const std::string consumer_;
  const absl::Duration call_deadline_;
  const absl::Duration max_retry_delay_;
  AgencyLoop* const loop_;
  ExchangeListener* listener_ = nullptr;  // Set before the threads start.

  mutable Mutex mu_;
  CondVar changed_;
  absl::flat_hash_set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::string exchange_certificate_ ABSL_GUARDED_BY(mu_);

  std::vector<std::thread> threads_;
  Executor uploads_{kUploadThreads, kMaxPendingUploads};  // Goes first.
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_GRPC_EXCHANGE_LINK_H_
