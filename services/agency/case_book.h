#ifndef BATON_SERVICES_AGENCY_CASE_BOOK_H_
#define BATON_SERVICES_AGENCY_CASE_BOOK_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/case_service.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/agency/agency_store.h"
#include "services/agency/outbox.h"
#include "services/common/clock.h"

namespace baton {

// A form that opens a case: an opening message in the making. The pointers are
// borrowed for the call.
struct CaseForm {
  v1::MessageKind kind;
  std::string request_id;
  const google::protobuf::Message* request;  // As the caller sent it.
  std::string sender_reference;
  std::vector<v1::Recipient> recipients;
  v1::Actor actor;
  v1::LegalBasis legal_basis;
  v1::Purpose purpose = v1::PURPOSE_SAFEGUARDING;
  v1::Priority priority = v1::PRIORITY_ROUTINE;
  bool immediate_danger = false;
  const google::protobuf::Message* common = nullptr;
  std::vector<const google::protobuf::Message*> children;
  std::vector<v1::Mark> marks;
  std::optional<absl::Time> since_time = std::nullopt;
  // A conversation it joins instead of opening one; its matters are named by
  // `children`, in their order.
  std::string joins_conversation_id = "";
};

// A form about a case raised before.
struct FollowUp {
  v1::MessageKind kind;
  std::string request_id;
  const google::protobuf::Message* request;
  std::string sender_reference;
  v1::Actor actor;
  const google::protobuf::Message* content;
  std::vector<int> children = {};  // Places from 1; empty: all.
  std::vector<v1::Mark> marks = {};
  std::function<void(v1::CaseRecord*)> change = nullptr;
};

// What an agency raised: cases by the agency's own reference, their messages
// on the way out, and what came back.
//
// Guarantee: what was accepted is sent, in order per case, for as long as it
// takes; a receipt once shown is never taken back. What a call changes it
// writes into the AgencyStore's batch; tell it after the commit.
//
// Not thread-safe: owned by the agency loop.
class CaseBook {
 public:
  static constexpr int kDefaultPageSize = 100;
  static constexpr int kMaxPageSize = 500;
  static constexpr int kMaxRefusedItems = 1000;

  struct Options {
    v1::Environment environment;
    v1::Actor attention_owner;
    absl::Duration danger_alarm_delay = absl::Seconds(120);
    // The number to ring for a recipient.
    std::function<std::string(const v1::Address&)> phone_for;
  };

  // Loads the cases. All must outlive the book; `heard_time` says when the
  // exchange was last heard.
  static absl::StatusOr<std::unique_ptr<CaseBook>> Open(
      AgencyStore* store, Outbox* outbox,
      const std::optional<absl::Time>* heard_time, Options options);

  // `listener` is told of every case that changed, on the loop, before the
  // commit. Before the first step.
  using Listener = std::function<void(const v1::CaseRecord&, Instant)>;
  void AddListener(Listener listener) {
    listeners_.push_back(std::move(listener));
  }

  // --- Calls of the agency's systems; the forms were checked.

  // ALREADY_EXISTS: the reference has an open case, or the request_id said
  // something else before. RESOURCE_EXHAUSTED: too much is held.
  absl::StatusOr<v1::CaseRecord> Raise(const CaseForm& form, Instant now);
  // Besides these: NOT_FOUND: no such case; FAILED_PRECONDITION: it has ended.
  absl::StatusOr<v1::CaseRecord> Follow(const FollowUp& follow, Instant now);
  // NOT_FOUND.
  absl::StatusOr<v1::CaseRecord> Find(const std::string& reference) const;
  // The case whose conversation this is; nullopt when another raised it.
  absl::StatusOr<std::optional<v1::CaseRecord>> FindConversation(
      const std::string& conversation_id) const;

  absl::StatusOr<v1::CaseStatus> Status(const v1::CaseRecord& record,
                                        Instant now) const;
  // A page of records, and the token of the next. Without `include_ended` an
  // ended case is in it only while anything of it is NOT SENT.
  struct Page {
    std::vector<v1::CaseRecord> records;
    std::string next_page_token;
  };
  absl::StatusOr<Page> List(int page_size, const std::string& page_token,
                            bool include_ended) const;

  // The refused message's row; its case is blank when it was about a matter
  // that was received.
  absl::StatusOr<std::vector<v1::NeedsAttention>> Refused() const;
  // A repeat is answered as the first call was. nullopt when the message was
  // about a matter that was received, or was settled before the last start.
  absl::StatusOr<std::optional<v1::CaseRecord>> Resolve(
      const v1::ResolveRefusedRequest& request, Instant now);

  // A message to whom a case's messages go, in its order and at its urgency.
  v1::Message NewMessage(v1::MessageKind kind, const v1::CaseRecord& record,
                         const v1::Actor& actor) const;
  // Messages of a case leave in order: their thread in the outbox.
  static std::string ThreadOf(const v1::CaseRecord& record);
  // How many children it is about; in its messages they are "#1", "#2" ...
  static int ChildrenOf(const v1::CaseRecord& record);
  // Notes that an outbox entry belongs to the case.
  void Own(uint64_t outbox_id, const v1::CaseRecord& record);

  // --- The exchange.

  // The case an unsettled outbox entry belongs to.
  absl::StatusOr<std::optional<v1::CaseRecord>> FindOutbox(
      uint64_t outbox_id) const;
  absl::Status OnAccepted(uint64_t outbox_id, const v1::PublishReceipt& receipt,
                          Instant now);
  absl::Status TakeConversation(const v1::Conversation& conversation,
                                Instant now);
  // Conversations that may still change, newest first.
  absl::StatusOr<std::vector<std::string>> OpenConversations(
      size_t limit) const;
  // Tells of a case again: an alarm began, a message was refused.
  void Changed(const v1::CaseRecord& record, Instant now);
  // True when the reference has been used for a later case since.
  bool IsEarlier(const v1::CaseRecord& record) const;

 private:
  CaseBook(AgencyStore* store, Outbox* outbox,
           const std::optional<absl::Time>* heard_time, Options options)
      : store_(store),
        outbox_(outbox),
        heard_time_(heard_time),
        options_(std::move(options)) {}

  absl::Status Load();
  void Know(const v1::CaseRecord& record, const std::string& key);
  std::string KeyOf(const std::string& reference) const;
  std::string EarlierKeyOf(const v1::CaseRecord& record) const;
  absl::StatusOr<v1::CaseRecord> ReadAt(const std::string& key) const;
  void Write(const v1::CaseRecord& record);
  v1::CaseRecord NewRecord(const CaseForm& form, Instant now) const;

  AgencyStore* const store_;
  Outbox* const outbox_;
  const std::optional<absl::Time>* const heard_time_;
  const Options options_;
  std::vector<Listener> listeners_;

  std::map<uint64_t, std::string> cases_;  // Number -> key on disk.
  absl::flat_hash_map<std::string, std::string> key_of_conversation_;
  absl::flat_hash_map<uint64_t, std::string> key_of_outbox_;  // Unsettled.
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_CASE_BOOK_H_
