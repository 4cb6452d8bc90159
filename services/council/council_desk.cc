#include "services/council/council_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/log.h"
#include "services/common/proto_time.h"
#include "services/council/intake_record.h"
#include "storage/status.h"

namespace baton {
namespace {

// Who was asked to act, by the message that opened a matter.
std::string ActingQueue(const v1::Message& opening) {
  for (const v1::Recipient& recipient : opening.recipients()) {
    if (recipient.role() != v1::RECIPIENT_ROLE_ACTION) continue;
    return QueueName(recipient.has_redirected_to() ? recipient.redirected_to()
                                                   : recipient.address());
  }
  return "another agency";
}

bool OwesFirstRead(const v1::IntakeRecord& matter) {
  return matter.opened() && !matter.first_read_told() && !matter.copy();
}

absl::StatusOr<uint64_t> ParsePageToken(const std::string& token) {
  uint64_t after = 0;
  if (!token.empty() && !absl::SimpleAtoi(token, &after)) {
    return absl::InvalidArgumentError(
        "page_token is none of this service's; start without one");
  }
  return after;
}

// The earlier of two moments of which either may be missing.
std::optional<absl::Duration> Earlier(std::optional<absl::Duration> a,
                                      std::optional<absl::Duration> b) {
  if (!a.has_value() || !b.has_value()) return a.has_value() ? a : b;
  return std::min(*a, *b);
}

}  // namespace

CouncilDesk::CouncilDesk(const Parts& parts, Options options,
                         std::unique_ptr<Outbox> outbox,
                         std::unique_ptr<Inbox> inbox)
    : parts_(parts),
      options_(std::move(options)),
      outbox_(std::move(outbox)),
      inbox_(std::move(inbox)),
      feed_(inbox_.get()) {}

absl::StatusOr<std::unique_ptr<CouncilDesk>> CouncilDesk::Open(
    const Parts& parts, Options options, Instant now) {
  ASSIGN_OR_RETURN(std::unique_ptr<Outbox> outbox,
                   Outbox::Open(parts.store, options.outbox, now));
  ASSIGN_OR_RETURN(std::unique_ptr<Inbox> inbox, Inbox::Open(parts.store));
  std::unique_ptr<CouncilDesk> desk(new CouncilDesk(
      parts, std::move(options), std::move(outbox), std::move(inbox)));
  ASSIGN_OR_RETURN(
      desk->intake_,
      Intake::Open(parts.store, [&](const v1::IntakeRecord& matter) {
        if (OwesFirstRead(matter)) {
          desk->first_reads_.Add(matter.matter_id(), now);
        }
      }));
  return desk;
}

// --- Reading.

absl::StatusOr<v1::IntakeRecord> CouncilDesk::FindMatter(
    absl::string_view matter_id) const {
  ASSIGN_OR_RETURN(std::optional<v1::IntakeRecord> matter,
                   intake_->Find(matter_id));
  if (!matter.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("no message about matter ", matter_id, " has arrived"));
  }
  return *std::move(matter);
}

absl::StatusOr<v1::Message> CouncilDesk::OpeningMessage(
    const v1::IntakeRecord& matter) const {
  std::optional<v1::Message> first;
  for (const uint64_t number : matter.inbox_numbers()) {
    ASSIGN_OR_RETURN(v1::InboxRecord record, inbox_->Read(number));
    if (IsOpening(record.message()))
      return std::move(*record.mutable_message());
    if (!first.has_value()) first = std::move(*record.mutable_message());
  }
  // The opening one has not arrived: the earliest stands in for it.
  return *std::move(first);
}

// Newest first until full, then the opening one; turned round at the end.
absl::StatusOr<std::vector<v1::Message>> CouncilDesk::Messages(
    const v1::IntakeRecord& matter) const {
  const auto& numbers = matter.inbox_numbers();
  ASSIGN_OR_RETURN(v1::Message opening, OpeningMessage(matter));
  size_t bytes = opening.ByteSizeLong();
  std::vector<v1::Message> messages;
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    ASSIGN_OR_RETURN(v1::InboxRecord record, inbox_->Read(*number));
    v1::Message& message = *record.mutable_message();
    if (message.message_id() == opening.message_id()) continue;
    bytes += message.ByteSizeLong();
    if (messages.size() + 1 >= kMaxMatterMessages || bytes > kMaxMatterBytes) {
      break;
    }
    messages.push_back(std::move(message));
  }
  messages.push_back(std::move(opening));
  std::reverse(messages.begin(), messages.end());
  return messages;
}

absl::StatusOr<v1::IntakeItem> CouncilDesk::Row(
    const v1::IntakeRecord& matter) const {
  v1::IntakeItem item;
  item.set_matter_id(matter.matter_id());
  item.set_kind(matter.kind());
  *item.mutable_sender() = matter.sender();
  *item.mutable_received_time() = matter.received_time();
  *item.mutable_delivered_time() = matter.delivered_time();
  item.set_priority(matter.priority());
  item.set_state(matter.state());
  if (matter.has_worker()) *item.mutable_worker() = matter.worker();
  item.set_outcome(static_cast<v1::Outcome>(matter.outcome()));
  item.set_message_count(matter.inbox_numbers_size());
  *item.mutable_marks() = matter.marks();
  item.set_opened(matter.opened());
  item.set_copy(matter.copy());
  RETURN_IF_ERROR(FillAnswer(matter, &item));
  return item;
}

// Where our latest answer is; a refused one that it waits behind counts as its
// own refusal.
absl::Status CouncilDesk::FillAnswer(const v1::IntakeRecord& matter,
                                     v1::IntakeItem* item) const {
  if (matter.answer_outbox_id() == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(v1::OutboxRecord answer,
                   outbox_->Read(matter.answer_outbox_id()));
  for (const uint64_t waiting : outbox_->Waiting(matter.matter_id())) {
    ASSIGN_OR_RETURN(v1::OutboxRecord record, outbox_->Read(waiting));
    if (record.state() != v1::OUTBOX_STATE_REFUSED) continue;
    answer = std::move(record);
    break;
  }
  item->set_answer_state(answer.state());
  item->set_answer_refusal(answer.refusal());
  return absl::OkStatus();
}

absl::StatusOr<v1::ListIntakeResponse> CouncilDesk::List(
    const v1::ListIntakeRequest& request) const {
  ASSIGN_OR_RETURN(const uint64_t after, ParsePageToken(request.page_token()));
  const size_t size = request.page_size() == 0
                          ? kDefaultPageSize
                          : std::clamp(request.page_size(), 1, kMaxPageSize);
  // One more than the page shows whether there is another.
  std::vector<uint64_t> numbers =
      intake_->Numbers(after, size + 1, request.include_decided());
  v1::ListIntakeResponse response;
  if (numbers.size() > size) {
    numbers.pop_back();
    response.set_next_page_token(absl::StrCat(numbers.back()));
  }
  for (const uint64_t number : numbers) {
    ASSIGN_OR_RETURN(const v1::IntakeRecord matter, intake_->Read(number));
    ASSIGN_OR_RETURN(*response.add_items(), Row(matter));
  }
  if (heard_time_.has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*heard_time_);
  }
  return response;
}

absl::StatusOr<v1::OpenMatterResponse> CouncilDesk::OpenMatter(
    const v1::OpenMatterRequest& request, Instant now) {
  Faults faults;
  CheckOpen(request, &faults);
  RETURN_IF_ERROR(faults.ToStatus());
  ASSIGN_OR_RETURN(v1::IntakeRecord matter, FindMatter(request.matter_id()));
  ASSIGN_OR_RETURN(std::vector<v1::Message> messages, Messages(matter));
  const bool first = !matter.opened();
  matter.set_opened(true);
  v1::OpenMatterResponse response;
  ASSIGN_OR_RETURN(*response.mutable_item(), Row(matter));
  for (v1::Message& message : messages) {
    *response.add_messages() = std::move(message);
  }
  if (first) {
    *matter.mutable_first_reader() = request.actor();
    *matter.mutable_first_reader()->mutable_asserted_by() =
        options_.outbox.sender;
    intake_->Write(&matter);
    if (OwesFirstRead(matter)) first_reads_.Add(matter.matter_id(), now);
  }
  return response;
}

// --- Answering.

absl::StatusOr<AnswerContext> CouncilDesk::ContextFor(
    const v1::IntakeRecord& matter) const {
  ASSIGN_OR_RETURN(const v1::Message opening, OpeningMessage(matter));
  if (matter.copy()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "matter ", matter.matter_id(), " reached us as a copy; ",
            ActingQueue(opening), " was asked to act")),
        "COPY");
  }
  return AnswerContext{.agency = options_.outbox.sender,
                       .environment = options_.environment,
                       .matter = &matter,
                       .legal_basis = opening.legal_basis()};
}

// A refused answer would hold up every later one about the matter.
absl::Status CouncilDesk::WithdrawRefused(const v1::Actor& by, Instant now,
                                          v1::IntakeRecord* matter) {
  for (const uint64_t waiting : outbox_->Waiting(matter->matter_id())) {
    ASSIGN_OR_RETURN(v1::OutboxRecord record, outbox_->Read(waiting));
    if (record.state() == v1::OUTBOX_STATE_REFUSED) {
      RETURN_IF_ERROR(
          outbox_->Withdraw(waiting, by, "replaced by a later answer", now));
      ASSIGN_OR_RETURN(record, outbox_->Read(waiting));
    }
    // Those behind it may have been withdrawn with it.
    if (record.state() == v1::OUTBOX_STATE_WITHDRAWN &&
        record.kind() == v1::MESSAGE_KIND_DECISION) {
      matter->set_state(v1::MATTER_STATE_TAKEN);
      matter->clear_outcome();
      matter->clear_decision();
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::TakeMatterResponse> CouncilDesk::Take(
    const v1::TakeMatterRequest& request, Instant now) {
  Faults faults;
  CheckTake(request, &faults);
  RETURN_IF_ERROR(faults.ToStatus());
  ASSIGN_OR_RETURN(v1::IntakeRecord matter,
                   FindMatter(request.taken().matter_id()));
  ASSIGN_OR_RETURN(const uint64_t earlier,
                   outbox_->FindRequest(request.request_id(), request));
  if (earlier == 0) {
    v1::Taken taken = request.taken();
    if (!taken.has_taken_time()) {
      *taken.mutable_taken_time() = ToProto(now.wall);
    }
    ASSIGN_OR_RETURN(const AnswerContext context, ContextFor(matter));
    RETURN_IF_ERROR(WithdrawRefused(taken.worker(), now, &matter));
    ASSIGN_OR_RETURN(
        const uint64_t answer,
        outbox_->Hold(request.request_id(), request, matter.matter_id(),
                      TakenMessage(context, taken), now));
    matter.set_answer_outbox_id(answer);
    matter.set_state(std::max(matter.state(), v1::MATTER_STATE_TAKEN));
    *matter.mutable_worker() = taken.worker();
    *matter.mutable_worker()->mutable_asserted_by() = context.agency;
    intake_->Write(&matter);
  }
  v1::TakeMatterResponse response;
  ASSIGN_OR_RETURN(*response.mutable_item(), Row(matter));
  return response;
}

absl::StatusOr<v1::DecideMatterResponse> CouncilDesk::Decide(
    const v1::DecideMatterRequest& request, Instant now) {
  Faults faults;
  CheckDecide(request, &faults);
  RETURN_IF_ERROR(faults.ToStatus());
  ASSIGN_OR_RETURN(v1::IntakeRecord matter,
                   FindMatter(request.decision().matter_id()));
  ASSIGN_OR_RETURN(const uint64_t earlier,
                   outbox_->FindRequest(request.request_id(), request));
  if (earlier == 0) {
    v1::Decision decision = request.decision();
    if (!decision.has_decided_time()) {
      *decision.mutable_decided_time() = ToProto(now.wall);
    }
    ASSIGN_OR_RETURN(const AnswerContext context, ContextFor(matter));
    RETURN_IF_ERROR(WithdrawRefused(decision.worker(), now, &matter));
    ASSIGN_OR_RETURN(
        const uint64_t answer,
        outbox_->Hold(request.request_id(), request, matter.matter_id(),
                      DecisionMessage(context, decision), now));
    matter.set_answer_outbox_id(answer);
    matter.set_state(v1::MATTER_STATE_DECIDED);
    matter.set_outcome(decision.outcome());
    *matter.mutable_decision() = std::move(decision);
    intake_->Write(&matter);
  }
  v1::DecideMatterResponse response;
  ASSIGN_OR_RETURN(*response.mutable_item(), Row(matter));
  return response;
}

// --- Streams.

void CouncilDesk::Subscribe(uint64_t stream_id, std::string consumer,
                            int credit, std::shared_ptr<IntakeSink> sink) {
  const std::shared_ptr<IntakeSink> earlier =
      feed_.Subscribe(stream_id, std::move(consumer), credit, std::move(sink));
  if (earlier == nullptr) return;
  parts_.loop->Tell([earlier] {
    earlier->End(absl::AbortedError(
        "another stream of this consumer has begun: give each consuming "
        "system its own name"));
  });
}

v1::StreamIntakeResponse CouncilDesk::Heartbeat() const {
  v1::StreamIntakeResponse response;
  if (heard_time_.has_value()) {
    *response.mutable_exchange_heard_time() = ToProto(*heard_time_);
  }
  return response;
}

absl::Status CouncilDesk::OfferMessages() {
  ASSIGN_OR_RETURN(std::vector<IntakeFeed::Offer> offers, feed_.TakeOffers());
  for (IntakeFeed::Offer& offer : offers) {
    v1::StreamIntakeResponse response = Heartbeat();
    *response.mutable_message() = std::move(offer.message);
    parts_.loop->Tell([this, id = offer.stream_id, sink = offer.sink,
                       response = std::move(response)]() mutable {
      if (!sink->Send(std::move(response))) feed_.Unsubscribe(id);
    });
  }
  return absl::OkStatus();
}

// --- The exchange.

void CouncilDesk::OnHeard() { heard_time_ = parts_.loop->now().wall; }

void CouncilDesk::OnWatching() {
  const Instant now = parts_.loop->now();
  outbox_->RetryNow(now);
  first_reads_.RetryNow(now);
}

void CouncilDesk::OnMessages(const std::string& queue,
                             std::vector<v1::ReceivedMessage> messages) {
  const Instant now = parts_.loop->now();
  std::vector<std::string> ack_ids;
  for (const v1::ReceivedMessage& received : messages) {
    if (const absl::Status stored = Receive(received.message(), now);
        !stored.ok()) {
      parts_.loop->Fail(stored);
      return;
    }
    ack_ids.push_back(received.ack_id());
  }
  feed_.OnArrival();
  parts_.loop->Tell([this, queue, ack_ids = std::move(ack_ids)]() mutable {
    parts_.link->Acknowledge(queue, std::move(ack_ids));
  });
}

absl::Status CouncilDesk::Receive(const v1::Message& message, Instant now) {
  ASSIGN_OR_RETURN(const std::optional<uint64_t> number,
                   inbox_->Receive(message, now));
  if (!number.has_value()) return absl::OkStatus();
  for (const std::string& matter_id : message.matter_ids()) {
    if (!ParseMatterId(matter_id).ok()) {
      Log(Severity::kError, "message names what is no matter",
          {{"message_id", message.message_id()}});
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<v1::IntakeRecord> known,
                     intake_->Find(matter_id));
    v1::IntakeRecord matter = known.value_or(v1::IntakeRecord());
    matter.set_matter_id(matter_id);
    AddMessage(message, *number, options_.outbox.sender, now.wall, &matter);
    intake_->Write(&matter);
  }
  return absl::OkStatus();
}

absl::Status CouncilDesk::SendAnswers(Instant now) {
  ASSIGN_OR_RETURN(std::vector<Outbox::Outgoing> due, outbox_->TakeDue(now));
  for (Outbox::Outgoing& outgoing : due) {
    v1::PublishRequest request;
    *request.add_messages() = std::move(outgoing.message);
    parts_.loop->Tell([this, id = outgoing.outbox_id,
                       request = std::move(request)]() mutable {
      parts_.link->Publish(
          std::move(request),
          [this, id](absl::StatusOr<v1::PublishResponse> response) {
            OnPublished(id, response);
          });
    });
  }
  return absl::OkStatus();
}

void CouncilDesk::OnPublished(
    uint64_t outbox_id, const absl::StatusOr<v1::PublishResponse>& response) {
  const Instant now = parts_.loop->now();
  absl::Status error = response.status();
  if (error.ok() && response->receipts_size() != 1) {
    error = absl::InternalError("a publish was answered without its receipt");
  }
  if (!error.ok() && !MayPass(error)) {
    Log(Severity::kWarning, "answer refused by the exchange",
        {{"outbox_id", static_cast<int64_t>(outbox_id)},
         {"code", absl::StatusCodeToString(error.code())}});
  }
  const absl::Status stored =
      error.ok() ? outbox_->OnAccepted(outbox_id, response->receipts(0), now)
                 : outbox_->OnFailed(outbox_id, error, now);
  if (!stored.ok()) parts_.loop->Fail(stored);
}

absl::Status CouncilDesk::TellFirstReads(Instant now) {
  for (const std::string& matter_id : first_reads_.TakeDue(now)) {
    ASSIGN_OR_RETURN(const v1::IntakeRecord matter, FindMatter(matter_id));
    v1::RecordFirstReadRequest request;
    request.set_matter_id(matter_id);
    *request.mutable_actor() = matter.first_reader();
    parts_.loop->Tell([this, request = std::move(request)] {
      parts_.link->RecordFirstRead(
          request, [this, matter_id = request.matter_id()](
                       absl::StatusOr<v1::RecordFirstReadResponse> response) {
            OnFirstReadTold(matter_id, response.status());
          });
    });
  }
  return absl::OkStatus();
}

void CouncilDesk::OnFirstReadTold(const std::string& matter_id,
                                  const absl::Status& status) {
  if (!status.ok()) {
    if (!MayPass(status)) {
      Log(Severity::kWarning, "first read refused by the exchange",
          {{"matter_id", matter_id},
           {"code", absl::StatusCodeToString(status.code())}});
    }
    first_reads_.OnFailed(matter_id, status, parts_.loop->now());
    return;
  }
  absl::StatusOr<v1::IntakeRecord> matter = FindMatter(matter_id);
  if (!matter.ok()) {
    parts_.loop->Fail(matter.status());
    return;
  }
  matter->set_first_read_told(true);
  intake_->Write(&*matter);
  first_reads_.OnTold(matter_id);
}

absl::Status CouncilDesk::SweepWhenDue(Instant now) {
  if (now.steady < next_sweep_) return absl::OkStatus();
  next_sweep_ = now.steady + kSweepInterval;
  return outbox_->Sweep(now);
}

absl::StatusOr<std::optional<absl::Duration>> CouncilDesk::Turn(Instant now) {
  RETURN_IF_ERROR(SendAnswers(now));
  RETURN_IF_ERROR(TellFirstReads(now));
  RETURN_IF_ERROR(OfferMessages());
  RETURN_IF_ERROR(SweepWhenDue(now));
  return Earlier(Earlier(outbox_->NextDue(), first_reads_.NextDue()),
                 next_sweep_);
}

}  // namespace baton
