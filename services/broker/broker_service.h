#ifndef BATON_SERVICES_BROKER_BROKER_SERVICE_H_
#define BATON_SERVICES_BROKER_BROKER_SERVICE_H_

#include <atomic>
#include <string>

#include "baton/v1/broker_service.grpc.pb.h"
#include "services/broker/delivery_stream.h"
#include "services/broker/publish_check.h"

namespace baton {

// The queue's front door: checks what needs no state, builds a command, and
// answers when its commit is on disk. Thread-safe; never blocks.
class BrokerServiceImpl final : public v1::BrokerService::CallbackService {
 public:
  // Everything in `parts` must outlive the service.
  BrokerServiceImpl(const DeliveryStreamParts& parts,
                    const PublishLimits& limits)
      : parts_(parts), limits_(limits) {}

  grpc::ServerUnaryReactor* Publish(grpc::CallbackServerContext* context,
                                    const v1::PublishRequest* request,
                                    v1::PublishResponse* response) override;
  grpc::ServerBidiReactor<v1::StreamingPublishRequest,
                          v1::StreamingPublishResponse>*
  StreamingPublish(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Pull(grpc::CallbackServerContext* context,
                                 const v1::PullRequest* request,
                                 v1::PullResponse* response) override;
  grpc::ServerBidiReactor<v1::StreamingPullRequest, v1::StreamingPullResponse>*
  StreamingPull(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Acknowledge(
      grpc::CallbackServerContext* context,
      const v1::AcknowledgeRequest* request,
      v1::AcknowledgeResponse* response) override;
  grpc::ServerUnaryReactor* AcknowledgeAndPublish(
      grpc::CallbackServerContext* context,
      const v1::AcknowledgeAndPublishRequest* request,
      v1::AcknowledgeAndPublishResponse* response) override;
  grpc::ServerUnaryReactor* Nack(grpc::CallbackServerContext* context,
                                 const v1::NackRequest* request,
                                 v1::NackResponse* response) override;
  grpc::ServerUnaryReactor* Reject(grpc::CallbackServerContext* context,
                                   const v1::RejectRequest* request,
                                   v1::RejectResponse* response) override;
  grpc::ServerUnaryReactor* ModifyAckDeadline(
      grpc::CallbackServerContext* context,
      const v1::ModifyAckDeadlineRequest* request,
      v1::ModifyAckDeadlineResponse* response) override;

 private:
  void Settle(grpc::CallbackServerContext* context, absl::string_view call,
              SettleCommand command, Faults faults,
              grpc::ServerUnaryReactor* reactor,
              std::function<void(const SettleResult&)> fill);

  const DeliveryStreamParts parts_;
  const PublishLimits limits_;
  std::atomic<uint64_t> last_consumer_id_{0};
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_BROKER_SERVICE_H_
