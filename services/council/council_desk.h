#ifndef BATON_SERVICES_COUNCIL_COUNCIL_DESK_H_
#define BATON_SERVICES_COUNCIL_COUNCIL_DESK_H_

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
#include "services/common/agency_loop.h"
#include "services/common/agency_store.h"
#include "services/common/clock.h"
#include "services/common/exchange_link.h"
#include "services/common/inbox.h"
#include "services/common/outbox.h"
#include "services/council/answer.h"
#include "services/council/first_reads.h"
#include "services/council/intake.h"
#include "services/council/intake_feed.h"

namespace baton {

// Council intake: what arrives is kept, shown, taken and decided.
//
// Guarantee: a message is acknowledged to the exchange, and offered to a
// consuming system, only after the commit that holds it; an answer leaves only
// after the commit that holds it, and is never lost or doubled. A call's
// result holds once the running step is committed: tell it by
// AgencyLoop::Tell. A call that returns an error has changed nothing, except
// where it says so.
//
// Not thread-safe: everything is called on the agency loop.
class CouncilDesk final : public AgencyDesk, public ExchangeListener {
 public:
  static constexpr int kDefaultPageSize = 100;
  static constexpr int kMaxPageSize = 500;
  static constexpr size_t kMaxMatterMessages = 1000;
  // Keeps an OpenMatterResponse below the 4 MiB that gRPC clients take.
  static constexpr size_t kMaxMatterBytes = 3 << 20;
  static constexpr absl::Duration kSweepInterval = absl::Minutes(1);

  // All outlive the desk.
  struct Parts {
    AgencyStore* store;
    AgencyLoop* loop;
    ExchangeLink* link;
  };
  struct Options {
    Outbox::Options outbox;  // Its sender is our agency.
    v1::Environment environment;
  };
  static absl::StatusOr<std::unique_ptr<CouncilDesk>> Open(const Parts& parts,
                                                           Options options,
                                                           Instant now);

  // --- What people ask. INVALID_ARGUMENT lists every fault.

  absl::StatusOr<v1::ListIntakeResponse> List(
      const v1::ListIntakeRequest& request) const;

  // NOT_FOUND when no message about the matter has arrived. When not all
  // messages fit, the opening one and the newest are shown.
  absl::StatusOr<v1::OpenMatterResponse> OpenMatter(
      const v1::OpenMatterRequest& request, Instant now);

  // Besides that: FAILED_PRECONDITION for a copy, with who acts;
  // ALREADY_EXISTS when the request_id was used for something else;
  // RESOURCE_EXHAUSTED when the outbox is full.
  //
  // An answer replaces an earlier one that the exchange refused, which is
  // withdrawn together with what waited behind it; a decision withdrawn so is
  // undone.
  absl::StatusOr<v1::TakeMatterResponse> Take(
      const v1::TakeMatterRequest& request, Instant now);
  absl::StatusOr<v1::DecideMatterResponse> Decide(
      const v1::DecideMatterRequest& request, Instant now);

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
  // A sign of life, with when the exchange was last heard.
  v1::StreamIntakeResponse Heartbeat() const;

  // --- AgencyDesk
  absl::StatusOr<std::optional<absl::Duration>> Turn(Instant now) override;

  // --- ExchangeListener
  void OnHeard() override;
  void OnWatching() override;
  void OnConversation(const v1::Conversation&) override {}
  void OnMessages(const std::string& queue,
                  std::vector<v1::ReceivedMessage> messages) override;

 private:
  CouncilDesk(const Parts& parts, Options options,
              std::unique_ptr<Outbox> outbox, std::unique_ptr<Inbox> inbox);

  absl::StatusOr<v1::IntakeRecord> FindMatter(
      absl::string_view matter_id) const;
  absl::StatusOr<v1::Message> OpeningMessage(
      const v1::IntakeRecord& matter) const;
  absl::StatusOr<std::vector<v1::Message>> Messages(
      const v1::IntakeRecord& matter) const;
  absl::StatusOr<v1::IntakeItem> Row(const v1::IntakeRecord& matter) const;
  absl::Status FillAnswer(const v1::IntakeRecord& matter,
                          v1::IntakeItem* item) const;

  // What an answer to `matter` needs, when it is ours to answer.
  absl::StatusOr<AnswerContext> ContextFor(
      const v1::IntakeRecord& matter) const;
  absl::Status WithdrawRefused(const v1::Actor& by, Instant now,
                               v1::IntakeRecord* matter);

  absl::Status Receive(const v1::Message& message, Instant now);

  absl::Status SendAnswers(Instant now);
  void OnPublished(uint64_t outbox_id,
                   const absl::StatusOr<v1::PublishResponse>& response);
  absl::Status TellFirstReads(Instant now);
  void OnFirstReadTold(const std::string& matter_id,
                       const absl::Status& status);
  absl::Status OfferMessages();
  absl::Status SweepWhenDue(Instant now);

  const Parts parts_;
  const Options options_;

  const std::unique_ptr<Outbox> outbox_;
  const std::unique_ptr<Inbox> inbox_;
  std::unique_ptr<Intake> intake_;
  FirstReads first_reads_;
  IntakeFeed feed_;
  std::optional<absl::Time> heard_time_;
  absl::Duration next_sweep_ = absl::ZeroDuration();  // On the steady clock.
};

}  // namespace baton

#endif  // BATON_SERVICES_COUNCIL_COUNCIL_DESK_H_
