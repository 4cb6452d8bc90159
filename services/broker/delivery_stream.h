#ifndef BATON_SERVICES_BROKER_DELIVERY_STREAM_H_
#define BATON_SERVICES_BROKER_DELIVERY_STREAM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/broker_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/broker/access.h"
#include "services/broker/directory_book.h"
#include "services/broker/doorway.h"
#include "services/broker/sequencer.h"
#include "services/common/clock.h"
#include "services/common/response_pump.h"
#include "services/common/stream_registry.h"

namespace baton {

// What a stream and a single pull share: limits and their checks.
struct PullLimits {
  static constexpr int kMaxPullMessages = 256;
  static constexpr int kMaxOutstandingMessages = 4096;
  static constexpr int64_t kMinOutstandingBytes = 256 << 10;
  static constexpr int64_t kMaxOutstandingBytes = 64 << 20;
  static constexpr int64_t kDefaultOutstandingBytes = 16 << 20;
  static constexpr int kMaxAckIds = 1024;
  static constexpr absl::Duration kMinAckDeadline = absl::Seconds(10);
  static constexpr absl::Duration kMaxAckDeadline = absl::Seconds(600);
  static constexpr absl::Duration kDefaultAckDeadline = absl::Seconds(60);
};

// The parts a stream needs; all outlive it.
struct DeliveryStreamParts {
  const Doorway* doorway;
  const Access* access;
  const DirectoryBook* directory;
  Sequencer* sequencer;
  StreamRegistry* streams;
  StreamRegistry* pulls;  // Calls of Pull that wait.
  const Clock* clock;
};

// One StreamingPull. The first request subscribes; each later one grants
// credit and acknowledges. Deliveries and confirmations leave through the
// pump in commit order; of one commit, notices first, then messages, then
// confirmations.
//
// Owned by gRPC: deletes itself when the call is over. Reactions of one call
// do not overlap; deliveries come from the finisher thread through Outlet,
// which outlives the reactor when it has to.
class DeliveryStream final
    : public grpc::ServerBidiReactor<v1::StreamingPullRequest,
                                     v1::StreamingPullResponse> {
 public:
  DeliveryStream(const DeliveryStreamParts& parts, uint64_t consumer_id,
                 grpc::CallbackServerContext* context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Pump = ResponsePump<v1::StreamingPullResponse>;
  class Outlet;

  absl::Status Register();
  absl::Status Open();
  absl::Status CheckInDirectory() const;
  absl::Status Continue();
  absl::Status Acknowledge();
  void Fail(const absl::Status& refusal);

  const DeliveryStreamParts parts_;
  const uint64_t consumer_id_;
  const absl::StatusOr<Identity> caller_;
  const std::shared_ptr<Pump> pump_;

  v1::StreamingPullRequest request_;  // Owned by the read in flight.
  std::string queue_;                 // Set by the first request.
  uint64_t registration_ = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DELIVERY_STREAM_H_
