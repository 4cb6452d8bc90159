#include "services/council/intake_stream.h"

#include <string>
#include <utility>
#include <vector>

#include "services/common/checks.h"
#include "services/common/faults.h"
#include "services/common/loop_call.h"
#include "storage/status.h"

namespace baton {
namespace {

// Offers are bounded by credit; this bounds heartbeats nobody reads on top.
constexpr size_t kMaxPendingResponses =
    IntakeStream::kMaxOutstandingMessages + 100;

void CheckFirst(const v1::StreamIntakeRequest& request, Faults* faults) {
  if (request.max_outstanding_messages() < 1) {
    faults->Add("max_outstanding_messages", "must be 1 to 1000");
  }
  if (!IsConsumerName(request.consumer()) ||
      LooksLikeNhsNumber(request.consumer())) {
    faults->Add("consumer", "must be 1 to 64 of A-Z, a-z, 0-9, '-', '_', '.'");
  }
}

void CheckEvery(const v1::StreamIntakeRequest& request, Faults* faults) {
  if (request.max_outstanding_messages() < 0 ||
      request.max_outstanding_messages() >
          IntakeStream::kMaxOutstandingMessages) {
    faults->Add("max_outstanding_messages", "must be at most 1000");
  }
  if (request.acknowledge_message_ids_size() >
      IntakeStream::kMaxAcknowledgements) {
    faults->Add("acknowledge_message_ids", "at most 1000");
  }
}

}  // namespace

// Takes offers from the agency loop to the pump.
class IntakeStream::Outlet final : public IntakeSink {
 public:
  explicit Outlet(std::shared_ptr<Pump> pump) : pump_(std::move(pump)) {}

  bool Send(v1::StreamIntakeResponse response) override {
    return pump_->Send(std::move(response));
  }
  void End(absl::Status status) override { pump_->End(std::move(status)); }

 private:
  const std::shared_ptr<Pump> pump_;
};

IntakeStream::IntakeStream(AgencyService* agency, CouncilDesk* desk,
                           uint64_t stream_id,
                           grpc::CallbackServerContext* context)
    : agency_(agency),
      desk_(desk),
      stream_id_(stream_id),
      caller_(agency->Identify(*context)),
      pump_(std::make_shared<Pump>(
          [this](const v1::StreamIntakeResponse* response) {
            StartWrite(response);
          },
          [this](grpc::Status status) { Finish(std::move(status)); },
          kMaxPendingResponses)) {
  if (!caller_.ok()) {
    pump_->End(caller_.status());
    return;
  }
  StartRead(&request_);
}

void IntakeStream::OnReadDone(bool ok) {
  if (!ok) {
    pump_->End(absl::OkStatus());
    return;
  }
  const absl::Status status = registration_ == 0 ? Open() : Continue();
  if (!status.ok()) {
    pump_->End(status);
    return;
  }
  StartRead(&request_);
}

absl::Status IntakeStream::Open() {
  Faults faults;
  CheckFirst(request_, &faults);
  CheckEvery(request_, &faults);
  if (!request_.acknowledge_message_ids().empty()) {
    faults.Add("acknowledge_message_ids", "come after the first request");
  }
  RETURN_IF_ERROR(faults.ToStatus());

  // Heartbeats come from the loop: a loop that stands still is no sign of life.
  const auto heartbeat = [pump = pump_, desk = desk_, loop = agency_->loop()] {
    (void)loop->Post([pump, desk](Instant) { pump->Send(desk->Heartbeat()); });
  };
  ASSIGN_OR_RETURN(registration_,
                   agency_->streams()->Add(caller_->agency, pump_, heartbeat));
  auto outlet = std::make_shared<Outlet>(pump_);
  const bool posted = agency_->loop()->Post(
      [desk = desk_, id = stream_id_, consumer = request_.consumer(),
       credit = request_.max_outstanding_messages(),
       outlet](Instant) { desk->Subscribe(id, consumer, credit, outlet); });
  return posted ? absl::OkStatus() : LoopIsFull();
}

absl::Status IntakeStream::Continue() {
  Faults faults;
  CheckEvery(request_, &faults);
  if (!request_.consumer().empty()) {
    faults.Add("consumer", "stands in the first request only");
  }
  RETURN_IF_ERROR(faults.ToStatus());
  const auto& ids = request_.acknowledge_message_ids();
  const bool posted = agency_->loop()->Post(
      [desk = desk_, loop = agency_->loop(), id = stream_id_,
       credit = request_.max_outstanding_messages(),
       ids = std::vector<std::string>(ids.begin(), ids.end())](Instant) {
        if (credit > 0) desk->SetCredit(id, credit);
        if (ids.empty()) return;
        const absl::Status stored = desk->Acknowledge(id, ids);
        if (!stored.ok()) loop->Fail(stored);
      });
  return posted ? absl::OkStatus() : LoopIsFull();
}

void IntakeStream::OnWriteDone(bool ok) { pump_->OnWriteDone(ok); }

void IntakeStream::OnCancel() {
  pump_->End(absl::CancelledError("the client is gone"));
}

void IntakeStream::OnDone() {
  pump_->Detach();
  if (registration_ != 0) {
    agency_->streams()->Remove(registration_);
    // Best effort: a sink that sends nothing is dropped with the next offer.
    (void)agency_->loop()->Post(
        [desk = desk_, id = stream_id_](Instant) { desk->Unsubscribe(id); });
  }
  delete this;
}

}  // namespace baton
