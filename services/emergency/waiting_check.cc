#include "services/emergency/waiting_check.h"

namespace baton {
namespace {

constexpr size_t kMaxFlagBytes = 128 << 10;
constexpr size_t kMaxIncidentBytes = 64 << 10;
constexpr size_t kMaxFollowBytes = 64 << 10;
constexpr size_t kMaxLocationBytes = 256;
constexpr int kMaxSafeguardingCodes = 16;

template <typename Request>
void CheckFollow(const Request& request, FormCheck* check) {
  check->RequestId(request.request_id());
  check->Reference(request.sender_reference(), "sender_reference");
  check->Actor(request.actor());
}

}  // namespace

void CheckFlag(v1::FlagWaitingRequest* request, FormCheck* check) {
  check->RequestId(request->request_id());
  v1::WaitingFlag* const flag = request->mutable_flag();
  check->Reference(flag->sender_reference(), "flag.sender_reference");
  check->Actor(request->actor());
  if (request->has_recipient()) {
    check->Address(request->recipient(), "recipient");
  }
  check->Copies(request->copies());
  check->Text(flag->location(), false, kMaxLocationBytes, "flag.location");
  if (flag->safeguarding_codes_size() > kMaxSafeguardingCodes) {
    check->Fault("flag.safeguarding_codes", "at most 16");
  }
  check->Size(*flag, kMaxFlagBytes, "flag");
  check->Size(request->incident(), kMaxIncidentBytes, "incident");
  check->Form(flag, "flag");
  check->Form(request->mutable_incident(), "incident");
  if (!flag->has_arrived_time()) {
    check->Mark(v1::MARK_CODE_BLANK_ANSWER, "flag.arrived_time");
  }
  if (flag->reason() == v1::WAITING_REASON_UNSPECIFIED) {
    check->Mark(v1::MARK_CODE_BLANK_ANSWER, "flag.reason");
  }
  if (flag->blocked_by() == v1::BLOCKED_BY_UNSPECIFIED) {
    check->Mark(v1::MARK_CODE_BLANK_ANSWER, "flag.blocked_by");
  }
}

void CheckUpdate(v1::UpdateWaitingRequest* request, FormCheck* check) {
  CheckFollow(*request, check);
  check->Size(request->update(), kMaxFollowBytes, "update");
  check->Form(request->mutable_update(), "update");
}

void CheckMove(v1::MoveWaitingRequest* request, FormCheck* check) {
  CheckFollow(*request, check);
  if (request->moved().location().empty() ||
      request->moved().location().size() > kMaxLocationBytes) {
    check->Fault("moved.location", "must be 1 to 256 bytes: ward or trust");
  }
  check->Size(request->moved(), kMaxFollowBytes, "moved");
  check->Form(request->mutable_moved(), "moved");
}

void CheckEnd(v1::EndWaitingRequest* request, FormCheck* check) {
  CheckFollow(*request, check);
  v1::WaitingEnd* const end = request->mutable_end();
  check->Size(*end, kMaxFollowBytes, "end");
  check->Form(end, "end");
  switch (end->end_reason()) {
    case v1::WAITING_END_REASON_DISCHARGED:
      if (IsBlank(end->destination())) {
        check->Fault("end.destination",
                     "is required: where the child went, or why unknown");
      }
      if (IsBlank(end->taken_by())) {
        check->Fault("end.taken_by",
                     "is required: who took the child, or why unknown");
      }
      break;
    case v1::WAITING_END_REASON_RAISED_IN_ERROR:
      if (end->reason().empty()) check->Fault("end.reason", "is required");
      break;
    case v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY:
      if (end->police_reference().empty() && end->reason().empty()) {
        check->Fault("end.police_reference",
                     "is required, or a reason for not having one");
      }
      break;
    default:
      check->Fault("end.end_reason", "must be stated");
  }
}

}  // namespace baton
