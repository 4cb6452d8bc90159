#ifndef BATON_SERVICES_AGENCY_OUTBOX_H_
#define BATON_SERVICES_AGENCY_OUTBOX_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "baton/v1/broker_service.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/agency/agency_store.h"
#include "services/common/clock.h"

namespace baton {

// Messages on their way from an agency to the exchange.
//
//   Hold -> HELD --accepted--> ACCEPTED (receipt stored)
//             \--refused--> REFUSED --resend--> HELD
//                              \--withdraw--> WITHDRAWN
//
// Guarantee: a held message leaves exactly once as far as the exchange is
// concerned (its idempotency key is frozen with its bytes), in the order held
// within its thread, and is never deleted before its receipt is stored. A
// refused message blocks only its own thread. A message that names a document
// leaves beside its thread: an upload may take minutes and holds up nobody.
//
// Decisions only; what a call changes it writes into the AgencyStore's batch.
// Not thread-safe: owned by the agency loop.
class Outbox {
 public:
  struct Options {
    v1::Agency sender;
    uint64_t max_held = 100000;
    absl::Duration sent_retention = absl::Hours(24 * 14);
    absl::Duration max_retry_delay = absl::Seconds(30);
  };
  static constexpr int kMaxInFlight = 16;
  // Of these, messages whose document is uploaded first.
  static constexpr int kMaxUploads = 2;
  // An answer that has not come by then was lost on the way: sent again, which
  // the idempotency key makes harmless.
  static constexpr absl::Duration kMaxFlight = absl::Seconds(60);

  // Loads what is unsettled. `store` must outlive the outbox.
  static absl::StatusOr<std::unique_ptr<Outbox>> Open(AgencyStore* store,
                                                      Options options,
                                                      Instant now);

  // The outbox entry an earlier call with this request_id made, or 0.
  // ALREADY_EXISTS (reason REQUEST_ID_REUSED) when that call said something
  // else.
  absl::StatusOr<uint64_t> FindRequest(
      absl::string_view request_id,
      const google::protobuf::Message& request) const;

  // The document a message names, still to be uploaded.
  struct Document {
    uint64_t number = 0;  // On the shelf; 0: the message names none.
    // The entry that opens its conversation; 0: the message names that.
    uint64_t after = 0;
  };

  // Holds `message`: its keys, times and format are filled in here. In a
  // thread that has not reached the exchange yet, conversation_id stays empty
  // and parts name matters "#1", "#2"; both are filled in when the thread's
  // first receipt has come. RESOURCE_EXHAUSTED when `max_held` wait already.
  absl::StatusOr<uint64_t> Hold(absl::string_view request_id,
                                const google::protobuf::Message& request,
                                absl::string_view thread, v1::Message message,
                                Instant now, Document document);
  absl::StatusOr<uint64_t> Hold(absl::string_view request_id,
                                const google::protobuf::Message& request,
                                absl::string_view thread, v1::Message message,
                                Instant now) {
    return Hold(request_id, request, thread, std::move(message), now,
                Document());
  }

  // Messages to publish now, each marked in flight until one of the On...
  // calls.
  struct Outgoing {
    uint64_t outbox_id;
    v1::Message message;
    uint64_t document_number;  // To be uploaded first; 0: none.
  };
  absl::StatusOr<std::vector<Outgoing>> TakeDue(Instant now);

  // It is still under way: another kMaxFlight until it counts as lost.
  void OnProgress(uint64_t outbox_id, Instant now);

  // The exchange has it.
  absl::Status OnAccepted(uint64_t outbox_id, const v1::PublishReceipt& receipt,
                          Instant now);
  // The call failed. An error that may pass is tried again with a growing
  // delay; any other makes the message REFUSED.
  absl::Status OnFailed(uint64_t outbox_id, const absl::Status& error,
                        Instant now);
  // A test message is back; which is said once, however often it comes.
  absl::Status OnReturned(uint64_t outbox_id, Instant now);
  // The exchange is back: everything held is due now.
  void RetryNow(Instant now);

  // Sends a REFUSED message again. FAILED_PRECONDITION in any other state.
  absl::Status Resend(uint64_t outbox_id, Instant now);
  // Withdraws a REFUSED message, and with a thread's first message everything
  // behind it, which has nowhere to go; documents only when they wait for it.
  // Who and why is kept, sealed.
  absl::Status Withdraw(uint64_t outbox_id, const v1::Actor& by,
                        absl::string_view reason, Instant now);

  absl::StatusOr<v1::OutboxRecord> Read(uint64_t outbox_id) const;

  // Unsettled entries of a thread, oldest first.
  std::vector<uint64_t> Waiting(absl::string_view thread) const;
  // What the thread's first receipt said; nullopt before it.
  absl::StatusOr<std::optional<v1::OutboxThreadRecord>> Thread(
      absl::string_view thread) const;
  // False once it is accepted or withdrawn.
  bool IsUnsettled(uint64_t outbox_id) const {
    return unsettled_.contains(outbox_id);
  }
  // REFUSED entries, oldest first.
  std::vector<uint64_t> Refused() const;
  // True when a message of the thread with immediate danger has been HELD for
  // `delay`.
  bool IsDangerHeld(absl::string_view thread, absl::Duration delay,
                    Instant now) const;
  // Entries for which that has become true since the last call.
  std::vector<uint64_t> TakeNewAlarms(absl::Duration delay, Instant now);
  // When TakeNewAlarms may have something next, on the steady clock.
  std::optional<absl::Duration> NextAlarm(absl::Duration delay,
                                          Instant now) const;
  // The oldest HELD entry of this kind, or 0.
  uint64_t FirstHeld(v1::MessageKind kind) const;
  // What the exchange does not have, entries of one kind aside.
  struct Backlog {
    int64_t held = 0;
    int64_t refused = 0;
    std::optional<absl::Time> oldest_held_time;
  };
  Backlog BacklogBut(v1::MessageKind kind) const;
  uint64_t held() const { return unsettled_.size(); }
  // How many more may be held.
  uint64_t room() const {
    return options_.max_held - std::min(options_.max_held, held());
  }

  // When TakeDue has something next, on the steady clock.
  std::optional<absl::Duration> NextDue() const;

  // Deletes the bytes of settled messages older than the retention, a few per
  // call; what became of them stays.
  absl::Status Sweep(Instant now);

 private:
  // What is kept in memory of an unsettled message.
  struct Unsettled {
    v1::OutboxState state;
    std::string thread;  // Its pseudonym: nothing personal in memory dumps.
    v1::MessageKind kind;
    v1::Priority priority;
    absl::Time held_time;
    absl::Duration next_try;  // On the steady clock.
    int tries = 0;
    bool in_flight = false;  // Then next_try is when it counts as lost.
    bool alarmed = false;
    Document document = {};
  };

  Outbox(AgencyStore* store, Options options)
      : store_(store), options_(std::move(options)) {}

  absl::Status Load(Instant now);
  void Track(uint64_t outbox_id, const v1::OutboxRecord& record, Instant now);
  void Untrack(uint64_t outbox_id);
  int InFlight(bool uploads_only) const;
  bool MayLeave(uint64_t outbox_id, const Unsettled& entry) const;
  absl::StatusOr<v1::Message> OpenForSending(uint64_t outbox_id,
                                             const Unsettled& entry) const;
  absl::Status SetState(uint64_t outbox_id, v1::OutboxState state, Instant now,
                        v1::OutboxRecord* record);
  std::string RequestHash(absl::string_view request_id) const;
  absl::StatusOr<std::optional<v1::OutboxThreadRecord>> ReadThread(
      absl::string_view pseudonym) const;
  bool IsAlarming(const Unsettled& entry, absl::Duration delay,
                  Instant now) const;

  AgencyStore* const store_;
  const Options options_;

  uint64_t last_id_ = 0;
  uint64_t sweep_from_ = 0;
  std::map<uint64_t, Unsettled> unsettled_;
  absl::flat_hash_map<std::string, std::deque<uint64_t>> threads_;
};

// True for errors after which a repeat may succeed unchanged.
bool MayPass(const absl::Status& error);

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_OUTBOX_H_
