#ifndef BATON_SERVICES_COUNCIL_INTAKE_STREAM_H_
#define BATON_SERVICES_COUNCIL_INTAKE_STREAM_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/council_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/common/agency_service.h"
#include "services/common/response_pump.h"
#include "services/council/council_desk.h"

namespace baton {

// One StreamIntake. The first request subscribes; each later one changes the
// credit and acknowledges.
//
// Owned by gRPC: deletes itself when the call is over. Reactions of one call
// do not overlap; offers come from the agency loop through Outlet, which
// outlives the reactor when it has to.
class IntakeStream final
    : public grpc::ServerBidiReactor<v1::StreamIntakeRequest,
                                     v1::StreamIntakeResponse> {
 public:
  static constexpr int kMaxOutstandingMessages = 1000;
  static constexpr int kMaxAcknowledgements = 1000;  // In one request.

  // `agency` and `desk` must outlive the stream.
  IntakeStream(AgencyService* agency, CouncilDesk* desk, uint64_t stream_id,
               grpc::CallbackServerContext* context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Pump = ResponsePump<v1::StreamIntakeResponse>;
  class Outlet;

  absl::Status Open();
  absl::Status Continue();

  AgencyService* const agency_;
  CouncilDesk* const desk_;
  const uint64_t stream_id_;
  const absl::StatusOr<Identity> caller_;
  const std::shared_ptr<Pump> pump_;

  v1::StreamIntakeRequest request_;  // Owned by the read in flight.
  uint64_t registration_ = 0;        // Set by the first request.
};

}  // namespace baton

#endif  // BATON_SERVICES_COUNCIL_INTAKE_STREAM_H_
