#ifndef BATON_SERVICES_EMERGENCY_EMERGENCY_DESK_H_
#define BATON_SERVICES_EMERGENCY_EMERGENCY_DESK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/emergency_service.pb.h"
#include "baton/v1/record.pb.h"
#include "services/common/agency_loop.h"
#include "services/common/agency_store.h"
#include "services/common/exchange_link.h"
#include "services/common/faults.h"
#include "services/common/inbox.h"
#include "services/common/outbox.h"

namespace baton {

// What an emergency department's service decides: waits by the hospital's own
// reference, their messages on the way out, and what came back.
//
// Guarantee: an answer to a hospital system is given after the commit; what
// was accepted is sent, in order per wait, for as long as it takes; a receipt
// once shown is never taken back.
//
// Not thread-safe: everything runs on the agency loop.
class EmergencyDesk final : public AgencyDesk, public ExchangeListener {
 public:
  static constexpr size_t kMaxOpenLookups = 1000;
  static constexpr int kMaxAttentionItems = 1000;

  // All outlive the desk. `on_change` is told of every wait whose status
  // changed, after the commit.
  struct Parts {
    const v1::EmergencyConfig* config;
    AgencyStore* store;
    AgencyLoop* loop;
    ExchangeLink* link;
    std::function<void(v1::WaitingStatus)> on_change;
  };

  // Loads waits, outbox and inbox.
  static absl::StatusOr<std::unique_ptr<EmergencyDesk>> Open(Parts parts,
                                                             Instant now);

  // --- Calls of hospital systems. INVALID_ARGUMENT lists every fault;
  // NOT_FOUND: no such wait; ALREADY_EXISTS: the reference has an open wait,
  // or the request_id said something else before; FAILED_PRECONDITION: the
  // wait has ended; RESOURCE_EXHAUSTED: too much is held.
  absl::StatusOr<v1::WaitingStatus> Flag(const v1::FlagWaitingRequest& request,
                                         Instant now);
  absl::StatusOr<v1::WaitingStatus> Update(
      const v1::UpdateWaitingRequest& request, Instant now);
  absl::StatusOr<v1::WaitingStatus> Move(const v1::MoveWaitingRequest& request,
                                         Instant now);
  absl::StatusOr<v1::WaitingStatus> End(const v1::EndWaitingRequest& request,
                                        Instant now);
  absl::StatusOr<v1::WaitingStatus> Get(const std::string& reference,
                                        Instant now) const;
  absl::StatusOr<v1::ListWaitingResponse> List(
      const v1::ListWaitingRequest& request, Instant now) const;
  absl::StatusOr<v1::ListNeedsAttentionResponse> NeedsAttention() const;
  absl::StatusOr<v1::WaitingStatus> Resolve(
      const v1::ResolveNeedsAttentionRequest& request, Instant now);

  // When the exchange was last heard; nullopt: never since start.
  std::optional<absl::Time> heard_time() const { return heard_time_; }

  // --- AgencyDesk and ExchangeListener.
  absl::StatusOr<std::optional<absl::Duration>> Turn(Instant now) override;
  void OnHeard() override;
  void OnWatching() override;
  void OnConversation(const v1::Conversation& conversation) override;
  void OnMessages(const std::string& queue,
                  std::vector<v1::ReceivedMessage> messages) override;

 private:
  explicit EmergencyDesk(Parts parts) : parts_(std::move(parts)) {}

  // A message that follows a flag.
  struct FollowUp {
    v1::MessageKind kind;
    std::string request_id;
    std::string reference;
    v1::Actor actor;
    const google::protobuf::Message* request;
    const google::protobuf::Message* content;
    Faults faults = {};
    std::vector<v1::Mark> marks = {};
    std::function<void(v1::WaitRecord*)> change = nullptr;
  };

  absl::Status Load(Instant now);
  void Know(const v1::WaitRecord& wait, const std::string& key);
  std::string KeyOf(const std::string& reference) const;
  // Of a wait whose reference has been used again since.
  std::string EarlierKeyOf(const v1::WaitRecord& wait) const;
  absl::StatusOr<v1::WaitRecord> ReadWaitAt(const std::string& key) const;
  void WriteWait(const v1::WaitRecord& wait);
  v1::Message NewMessage(v1::MessageKind kind, const v1::WaitRecord& wait,
                         const v1::Actor& actor) const;
  absl::StatusOr<v1::WaitingStatus> Follow(const FollowUp& follow, Instant now);
  absl::StatusOr<v1::WaitingStatus> StatusOf(const v1::WaitRecord& wait,
                                             Instant now) const;
  std::string PhoneFor(const v1::Address& recipient) const;

  void Send(Outbox::Outgoing outgoing);
  absl::Status OnPublished(uint64_t outbox_id,
                           const absl::StatusOr<v1::PublishResponse>& response,
                           Instant now);
  absl::Status TakeConversation(const v1::Conversation& conversation,
                                Instant now);
  void Lookup(const std::string& conversation_id);
  void OnLookupFailed(const std::string& conversation_id,
                      const absl::Status& error);
  absl::Status CatchUp();
  void Changed(const v1::WaitRecord& wait, Instant now);
  void Check(const absl::Status& status);

  const Parts parts_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<Inbox> inbox_;

  std::map<uint64_t, std::string> waits_;  // Number -> key on disk.
  absl::flat_hash_map<std::string, std::string> key_of_conversation_;
  absl::flat_hash_map<uint64_t, std::string> key_of_outbox_;  // Unsettled.
  std::optional<absl::Time> heard_time_;
  absl::Duration next_sweep_;
  bool catch_up_ = false;  // Look all open conversations up again.
  // Conversations whose look-up failed, and when to try again.
  std::set<std::string> missed_lookups_;
  absl::Duration next_lookup_;
};

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_EMERGENCY_DESK_H_
