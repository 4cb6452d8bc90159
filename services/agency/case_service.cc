#include "services/agency/case_service.h"

#include <utility>

#include "services/agency/arrival_stream.h"
#include "services/agency/document_streams.h"
#include "services/agency/loop_call.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

v1::WatchCasesResponse Alive(std::optional<absl::Time> heard_time) {
  v1::WatchCasesResponse response;
  if (heard_time.has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*heard_time);
  }
  return response;
}

absl::Status Show(const CaseDesk& desk, const std::string& reference,
                  Instant now,
                  const std::function<void(v1::WatchCasesResponse)>& show) {
  v1::WatchCasesResponse response = Alive(desk.heard_time());
  if (!reference.empty()) {
    ASSIGN_OR_RETURN(*response.mutable_status(), desk.GetCase(reference, now));
    show(response);
    return absl::OkStatus();
  }
  v1::ListCasesRequest request;
  do {
    ASSIGN_OR_RETURN(const v1::ListCasesResponse page,
                     desk.ListCases(request, now));
    for (const v1::CaseStatus& status : page.statuses()) {
      *response.mutable_status() = status;
      show(response);
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

}  // namespace

CaseServiceImpl::CaseServiceImpl(AgencyService* service, Office* office,
                                 v1::Address default_recipient)
    : service_(service), desk_(office, std::move(default_recipient)) {
  office->cases()->AddListener([this](const v1::CaseRecord& record,
                                      Instant now) { Changed(record, now); });
}

// Who watches a reference means its latest case.
void CaseServiceImpl::Changed(const v1::CaseRecord& record, Instant now) {
  const CaseBook& cases = *desk_.office()->cases();
  v1::WatchCasesResponse response = Alive(desk_.heard_time());
  absl::StatusOr<v1::CaseStatus> status = cases.Status(record, now);
  if (!status.ok()) {
    service_->loop()->Fail(status.status());
    return;
  }
  if (cases.IsEarlier(record) && !status->alarm()) return;
  *response.mutable_status() = *std::move(status);
  service_->loop()->Tell([this, response = std::move(response)] {
    watchers_.Tell(response.status().sender_reference(), response);
  });
}

grpc::ServerUnaryReactor* CaseServiceImpl::RaiseContact(
    grpc::CallbackServerContext* context,
    const v1::RaiseContactRequest* request,
    v1::RaiseContactResponse* response) {
  return AnswerCaseStatus(service_, context, response,
                          [this, request](Instant now) {
                            return desk_.RaiseContact(*request, now);
                          });
}

grpc::ServerUnaryReactor* CaseServiceImpl::GetCase(
    grpc::CallbackServerContext* context, const v1::GetCaseRequest* request,
    v1::GetCaseResponse* response) {
  return AnswerCaseStatus(
      service_, context, response, [this, request](Instant now) {
        return desk_.GetCase(request->sender_reference(), now);
      });
}

grpc::ServerUnaryReactor* CaseServiceImpl::ListCases(
    grpc::CallbackServerContext* context, const v1::ListCasesRequest* request,
    v1::ListCasesResponse* response) {
  return AnswerOnLoop<v1::ListCasesResponse>(
      service_, context, response,
      [this, request](Instant now) { return desk_.ListCases(*request, now); });
}

grpc::ServerWriteReactor<v1::WatchCasesResponse>* CaseServiceImpl::WatchCases(
    grpc::CallbackServerContext* context,
    const v1::WatchCasesRequest* request) {
  return new CaseWatch<v1::WatchCasesResponse>(
      {.service = service_,
       .watchers = &watchers_,
       .show =
           [desk = &desk_](
               const std::string& reference, Instant now,
               const std::function<void(v1::WatchCasesResponse)>& show) {
             return Show(*desk, reference, now, show);
           },
       .heartbeat = [desk = &desk_] { return Alive(desk->heard_time()); }},
      context, request->sender_reference());
}

grpc::ServerUnaryReactor* CaseServiceImpl::ActOnMatter(
    grpc::CallbackServerContext* context, const v1::ActOnMatterRequest* request,
    v1::ActOnMatterResponse* response) {
  return AnswerOnLoop<v1::ActOnMatterResponse>(
      service_, context, response,
      [this, request](Instant now) { return desk_.Act(*request, now); });
}

grpc::ServerUnaryReactor* CaseServiceImpl::ListInbox(
    grpc::CallbackServerContext* context, const v1::ListInboxRequest* request,
    v1::ListInboxResponse* response) {
  return AnswerOnLoop<v1::ListInboxResponse>(
      service_, context, response,
      [this, request](Instant) { return desk_.ListInbox(*request); });
}

grpc::ServerUnaryReactor* CaseServiceImpl::OpenInboxMatter(
    grpc::CallbackServerContext* context,
    const v1::OpenInboxMatterRequest* request,
    v1::OpenInboxMatterResponse* response) {
  return AnswerOnLoop<v1::OpenInboxMatterResponse>(
      service_, context, response, [this, request](Instant now) {
        return desk_.OpenInboxMatter(*request, now);
      });
}

grpc::ServerBidiReactor<v1::StreamInboxRequest, v1::StreamInboxResponse>*
CaseServiceImpl::StreamInbox(grpc::CallbackServerContext* context) {
  return new ArrivalStream<v1::StreamInboxRequest, v1::StreamInboxResponse>(
      service_, desk_.office()->intake(), last_stream_id_ += 2, context);
}

grpc::ServerUnaryReactor* CaseServiceImpl::ListRefused(
    grpc::CallbackServerContext* context, const v1::ListRefusedRequest*,
    v1::ListRefusedResponse* response) {
  return AnswerOnLoop<v1::ListRefusedResponse>(
      service_, context, response,
      [this](Instant) { return desk_.ListRefused(); });
}

grpc::ServerUnaryReactor* CaseServiceImpl::ResolveRefused(
    grpc::CallbackServerContext* context,
    const v1::ResolveRefusedRequest* request,
    v1::ResolveRefusedResponse* response) {
  return AnswerOnLoop<v1::ResolveRefusedResponse>(
      service_, context, response, [this, request](Instant now) {
        return desk_.ResolveRefused(*request, now);
      });
}

grpc::ServerReadReactor<v1::AddDocumentRequest>* CaseServiceImpl::AddDocument(
    grpc::CallbackServerContext* context, v1::AddDocumentResponse* response) {
  return new AddDocumentStream(service_, desk_.office()->documents(), context,
                               response);
}

grpc::ServerWriteReactor<v1::FetchDocumentResponse>*
CaseServiceImpl::FetchDocument(grpc::CallbackServerContext* context,
                               const v1::FetchDocumentRequest* request) {
  return new FetchDocumentStream(service_, desk_.office()->documents(), context,
                                 request);
}

// Answered by a later step, when the message is back: only a refusal is
// answered by this one.
grpc::ServerUnaryReactor* CaseServiceImpl::TestExchange(
    grpc::CallbackServerContext* context,
    const v1::TestExchangeRequest* request,
    v1::TestExchangeResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (const auto caller = service_->Identify(*context); !caller.ok()) {
    reactor->Finish(ToGrpc(caller.status()));
    return reactor;
  }
  const auto call = std::make_shared<LoopCall>(reactor);
  const bool posted = service_->loop()->Post([this, call, request,
                                              response](Instant now) {
    const absl::Status begun = desk_.TestExchange(
        *request, now,
        [service = service_, call, response](v1::TestExchangeResponse answer) {
          *response = std::move(answer);
          service->Describe(response);
          call->Finish(absl::OkStatus());
        });
    if (begun.ok()) return;
    if (IsDiskFailure(begun)) service_->loop()->Fail(begun);
    call->Finish(begun);
  });
  if (!posted) call->Finish(LoopIsFull());
  return reactor;
}

}  // namespace baton
