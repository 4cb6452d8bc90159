#include "services/emergency/waiting_check.h"

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/checks.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

constexpr size_t kMaxReferenceBytes = 64;
constexpr size_t kMaxFlagBytes = 128 << 10;
constexpr size_t kMaxIncidentBytes = 64 << 10;
constexpr size_t kMaxFollowBytes = 64 << 10;
constexpr int kMaxCopies = 8;
constexpr absl::Duration kOldEvent = absl::Hours(24 * 30);
constexpr absl::Duration kClockSkew = absl::Minutes(10);

void Mark(v1::MarkCode code, absl::string_view field,
          std::vector<v1::Mark>* marks) {
  v1::Mark mark;
  mark.set_code(code);
  mark.set_field(std::string(field));
  marks->push_back(std::move(mark));
}

// Events lie in the near past; anything else is kept and marked.
void CheckEventTime(absl::Time now, absl::Time event, absl::string_view field,
                    std::vector<v1::Mark>* marks) {
  if (event > now + kClockSkew || event < now - kOldEvent) {
    Mark(v1::MARK_CODE_ODD_TIME, field, marks);
  }
}

template <typename Known>
bool IsBlank(const Known& known) {
  return known.answer_case() == Known::ANSWER_NOT_SET ||
         (known.answer_case() == Known::kAbsence &&
          known.absence() == v1::ABSENCE_UNSPECIFIED);
}

// Withheld is a view's word, never a sender's.
template <typename Known>
void CheckKnown(bool present, const Known& known, absl::string_view field,
                Faults* faults, std::vector<v1::Mark>* marks) {
  if (!present) return;
  if (known.answer_case() == Known::kAbsence &&
      known.absence() == v1::ABSENCE_WITHHELD) {
    faults->Add(field,
                "a sender cannot withhold: say unknown, not asked, "
                "refused or not applicable");
  } else if (IsBlank(known)) {
    Mark(v1::MARK_CODE_BLANK_ANSWER, field, marks);
  }
}

void CheckEvent(absl::Time now, bool present, const v1::KnownTime& known,
                absl::string_view field, Faults* faults,
                std::vector<v1::Mark>* marks) {
  CheckKnown(present, known, field, faults, marks);
  if (present && known.has_value()) {
    CheckEventTime(now, FromProto(known.value()), field, marks);
  }
}

void CheckActor(const v1::Actor& actor, Faults* faults) {
  if (actor.name().empty()) faults->Add("actor.name", "is required");
  if (actor.name().size() > 128 || actor.role().size() > 128 ||
      actor.team().size() > 128 || actor.phone().size() > 32 ||
      actor.secure_email().size() > 254) {
    faults->Add("actor",
                "name, role and team have at most 128 bytes, phone "
                "32, secure_email 254");
  }
}

void CheckAddress(const v1::Address& address, const std::string& field,
                  Faults* faults) {
  if (ClassName(address.agency().agency_class()).empty() ||
      !IsAgencyCode(address.agency().code())) {
    faults->Add(field, "needs a class and a code of 1 to 16 of A-Z and 0-9");
  }
  if (!address.desk().empty() && !IsDeskName(address.desk())) {
    faults->Add(field + ".desk", "must be 1 to 32 of a-z, 0-9 and '-'");
  }
}

void CheckChild(v1::Child* child, Faults* faults,
                std::vector<v1::Mark>* marks) {
  if (child->names_size() > 16) faults->Add("flag.child.names", "at most 16");
  if (child->do_not_tell_size() > 16) {
    faults->Add("flag.child.do_not_tell", "at most 16");
  }
  if (child->local_identifiers_size() > 16) {
    faults->Add("flag.child.local_identifiers", "at most 16");
  }
  if (child->has_nhs_number() && !child->nhs_number().value().empty()) {
    v1::NhsNumber* const number = child->mutable_nhs_number();
    number->set_check(CheckNhsNumber(number->value()));
    if (number->check() == v1::IDENTIFIER_CHECK_FAILED) {
      Mark(v1::MARK_CODE_FAILED_CHECK, "flag.child.nhs_number", marks);
    }
  }
  if (child->has_pupil_number() && !child->pupil_number().value().empty()) {
    v1::UniquePupilNumber* const number = child->mutable_pupil_number();
    number->set_check(CheckUniquePupilNumber(number->value()));
    if (number->check() == v1::IDENTIFIER_CHECK_FAILED) {
      Mark(v1::MARK_CODE_FAILED_CHECK, "flag.child.pupil_number", marks);
    }
  }
  CheckKnown(child->has_birth_date(), child->birth_date(),
             "flag.child.birth_date", faults, marks);
  CheckKnown(child->has_medication(), child->medication(),
             "flag.child.medication", faults, marks);
  CheckKnown(child->has_interpreter(), child->interpreter(),
             "flag.child.interpreter", faults, marks);
}

void CheckSize(size_t bytes, size_t most, absl::string_view field,
               Faults* faults) {
  if (bytes > most) {
    faults->Add(field, absl::StrCat("has ", bytes, " bytes; at most ", most));
  }
}

}  // namespace

void CheckRequestId(const std::string& request_id, Faults* faults) {
  if (!IsToken(request_id, kMaxReferenceBytes)) {
    faults->Add(
        "request_id",
        "must be 1 to 64 printable ASCII characters, a UUID for choice");
  }
}

void CheckReference(const std::string& reference, absl::string_view field,
                    Faults* faults) {
  if (reference.empty() || reference.size() > kMaxReferenceBytes ||
      !IsUtf8(reference)) {
    faults->Add(field, "must be 1 to 64 bytes: the encounter's own reference");
  }
}

void CheckFlag(absl::Time now, v1::FlagWaitingRequest* request, Faults* faults,
               std::vector<v1::Mark>* marks) {
  CheckRequestId(request->request_id(), faults);
  v1::WaitingFlag* const flag = request->mutable_flag();
  CheckReference(flag->sender_reference(), "flag.sender_reference", faults);
  CheckActor(request->actor(), faults);
  if (request->has_recipient()) {
    CheckAddress(request->recipient(), "recipient", faults);
  }
  if (request->copies_size() > kMaxCopies) faults->Add("copies", "at most 8");
  for (int i = 0; i < request->copies_size(); ++i) {
    CheckAddress(request->copies(i), absl::StrCat("copies[", i, "]"), faults);
  }
  if (flag->location().size() > 256) {
    faults->Add("flag.location", "has at most 256 bytes");
  }
  if (flag->safeguarding_codes_size() > 16) {
    faults->Add("flag.safeguarding_codes", "at most 16");
  }
  CheckSize(flag->ByteSizeLong(), kMaxFlagBytes, "flag", faults);
  CheckSize(request->incident().ByteSizeLong(), kMaxIncidentBytes, "incident",
            faults);
  CheckChild(flag->mutable_child(), faults, marks);
  CheckEvent(now, flag->has_arrived_time(), flag->arrived_time(),
             "flag.arrived_time", faults, marks);
  CheckEvent(now, flag->has_decided_to_admit_time(),
             flag->decided_to_admit_time(), "flag.decided_to_admit_time",
             faults, marks);
  CheckEvent(now, flag->has_ready_to_proceed_time(),
             flag->ready_to_proceed_time(), "flag.ready_to_proceed_time",
             faults, marks);
  CheckKnown(flag->has_next_review_time(), flag->next_review_time(),
             "flag.next_review_time", faults, marks);
  CheckKnown(flag->has_immediate_danger(), flag->immediate_danger(),
             "flag.immediate_danger", faults, marks);
  if (flag->reason() == v1::WAITING_REASON_UNSPECIFIED) {
    Mark(v1::MARK_CODE_BLANK_ANSWER, "flag.reason", marks);
  }
  if (flag->blocked_by() == v1::BLOCKED_BY_UNSPECIFIED) {
    Mark(v1::MARK_CODE_BLANK_ANSWER, "flag.blocked_by", marks);
  }
}

void CheckUpdate(absl::Time now, const v1::UpdateWaitingRequest& request,
                 Faults* faults, std::vector<v1::Mark>* marks) {
  CheckRequestId(request.request_id(), faults);
  CheckReference(request.sender_reference(), "sender_reference", faults);
  CheckActor(request.actor(), faults);
  CheckSize(request.update().ByteSizeLong(), kMaxFollowBytes, "update", faults);
  if (request.update().has_seen_time()) {
    CheckEventTime(now, FromProto(request.update().seen_time()),
                   "update.seen_time", marks);
  }
}

void CheckMove(absl::Time now, const v1::MoveWaitingRequest& request,
               Faults* faults, std::vector<v1::Mark>* marks) {
  CheckRequestId(request.request_id(), faults);
  CheckReference(request.sender_reference(), "sender_reference", faults);
  CheckActor(request.actor(), faults);
  if (request.moved().location().empty() ||
      request.moved().location().size() > 256) {
    faults->Add("moved.location", "must be 1 to 256 bytes: ward or trust");
  }
  CheckSize(request.moved().ByteSizeLong(), kMaxFollowBytes, "moved", faults);
  if (request.moved().has_moved_time()) {
    CheckEventTime(now, FromProto(request.moved().moved_time()),
                   "moved.moved_time", marks);
  }
}

void CheckEnd(absl::Time now, const v1::EndWaitingRequest& request,
              Faults* faults, std::vector<v1::Mark>* marks) {
  CheckRequestId(request.request_id(), faults);
  CheckReference(request.sender_reference(), "sender_reference", faults);
  CheckActor(request.actor(), faults);
  const v1::WaitingEnd& end = request.end();
  CheckSize(end.ByteSizeLong(), kMaxFollowBytes, "end", faults);
  switch (end.end_reason()) {
    case v1::WAITING_END_REASON_DISCHARGED:
      if (IsBlank(end.destination())) {
        faults->Add("end.destination",
                    "is required: where the child went, or why unknown");
      }
      if (IsBlank(end.taken_by())) {
        faults->Add("end.taken_by",
                    "is required: who took the child, or why unknown");
      }
      break;
    case v1::WAITING_END_REASON_RAISED_IN_ERROR:
      if (end.reason().empty()) faults->Add("end.reason", "is required");
      break;
    case v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY:
      if (end.police_reference().empty() && end.reason().empty()) {
        faults->Add("end.police_reference",
                    "is required, or a reason for not having one");
      }
      break;
    default:
      faults->Add("end.end_reason", "must be stated");
  }
  if (end.has_end_time()) {
    CheckEventTime(now, FromProto(end.end_time()), "end.end_time", marks);
  }
}

}  // namespace baton
