#ifndef BATON_SERVICES_AGENCY_DOCUMENT_STREAMS_H_
#define BATON_SERVICES_AGENCY_DOCUMENT_STREAMS_H_

#include <memory>

#include "baton/v1/case_service.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/agency/agency_service.h"
#include "services/agency/document_desk.h"

// The two calls of CaseService that carry documents. Each reactor is owned by
// gRPC and deletes itself when the call is over; what is under way then keeps
// the part it needs.
namespace baton {

// One AddDocument: the form, then pieces of any size, each on disk before the
// next is read: a slow disk is felt by the caller through flow control.
//
//   read -> loop (Begin or Add, commit) -> read ... -> answer
//
// A stream that ends before its document has it given up.
class AddDocumentStream final
    : public grpc::ServerReadReactor<v1::AddDocumentRequest> {
 public:
  // `agency` and `desk` outlive the stream, `response` as gRPC has it.
  AddDocumentStream(AgencyService* agency, DocumentDesk* desk,
                    grpc::CallbackServerContext* context,
                    v1::AddDocumentResponse* response);

  void OnReadDone(bool ok) override;
  void OnDone() override;

 private:
  class Arrival;

  const std::shared_ptr<Arrival> arrival_;
};

// One FetchDocument: found on the loop, then passed on from the exchange piece
// by piece, each asked for when the one before is written. Checks the digest
// on the way; keeps nothing.
class FetchDocumentStream final
    : public grpc::ServerWriteReactor<v1::FetchDocumentResponse> {
 public:
  FetchDocumentStream(AgencyService* agency, DocumentDesk* desk,
                      grpc::CallbackServerContext* context,
                      const v1::FetchDocumentRequest* request);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  class Passage;

  const std::shared_ptr<Passage> passage_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_DOCUMENT_STREAMS_H_
