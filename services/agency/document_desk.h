#ifndef BATON_SERVICES_AGENCY_DOCUMENT_DESK_H_
#define BATON_SERVICES_AGENCY_DOCUMENT_DESK_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/attachment_service.pb.h"
#include "baton/v1/case_service.pb.h"
#include "services/agency/case_book.h"
#include "services/agency/document_shelf.h"
#include "services/agency/intake_desk.h"
#include "services/agency/matter_desk.h"
#include "services/agency/outbox.h"

namespace baton {

// Documents as an agency's systems see them: added to what was raised or
// received here, and found among what arrived.
//
//   Begin -> Add ... Add -> on the shelf, its message in the outbox: HELD
//
// A document goes to who acts: of a case, those it was raised with and whoever
// holds it now; of a matter received, whoever opened and whoever holds it.
// Copies of a case do not carry its documents. It never alarms.
//
// What a call changes it writes into the AgencyStore's batch: answer after the
// commit. Not thread-safe: owned by the agency loop.
class DocumentDesk {
 public:
  static constexpr size_t kMaxTitleBytes = 200;
  static constexpr size_t kMinNameDigits = 8;

  // All outlive the desk.
  struct Parts {
    DocumentShelf* shelf;
    Outbox* outbox;
    CaseBook* cases;
    IntakeDesk* intake;
    MatterDesk* matters;
  };
  explicit DocumentDesk(const Parts& parts) : parts_(parts) {}

  // Checks the form, all of it, and makes room. A repeat of what is held or was
  // sent has its answer at once, and no bytes are taken. Errors: see
  // CaseService.AddDocument.
  struct Begun {
    uint64_t number = 0;  // For Add.
    std::optional<v1::AddDocumentResponse> answer;
  };
  absl::StatusOr<Begun> Begin(const v1::DocumentForm& form, Instant now);

  // Takes the next bytes of what Begin began with this form; the answer with
  // the last ones. After an error or an answer the number means nothing.
  absl::StatusOr<std::optional<v1::AddDocumentResponse>> Add(
      uint64_t number, const v1::DocumentForm& form, absl::string_view bytes,
      Instant now);

  // The rest does not come: nothing of it stays.
  void GiveUp(uint64_t number) { parts_.shelf->Remove(number); }

  // What to ask the exchange for; the matter counts as opened. NOT_FOUND when
  // no message about the matter names such a document.
  struct Found {
    v1::Attachment attachment;
    v1::DownloadAttachmentRequest request;
  };
  absl::StatusOr<Found> Find(const v1::FetchDocumentRequest& request,
                             Instant now);

 private:
  // What a form is about: a case raised here, or a matter received.
  struct Subject {
    std::optional<v1::CaseRecord> raised;
    int child = 0;  // Of the case; 0: all.
    std::optional<v1::IntakeRecord> received;
  };
  // Its message in the making, and where in the outbox it goes.
  struct Draft {
    v1::Message message;
    std::string thread;
    uint64_t after = 0;
  };

  absl::Status Check(const v1::DocumentForm& form) const;
  absl::StatusOr<Subject> SubjectOf(const v1::DocumentForm& form) const;
  absl::StatusOr<Draft> DraftOf(const Subject& subject,
                                const v1::DocumentForm& form) const;
  absl::StatusOr<Draft> AboutCase(const v1::CaseRecord& record, int child,
                                  const v1::DocumentForm& form) const;
  absl::StatusOr<Draft> AboutMatter(const v1::IntakeRecord& matter,
                                    const v1::DocumentForm& form) const;
  absl::StatusOr<uint64_t> Hold(uint64_t number, const v1::DocumentForm& form,
                                Instant now);
  absl::StatusOr<v1::AddDocumentResponse> Answer(uint64_t outbox_id,
                                                 const v1::DocumentForm& form,
                                                 Instant now) const;

  const Parts parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_DOCUMENT_DESK_H_
