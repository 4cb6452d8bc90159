#ifndef BATON_SERVICES_BROKER_PUBLISH_STREAM_H_
#define BATON_SERVICES_BROKER_PUBLISH_STREAM_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/broker_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/broker/delivery_stream.h"
#include "services/broker/publish_check.h"
#include "services/common/response_pump.h"
#include "storage/mutex.h"

namespace baton {

// One StreamingPublish. Requests go to the commit thread as they come; results
// leave through the pump in that order. At kMaxWaiting requests without a
// result nothing more is read: gRPC's flow control holds the client up.
//
// Owned by gRPC: deletes itself when the call is over. Reactions of one call
// do not overlap; results come from the finisher thread through State, which
// outlives the reactor when it has to.
class PublishStream final
    : public grpc::ServerBidiReactor<v1::StreamingPublishRequest,
                                     v1::StreamingPublishResponse> {
 public:
  static constexpr size_t kMaxWaiting = 64;

  PublishStream(const DeliveryStreamParts& parts, const PublishLimits& limits,
                grpc::CallbackServerContext* context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Pump = ResponsePump<v1::StreamingPublishResponse>;
  class State;

  absl::Status Open();
  absl::Status Take(uint64_t number);
  void Fail(const absl::Status& refusal);

  const DeliveryStreamParts parts_;
  const PublishLimits limits_;
  const absl::StatusOr<Identity> caller_;
  const std::shared_ptr<Pump> pump_;
  const std::shared_ptr<State> state_;

  v1::StreamingPublishRequest request_;  // Owned by the read in flight.
  uint64_t registration_ = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_PUBLISH_STREAM_H_
