#ifndef BATON_SERVICES_AGENCY_CASE_DESK_H_
#define BATON_SERVICES_AGENCY_CASE_DESK_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "baton/v1/case_service.pb.h"
#include "services/agency/form_check.h"
#include "services/agency/office.h"
#include "services/agency/recipients.h"

namespace baton {

// What every agency's systems may ask: CaseService, without gRPC. Forms become
// cases; the rest is the office's. Errors as the office's; INVALID_ARGUMENT
// lists every fault.
//
// Not thread-safe: everything runs on the agency loop.
class CaseDesk {
 public:
  static constexpr absl::Duration kMinTestWait = absl::Seconds(1);
  static constexpr absl::Duration kMaxTestWait = absl::Seconds(30);
  static constexpr absl::Duration kDefaultTestWait = absl::Seconds(10);
  static constexpr int kMaxChildren = 15;
  static constexpr size_t kMaxChildrenBytes = 128 << 10;
  static constexpr size_t kMaxCommonBytes = 64 << 10;

  // `office` must outlive the desk. `default_recipient` is asked to act when a
  // form names nobody; without an agency every form must name one.
  CaseDesk(Office* office, v1::Address default_recipient)
      : office_(office), default_recipient_(std::move(default_recipient)) {}

  absl::StatusOr<v1::CaseStatus> RaiseContact(
      const v1::RaiseContactRequest& request, Instant now);
  absl::StatusOr<v1::CaseStatus> GetCase(const std::string& reference,
                                         Instant now) const;
  absl::StatusOr<v1::ListCasesResponse> ListCases(
      const v1::ListCasesRequest& request, Instant now) const;
  absl::StatusOr<v1::ActOnMatterResponse> Act(
      const v1::ActOnMatterRequest& request, Instant now);
  absl::StatusOr<v1::ListInboxResponse> ListInbox(
      const v1::ListInboxRequest& request) const;
  absl::StatusOr<v1::OpenInboxMatterResponse> OpenInboxMatter(
      const v1::OpenInboxMatterRequest& request, Instant now);
  absl::StatusOr<v1::ListRefusedResponse> ListRefused() const;
  absl::StatusOr<v1::ResolveRefusedResponse> ResolveRefused(
      const v1::ResolveRefusedRequest& request, Instant now);
  // `done` is told as RoundTrips::Begin says, unless an error is returned.
  absl::Status TestExchange(const v1::TestExchangeRequest& request, Instant now,
                            RoundTrips::Done done);

  std::optional<absl::Time> heard_time() const { return office_->heard_time(); }

  // --- For the forms of single kinds of agency.

  // Checks what every opening form has in common.
  template <typename Request>
  void CheckOpening(const Request& request, FormCheck* check) const {
    check->RequestId(request.request_id());
    check->Reference(request.sender_reference(), "sender_reference");
    check->Actor(request.actor());
    if (request.has_recipient()) {
      check->Address(request.recipient(), "recipient");
    } else if (default_recipient_.agency().code().empty()) {
      check->Fault("recipient", "is required: this service has no default");
    }
    check->Copies(request.copies());
  }

  // Checks children and walks each form.
  template <typename Children>
  static void CheckChildren(Children* children, FormCheck* check) {
    if (children->empty() || children->size() > kMaxChildren) {
      check->Fault("children", "1 to 15 of them, each with what is known");
    }
    size_t bytes = 0;
    for (int i = 0; i < children->size() && i < kMaxChildren; ++i) {
      check->Form(children->Mutable(i), "children[" + std::to_string(i) + "]");
      bytes += (*children)[i].ByteSizeLong();
    }
    if (bytes > kMaxChildrenBytes) {
      check->Fault("children", "together have at most 128 KiB");
    }
  }

  // A case of a checked request: `sent` is what the caller sent.
  template <typename Request>
  CaseForm FormOf(v1::MessageKind kind, const Request& sent,
                  const Request& checked, const FormCheck& check) const {
    CaseForm form;
    form.kind = kind;
    form.request_id = checked.request_id();
    form.request = &sent;
    form.sender_reference = checked.sender_reference();
    form.recipients = RecipientsOf(
        checked.has_recipient() ? checked.recipient() : default_recipient_,
        checked.copies());
    form.actor = checked.actor();
    form.legal_basis = checked.legal_basis();
    form.marks = check.marks();
    for (const auto& child : checked.children())
      form.children.push_back(&child);
    return form;
  }

  absl::StatusOr<v1::CaseStatus> Raise(const CaseForm& form, Instant now);
  absl::StatusOr<v1::CaseStatus> Follow(const FollowUp& follow, Instant now);
  Office* office() { return office_; }

 private:
  void PutStanding(v1::TestExchangeResponse* response) const;

  Office* const office_;
  const v1::Address default_recipient_;
};

// True when any child of the form is in immediate danger.
template <typename Children>
bool AnyInDanger(const Children& children) {
  for (const auto& child : children) {
    if (child.immediate_danger().value()) return true;
  }
  return false;
}

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_CASE_DESK_H_
