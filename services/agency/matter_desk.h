#ifndef BATON_SERVICES_AGENCY_MATTER_DESK_H_
#define BATON_SERVICES_AGENCY_MATTER_DESK_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/case_service.pb.h"
#include "baton/v1/council_service.pb.h"
#include "services/agency/case_book.h"
#include "services/agency/intake_desk.h"
#include "services/agency/matter_action.h"
#include "services/agency/outbox.h"

namespace baton {

// What people say about matters, raised here or received: each becomes a
// message that is never lost or doubled, in order for each matter.
//
// An answer replaces an earlier one that the exchange refused, which is
// withdrawn together with what waited behind it; a decision withdrawn so is
// undone. A call that returns an error has changed nothing.
//
// Not thread-safe: owned by the agency loop.
class MatterDesk {
 public:
  // One hand-over moves at most this many matters: they are one commit.
  static constexpr size_t kMaxHandOver = 1000;
  // Of a transfer offer's history.
  static constexpr size_t kMaxHistoryBytes = 192 << 10;

  // All outlive the desk.
  struct Parts {
    Outbox* outbox;
    CaseBook* cases;
    IntakeDesk* intake;
  };
  MatterDesk(const Parts& parts, v1::Agency agency, v1::Environment environment)
      : parts_(parts), agency_(std::move(agency)), environment_(environment) {}

  // `original` is what the caller sent: repeats of the request_id are compared
  // with it. INVALID_ARGUMENT lists every fault; NOT_FOUND: no such matter
  // here; FAILED_PRECONDITION for a copy, with who acts; ALREADY_EXISTS: the
  // request_id said something else; RESOURCE_EXHAUSTED: the outbox is full.
  struct Acted {
    v1::OutboxState outbox_state;
    // The matter after it, from each side it is known from.
    std::optional<v1::IntakeRecord> received;
    std::optional<v1::CaseRecord> raised;
  };
  absl::StatusOr<Acted> Act(v1::ActOnMatterRequest request,
                            const google::protobuf::Message& original,
                            Instant now);

  // A message about a matter received here, to whoever opened it and whoever
  // holds it; its parts are the caller's.
  absl::StatusOr<v1::Message> NewMessage(v1::MessageKind kind,
                                         const v1::IntakeRecord& matter,
                                         const v1::Actor& actor) const;

  // Everything `from_name` took or was allocated, and that goes on here, is
  // allocated anew: all of it or nothing. Returns what moved.
  absl::StatusOr<std::vector<v1::IntakeItem>> HandOver(
      const v1::HandOverRequest& request, Instant now);

 private:
  // A matter, from whichever side it is known.
  struct Known {
    std::optional<v1::IntakeRecord> received;
    std::optional<v1::CaseRecord> raised;
  };

  absl::StatusOr<Known> FindKnown(const std::string& matter_id) const;
  absl::StatusOr<ActionContext> ContextFor(
      const Known& known, const v1::ActOnMatterRequest& request) const;
  absl::Status CheckMayAct(const v1::IntakeRecord& matter,
                           const v1::ActOnMatterRequest& request) const;
  absl::Status WithdrawRefused(const v1::Actor& by, Instant now,
                               v1::IntakeRecord* matter);
  absl::Status AddHistory(const v1::IntakeRecord& matter,
                          v1::TransferOffer* offer) const;
  // Returns the outbox entry.
  absl::StatusOr<uint64_t> Say(const Known& known,
                               v1::ActOnMatterRequest request,
                               const google::protobuf::Message& original,
                               const std::string& request_id, Instant now);

  const Parts parts_;
  const v1::Agency agency_;
  const v1::Environment environment_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_MATTER_DESK_H_
