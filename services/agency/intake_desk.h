#ifndef BATON_SERVICES_AGENCY_INTAKE_DESK_H_
#define BATON_SERVICES_AGENCY_INTAKE_DESK_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "baton/v1/council_service.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/agency/agency_loop.h"
#include "services/agency/agency_store.h"
#include "services/agency/first_reads.h"
#include "services/agency/inbox.h"
#include "services/agency/intake.h"
#include "services/agency/intake_feed.h"
#include "services/agency/outbox.h"
#include "services/common/clock.h"

namespace baton {

// What arrived at an agency: kept, shown by matter, offered to consuming
// systems.
//
// Guarantee: a message is acknowledged to the exchange, and offered to a
// consuming system, only after the commit that holds it. A call's result holds
// once the running step is committed: tell it by AgencyLoop::Tell.
//
// Not thread-safe: everything is called on the agency loop.
class IntakeDesk {
 public:
  static constexpr int kDefaultPageSize = 100;
  static constexpr int kMaxPageSize = 500;
  static constexpr size_t kMaxMatterMessages = 1000;
  // Keeps an answer with a whole matter below the 4 MiB that gRPC clients take.
  static constexpr size_t kMaxMatterBytes = 3 << 20;

  // All outlive the desk.
  struct Parts {
    AgencyStore* store;
    AgencyLoop* loop;
    Outbox* outbox;
    Inbox* inbox;
    const std::optional<absl::Time>* heard_time;
  };
  static absl::StatusOr<std::unique_ptr<IntakeDesk>> Open(const Parts& parts,
                                                          v1::Agency agency,
                                                          Instant now);

  // --- What people ask.

  // Which matters a list shows.
  enum class Filter { kUndecided, kOwed, kAll };
  struct Page {
    std::vector<v1::IntakeItem> items;
    std::string next_page_token;
  };
  absl::StatusOr<Page> List(int page_size, const std::string& page_token,
                            Filter filter) const;

  // Records the first read. NOT_FOUND when no message about the matter has
  // arrived. When not all messages fit, the opening one and the newest are
  // shown.
  struct OpenedMatter {
    v1::IntakeItem item;
    std::vector<v1::Message> messages;
  };
  absl::StatusOr<OpenedMatter> OpenMatter(const std::string& matter_id,
                                          const v1::Actor& actor, Instant now);

  // --- Matters, for what is said about them.

  // NOT_FOUND when no message about the matter has arrived.
  absl::StatusOr<v1::IntakeRecord> Find(absl::string_view matter_id) const;
  void Write(v1::IntakeRecord* matter) { intake_->Write(matter); }
  // The message that opened it; the earliest stands in for one that has not
  // arrived.
  absl::StatusOr<v1::Message> OpeningMessage(
      const v1::IntakeRecord& matter) const;
  absl::StatusOr<std::vector<v1::Message>> Messages(
      const v1::IntakeRecord& matter) const;
  // The newest message about it that is wanted; NOT_FOUND.
  absl::StatusOr<v1::Message> FindMessage(
      const v1::IntakeRecord& matter,
      const std::function<bool(const v1::Message&)>& is_wanted) const;
  absl::StatusOr<v1::IntakeItem> Row(const v1::IntakeRecord& matter) const;
  // Every matter, in order of arrival.
  absl::Status ForEach(
      const std::function<absl::Status(const v1::IntakeRecord&)>& visit) const;

  // --- Streams of consuming systems; see IntakeFeed.

  void Subscribe(uint64_t stream_id, std::string consumer, int credit,
                 std::shared_ptr<IntakeSink> sink);
  void Unsubscribe(uint64_t stream_id) { feed_.Unsubscribe(stream_id); }
  void SetCredit(uint64_t stream_id, int credit) {
    feed_.SetCredit(stream_id, credit);
  }
  // An error is the disk's: stop the loop.
  absl::Status Acknowledge(uint64_t stream_id,
                           const std::vector<std::string>& message_ids) {
    return feed_.Acknowledge(stream_id, message_ids);
  }
  std::optional<absl::Time> heard_time() const { return *parts_.heard_time; }

  // --- The exchange. Errors are the disk's.

  absl::Status Receive(const v1::Message& message, Instant now);
  absl::Status TakeConversation(const v1::Conversation& conversation);
  // Conversations with matters that nobody has decided as far as the exchange
  // was heard, newest first.
  std::vector<std::string> OpenConversations(size_t limit) const;
  absl::Status OfferMessages();
  FirstReads* first_reads() { return &first_reads_; }
  absl::Status OnFirstReadTold(const std::string& matter_id,
                               const absl::Status& status, Instant now);

 private:
  IntakeDesk(const Parts& parts, v1::Agency agency)
      : parts_(parts), agency_(std::move(agency)), feed_(parts.inbox) {}

  absl::Status FillAnswer(const v1::IntakeRecord& matter,
                          v1::IntakeItem* item) const;

  const Parts parts_;
  const v1::Agency agency_;

  std::unique_ptr<Intake> intake_;
  FirstReads first_reads_;
  IntakeFeed feed_;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_INTAKE_DESK_H_
