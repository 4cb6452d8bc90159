#include "services/agency/document_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "baton/v1/document.pb.h"
#include "services/agency/form_check.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "storage/crypto.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kMaxNameDigits = 64;

v1::Attachment Declared(const v1::DocumentForm& form) {
  v1::Attachment attachment;
  attachment.set_sha256(form.sha256());
  attachment.set_size_bytes(form.size_bytes());
  attachment.set_media_type(form.media_type());
  return attachment;
}

void AddNote(const std::string& matter_id, const v1::DocumentForm& form,
             v1::Message* message) {
  v1::DocumentNote note;
  note.set_title(form.title());
  v1::PayloadPart* const part = message->add_payload();
  part->set_matter_id(matter_id);
  part->set_type(note.GetDescriptor()->full_name());
  part->set_content(note.SerializeAsString());
}

void AddDocument(const std::string& matter_id, const v1::DocumentForm& form,
                 v1::Message* message) {
  v1::Attachment* const attachment = message->add_attachments();
  *attachment = Declared(form);
  attachment->set_matter_id(matter_id);
}

// Takes out who only got a copy of the case and does not hold it.
void KeepActing(const v1::CaseRecord& record, v1::Message* message) {
  const auto holds = [&record](const v1::Address& address) {
    return std::any_of(record.conversation().matters().begin(),
                       record.conversation().matters().end(),
                       [&address](const v1::Matter& matter) {
                         return SameAgency(matter.holder().agency(),
                                           address.agency());
                       });
  };
  auto* const recipients = message->mutable_recipients();
  for (int i = recipients->size() - 1; i >= 0; --i) {
    v1::Recipient* const recipient = recipients->Mutable(i);
    if (recipient->role() == v1::RECIPIENT_ROLE_COPY &&
        !holds(recipient->address())) {
      recipients->DeleteSubrange(i, 1);
    } else if (recipient->role() == v1::RECIPIENT_ROLE_JOINT) {
      // Its duty was given by the message that opened the case.
      recipient->set_role(v1::RECIPIENT_ROLE_COPY);
    }
  }
}

// A slow upload is no reason to ring about immediate danger.
void KeepQuiet(v1::Message* message) {
  message->set_priority(std::min(message->priority(), v1::PRIORITY_URGENT));
}

bool IsName(absl::string_view text) {
  return text.size() >= DocumentDesk::kMinNameDigits &&
         text.size() <= kMaxNameDigits &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

// nullptr when the message names none of this name, or it is a sibling's.
const v1::Attachment* FindAttachment(const v1::Message& message,
                                     const std::string& matter_id,
                                     absl::string_view name) {
  for (const v1::Attachment& attachment : message.attachments()) {
    if ((attachment.matter_id().empty() ||
         attachment.matter_id() == matter_id) &&
        absl::StartsWith(absl::BytesToHexString(attachment.sha256()), name)) {
      return &attachment;
    }
  }
  return nullptr;
}

absl::Status CheckFetch(const v1::FetchDocumentRequest& request) {
  FormCheck check(absl::InfinitePast());
  check.Actor(request.actor());
  if (!ParseMatterId(request.matter_id()).ok()) {
    check.Fault("matter_id", "is no matter id, such as c-4k7.1");
  }
  if (!IsName(request.document())) {
    check.Fault("document", "needs 8 to 64 hexadecimal digits");
  }
  return check.status();
}

}  // namespace

// --- Adding.

absl::Status DocumentDesk::Check(const v1::DocumentForm& form) const {
  const DocumentShelf::Limits& limits = parts_.shelf->limits();
  FormCheck check(absl::InfinitePast());
  check.RequestId(form.request_id());
  if (form.sender_reference().empty() == form.matter_id().empty()) {
    check.Fault("sender_reference",
                "or matter_id: exactly one says what it is about");
  } else if (form.matter_id().empty()) {
    check.Reference(form.sender_reference(), "sender_reference");
  } else if (!ParseMatterId(form.matter_id()).ok()) {
    check.Fault("matter_id", "is no matter id, such as c-4k7.1");
  }
  if (form.child() < 0 || (form.child() > 0 && !form.matter_id().empty())) {
    check.Fault("child", "counts from 1, and only with a sender_reference");
  }
  check.Text(form.title(), false, kMaxTitleBytes, "title");
  if (std::find(limits.media_types.begin(), limits.media_types.end(),
                form.media_type()) == limits.media_types.end()) {
    check.Fault("media_type",
                absl::StrCat("this service takes ",
                             absl::StrJoin(limits.media_types, ", ")));
  }
  if (form.size_bytes() < 1 || form.size_bytes() > limits.max_document_bytes) {
    check.Fault("size_bytes",
                absl::StrCat("must be 1 to ", limits.max_document_bytes));
  }
  if (!HashFromBytes(form.sha256()).ok()) {
    check.Fault("sha256", "must have 32 bytes");
  }
  check.Actor(form.actor());
  return check.status();
}

absl::StatusOr<DocumentDesk::Begun> DocumentDesk::Begin(
    const v1::DocumentForm& form, Instant now) {
  RETURN_IF_ERROR(Check(form));
  Begun begun;
  ASSIGN_OR_RETURN(const uint64_t repeated,
                   parts_.outbox->FindRequest(form.request_id(), form));
  if (repeated != 0) {
    ASSIGN_OR_RETURN(begun.answer, Answer(repeated, form, now));
    return begun;
  }
  ASSIGN_OR_RETURN(const Subject subject, SubjectOf(form));
  RETURN_IF_ERROR(DraftOf(subject, form).status());
  ASSIGN_OR_RETURN(begun.number, parts_.shelf->Begin(Declared(form), now));
  return begun;
}

absl::StatusOr<std::optional<v1::AddDocumentResponse>> DocumentDesk::Add(
    uint64_t number, const v1::DocumentForm& form, absl::string_view bytes,
    Instant now) {
  ASSIGN_OR_RETURN(const bool whole, parts_.shelf->Add(number, bytes, now));
  if (!whole) return std::optional<v1::AddDocumentResponse>();
  const absl::StatusOr<uint64_t> outbox_id = Hold(number, form, now);
  if (!outbox_id.ok()) {
    GiveUp(number);
    return outbox_id.status();
  }
  ASSIGN_OR_RETURN(v1::AddDocumentResponse answer,
                   Answer(*outbox_id, form, now));
  return std::optional<v1::AddDocumentResponse>(std::move(answer));
}

absl::StatusOr<uint64_t> DocumentDesk::Hold(uint64_t number,
                                            const v1::DocumentForm& form,
                                            Instant now) {
  // Another stream with the same request may have been first.
  ASSIGN_OR_RETURN(const uint64_t repeated,
                   parts_.outbox->FindRequest(form.request_id(), form));
  if (repeated != 0) {
    GiveUp(number);
    return repeated;
  }
  ASSIGN_OR_RETURN(const Subject subject, SubjectOf(form));
  ASSIGN_OR_RETURN(Draft draft, DraftOf(subject, form));
  ASSIGN_OR_RETURN(
      const uint64_t outbox_id,
      parts_.outbox->Hold(form.request_id(), form, draft.thread,
                          std::move(draft.message), now,
                          {.number = number, .after = draft.after}));
  parts_.shelf->Keep(number, outbox_id);
  if (subject.raised.has_value()) {
    parts_.cases->Own(outbox_id, *subject.raised);
    parts_.cases->Changed(*subject.raised, now);
  }
  return outbox_id;
}

absl::StatusOr<v1::AddDocumentResponse> DocumentDesk::Answer(
    uint64_t outbox_id, const v1::DocumentForm& form, Instant now) const {
  v1::AddDocumentResponse response;
  response.set_document(absl::BytesToHexString(form.sha256()));
  ASSIGN_OR_RETURN(const v1::OutboxRecord record,
                   parts_.outbox->Read(outbox_id));
  response.set_outbox_state(record.state());
  response.set_refusal(record.refusal());
  ASSIGN_OR_RETURN(const Subject subject, SubjectOf(form));
  if (subject.raised.has_value()) {
    ASSIGN_OR_RETURN(*response.mutable_status(),
                     parts_.cases->Status(*subject.raised, now));
  }
  if (subject.received.has_value()) {
    ASSIGN_OR_RETURN(*response.mutable_item(),
                     parts_.intake->Row(*subject.received));
  }
  return response;
}

// --- Whom it is for.

// A matter of a case raised here is that case's.
absl::StatusOr<DocumentDesk::Subject> DocumentDesk::SubjectOf(
    const v1::DocumentForm& form) const {
  Subject subject;
  if (form.matter_id().empty()) {
    ASSIGN_OR_RETURN(subject.raised,
                     parts_.cases->Find(form.sender_reference()));
    subject.child = form.child();
    return subject;
  }
  ASSIGN_OR_RETURN(const MatterName name, ParseMatterId(form.matter_id()));
  ASSIGN_OR_RETURN(
      subject.raised,
      parts_.cases->FindConversation(ConversationId(name.conversation_number)));
  if (subject.raised.has_value()) {
    subject.child = name.matter_number;
    return subject;
  }
  ASSIGN_OR_RETURN(subject.received, parts_.intake->Find(form.matter_id()));
  return subject;
}

absl::StatusOr<DocumentDesk::Draft> DocumentDesk::DraftOf(
    const Subject& subject, const v1::DocumentForm& form) const {
  return subject.raised.has_value()
             ? AboutCase(*subject.raised, subject.child, form)
             : AboutMatter(*subject.received, form);
}

absl::StatusOr<DocumentDesk::Draft> DocumentDesk::AboutCase(
    const v1::CaseRecord& record, int child,
    const v1::DocumentForm& form) const {
  const int children = CaseBook::ChildrenOf(record);
  if (child > children) {
    Faults faults;
    faults.Add("child", absl::StrCat("this case has children 1 to ", children));
    return faults.ToStatus();
  }
  ASSIGN_OR_RETURN(const v1::OutboxRecord opening,
                   parts_.outbox->Read(record.opening_outbox_id()));
  if (opening.state() == v1::OUTBOX_STATE_WITHDRAWN) {
    return absl::FailedPreconditionError(
        "this case was withdrawn and never sent: nobody could be given the "
        "document");
  }
  Draft draft;
  draft.message = parts_.cases->NewMessage(v1::MESSAGE_KIND_ATTACHMENT, record,
                                           form.actor());
  KeepActing(record, &draft.message);
  KeepQuiet(&draft.message);
  // One part per child it is about: a matter shows what has a part for it.
  for (int i = 1; i <= children; ++i) {
    if (child != 0 && child != i) continue;
    AddNote(absl::StrCat("#", i), form, &draft.message);
  }
  AddDocument(child == 0 ? "" : absl::StrCat("#", child), form, &draft.message);
  draft.thread = CaseBook::ThreadOf(record);
  draft.after = record.opening_outbox_id();
  return draft;
}

absl::StatusOr<DocumentDesk::Draft> DocumentDesk::AboutMatter(
    const v1::IntakeRecord& matter, const v1::DocumentForm& form) const {
  Draft draft;
  ASSIGN_OR_RETURN(draft.message,
                   parts_.matters->NewMessage(v1::MESSAGE_KIND_ATTACHMENT,
                                              matter, form.actor()));
  KeepQuiet(&draft.message);
  AddNote(matter.matter_id(), form, &draft.message);
  AddDocument(matter.matter_id(), form, &draft.message);
  draft.thread = matter.matter_id();
  return draft;
}

// --- Reading.

absl::StatusOr<DocumentDesk::Found> DocumentDesk::Find(
    const v1::FetchDocumentRequest& request, Instant now) {
  RETURN_IF_ERROR(CheckFetch(request));
  const std::string name = absl::AsciiStrToLower(request.document());
  ASSIGN_OR_RETURN(const v1::IntakeRecord matter,
                   parts_.intake->Find(request.matter_id()));
  const absl::StatusOr<v1::Message> message =
      parts_.intake->FindMessage(matter, [&](const v1::Message& arrived) {
        return FindAttachment(arrived, request.matter_id(), name) != nullptr;
      });
  if (absl::IsNotFound(message.status())) {
    return absl::NotFoundError(
        absl::StrCat("no message about ", request.matter_id(),
                     " names such a document; opening the matter lists them"));
  }
  RETURN_IF_ERROR(message.status());
  RETURN_IF_ERROR(
      parts_.intake->OpenMatter(request.matter_id(), request.actor(), now)
          .status());
  Found found;
  found.attachment = *FindAttachment(*message, request.matter_id(), name);
  found.request.set_message_id(message->message_id());
  found.request.set_matter_id(found.attachment.matter_id());
  found.request.set_sha256(found.attachment.sha256());
  return found;
}

}  // namespace baton
