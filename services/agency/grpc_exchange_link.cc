#include "services/agency/grpc_exchange_link.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/time/clock.h"
#include "grpc/grpc_security_constants.h"
#include "services/common/faults.h"
#include "services/common/log.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "services/common/tls.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr absl::Duration kDefaultCallDeadline = absl::Seconds(10);
constexpr absl::Duration kDefaultMaxRetryDelay = absl::Seconds(30);
constexpr absl::Duration kFirstRetryDelay = absl::Milliseconds(500);
constexpr int kOutstandingMessages = 256;

absl::Duration OrDefault(const google::protobuf::Duration& value,
                         absl::Duration otherwise) {
  const absl::Duration duration = FromProto(value);
  return duration > absl::ZeroDuration() ? duration : otherwise;
}

}  // namespace

GrpcExchangeLink::GrpcExchangeLink(std::shared_ptr<grpc::Channel> channel,
                                   const v1::ExchangeConfig& config,
                                   std::string consumer, AgencyLoop* loop)
    : broker_(v1::BrokerService::NewStub(channel)),
      tracking_(v1::TrackingService::NewStub(channel)),
      attachments_(v1::AttachmentService::NewStub(channel)),
      consumer_(std::move(consumer)),
      call_deadline_(OrDefault(config.call_deadline(), kDefaultCallDeadline)),
      max_retry_delay_(
          OrDefault(config.max_retry_delay(), kDefaultMaxRetryDelay)),
      loop_(loop) {}

absl::StatusOr<std::unique_ptr<GrpcExchangeLink>> GrpcExchangeLink::Create(
    const v1::ExchangeConfig& config, const v1::TlsConfig& tls,
    std::string consumer, AgencyLoop* loop) {
  ASSIGN_OR_RETURN(std::shared_ptr<grpc::Channel> channel,
                   Dial(config.address(), config.server_name(), tls));
  return std::unique_ptr<GrpcExchangeLink>(new GrpcExchangeLink(
      std::move(channel), config, std::move(consumer), loop));
}

GrpcExchangeLink::~GrpcExchangeLink() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    for (grpc::ClientContext* const context : running_) context->TryCancel();
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
  MutexLock lock(&mu_);
  while (!running_.empty()) changed_.Wait(&mu_);
}

bool GrpcExchangeLink::Begin(grpc::ClientContext* context) {
  MutexLock lock(&mu_);
  if (stopping_) return false;
  running_.insert(context);
  return true;
}

void GrpcExchangeLink::End(grpc::ClientContext* context) {
  MutexLock lock(&mu_);
  running_.erase(context);
  changed_.SignalAll();
}

void GrpcExchangeLink::KeepCertificate(const grpc::ClientContext& context) {
  const std::shared_ptr<const grpc::AuthContext> shown = context.auth_context();
  if (shown == nullptr) return;
  for (const grpc::string_ref& pem :
       shown->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME)) {
    MutexLock lock(&mu_);
    exchange_certificate_.assign(pem.data(), pem.size());
  }
}

std::string GrpcExchangeLink::exchange_certificate() const {
  MutexLock lock(&mu_);
  return exchange_certificate_;
}

// --- Calls.

template <typename Request, typename Response, typename Start>
void GrpcExchangeLink::Call(Request request, Callback<Response> done,
                            Start start) {
  struct Running {
    grpc::ClientContext context;
    Request request;
    Response response;
  };
  auto running = std::make_shared<Running>();
  running->request = std::move(request);
  // Without waiting for readiness a channel that was refused once fails every
  // call until somebody asks it to connect.
  running->context.set_wait_for_ready(true);
  running->context.set_deadline(std::chrono::system_clock::now() +
                                absl::ToChronoMilliseconds(call_deadline_));
  if (!Begin(&running->context)) return;
  start(running.get(), [this, running, done](const grpc::Status& status) {
    // A StatusOr must not be made of an OK status.
    const absl::StatusOr<Response> result =
        status.ok() ? absl::StatusOr<Response>(std::move(running->response))
                    : FromGrpc(status);
    // A loop that is full or over forgets: the desk tries again by its clock.
    (void)loop_->Post([this, done, result](Instant) {
      if (result.ok() && listener_ != nullptr) listener_->OnHeard();
      done(result);
    });
    End(&running->context);
  });
}

void GrpcExchangeLink::Publish(v1::PublishRequest request,
                               Callback<v1::PublishResponse> done) {
  Call<v1::PublishRequest, v1::PublishResponse>(
      std::move(request), std::move(done), [this](auto* call, auto finished) {
        broker_->async()->Publish(&call->context, &call->request,
                                  &call->response, std::move(finished));
      });
}

void GrpcExchangeLink::GetConversation(
    v1::GetConversationRequest request,
    Callback<v1::GetConversationResponse> done) {
  Call<v1::GetConversationRequest, v1::GetConversationResponse>(
      std::move(request), std::move(done), [this](auto* call, auto finished) {
        tracking_->async()->GetConversation(&call->context, &call->request,
                                            &call->response,
                                            std::move(finished));
      });
}

void GrpcExchangeLink::RecordFirstRead(
    v1::RecordFirstReadRequest request,
    Callback<v1::RecordFirstReadResponse> done) {
  Call<v1::RecordFirstReadRequest, v1::RecordFirstReadResponse>(
      std::move(request), std::move(done), [this](auto* call, auto finished) {
        tracking_->async()->RecordFirstRead(&call->context, &call->request,
                                            &call->response,
                                            std::move(finished));
      });
}

void GrpcExchangeLink::Acknowledge(const std::string& queue,
                                   std::vector<std::string> ack_ids) {
  v1::AcknowledgeRequest request;
  request.set_queue(queue);
  for (std::string& id : ack_ids) request.add_ack_ids(std::move(id));
  Call<v1::AcknowledgeRequest, v1::AcknowledgeResponse>(
      std::move(request), [](absl::StatusOr<v1::AcknowledgeResponse>) {},
      [this](auto* call, auto finished) {
        broker_->async()->Acknowledge(&call->context, &call->request,
                                      &call->response, std::move(finished));
      });
}

// --- Documents. No waiting for readiness: the streams below keep the channel
// connecting, an upload is tried again by the outbox, and who wants to read
// learns at once that the exchange cannot be reached.

void GrpcExchangeLink::GetUpload(v1::GetUploadRequest request,
                                 Callback<v1::GetUploadResponse> done) {
  Call<v1::GetUploadRequest, v1::GetUploadResponse>(
      std::move(request), std::move(done), [this](auto* call, auto finished) {
        attachments_->async()->GetUpload(&call->context, &call->request,
                                         &call->response, std::move(finished));
      });
}

void GrpcExchangeLink::SetDocumentDeadline(int64_t bytes,
                                           grpc::ClientContext* context) const {
  const absl::Duration slowest = absl::Seconds(bytes / kMinBytesPerSecond);
  context->set_deadline(std::chrono::system_clock::now() +
                        absl::ToChronoMilliseconds(call_deadline_ + slowest));
}

void GrpcExchangeLink::Upload(v1::UploadBegin begin, ReadBytes read,
                              Callback<v1::UploadAttachmentResponse> done) {
  const auto finish =
      [this, done](absl::StatusOr<v1::UploadAttachmentResponse> result) {
        (void)loop_->Post([this, done, result = std::move(result)](Instant) {
          if (result.ok() && listener_ != nullptr) listener_->OnHeard();
          done(result);
        });
      };
  if (!uploads_.Submit([this, begin = std::move(begin), read = std::move(read),
                        finish] { finish(UploadNow(begin, read)); })) {
    finish(absl::UnavailableError("too many uploads are under way"));
  }
}

absl::StatusOr<v1::UploadAttachmentResponse> GrpcExchangeLink::UploadNow(
    const v1::UploadBegin& begin, const ReadBytes& read) {
  const int64_t size = begin.attachment().size_bytes();
  grpc::ClientContext context;
  SetDocumentDeadline(size - begin.offset(), &context);
  if (!Begin(&context)) return absl::UnavailableError("the link is closing");
  v1::UploadAttachmentResponse response;
  const auto writer = attachments_->UploadAttachment(&context, &response);
  v1::UploadAttachmentRequest request;
  *request.mutable_begin() = begin;
  bool open = writer->Write(request);
  absl::Status unread;
  for (int64_t at = begin.offset(); open && at < size;) {
    absl::StatusOr<std::string> bytes = read(at);
    if (!bytes.ok()) {
      unread = bytes.status();
      context.TryCancel();
      break;
    }
    at += static_cast<int64_t>(bytes->size());
    request.set_chunk(*std::move(bytes));
    open = writer->Write(request);
  }
  writer->WritesDone();
  const absl::Status status = FromGrpc(writer->Finish());
  End(&context);
  RETURN_IF_ERROR(unread);
  RETURN_IF_ERROR(status);
  return response;
}

// Lives until its call is over, whoever still holds it. A read is in flight,
// or one Next() is owed: so the hold is let go exactly once.
class GrpcExchangeLink::RunningDownload final
    : public DocumentDownload,
      public grpc::ClientReadReactor<v1::DownloadAttachmentResponse>,
      public std::enable_shared_from_this<RunningDownload> {
 public:
  RunningDownload(GrpcExchangeLink* link, v1::DownloadAttachmentRequest request,
                  std::shared_ptr<DownloadSink> sink)
      : link_(link), request_(std::move(request)), sink_(std::move(sink)) {}

  void Start() override {
    self_ = shared_from_this();
    link_->SetDocumentDeadline(kMaxDocumentBytes, &context_);
    if (!link_->Begin(&context_)) {
      OnDone(grpc::Status(grpc::StatusCode::UNAVAILABLE, "closing"));
      return;
    }
    link_->attachments_->async()->DownloadAttachment(&context_, &request_,
                                                     this);
    AddHold();
    StartRead(&piece_);
    StartCall();
  }
  void Next() override { StartRead(&piece_); }
  void Cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (ok) {
      sink_->OnPiece(std::move(piece_));
    } else {
      RemoveHold();
    }
  }
  void OnDone(const grpc::Status& status) override {
    sink_->OnEnd(FromGrpc(status));
    sink_.reset();
    const std::shared_ptr<RunningDownload> last = std::move(self_);
    link_->End(&context_);
  }

 private:
  static constexpr int64_t kMaxDocumentBytes = 20 << 20;

  GrpcExchangeLink* const link_;
  const v1::DownloadAttachmentRequest request_;
  std::shared_ptr<DownloadSink> sink_;
  grpc::ClientContext context_;
  v1::DownloadAttachmentResponse piece_;
  std::shared_ptr<RunningDownload> self_;
};

std::shared_ptr<DocumentDownload> GrpcExchangeLink::Download(
    v1::DownloadAttachmentRequest request, std::shared_ptr<DownloadSink> sink) {
  return std::make_shared<RunningDownload>(this, std::move(request),
                                           std::move(sink));
}

// --- Streams.

void GrpcExchangeLink::Listen(ExchangeListener* listener,
                              std::vector<std::string> queues) {
  listener_ = listener;
  threads_.emplace_back([this] {
    Repeat([this](grpc::ClientContext* context) { return WatchOnce(context); });
  });
  for (std::string& queue : queues) {
    threads_.emplace_back([this, queue = std::move(queue)] {
      Repeat([&](grpc::ClientContext* context) {
        return PullOnce(queue, context);
      });
    });
  }
}

void GrpcExchangeLink::Repeat(
    const std::function<bool(grpc::ClientContext*)>& session) {
  absl::Duration delay = kFirstRetryDelay;
  while (true) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    if (!Begin(&context)) return;
    const bool worked = session(&context);
    End(&context);
    delay = worked ? kFirstRetryDelay : std::min(delay * 2, max_retry_delay_);
    MutexLock lock(&mu_);
    const absl::Time next = absl::Now() + delay;
    while (!stopping_ && absl::Now() < next) {
      changed_.WaitWithTimeout(&mu_, next - absl::Now());
    }
    if (stopping_) return;
  }
}

bool GrpcExchangeLink::WatchOnce(grpc::ClientContext* context) {
  const std::unique_ptr<grpc::ClientReader<v1::WatchConversationsResponse>>
      reader = tracking_->WatchConversations(context,
                                             v1::WatchConversationsRequest());
  bool watching = false;
  v1::WatchConversationsResponse response;
  while (reader->Read(&response)) {
    if (!watching) KeepCertificate(*context);
    (void)loop_->Post([this, response, first = !watching](Instant) {
      listener_->OnHeard();
      if (first) listener_->OnWatching();
      if (response.has_conversation()) {
        listener_->OnConversation(response.conversation());
      }
    });
    watching = true;
  }
  reader->Finish();
  return watching;
}

bool GrpcExchangeLink::PullOnce(const std::string& queue,
                                grpc::ClientContext* context) {
  const auto stream = broker_->StreamingPull(context);
  v1::StreamingPullRequest request;
  request.set_queue(queue);
  request.set_max_outstanding_messages(kOutstandingMessages);
  request.set_consumer(consumer_);
  bool heard = false;
  if (stream->Write(request)) {
    v1::StreamingPullResponse response;
    while (stream->Read(&response)) {
      heard = true;
      (void)loop_->Post([this, queue, response](Instant) {
        listener_->OnHeard();
        for (const v1::ConsumerNotice& notice : response.notices()) {
          Log(Severity::kWarning, "the exchange says of our stream",
              {{"queue", queue},
               {"notice", v1::NoticeCode_Name(notice.code())},
               {"leases", notice.ack_ids_size()}});
        }
        if (response.received_messages().empty()) return;
        listener_->OnMessages(queue, {response.received_messages().begin(),
                                      response.received_messages().end()});
      });
    }
  }
  const absl::Status ended = FromGrpc(stream->Finish());
  // Whoever took over would be thrown out in turn, and we by him.
  return heard && ReasonOf(ended) != "CONSUMER_REPLACED";
}

}  // namespace baton
