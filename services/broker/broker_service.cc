#include "services/broker/broker_service.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/alarm.h"
#include "services/broker/publish_stream.h"
#include "services/broker/request_checks.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr absl::Duration kMaxPullWait = absl::Seconds(60);
constexpr absl::Duration kMaxRetryDelay = absl::Hours(24);

template <typename Request>
std::vector<std::string> AckIds(const Request& request, Faults* faults) {
  if (request.ack_ids().empty() ||
      request.ack_ids_size() > PullLimits::kMaxAckIds) {
    faults->Add("ack_ids", "1 to 1024");
  }
  return {request.ack_ids().begin(), request.ack_ids().end()};
}

void CheckAckDeadline(absl::Duration deadline, Faults* faults) {
  if (deadline < PullLimits::kMinAckDeadline ||
      deadline > PullLimits::kMaxAckDeadline) {
    faults->Add("ack_deadline", "must be 10 s to 600 s");
  }
}

// One answer for many ids: OK, or FAILED_PRECONDITION that lists each failure.
absl::Status Combine(const std::vector<std::string>& ids,
                     const SettleResult& result,
                     absl::string_view of_others = "the others are settled") {
  google::rpc::PreconditionFailure failures;
  const absl::Status* first = nullptr;
  for (size_t i = 0; i < ids.size(); ++i) {
    const absl::Status& status = result.statuses[i];
    if (status.ok()) continue;
    if (first == nullptr) first = &status;
    auto* violation = failures.add_violations();
    violation->set_type("LEASE_ENDED");
    violation->set_subject(ids[i]);
    violation->set_description(std::string(status.message()));
  }
  if (first == nullptr) return absl::OkStatus();
  absl::Status combined = absl::FailedPreconditionError(absl::StrCat(
      failures.violations_size(), " of ", ids.size(), " leases were not held, ",
      of_others, "; first: ", first->message()));
  combined.SetPayload("type.googleapis.com/google.rpc.PreconditionFailure",
                      absl::Cord(failures.SerializeAsString()));
  return combined;
}

// A single Pull that is waiting: answered by its first delivery, or by its
// alarm with nothing.
class PendingPull final : public DeliverySink,
                          public OpenStream,
                          public std::enable_shared_from_this<PendingPull> {
 public:
  PendingPull(grpc::ServerUnaryReactor* reactor, v1::PullResponse* response,
              const DeliveryStreamParts& parts, std::string queue,
              uint64_t consumer_id)
      : reactor_(reactor),
        response_(response),
        sequencer_(parts.sequencer),
        pulls_(parts.pulls),
        queue_(std::move(queue)),
        consumer_id_(consumer_id) {}

  // The subscription keeps this object alive until it is answered. The alarm
  // does not: it keeps its callback, and would keep us with it for ever.
  // RESOURCE_EXHAUSTED when too many wait.
  absl::Status AnswerWithin(absl::Duration wait, const v1::Agency& agency) {
    ASSIGN_OR_RETURN(registration_,
                     pulls_->Add(agency, shared_from_this(), [] {}));
    alarm_.Set(
        std::chrono::system_clock::now() + absl::ToChronoMilliseconds(wait),
        [weak = weak_from_this()](bool) {
          if (const auto self = weak.lock()) self->GiveUp(absl::OkStatus());
        });
    return absl::OkStatus();
  }

  void Fail(const absl::Status& status) {
    if (!Claim()) return;
    alarm_.Cancel();
    reactor_->Finish(ToGrpc(status));
  }

  void End(absl::Status why) override { Fail(why); }
  void Drain(absl::Status why) override { GiveUp(why); }
  // Nothing is leased to it any more.
  void GiveUp(const absl::Status& why) {
    if (!Claim()) return;
    (void)sequencer_->Submit(
        UnsubscribeCommand{.queue = queue_, .consumer_id = consumer_id_});
    alarm_.Cancel();
    reactor_->Finish(ToGrpc(why));
  }

  void Deliver(std::vector<v1::ReceivedMessage> messages) override {
    if (!Claim()) return;  // Given up: the leases expire and come again.
    for (v1::ReceivedMessage& message : messages) {
      *response_->add_received_messages() = std::move(message);
    }
    alarm_.Cancel();
    reactor_->Finish(grpc::Status::OK);
  }

 private:
  // True for the one who answers.
  bool Claim() {
    if (answered_.exchange(true)) return false;
    if (registration_ != 0) pulls_->Remove(registration_);
    return true;
  }

  grpc::ServerUnaryReactor* const reactor_;
  v1::PullResponse* const response_;
  Sequencer* const sequencer_;
  StreamRegistry* const pulls_;
  const std::string queue_;
  const uint64_t consumer_id_;
  std::atomic<uint64_t> registration_{0};  // In pulls_; 0: not there.
  grpc::Alarm alarm_;
  std::atomic<bool> answered_{false};
};

// One Pull. A call that its client gives up waits no more. Owned by gRPC:
// deletes itself when the call is over.
class PullReactor final : public grpc::ServerUnaryReactor {
 public:
  // Before the call is handed to gRPC.
  void Await(std::shared_ptr<PendingPull> pending) {
    pending_ = std::move(pending);
  }
  void OnCancel() override {
    if (pending_ != nullptr) {
      pending_->GiveUp(absl::CancelledError("the client is gone"));
    }
  }
  void OnDone() override { delete this; }

 private:
  std::shared_ptr<PendingPull> pending_;
};

}  // namespace

grpc::ServerUnaryReactor* BrokerServiceImpl::Publish(
    grpc::CallbackServerContext* context, const v1::PublishRequest* request,
    v1::PublishResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const std::optional<Identity> caller =
      parts_.doorway->Admit(*context, "Publish", reactor);
  if (!caller.has_value()) return reactor;
  // gRPC made it and does not look at it again: a copy of every message would
  // cost as much as all checks.
  PublishCommand command{
      .sender = *caller,
      .request = std::move(*const_cast<v1::PublishRequest*>(request)),
      .done = nullptr};
  Faults faults;
  CheckPublish(limits_, parts_.clock->Now().wall, &command.request, &faults);
  if (!faults.empty()) {
    parts_.doorway->Refuse(*caller, faults.ToStatus(), "Publish", reactor);
    return reactor;
  }
  command.done = [reactor,
                  response](absl::StatusOr<v1::PublishResponse> result) {
    if (result.ok()) *response = *std::move(result);
    reactor->Finish(ToGrpc(result.status()));
  };
  const absl::Status submitted =
      parts_.sequencer->SubmitAndStep(std::move(command));
  if (!submitted.ok()) reactor->Finish(ToGrpc(submitted));
  return reactor;
}

grpc::ServerBidiReactor<v1::StreamingPublishRequest,
                        v1::StreamingPublishResponse>*
BrokerServiceImpl::StreamingPublish(grpc::CallbackServerContext* context) {
  return new PublishStream(parts_, limits_, context);
}

grpc::ServerUnaryReactor* BrokerServiceImpl::Pull(
    grpc::CallbackServerContext* context, const v1::PullRequest* request,
    v1::PullResponse* response) {
  auto* const reactor = new PullReactor;
  const absl::StatusOr<Identity> caller = parts_.doorway->Identify(*context);
  absl::Status refusal = caller.status();
  if (refusal.ok()) {
    refusal = parts_.access->CheckConsume(caller->agency, request->queue());
  }
  Faults faults;
  const absl::Duration ack_deadline = request->has_ack_deadline()
                                          ? FromProto(request->ack_deadline())
                                          : PullLimits::kDefaultAckDeadline;
  const absl::Duration wait = FromProto(request->wait());
  CheckAckDeadline(ack_deadline, &faults);
  if (request->max_messages() < 1 ||
      request->max_messages() > PullLimits::kMaxPullMessages) {
    faults.Add("max_messages", "must be 1 to 256");
  }
  if (wait < absl::ZeroDuration() || wait > kMaxPullWait) {
    faults.Add("wait", "must be 0 to 60 s");
  }
  if (parts_.directory->Now()->FindQueue(request->queue()) == nullptr) {
    faults.Add("queue", "is not in the directory");
  }
  if (refusal.ok()) refusal = faults.ToStatus();
  if (!refusal.ok()) {
    parts_.doorway->Refuse(caller, refusal, "Pull", reactor);
    return reactor;
  }
  const uint64_t consumer_id = ++last_consumer_id_;
  auto pending = std::make_shared<PendingPull>(reactor, response, parts_,
                                               request->queue(), consumer_id);
  SubscribeCommand command{.caller = *caller,
                           .queue = request->queue(),
                           .consumer = {.id = consumer_id},
                           .sink = pending,
                           .once = true,
                           .wait = wait > absl::ZeroDuration()};
  command.consumer.max_messages = request->max_messages();
  command.consumer.max_bytes = PullLimits::kDefaultOutstandingBytes;
  command.consumer.ack_deadline = ack_deadline;
  absl::Status taken;
  if (command.wait) {
    reactor->Await(pending);
    taken = pending->AnswerWithin(wait, caller->agency);
  }
  if (taken.ok()) taken = parts_.sequencer->Submit(std::move(command));
  if (!taken.ok()) pending->Fail(taken);
  return reactor;
}

grpc::ServerBidiReactor<v1::StreamingPullRequest, v1::StreamingPullResponse>*
BrokerServiceImpl::StreamingPull(grpc::CallbackServerContext* context) {
  return new DeliveryStream(parts_, ++last_consumer_id_, context);
}

void BrokerServiceImpl::Settle(grpc::CallbackServerContext* context,
                               absl::string_view call, SettleCommand command,
                               Faults faults, grpc::ServerUnaryReactor* reactor,
                               std::function<void(const SettleResult&)> fill) {
  const absl::StatusOr<Identity> caller = parts_.doorway->Identify(*context);
  absl::Status refusal = caller.status();
  if (refusal.ok()) {
    refusal = parts_.access->CheckConsume(caller->agency, command.queue);
  }
  if (refusal.ok()) refusal = faults.ToStatus();
  if (!refusal.ok()) {
    parts_.doorway->Refuse(caller, refusal, call, reactor);
    return;
  }
  command.caller = *caller;
  command.done = [reactor, ids = command.ack_ids,
                  fill](absl::StatusOr<SettleResult> result) {
    if (!result.ok()) {
      reactor->Finish(ToGrpc(result.status()));
      return;
    }
    if (fill) fill(*result);
    reactor->Finish(ToGrpc(Combine(ids, *result)));
  };
  const absl::Status submitted =
      parts_.sequencer->SubmitAndStep(std::move(command));
  if (!submitted.ok()) reactor->Finish(ToGrpc(submitted));
}

grpc::ServerUnaryReactor* BrokerServiceImpl::Acknowledge(
    grpc::CallbackServerContext* context, const v1::AcknowledgeRequest* request,
    v1::AcknowledgeResponse*) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  SettleCommand command{.caller = {},
                        .kind = SettleKind::kAcknowledge,
                        .queue = request->queue(),
                        .ack_ids = AckIds(*request, &faults),
                        .reason = "",
                        .duration = std::nullopt,
                        .done = nullptr};
  Settle(context, "Acknowledge", std::move(command), std::move(faults), reactor,
         nullptr);
  return reactor;
}

grpc::ServerUnaryReactor* BrokerServiceImpl::AcknowledgeAndPublish(
    grpc::CallbackServerContext* context,
    const v1::AcknowledgeAndPublishRequest* request,
    v1::AcknowledgeAndPublishResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<Identity> caller = parts_.doorway->Identify(*context);
  absl::Status refusal = caller.status();
  if (refusal.ok()) {
    refusal = parts_.access->CheckConsume(caller->agency, request->queue());
  }
  Faults faults;
  AcknowledgeAndPublishCommand command;
  command.queue = request->queue();
  command.ack_ids = AckIds(*request, &faults);
  *command.request.mutable_messages() = request->messages();
  CheckPublish(limits_, parts_.clock->Now().wall, &command.request, &faults);
  if (refusal.ok()) refusal = faults.ToStatus();
  if (!refusal.ok()) {
    parts_.doorway->Refuse(caller, refusal, "AcknowledgeAndPublish", reactor);
    return reactor;
  }
  command.caller = *caller;
  command.done =
      [reactor, response, ids = command.ack_ids](
          absl::StatusOr<AcknowledgeAndPublishCommand::Result> result) {
        absl::Status status =
            Combine(ids, result->settled, "nothing was published or settled");
        if (status.ok()) status = result->published.status();
        if (status.ok()) {
          response->mutable_receipts()->Swap(
              result->published->mutable_receipts());
        }
        reactor->Finish(ToGrpc(status));
      };
  const absl::Status submitted =
      parts_.sequencer->SubmitAndStep(std::move(command));
  if (!submitted.ok()) reactor->Finish(ToGrpc(submitted));
  return reactor;
}

grpc::ServerUnaryReactor* BrokerServiceImpl::Nack(
    grpc::CallbackServerContext* context, const v1::NackRequest* request,
    v1::NackResponse*) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  SettleCommand command{.caller = {},
                        .kind = SettleKind::kNack,
                        .queue = request->queue(),
                        .ack_ids = AckIds(*request, &faults),
                        .reason = request->reason(),
                        .duration = std::nullopt,
                        .done = nullptr};
  CheckReason(request->reason(), &faults);
  if (request->has_retry_delay()) {
    command.duration = FromProto(request->retry_delay());
    if (*command.duration < absl::ZeroDuration() ||
        *command.duration > kMaxRetryDelay) {
      faults.Add("retry_delay", "must be 0 to 24 h");
    }
  }
  Settle(context, "Nack", std::move(command), std::move(faults), reactor,
         nullptr);
  return reactor;
}

grpc::ServerUnaryReactor* BrokerServiceImpl::Reject(
    grpc::CallbackServerContext* context, const v1::RejectRequest* request,
    v1::RejectResponse*) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  SettleCommand command{.caller = {},
                        .kind = SettleKind::kReject,
                        .queue = request->queue(),
                        .ack_ids = AckIds(*request, &faults),
                        .reason = request->reason(),
                        .duration = std::nullopt,
                        .done = nullptr};
  CheckReason(request->reason(), &faults);
  Settle(context, "Reject", std::move(command), std::move(faults), reactor,
         nullptr);
  return reactor;
}

grpc::ServerUnaryReactor* BrokerServiceImpl::ModifyAckDeadline(
    grpc::CallbackServerContext* context,
    const v1::ModifyAckDeadlineRequest* request,
    v1::ModifyAckDeadlineResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  Faults faults;
  SettleCommand command{.caller = {},
                        .kind = SettleKind::kModifyDeadline,
                        .queue = request->queue(),
                        .ack_ids = AckIds(*request, &faults),
                        .reason = "",
                        .duration = FromProto(request->ack_deadline()),
                        .done = nullptr};
  CheckAckDeadline(*command.duration, &faults);
  Settle(context, "ModifyAckDeadline", std::move(command), std::move(faults),
         reactor, [response](const SettleResult& result) {
           *response->mutable_lease_expire_time() =
               ToProto(result.lease_expire_time);
         });
  return reactor;
}

}  // namespace baton
