#ifndef BATON_SERVICES_COUNCIL_COUNCIL_SERVICE_H_
#define BATON_SERVICES_COUNCIL_COUNCIL_SERVICE_H_

#include <atomic>
#include <cstdint>

#include "baton/v1/council_service.grpc.pb.h"
#include "services/agency/agency_service.h"
#include "services/council/council_desk.h"

namespace baton {

// The council's front door: every call runs on the agency loop and is answered
// when its commit is on disk. Thread-safe; never blocks.
class CouncilServiceImpl final : public v1::CouncilService::CallbackService {
 public:
  // Both must outlive the service.
  CouncilServiceImpl(AgencyService* agency, CouncilDesk* desk)
      : agency_(agency), desk_(desk) {}

  grpc::ServerBidiReactor<v1::StreamIntakeRequest, v1::StreamIntakeResponse>*
  StreamIntake(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ListIntake(
      grpc::CallbackServerContext* context,
      const v1::ListIntakeRequest* request,
      v1::ListIntakeResponse* response) override;
  grpc::ServerUnaryReactor* OpenMatter(
      grpc::CallbackServerContext* context,
      const v1::OpenMatterRequest* request,
      v1::OpenMatterResponse* response) override;
  grpc::ServerUnaryReactor* TakeMatter(
      grpc::CallbackServerContext* context,
      const v1::TakeMatterRequest* request,
      v1::TakeMatterResponse* response) override;
  grpc::ServerUnaryReactor* DecideMatter(
      grpc::CallbackServerContext* context,
      const v1::DecideMatterRequest* request,
      v1::DecideMatterResponse* response) override;
  grpc::ServerUnaryReactor* RecordPhoneContact(
      grpc::CallbackServerContext* context,
      const v1::RecordPhoneContactRequest* request,
      v1::RecordPhoneContactResponse* response) override;
  grpc::ServerUnaryReactor* PresentHomeless(
      grpc::CallbackServerContext* context,
      const v1::PresentHomelessRequest* request,
      v1::PresentHomelessResponse* response) override;
  grpc::ServerUnaryReactor* NotifyPlacement(
      grpc::CallbackServerContext* context,
      const v1::NotifyPlacementRequest* request,
      v1::NotifyPlacementResponse* response) override;
  grpc::ServerUnaryReactor* HandOver(grpc::CallbackServerContext* context,
                                     const v1::HandOverRequest* request,
                                     v1::HandOverResponse* response) override;

 private:
  AgencyService* const agency_;
  CouncilDesk* const desk_;
  // Even ones; see CaseServiceImpl.
  std::atomic<uint64_t> last_stream_id_{0};
};

}  // namespace baton

#endif  // BATON_SERVICES_COUNCIL_COUNCIL_SERVICE_H_
