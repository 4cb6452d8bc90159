#ifndef BATON_SERVICES_EMERGENCY_EMERGENCY_SERVICE_H_
#define BATON_SERVICES_EMERGENCY_EMERGENCY_SERVICE_H_

#include "baton/v1/emergency_service.grpc.pb.h"
#include "services/agency/agency_service.h"
#include "services/agency/case_watch.h"
#include "services/emergency/emergency_desk.h"

namespace baton {

// The front door of hospital systems: every call runs on the agency loop and
// is answered after its commit. Thread-safe; never blocks.
class EmergencyServiceImpl final
    : public v1::EmergencyService::CallbackService {
 public:
  // Both outlive the service. Before the office's first step.
  EmergencyServiceImpl(AgencyService* service, EmergencyDesk* desk);

  grpc::ServerUnaryReactor* FlagWaiting(
      grpc::CallbackServerContext* context,
      const v1::FlagWaitingRequest* request,
      v1::FlagWaitingResponse* response) override;
  grpc::ServerUnaryReactor* UpdateWaiting(
      grpc::CallbackServerContext* context,
      const v1::UpdateWaitingRequest* request,
      v1::UpdateWaitingResponse* response) override;
  grpc::ServerUnaryReactor* MoveWaiting(
      grpc::CallbackServerContext* context,
      const v1::MoveWaitingRequest* request,
      v1::MoveWaitingResponse* response) override;
  grpc::ServerUnaryReactor* EndWaiting(
      grpc::CallbackServerContext* context,
      const v1::EndWaitingRequest* request,
      v1::EndWaitingResponse* response) override;
  grpc::ServerUnaryReactor* GetWaiting(
      grpc::CallbackServerContext* context,
      const v1::GetWaitingRequest* request,
      v1::GetWaitingResponse* response) override;
  grpc::ServerUnaryReactor* ListWaiting(
      grpc::CallbackServerContext* context,
      const v1::ListWaitingRequest* request,
      v1::ListWaitingResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchWaitingResponse>* WatchWaiting(
      grpc::CallbackServerContext* context,
      const v1::WatchWaitingRequest* request) override;
  grpc::ServerUnaryReactor* ListNeedsAttention(
      grpc::CallbackServerContext* context,
      const v1::ListNeedsAttentionRequest* request,
      v1::ListNeedsAttentionResponse* response) override;
  grpc::ServerUnaryReactor* ResolveNeedsAttention(
      grpc::CallbackServerContext* context,
      const v1::ResolveNeedsAttentionRequest* request,
      v1::ResolveNeedsAttentionResponse* response) override;

 private:
  void Changed(const v1::CaseRecord& wait, Instant now);

  AgencyService* const service_;
  EmergencyDesk* const desk_;
  CaseWatchers<v1::WatchWaitingResponse> watchers_;
};

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_EMERGENCY_SERVICE_H_
