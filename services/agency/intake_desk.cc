#include "services/agency/intake_desk.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/agency/intake_record.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/log.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton {
namespace {

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

}  // namespace

absl::StatusOr<std::unique_ptr<IntakeDesk>> IntakeDesk::Open(const Parts& parts,
                                                             v1::Agency agency,
                                                             Instant now) {
  std::unique_ptr<IntakeDesk> desk(new IntakeDesk(parts, std::move(agency)));
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

absl::StatusOr<v1::IntakeRecord> IntakeDesk::Find(
    absl::string_view matter_id) const {
  ASSIGN_OR_RETURN(std::optional<v1::IntakeRecord> matter,
                   intake_->Find(matter_id));
  if (!matter.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("no message about matter ", matter_id, " has arrived"));
  }
  return *std::move(matter);
}

absl::StatusOr<v1::Message> IntakeDesk::OpeningMessage(
    const v1::IntakeRecord& matter) const {
  std::optional<v1::Message> first;
  for (const uint64_t number : matter.inbox_numbers()) {
    ASSIGN_OR_RETURN(v1::InboxRecord record, parts_.inbox->Read(number));
    if (IsOpening(record.message())) {
      return std::move(*record.mutable_message());
    }
    if (!first.has_value()) first = std::move(*record.mutable_message());
  }
  return *std::move(first);
}

// Newest first until full, then the opening one; turned round at the end.
absl::StatusOr<std::vector<v1::Message>> IntakeDesk::Messages(
    const v1::IntakeRecord& matter) const {
  const auto& numbers = matter.inbox_numbers();
  ASSIGN_OR_RETURN(v1::Message opening, OpeningMessage(matter));
  size_t bytes = opening.ByteSizeLong();
  std::vector<v1::Message> messages;
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    ASSIGN_OR_RETURN(v1::InboxRecord record, parts_.inbox->Read(*number));
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

// Newest first: what is asked for has mostly just arrived.
absl::StatusOr<v1::Message> IntakeDesk::FindMessage(
    const v1::IntakeRecord& matter,
    const std::function<bool(const v1::Message&)>& is_wanted) const {
  const auto& numbers = matter.inbox_numbers();
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    ASSIGN_OR_RETURN(v1::InboxRecord record, parts_.inbox->Read(*number));
    if (is_wanted(record.message()))
      return std::move(*record.mutable_message());
  }
  return absl::NotFoundError(
      absl::StrCat("no such message about ", matter.matter_id(), " arrived"));
}

absl::StatusOr<v1::IntakeItem> IntakeDesk::Row(
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
  if (matter.has_matter()) *item.mutable_matter() = matter.matter();
  if (matter.has_allocated_to()) {
    *item.mutable_allocated_to() = matter.allocated_to();
  }
  for (std::string& owed : OwedBy(agency_, matter)) {
    item.add_owed(std::move(owed));
  }
  RETURN_IF_ERROR(FillAnswer(matter, &item));
  return item;
}

// Where our latest answer is; a refused one that it waits behind counts as its
// own refusal.
absl::Status IntakeDesk::FillAnswer(const v1::IntakeRecord& matter,
                                    v1::IntakeItem* item) const {
  if (matter.answer_outbox_id() == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(v1::OutboxRecord answer,
                   parts_.outbox->Read(matter.answer_outbox_id()));
  for (const uint64_t waiting : parts_.outbox->Waiting(matter.matter_id())) {
    ASSIGN_OR_RETURN(v1::OutboxRecord record, parts_.outbox->Read(waiting));
    if (record.state() != v1::OUTBOX_STATE_REFUSED ||
        record.document_number() != 0) {
      continue;
    }
    answer = std::move(record);
    break;
  }
  item->set_answer_state(answer.state());
  item->set_answer_refusal(answer.refusal());
  return absl::OkStatus();
}

absl::StatusOr<IntakeDesk::Page> IntakeDesk::List(int page_size,
                                                  const std::string& page_token,
                                                  Filter filter) const {
  ASSIGN_OR_RETURN(uint64_t after, ParsePageToken(page_token));
  const size_t size = page_size == 0 ? kDefaultPageSize
                                     : std::clamp(page_size, 1, kMaxPageSize);
  Page page;
  uint64_t last = 0;
  // One more than the page shows whether there is another.
  while (true) {
    const std::vector<uint64_t> numbers =
        intake_->Numbers(after, size + 1, filter != Filter::kUndecided);
    for (const uint64_t number : numbers) {
      ASSIGN_OR_RETURN(const v1::IntakeRecord matter, intake_->Read(number));
      after = number;
      if (filter == Filter::kOwed && OwedBy(agency_, matter).empty()) continue;
      if (page.items.size() == size) {
        page.next_page_token = absl::StrCat(last);
        return page;
      }
      ASSIGN_OR_RETURN(page.items.emplace_back(), Row(matter));
      last = number;
    }
    if (numbers.size() <= size) return page;
  }
}

absl::Status IntakeDesk::ForEach(
    const std::function<absl::Status(const v1::IntakeRecord&)>& visit) const {
  uint64_t after = 0;
  while (true) {
    const std::vector<uint64_t> numbers =
        intake_->Numbers(after, kMaxPageSize, /*include_decided=*/true);
    for (const uint64_t number : numbers) {
      ASSIGN_OR_RETURN(const v1::IntakeRecord matter, intake_->Read(number));
      RETURN_IF_ERROR(visit(matter));
      after = number;
    }
    if (numbers.size() < kMaxPageSize) return absl::OkStatus();
  }
}

absl::StatusOr<IntakeDesk::OpenedMatter> IntakeDesk::OpenMatter(
    const std::string& matter_id, const v1::Actor& actor, Instant now) {
  ASSIGN_OR_RETURN(v1::IntakeRecord matter, Find(matter_id));
  OpenedMatter opened;
  ASSIGN_OR_RETURN(opened.messages, Messages(matter));
  const bool first = !matter.opened();
  matter.set_opened(true);
  ASSIGN_OR_RETURN(opened.item, Row(matter));
  if (first) {
    *matter.mutable_first_reader() = actor;
    *matter.mutable_first_reader()->mutable_asserted_by() = agency_;
    intake_->Write(&matter);
    if (OwesFirstRead(matter)) first_reads_.Add(matter.matter_id(), now);
  }
  return opened;
}

// --- Streams.

void IntakeDesk::Subscribe(uint64_t stream_id, std::string consumer, int credit,
                           std::shared_ptr<IntakeSink> sink) {
  const std::shared_ptr<IntakeSink> earlier =
      feed_.Subscribe(stream_id, std::move(consumer), credit, std::move(sink));
  if (earlier == nullptr) return;
  parts_.loop->Tell([earlier] {
    earlier->End(absl::AbortedError(
        "another stream of this consumer has begun: give each consuming "
        "system its own name"));
  });
}

absl::Status IntakeDesk::OfferMessages() {
  ASSIGN_OR_RETURN(std::vector<IntakeFeed::Offer> offers, feed_.TakeOffers());
  for (IntakeFeed::Offer& offer : offers) {
    parts_.loop->Tell([this, id = offer.stream_id, sink = offer.sink,
                       message = std::move(offer.message),
                       heard = *parts_.heard_time]() mutable {
      if (!sink->Send(std::move(message), heard)) feed_.Unsubscribe(id);
    });
  }
  return absl::OkStatus();
}

// --- The exchange.

absl::Status IntakeDesk::Receive(const v1::Message& message, Instant now) {
  ASSIGN_OR_RETURN(const std::optional<uint64_t> number,
                   parts_.inbox->Receive(message, now));
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
    AddMessage(message, *number, agency_, now.wall, &matter);
    intake_->Write(&matter);
  }
  feed_.OnArrival();
  return absl::OkStatus();
}

absl::Status IntakeDesk::TakeConversation(
    const v1::Conversation& conversation) {
  for (const v1::Matter& matter : conversation.matters()) {
    ASSIGN_OR_RETURN(std::optional<v1::IntakeRecord> record,
                     intake_->Find(matter.matter_id()));
    if (!record.has_value()) continue;
    if (!AddCustody(agency_, conversation, matter, &*record)) continue;
    intake_->Write(&*record);
    // What was opened as a copy, or while it was offered, is ours to tell now.
    if (OwesFirstRead(*record)) {
      first_reads_.Add(matter.matter_id(), parts_.loop->now());
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> IntakeDesk::OpenConversations(size_t limit) const {
  return intake_->OpenConversations(limit);
}

absl::Status IntakeDesk::OnFirstReadTold(const std::string& matter_id,
                                         const absl::Status& status,
                                         Instant now) {
  if (!status.ok()) {
    if (!MayPass(status)) {
      Log(Severity::kWarning, "first read refused by the exchange",
          {{"matter_id", matter_id},
           {"code", absl::StatusCodeToString(status.code())}});
    }
    first_reads_.OnFailed(matter_id, status, now);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(v1::IntakeRecord matter, Find(matter_id));
  matter.set_first_read_told(true);
  intake_->Write(&matter);
  first_reads_.OnTold(matter_id);
  return absl::OkStatus();
}

}  // namespace baton
