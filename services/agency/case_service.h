#ifndef BATON_SERVICES_AGENCY_CASE_SERVICE_H_
#define BATON_SERVICES_AGENCY_CASE_SERVICE_H_

#include <atomic>
#include <cstdint>

#include "baton/v1/case_service.grpc.pb.h"
#include "services/agency/agency_service.h"
#include "services/agency/case_desk.h"
#include "services/agency/case_watch.h"
#include "services/agency/loop_call.h"
#include "storage/status.h"

namespace baton {

// The front door every agency has: each call runs on the agency loop and is
// answered after its commit. Thread-safe; never blocks.
class CaseServiceImpl final : public v1::CaseService::CallbackService {
 public:
  // Both must outlive the service. Before the office's first step.
  CaseServiceImpl(AgencyService* service, Office* office,
                  v1::Address default_recipient);

  CaseDesk* desk() { return &desk_; }

  grpc::ServerUnaryReactor* RaiseContact(
      grpc::CallbackServerContext* context,
      const v1::RaiseContactRequest* request,
      v1::RaiseContactResponse* response) override;
  grpc::ServerUnaryReactor* GetCase(grpc::CallbackServerContext* context,
                                    const v1::GetCaseRequest* request,
                                    v1::GetCaseResponse* response) override;
  grpc::ServerUnaryReactor* ListCases(grpc::CallbackServerContext* context,
                                      const v1::ListCasesRequest* request,
                                      v1::ListCasesResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchCasesResponse>* WatchCases(
      grpc::CallbackServerContext* context,
      const v1::WatchCasesRequest* request) override;
  grpc::ServerUnaryReactor* ActOnMatter(
      grpc::CallbackServerContext* context,
      const v1::ActOnMatterRequest* request,
      v1::ActOnMatterResponse* response) override;
  grpc::ServerUnaryReactor* ListInbox(grpc::CallbackServerContext* context,
                                      const v1::ListInboxRequest* request,
                                      v1::ListInboxResponse* response) override;
  grpc::ServerUnaryReactor* OpenInboxMatter(
      grpc::CallbackServerContext* context,
      const v1::OpenInboxMatterRequest* request,
      v1::OpenInboxMatterResponse* response) override;
  grpc::ServerBidiReactor<v1::StreamInboxRequest, v1::StreamInboxResponse>*
  StreamInbox(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ListRefused(
      grpc::CallbackServerContext* context,
      const v1::ListRefusedRequest* request,
      v1::ListRefusedResponse* response) override;
  grpc::ServerUnaryReactor* ResolveRefused(
      grpc::CallbackServerContext* context,
      const v1::ResolveRefusedRequest* request,
      v1::ResolveRefusedResponse* response) override;
  grpc::ServerReadReactor<v1::AddDocumentRequest>* AddDocument(
      grpc::CallbackServerContext* context,
      v1::AddDocumentResponse* response) override;
  grpc::ServerWriteReactor<v1::FetchDocumentResponse>* FetchDocument(
      grpc::CallbackServerContext* context,
      const v1::FetchDocumentRequest* request) override;
  grpc::ServerUnaryReactor* TestExchange(
      grpc::CallbackServerContext* context,
      const v1::TestExchangeRequest* request,
      v1::TestExchangeResponse* response) override;

 private:
  void Changed(const v1::CaseRecord& record, Instant now);

  AgencyService* const service_;
  CaseDesk desk_;
  CaseWatchers<v1::WatchCasesResponse> watchers_;
  // Streams of consuming systems: odd numbers here, even ones elsewhere.
  std::atomic<uint64_t> last_stream_id_{1};
};

// A call whose answer is how one case stands.
template <typename Response>
grpc::ServerUnaryReactor* AnswerCaseStatus(
    AgencyService* service, grpc::CallbackServerContext* context,
    Response* response,
    std::function<absl::StatusOr<v1::CaseStatus>(Instant)> decide) {
  return AnswerOnLoop<Response>(
      service, context, response,
      [decide = std::move(decide)](Instant now) -> absl::StatusOr<Response> {
        Response answer;
        ASSIGN_OR_RETURN(*answer.mutable_status(), decide(now));
        return answer;
      });
}

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_CASE_SERVICE_H_
