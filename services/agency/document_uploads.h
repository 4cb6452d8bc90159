#ifndef BATON_SERVICES_AGENCY_DOCUMENT_UPLOADS_H_
#define BATON_SERVICES_AGENCY_DOCUMENT_UPLOADS_H_

#include <functional>

#include "absl/status/status.h"
#include "services/agency/agency_loop.h"
#include "services/agency/document_link.h"
#include "services/agency/document_shelf.h"
#include "services/agency/outbox.h"

namespace baton {

// Brings held documents to the exchange, each before the message that names
// it: asks how far the upload is, goes on from there. Keeps nothing itself: a
// broken stream or a restart begins with the question again, and two attempts
// at once end in one document.
//
// Not thread-safe: owned by the agency loop.
class DocumentUploads {
 public:
  // All outlive it, and its callbacks.
  struct Parts {
    AgencyLoop* loop;
    DocumentLink* link;
    const DocumentShelf* shelf;
    Outbox* outbox;
  };
  explicit DocumentUploads(const Parts& parts) : parts_(parts) {}

  // Begins after the running step's commit. `outgoing` names one document, by
  // the ids the exchange gave. `done` is told, on the loop, that the exchange
  // has all of it, or what went wrong, as Outbox::OnFailed understands it.
  using Done = std::function<void(const absl::Status&)>;
  void Begin(const Outbox::Outgoing& outgoing, Done done);

 private:
  void Upload(const Outbox::Outgoing& outgoing, int64_t offset, Done done);
  absl::StatusOr<std::string> Read(uint64_t outbox_id, uint64_t number,
                                   int64_t offset) const;

  const Parts parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_DOCUMENT_UPLOADS_H_
