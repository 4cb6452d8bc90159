#include "services/agency/office.h"

#include <algorithm>
#include <utility>

#include "services/common/log.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

// The earlier of two moments of which either may be missing.
std::optional<absl::Duration> Earlier(std::optional<absl::Duration> a,
                                      std::optional<absl::Duration> b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() ? a : b;
  return std::min(*a, *b);
}

DocumentShelf::Limits DocumentLimits(const v1::DocumentConfig& config) {
  DocumentShelf::Limits limits;
  if (config.max_bytes() > 0) limits.max_document_bytes = config.max_bytes();
  if (config.max_held_bytes() > 0) {
    limits.max_held_bytes = config.max_held_bytes();
  }
  if (!config.media_types().empty()) {
    limits.media_types = {config.media_types().begin(),
                          config.media_types().end()};
  }
  return limits;
}

bool IsTest(const v1::Message& message) {
  return message.kind() == v1::MESSAGE_KIND_TEST_MESSAGE;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Office>> Office::Open(const Parts& parts,
                                                     Options options,
                                                     Instant now) {
  std::unique_ptr<Office> office(new Office(parts, std::move(options)));
  const Options& set = office->options_;
  ASSIGN_OR_RETURN(office->outbox_, Outbox::Open(parts.store, set.outbox, now));
  ASSIGN_OR_RETURN(office->inbox_, Inbox::Open(parts.store));
  ASSIGN_OR_RETURN(office->cases_,
                   CaseBook::Open(parts.store, office->outbox_.get(),
                                  &office->heard_time_, set.cases));
  ASSIGN_OR_RETURN(office->intake_,
                   IntakeDesk::Open({.store = parts.store,
                                     .loop = parts.loop,
                                     .outbox = office->outbox_.get(),
                                     .inbox = office->inbox_.get(),
                                     .heard_time = &office->heard_time_},
                                    set.outbox.sender, now));
  office->matters_ = std::make_unique<MatterDesk>(
      MatterDesk::Parts{.outbox = office->outbox_.get(),
                        .cases = office->cases_.get(),
                        .intake = office->intake_.get()},
      set.outbox.sender, set.cases.environment);
  RETURN_IF_ERROR(office->OpenDocuments());
  v1::Address back;
  *back.mutable_agency() = set.outbox.sender;
  back.set_desk(set.test_desk);
  office->round_trips_ = std::make_unique<RoundTrips>(
      RoundTrips::Parts{.loop = parts.loop, .outbox = office->outbox_.get()},
      std::move(back), set.cases.environment);
  office->next_sweep_ = now.steady;
  return office;
}

absl::Status Office::OpenDocuments() {
  ASSIGN_OR_RETURN(shelf_,
                   DocumentShelf::Open(parts_.store, options_.documents));
  documents_ = std::make_unique<DocumentDesk>(
      DocumentDesk::Parts{.shelf = shelf_.get(),
                          .outbox = outbox_.get(),
                          .cases = cases_.get(),
                          .intake = intake_.get(),
                          .matters = matters_.get()});
  uploads_ = std::make_unique<DocumentUploads>(
      DocumentUploads::Parts{.loop = parts_.loop,
                             .link = parts_.documents,
                             .shelf = shelf_.get(),
                             .outbox = outbox_.get()});
  return absl::OkStatus();
}

// --- On the way out.

absl::StatusOr<std::optional<absl::Duration>> Office::Turn(Instant now) {
  RETURN_IF_ERROR(Publish(now));
  ClearShelf(now);
  RETURN_IF_ERROR(RaiseAlarms(now));
  RETURN_IF_ERROR(TellFirstReads(now));
  RETURN_IF_ERROR(intake_->OfferMessages());
  RETURN_IF_ERROR(round_trips_->Answer(now));
  if (now.steady >= next_sweep_) {
    next_sweep_ = now.steady + kSweepInterval;
    RETURN_IF_ERROR(outbox_->Sweep(now));
  }
  if (std::exchange(catch_up_, false)) RETURN_IF_ERROR(CatchUp());
  if (now.steady >= next_lookup_) {
    for (const std::string& id : std::exchange(missed_lookups_, {})) Lookup(id);
  }
  return NextTurn(now);
}

std::optional<absl::Duration> Office::NextTurn(Instant now) const {
  std::optional<absl::Duration> next = next_sweep_;
  next = Earlier(next, outbox_->NextDue());
  next = Earlier(next, intake_->first_reads()->NextDue());
  next = Earlier(next, round_trips_->NextDue());
  next =
      Earlier(next, outbox_->NextAlarm(options_.cases.danger_alarm_delay, now));
  if (!missed_lookups_.empty()) next = Earlier(next, next_lookup_);
  return next;
}

absl::Status Office::Publish(Instant now) {
  ASSIGN_OR_RETURN(std::vector<Outbox::Outgoing> due, outbox_->TakeDue(now));
  for (Outbox::Outgoing& outgoing : due) {
    if (outgoing.document_number == 0) {
      Send(outgoing.outbox_id, std::move(outgoing.message));
      continue;
    }
    uploads_->Begin(outgoing, [this, outgoing](const absl::Status& uploaded) {
      if (!uploaded.ok()) {
        return Check(
            OnPublished(outgoing.outbox_id, uploaded, parts_.loop->now()));
      }
      outbox_->OnProgress(outgoing.outbox_id, parts_.loop->now());
      Send(outgoing.outbox_id, outgoing.message);
    });
  }
  return absl::OkStatus();
}

void Office::Send(uint64_t outbox_id, v1::Message message) {
  v1::PublishRequest request;
  *request.add_messages() = std::move(message);
  parts_.loop->Tell([this, outbox_id, request = std::move(request)]() mutable {
    parts_.link->Publish(
        std::move(request),
        [this, outbox_id](const absl::StatusOr<v1::PublishResponse>& response) {
          Check(OnPublished(outbox_id, response, parts_.loop->now()));
        });
  });
}

// A document is needed for as long as its message is: once that is accepted or
// withdrawn, the same commit removes the bytes.
void Office::ClearShelf(Instant now) {
  std::vector<uint64_t> settled;
  for (const auto& [number, outbox_id] : shelf_->kept()) {
    if (!outbox_->IsUnsettled(outbox_id)) settled.push_back(number);
  }
  for (const uint64_t number : settled) shelf_->Remove(number);
  shelf_->Sweep(now);
}

absl::Status Office::OnPublished(
    uint64_t outbox_id, const absl::StatusOr<v1::PublishResponse>& response,
    Instant now) {
  absl::Status error = response.status();
  if (error.ok() && response->receipts_size() != 1) {
    error = absl::InternalError("a publish was answered without its receipt");
  }
  if (!error.ok()) {
    RETURN_IF_ERROR(outbox_->OnFailed(outbox_id, error, now));
    // An earlier attempt may have been answered meanwhile.
    if (MayPass(error) || !outbox_->IsUnsettled(outbox_id)) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const bool test, round_trips_->OnRefused(outbox_id, now));
    if (test) return absl::OkStatus();
    Log(Severity::kError, "the exchange refused a message: needs attention",
        {{"outbox_id", static_cast<int64_t>(outbox_id)},
         {"code", absl::StatusCodeToString(error.code())}});
    ASSIGN_OR_RETURN(const std::optional<v1::CaseRecord> record,
                     cases_->FindOutbox(outbox_id));
    if (record.has_value()) cases_->Changed(*record, now);
    return absl::OkStatus();
  }
  const v1::PublishReceipt& receipt = response->receipts(0);
  RETURN_IF_ERROR(outbox_->OnAccepted(outbox_id, receipt, now));
  RETURN_IF_ERROR(cases_->OnAccepted(outbox_id, receipt, now));
  Lookup(receipt.conversation_id());
  return absl::OkStatus();
}

absl::Status Office::RaiseAlarms(Instant now) {
  for (const uint64_t outbox_id :
       outbox_->TakeNewAlarms(options_.cases.danger_alarm_delay, now)) {
    ASSIGN_OR_RETURN(const std::optional<v1::CaseRecord> record,
                     cases_->FindOutbox(outbox_id));
    Log(Severity::kError, "immediate danger is NOT SENT: ring now",
        {{"outbox_id", static_cast<int64_t>(outbox_id)},
         {"ring", record.has_value() ? record->phone() : ""}});
    if (record.has_value()) cases_->Changed(*record, now);
  }
  return absl::OkStatus();
}

absl::Status Office::TellFirstReads(Instant now) {
  for (const std::string& matter_id : intake_->first_reads()->TakeDue(now)) {
    ASSIGN_OR_RETURN(const v1::IntakeRecord matter, intake_->Find(matter_id));
    v1::RecordFirstReadRequest request;
    request.set_matter_id(matter_id);
    *request.mutable_actor() = matter.first_reader();
    parts_.loop->Tell([this, request = std::move(request)] {
      parts_.link->RecordFirstRead(
          request, [this, matter_id = request.matter_id()](
                       absl::StatusOr<v1::RecordFirstReadResponse> response) {
            Check(intake_->OnFirstReadTold(matter_id, response.status(),
                                           parts_.loop->now()));
          });
    });
  }
  return absl::OkStatus();
}

// --- On the way in.

void Office::Lookup(const std::string& conversation_id) {
  parts_.loop->Tell([this, conversation_id] {
    v1::GetConversationRequest request;
    request.set_conversation_id(conversation_id);
    parts_.link->GetConversation(
        std::move(request),
        [this, conversation_id](
            const absl::StatusOr<v1::GetConversationResponse>& response) {
          if (response.ok()) {
            OnConversation(response->conversation());
          } else {
            OnLookupFailed(conversation_id, response.status());
          }
        });
  });
}

// The watch may go on while a look-up gets lost, and nothing else would say
// what was missed.
void Office::OnLookupFailed(const std::string& conversation_id,
                            const absl::Status& error) {
  if (!MayPass(error) || missed_lookups_.size() >= kMaxOpenLookups) return;
  if (missed_lookups_.empty()) {
    next_lookup_ = parts_.loop->now().steady + kLookupRetryDelay;
  }
  missed_lookups_.insert(conversation_id);
}

// After a connection: what changed while there was none.
absl::Status Office::CatchUp() {
  ASSIGN_OR_RETURN(const std::vector<std::string> raised,
                   cases_->OpenConversations(kMaxOpenLookups));
  std::set<std::string> ids(raised.begin(), raised.end());
  for (const std::string& id : intake_->OpenConversations(kMaxOpenLookups)) {
    ids.insert(id);
  }
  for (const std::string& id : ids) Lookup(id);
  return absl::OkStatus();
}

// A test message goes past the inbox: nobody reads it, neither do systems.
absl::Status Office::Receive(const v1::Message& message, Instant now) {
  return IsTest(message) ? round_trips_->OnReturned(message, now)
                         : intake_->Receive(message, now);
}

void Office::OnHeard() { heard_time_ = parts_.loop->now().wall; }

void Office::OnWatching() {
  const Instant now = parts_.loop->now();
  outbox_->RetryNow(now);
  intake_->first_reads()->RetryNow(now);
  catch_up_ = true;
}

void Office::OnConversation(const v1::Conversation& conversation) {
  Check(cases_->TakeConversation(conversation, parts_.loop->now()));
  Check(intake_->TakeConversation(conversation));
}

void Office::OnMessages(const std::string& queue,
                        std::vector<v1::ReceivedMessage> messages) {
  std::vector<std::string> ack_ids;
  std::set<std::string> conversations;
  for (const v1::ReceivedMessage& received : messages) {
    const absl::Status stored = Receive(received.message(), parts_.loop->now());
    if (!stored.ok()) return Check(stored);
    ack_ids.push_back(received.ack_id());
    if (IsTest(received.message())) continue;
    conversations.insert(received.message().conversation_id());
  }
  parts_.loop->Tell([this, queue, ack_ids = std::move(ack_ids)]() mutable {
    parts_.link->Acknowledge(queue, std::move(ack_ids));
  });
  for (const std::string& id : conversations) Lookup(id);
}

void Office::Check(const absl::Status& status) {
  if (!status.ok()) parts_.loop->Fail(status);
}

Office::Options OfficeOptions(const v1::AgencyServiceConfig& config) {
  Office::Options options;
  options.outbox.sender = config.agency();
  if (config.max_held_messages() > 0) {
    options.outbox.max_held = static_cast<uint64_t>(config.max_held_messages());
  }
  if (config.has_sent_retention()) {
    options.outbox.sent_retention = FromProto(config.sent_retention());
  }
  if (config.exchange().has_max_retry_delay()) {
    options.outbox.max_retry_delay =
        FromProto(config.exchange().max_retry_delay());
  }
  options.documents = DocumentLimits(config.documents());
  options.cases.environment = config.environment();
  options.cases.attention_owner = config.attention_owner();
  options.cases.phone_for = [](const v1::Address&) { return std::string(); };
  return options;
}

}  // namespace baton
