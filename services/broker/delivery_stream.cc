#include "services/broker/delivery_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/checks.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

// Deliveries are bounded by credit; this bounds confirmations and heartbeats
// nobody reads.
constexpr size_t kMaxPendingResponses = 4096;

void CheckFirst(const v1::StreamingPullRequest& request, Faults* faults) {
  if (request.max_outstanding_messages() < 1 ||
      request.max_outstanding_messages() >
          PullLimits::kMaxOutstandingMessages) {
    faults->Add("max_outstanding_messages", "must be 1 to 4096");
  }
  if (request.has_ack_deadline()) {
    const absl::Duration deadline = FromProto(request.ack_deadline());
    if (deadline < PullLimits::kMinAckDeadline ||
        deadline > PullLimits::kMaxAckDeadline) {
      faults->Add("ack_deadline", "must be 10 s to 600 s");
    }
  }
  if (!IsConsumerName(request.consumer()) ||
      LooksLikeNhsNumber(request.consumer())) {
    faults->Add("consumer", "must be 1 to 64 of A-Z, a-z, 0-9, '-', '_', '.'");
  }
}

void CheckEvery(const v1::StreamingPullRequest& request, Faults* faults) {
  if (request.max_outstanding_messages() < 0 ||
      request.max_outstanding_messages() >
          PullLimits::kMaxOutstandingMessages) {
    faults->Add("max_outstanding_messages", "must be at most 4096");
  }
  if (request.max_outstanding_bytes() != 0 &&
      (request.max_outstanding_bytes() < PullLimits::kMinOutstandingBytes ||
       request.max_outstanding_bytes() > PullLimits::kMaxOutstandingBytes)) {
    faults->Add("max_outstanding_bytes", "must be 256 KiB to 64 MiB");
  }
  if (request.acknowledge_ids_size() > PullLimits::kMaxAckIds) {
    faults->Add("acknowledge_ids", "at most 1024");
  }
}

}  // namespace

// Takes deliveries from the finisher thread to the pump.
class DeliveryStream::Outlet final : public DeliverySink {
 public:
  explicit Outlet(std::shared_ptr<Pump> pump) : pump_(std::move(pump)) {}

  void Deliver(std::vector<v1::ReceivedMessage> messages) override {
    v1::StreamingPullResponse response;
    for (v1::ReceivedMessage& message : messages) {
      *response.add_received_messages() = std::move(message);
    }
    pump_->Send(std::move(response));
  }

  void Notify(v1::ConsumerNotice notice) override {
    v1::StreamingPullResponse response;
    *response.add_notices() = std::move(notice);
    pump_->Send(std::move(response));
  }

  void End(absl::Status why) override { pump_->Close(std::move(why)); }

 private:
  const std::shared_ptr<Pump> pump_;
};

DeliveryStream::DeliveryStream(const DeliveryStreamParts& parts,
                               uint64_t consumer_id,
                               grpc::CallbackServerContext* context)
    : parts_(parts),
      consumer_id_(consumer_id),
      caller_(parts.doorway->Identify(*context)),
      pump_(std::make_shared<Pump>(this, context, kMaxPendingResponses)) {
  const absl::Status registered = caller_.ok() ? Register() : caller_.status();
  if (registered.ok()) {
    StartRead(&request_);
  } else {
    Fail(registered);
  }
}

// Before the first request, which may never come.
absl::Status DeliveryStream::Register() {
  ASSIGN_OR_RETURN(registration_,
                   parts_.streams->Add(caller_->agency, pump_,
                                       [pump = pump_, clock = parts_.clock] {
                                         v1::StreamingPullResponse heartbeat;
                                         *heartbeat.mutable_heartbeat_time() =
                                             ToProto(clock->Now().wall);
                                         pump->Send(std::move(heartbeat));
                                       }));
  return absl::OkStatus();
}

void DeliveryStream::OnReadDone(bool ok) {
  if (!ok) {
    pump_->End(absl::OkStatus());
    return;
  }
  const absl::Status status = queue_.empty() ? Open() : Continue();
  if (!status.ok()) {
    Fail(status);
    return;
  }
  StartRead(&request_);
}

// Ends the stream once the leaf of the refusal is on disk.
void DeliveryStream::Fail(const absl::Status& refusal) {
  parts_.doorway->Refuse(
      caller_, refusal, "StreamingPull",
      [pump = pump_, refusal](const grpc::Status&) { pump->End(refusal); });
}

absl::Status DeliveryStream::Open() {
  RETURN_IF_ERROR(
      parts_.access->CheckConsume(caller_->agency, request_.queue()));
  Faults faults;
  CheckFirst(request_, &faults);
  CheckEvery(request_, &faults);
  faults.AddAll(CheckInDirectory());
  if (!request_.acknowledge_ids().empty()) {
    faults.Add("acknowledge_ids", "come after the first request");
  }
  RETURN_IF_ERROR(faults.ToStatus());

  queue_ = request_.queue();
  SubscribeCommand command{.caller = *caller_,
                           .queue = queue_,
                           .consumer = {.id = consumer_id_},
                           .sink = std::make_shared<Outlet>(pump_)};
  Consumer& consumer = command.consumer;
  consumer.name = request_.consumer();
  consumer.exclusive = request_.exclusive();
  consumer.max_messages = request_.max_outstanding_messages();
  consumer.max_bytes = request_.max_outstanding_bytes() > 0
                           ? request_.max_outstanding_bytes()
                           : PullLimits::kDefaultOutstandingBytes;
  consumer.ack_deadline = request_.has_ack_deadline()
                              ? FromProto(request_.ack_deadline())
                              : PullLimits::kDefaultAckDeadline;
  return parts_.sequencer->Submit(std::move(command));
}

absl::Status DeliveryStream::CheckInDirectory() const {
  Faults faults;
  if (parts_.directory->Now()->FindQueue(request_.queue()) == nullptr) {
    faults.Add("queue", "is not in the directory");
  }
  return faults.ToStatus();
}

absl::Status DeliveryStream::Continue() {
  Faults faults;
  CheckEvery(request_, &faults);
  if (!request_.queue().empty() || !request_.consumer().empty() ||
      request_.has_ack_deadline() || request_.exclusive()) {
    faults.Add("queue",
               "queue, consumer, ack_deadline and exclusive stand in the first "
               "request only");
  }
  RETURN_IF_ERROR(faults.ToStatus());
  if (request_.max_outstanding_messages() > 0 ||
      request_.max_outstanding_bytes() > 0) {
    RETURN_IF_ERROR(parts_.sequencer->Submit(
        GrantCommand{.queue = queue_,
                     .consumer_id = consumer_id_,
                     .max_messages = request_.max_outstanding_messages(),
                     .max_bytes = request_.max_outstanding_bytes()}));
  }
  return request_.acknowledge_ids().empty() ? absl::OkStatus() : Acknowledge();
}

absl::Status DeliveryStream::Acknowledge() {
  std::vector<std::string> ids(request_.acknowledge_ids().begin(),
                               request_.acknowledge_ids().end());
  SettleCommand command{.caller = *caller_,
                        .kind = SettleKind::kAcknowledge,
                        .queue = queue_,
                        .ack_ids = ids,
                        .reason = "",
                        .duration = std::nullopt,
                        .done = nullptr};
  command.done = [pump = pump_,
                  ids = std::move(ids)](absl::StatusOr<SettleResult> result) {
    v1::StreamingPullResponse response;
    for (size_t i = 0; i < ids.size(); ++i) {
      const absl::Status& status =
          result.ok() ? result->statuses[i] : result.status();
      v1::Settlement* const settled = response.add_settled();
      settled->set_ack_id(ids[i]);
      settled->set_settled(status.ok());
      if (!status.ok()) settled->set_error(std::string(status.message()));
    }
    pump->Send(std::move(response));
  };
  return parts_.sequencer->Submit(std::move(command));
}

void DeliveryStream::OnWriteDone(bool ok) { pump_->OnWriteDone(ok); }

void DeliveryStream::OnCancel() {
  pump_->End(absl::CancelledError("the client is gone"));
}

void DeliveryStream::OnDone() {
  pump_->Detach();
  if (registration_ != 0) parts_.streams->Remove(registration_);
  if (!queue_.empty()) {
    // Best effort: a stopping sequencer forgets its consumers anyhow.
    (void)parts_.sequencer->Submit(
        UnsubscribeCommand{.queue = queue_, .consumer_id = consumer_id_});
  }
  delete this;
}

}  // namespace baton
