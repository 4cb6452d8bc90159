#include "services/agency/document_streams.h"

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "services/agency/loop_call.h"
#include "services/common/faults.h"
#include "services/common/response_pump.h"
#include "services/common/rpc_status.h"
#include "storage/crypto.h"
#include "storage/mutex.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kMaxPieceBytes = 256 << 10;
constexpr size_t kMaxPendingResponses = 2;

absl::Status CheckPiece(const v1::AddDocumentRequest& request) {
  Faults faults;
  if (request.chunk().empty() || request.chunk().size() > kMaxPieceBytes) {
    faults.Add("chunk", "1 byte to 256 KiB in every request but the first");
  }
  return faults.ToStatus();
}

}  // namespace

// --- AddDocument.

// Everything but mu_ and what it guards belongs to the step under way: a read,
// or an event on the loop.
class AddDocumentStream::Arrival final
    : public OpenStream,
      public std::enable_shared_from_this<Arrival> {
 public:
  Arrival(AgencyService* agency, DocumentDesk* desk,
          grpc::CallbackServerContext* context, AddDocumentStream* reactor,
          v1::AddDocumentResponse* response)
      : agency_(agency),
        desk_(desk),
        caller_(agency->Identify(*context)),
        reactor_(reactor),
        response_(response) {}

  void Start() {
    if (caller_.ok()) {
      Read();
    } else {
      End(caller_.status());
    }
  }

  void OnReadDone(bool ok) {
    const absl::Status taken = ok ? Take() : Incomplete();
    if (!taken.ok()) End(taken);
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
    if (registration_ != 0) agency_->streams()->Remove(registration_);
    // Best effort: what stands still is given up later.
    (void)agency_->loop()->Post([self = shared_from_this()](Instant) {
      if (self->number_ != 0) self->desk_->GiveUp(self->number_);
    });
  }

 private:
  void Read() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (!ended_) reactor_->StartRead(&request_);
  }

  static absl::Status Incomplete() {
    return WithReason(
        absl::InvalidArgumentError("the stream ended before the document; "
                                   "nothing was kept: send it again"),
        "UPLOAD_INCOMPLETE");
  }

  absl::Status Take() {
    if (registration_ != 0) {
      RETURN_IF_ERROR(CheckPiece(request_));
      return Post(&Arrival::Add);
    }
    if (!request_.has_form()) {
      Faults faults;
      faults.Add("form", "comes first");
      return faults.ToStatus();
    }
    ASSIGN_OR_RETURN(registration_, agency_->streams()->Add(
                                        caller_->agency, shared_from_this(),
                                        /*heartbeat=*/[] {}));
    form_ = request_.form();
    return Post(&Arrival::Begin);
  }

  // Runs `step` on the loop; after its commit the stream goes on or ends.
  absl::Status Post(absl::Status (Arrival::*step)(Instant)) {
    const bool posted =
        agency_->loop()->Post([self = shared_from_this(), step](Instant now) {
          const absl::Status status = (self.get()->*step)(now);
          if (IsDiskFailure(status)) self->agency_->loop()->Fail(status);
          self->agency_->loop()->Tell([self, status] { self->GoOn(status); });
        });
    return posted ? absl::OkStatus() : LoopIsFull();
  }

  absl::Status Begin(Instant now) {
    ASSIGN_OR_RETURN(DocumentDesk::Begun begun, desk_->Begin(form_, now));
    number_ = begun.number;
    answer_ = std::move(begun.answer);
    return absl::OkStatus();
  }

  absl::Status Add(Instant now) {
    const uint64_t number = std::exchange(number_, 0);
    ASSIGN_OR_RETURN(answer_, desk_->Add(number, form_, request_.chunk(), now));
    if (!answer_.has_value()) number_ = number;
    return absl::OkStatus();
  }

  void GoOn(const absl::Status& status) {
    if (!status.ok()) {
      End(status);
    } else if (answer_.has_value()) {
      Answer();
    } else {
      Read();
    }
  }

  void Answer() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    if (ended_) return;
    ended_ = true;
    *response_ = *std::move(answer_);
    reactor_->Finish(grpc::Status::OK);
  }

  AgencyService* const agency_;
  DocumentDesk* const desk_;
  const absl::StatusOr<Identity> caller_;

  v1::AddDocumentRequest request_;  // Owned by the read in flight.
  v1::DocumentForm form_;           // Set by the first request.
  uint64_t registration_ = 0;       // Set by the first request.
  uint64_t number_ = 0;             // The document's, on the loop, until whole.
  std::optional<v1::AddDocumentResponse> answer_;

  Mutex mu_;
  // Alive until ended_, and then no longer touched.
  AddDocumentStream* const reactor_ ABSL_PT_GUARDED_BY(mu_);
  v1::AddDocumentResponse* const response_ ABSL_PT_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

AddDocumentStream::AddDocumentStream(AgencyService* agency, DocumentDesk* desk,
                                     grpc::CallbackServerContext* context,
                                     v1::AddDocumentResponse* response)
    : arrival_(
          std::make_shared<Arrival>(agency, desk, context, this, response)) {
  arrival_->Start();
}

void AddDocumentStream::OnReadDone(bool ok) { arrival_->OnReadDone(ok); }

void AddDocumentStream::OnDone() {
  arrival_->Detach();
  delete this;
}

// --- FetchDocument.

// Belongs to the step under way (the search, a piece, a write), but for the
// pump.
class FetchDocumentStream::Passage final
    : public DownloadSink,
      public std::enable_shared_from_this<Passage> {
 public:
  Passage(AgencyService* agency, DocumentDesk* desk,
          grpc::CallbackServerContext* context,
          v1::FetchDocumentRequest request, FetchDocumentStream* reactor)
      : agency_(agency),
        desk_(desk),
        caller_(agency->Identify(*context)),
        request_(std::move(request)),
        pump_(std::make_shared<Pump>(reactor, context, kMaxPendingResponses)) {}

  void Start() {
    const absl::Status opened = Open();
    if (!opened.ok()) pump_->End(opened);
  }

  void OnPiece(v1::DownloadAttachmentResponse piece) override {
    digest_.Update(piece.chunk());
    received_bytes_ += static_cast<int64_t>(piece.chunk().size());
    v1::FetchDocumentResponse response;
    if (piece.has_attachment()) {
      *response.mutable_attachment() = found_.attachment;
    }
    *response.mutable_chunk() = std::move(*piece.mutable_chunk());
    if (pump_->Send(std::move(response))) return;
    download_->Cancel();
    download_->Next();
  }

  void OnEnd(const absl::Status& status) override {
    pump_->End(status.ok() ? Verdict() : status);
    download_.reset();
  }

  void OnWriteDone(bool ok) {
    pump_->OnWriteDone(ok);
    if (!ok) download_->Cancel();
    download_->Next();
  }

  void Cancel() { pump_->End(absl::CancelledError("the client is gone")); }

  // The reactor is about to go away.
  void Detach() {
    pump_->Detach();
    if (registration_ != 0) agency_->streams()->Remove(registration_);
  }

 private:
  using Pump = ResponsePump<v1::FetchDocumentResponse>;

  absl::Status Open() {
    RETURN_IF_ERROR(caller_.status());
    ASSIGN_OR_RETURN(registration_,
                     agency_->streams()->Add(caller_->agency, pump_,
                                             /*heartbeat=*/[] {}));
    const bool posted = agency_->loop()->Post(
        [self = shared_from_this()](Instant now) { self->Find(now); });
    return posted ? absl::OkStatus() : LoopIsFull();
  }

  void Find(Instant now) {
    absl::StatusOr<DocumentDesk::Found> found = desk_->Find(request_, now);
    if (IsDiskFailure(found.status())) agency_->loop()->Fail(found.status());
    agency_->loop()->Tell([self = shared_from_this(), found] {
      if (!found.ok()) return self->pump_->End(found.status());
      self->found_ = *found;
      self->download_ =
          self->agency_->documents()->Download(found->request, self);
      self->download_->Start();
    });
  }

  absl::Status Verdict() {
    if (received_bytes_ == found_.attachment.size_bytes() &&
        AsBytes(digest_.Finish()) == found_.attachment.sha256()) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        "the bytes that came from the exchange are not those of the document "
        "that was announced: throw them away");
  }

  AgencyService* const agency_;
  DocumentDesk* const desk_;
  const absl::StatusOr<Identity> caller_;
  const v1::FetchDocumentRequest request_;
  const std::shared_ptr<Pump> pump_;

  uint64_t registration_ = 0;
  DocumentDesk::Found found_;
  // Holds this, and is let go when it has ended.
  std::shared_ptr<DocumentDownload> download_;
  Sha256Stream digest_;
  int64_t received_bytes_ = 0;
};

FetchDocumentStream::FetchDocumentStream(
    AgencyService* agency, DocumentDesk* desk,
    grpc::CallbackServerContext* context,
    const v1::FetchDocumentRequest* request)
    : passage_(
          std::make_shared<Passage>(agency, desk, context, *request, this)) {
  passage_->Start();
}

void FetchDocumentStream::OnWriteDone(bool ok) { passage_->OnWriteDone(ok); }

void FetchDocumentStream::OnCancel() { passage_->Cancel(); }

void FetchDocumentStream::OnDone() {
  passage_->Detach();
  delete this;
}

}  // namespace baton
