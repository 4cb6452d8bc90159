#ifndef BATON_SERVICES_AGENCY_OFFICE_H_
#define BATON_SERVICES_AGENCY_OFFICE_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"
#include "services/agency/agency_loop.h"
#include "services/agency/agency_store.h"
#include "services/agency/case_book.h"
#include "services/agency/document_desk.h"
#include "services/agency/document_link.h"
#include "services/agency/document_shelf.h"
#include "services/agency/document_uploads.h"
#include "services/agency/exchange_link.h"
#include "services/agency/inbox.h"
#include "services/agency/intake_desk.h"
#include "services/agency/matter_desk.h"
#include "services/agency/outbox.h"
#include "services/agency/round_trips.h"

namespace baton {

// One agency on the exchange: what it raised (cases), what arrived (intake),
// what it says about either (matters), what it adds (documents), and the
// traffic of all of it.
//
//   calls -> cases, matters -> outbox -> commit -> answered -> published
//   documents -> shelf, outbox -> commit -> answered -> uploaded -> published
//   exchange -> inbox -> intake -> commit -> acknowledged -> offered, shown
//
// Nothing is sent or acknowledged before the commit of the step that decided
// it. Not thread-safe: everything runs on the agency loop.
class Office final : public AgencyDesk, public ExchangeListener {
 public:
  static constexpr size_t kMaxOpenLookups = 1000;
  static constexpr absl::Duration kSweepInterval = absl::Minutes(1);
  static constexpr absl::Duration kLookupRetryDelay = absl::Seconds(5);

  // All outlive the office.
  struct Parts {
    AgencyStore* store;
    AgencyLoop* loop;
    ExchangeLink* link;
    DocumentLink* documents = nullptr;  // Only where documents are added.
  };
  struct Options {
    Outbox::Options outbox;  // Its sender is our agency.
    CaseBook::Options cases;
    DocumentShelf::Limits documents = {};
    // The desk to which test messages come back; empty: the agency's first.
    std::string test_desk;
  };

  // Loads everything.
  static absl::StatusOr<std::unique_ptr<Office>> Open(const Parts& parts,
                                                      Options options,
                                                      Instant now);

  CaseBook* cases() { return cases_.get(); }
  const CaseBook* cases() const { return cases_.get(); }
  IntakeDesk* intake() { return intake_.get(); }
  MatterDesk* matters() { return matters_.get(); }
  DocumentDesk* documents() { return documents_.get(); }
  RoundTrips* round_trips() { return round_trips_.get(); }
  // What the exchange does not have, test messages aside.
  Outbox::Backlog backlog() const {
    return outbox_->BacklogBut(v1::MESSAGE_KIND_TEST_MESSAGE);
  }
  const v1::Agency& agency() const { return options_.outbox.sender; }
  v1::Environment environment() const { return options_.cases.environment; }
  // The number to ring for a recipient; may be empty.
  std::string PhoneFor(const v1::Address& recipient) const {
    return options_.cases.phone_for(recipient);
  }
  AgencyLoop* loop() { return parts_.loop; }

  // When the exchange was last heard; nullopt: never since start.
  std::optional<absl::Time> heard_time() const { return heard_time_; }

  // --- AgencyDesk and ExchangeListener.
  absl::StatusOr<std::optional<absl::Duration>> Turn(Instant now) override;
  void Forget() override { round_trips_->Forget(); }
  void OnHeard() override;
  void OnWatching() override;
  void OnConversation(const v1::Conversation& conversation) override;
  void OnMessages(const std::string& queue,
                  std::vector<v1::ReceivedMessage> messages) override;

 private:
  Office(const Parts& parts, Options options)
      : parts_(parts), options_(std::move(options)) {}

  absl::Status OpenDocuments();
  absl::Status Publish(Instant now);
  void Send(uint64_t outbox_id, v1::Message message);
  void ClearShelf(Instant now);
  absl::Status OnPublished(uint64_t outbox_id,
                           const absl::StatusOr<v1::PublishResponse>& response,
                           Instant now);
  absl::Status Receive(const v1::Message& message, Instant now);
  absl::Status RaiseAlarms(Instant now);
  absl::Status TellFirstReads(Instant now);
  absl::Status CatchUp();
  void Lookup(const std::string& conversation_id);
  void OnLookupFailed(const std::string& conversation_id,
                      const absl::Status& error);
  std::optional<absl::Duration> NextTurn(Instant now) const;
  // Stops the loop when the disk failed.
  void Check(const absl::Status& status);

  const Parts parts_;
  const Options options_;

  std::optional<absl::Time> heard_time_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<Inbox> inbox_;
  std::unique_ptr<CaseBook> cases_;
  std::unique_ptr<IntakeDesk> intake_;
  std::unique_ptr<MatterDesk> matters_;
  std::unique_ptr<DocumentShelf> shelf_;
  std::unique_ptr<DocumentDesk> documents_;
  std::unique_ptr<DocumentUploads> uploads_;
  std::unique_ptr<RoundTrips> round_trips_;

  absl::Duration next_sweep_;
  bool catch_up_ = false;  // Look all open conversations up again.
  // Conversations whose look-up failed, and when to try again.
  std::set<std::string> missed_lookups_;
  absl::Duration next_lookup_;
};

// Outbox and case options as an agency's configuration states them.
Office::Options OfficeOptions(const v1::AgencyServiceConfig& config);

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_OFFICE_H_
