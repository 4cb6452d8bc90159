#ifndef BATON_SERVICES_AGENCY_ARRIVAL_STREAM_H_
#define BATON_SERVICES_AGENCY_ARRIVAL_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/message.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/agency/agency_service.h"
#include "services/agency/intake_desk.h"
#include "services/agency/loop_call.h"
#include "services/common/checks.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/common/response_pump.h"
#include "storage/status.h"

namespace baton {

// One stream of what arrives, to a consuming system: StreamIntake of councils,
// StreamInbox of everybody. The first request subscribes; each later one
// changes the credit and acknowledges.
//
// Owned by gRPC: deletes itself when the call is over. Reactions of one call
// do not overlap; offers come from the agency loop through Outlet, which
// outlives the reactor when it has to.
template <typename Request, typename Response>
class ArrivalStream final : public grpc::ServerBidiReactor<Request, Response> {
 public:
  static constexpr int kMaxOutstandingMessages = 1000;
  static constexpr int kMaxAcknowledgements = 1000;  // In one request.
  // Offers are bounded by credit; this bounds heartbeats nobody reads on top.
  static constexpr size_t kMaxPendingResponses = kMaxOutstandingMessages + 100;

  // `agency` and `desk` must outlive the stream.
  ArrivalStream(AgencyService* agency, IntakeDesk* desk, uint64_t stream_id,
                grpc::CallbackServerContext* context)
      : agency_(agency),
        desk_(desk),
        stream_id_(stream_id),
        caller_(agency->Identify(*context)),
        pump_(std::make_shared<Pump>(this, context, kMaxPendingResponses)) {
    if (!caller_.ok()) {
      pump_->End(caller_.status());
      return;
    }
    this->StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      pump_->End(absl::OkStatus());
      return;
    }
    const absl::Status status = registration_ == 0 ? Open() : Continue();
    if (!status.ok()) {
      pump_->End(status);
      return;
    }
    this->StartRead(&request_);
  }
  void OnWriteDone(bool ok) override { pump_->OnWriteDone(ok); }
  void OnCancel() override {
    pump_->End(absl::CancelledError("the client is gone"));
  }
  void OnDone() override {
    pump_->Detach();
    if (registration_ != 0) {
      agency_->streams()->Remove(registration_);
      // Best effort: a sink that sends nothing is dropped with the next offer.
      (void)agency_->loop()->Post(
          [desk = desk_, id = stream_id_](Instant) { desk->Unsubscribe(id); });
    }
    delete this;
  }

 private:
  using Pump = ResponsePump<Response>;

  // Takes offers from the agency loop to the pump.
  class Outlet final : public IntakeSink {
   public:
    explicit Outlet(std::shared_ptr<Pump> pump) : pump_(std::move(pump)) {}
    bool Send(v1::Message message,
              std::optional<absl::Time> heard_time) override {
      Response response = Alive(heard_time);
      *response.mutable_message() = std::move(message);
      return pump_->Send(std::move(response));
    }
    void End(absl::Status status) override { pump_->End(std::move(status)); }

   private:
    const std::shared_ptr<Pump> pump_;
  };

  static Response Alive(std::optional<absl::Time> heard_time) {
    Response response;
    if (heard_time.has_value()) {
      *response.mutable_exchange_heard_time() = ToProto(*heard_time);
    }
    return response;
  }

  void CheckEvery(Faults* faults) const {
    if (request_.max_outstanding_messages() < 0 ||
        request_.max_outstanding_messages() > kMaxOutstandingMessages) {
      faults->Add("max_outstanding_messages", "must be at most 1000");
    }
    if (request_.acknowledge_message_ids_size() > kMaxAcknowledgements) {
      faults->Add("acknowledge_message_ids", "at most 1000");
    }
  }

  absl::Status CheckFirst() const {
    Faults faults;
    if (request_.max_outstanding_messages() < 1) {
      faults.Add("max_outstanding_messages", "must be 1 to 1000");
    }
    if (!IsConsumerName(request_.consumer()) ||
        LooksLikeNhsNumber(request_.consumer())) {
      faults.Add("consumer", "must be 1 to 64 of A-Z, a-z, 0-9, '-', '_', '.'");
    }
    CheckEvery(&faults);
    if (!request_.acknowledge_message_ids().empty()) {
      faults.Add("acknowledge_message_ids", "come after the first request");
    }
    return faults.ToStatus();
  }

  absl::Status Open() {
    RETURN_IF_ERROR(CheckFirst());
    // Heartbeats come from the loop: a loop that stands still is no sign of
    // life.
    const auto heartbeat = [pump = pump_, desk = desk_,
                            loop = agency_->loop()] {
      (void)loop->Post(
          [pump, desk](Instant) { pump->Send(Alive(desk->heard_time())); });
    };
    ASSIGN_OR_RETURN(registration_, agency_->streams()->Add(caller_->agency,
                                                            pump_, heartbeat));
    auto outlet = std::make_shared<Outlet>(pump_);
    const bool posted = agency_->loop()->Post(
        [desk = desk_, id = stream_id_, consumer = request_.consumer(),
         credit = request_.max_outstanding_messages(),
         outlet](Instant) { desk->Subscribe(id, consumer, credit, outlet); });
    return posted ? absl::OkStatus() : LoopIsFull();
  }

  absl::Status Continue() {
    Faults faults;
    CheckEvery(&faults);
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

  AgencyService* const agency_;
  IntakeDesk* const desk_;
  const uint64_t stream_id_;
  const absl::StatusOr<Identity> caller_;
  const std::shared_ptr<Pump> pump_;

  Request request_;            // Owned by the read in flight.
  uint64_t registration_ = 0;  // Set by the first request.
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_ARRIVAL_STREAM_H_
