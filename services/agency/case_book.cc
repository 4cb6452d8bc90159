#include "services/agency/case_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/agency/case_status.h"
#include "services/agency/form_check.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kLoadPage = 1000;
constexpr size_t kMaxResolveReasonBytes = 1024;

void AddPart(const std::string& matter_id,
             const google::protobuf::Message& content, v1::Message* message) {
  v1::PayloadPart* const part = message->add_payload();
  part->set_matter_id(matter_id);
  part->set_type(content.GetDescriptor()->full_name());
  part->set_content(content.SerializeAsString());
}

void AddMarks(const std::vector<v1::Mark>& marks, v1::Message* message) {
  for (const v1::Mark& mark : marks) *message->add_marks() = mark;
}

void AddCopy(const v1::Address& address,
             google::protobuf::RepeatedPtrField<v1::Recipient>* recipients) {
  for (const v1::Recipient& recipient : *recipients) {
    if (SameAgency(recipient.address().agency(), address.agency())) return;
  }
  v1::Recipient* const recipient = recipients->Add();
  *recipient->mutable_address() = address;
  recipient->set_role(v1::RECIPIENT_ROLE_COPY);
}

// What is known stays known: an exchange that forgot a receipt (it was
// restored from a copy) does not make us take it back. A new holder begins
// with receipts of its own.
void KeepReceipts(const v1::Matter& known, v1::Matter* matter) {
  if (QueueName(known.holder()) != QueueName(matter->holder())) return;
  if (known.has_delivered() && !matter->has_delivered()) {
    *matter->mutable_delivered() = known.delivered();
  }
  if (known.has_first_read() && !matter->has_first_read()) {
    *matter->mutable_first_read() = known.first_read();
  }
  if (known.has_taken() && !matter->has_taken()) {
    *matter->mutable_taken() = known.taken();
  }
  if (known.has_decided() && !matter->has_decided()) {
    *matter->mutable_decided() = known.decided();
    *matter->mutable_decision() = known.decision();
  }
  matter->set_state(std::max(matter->state(), known.state()));
}

bool AllDecided(const v1::Conversation& conversation) {
  return !conversation.matters().empty() &&
         std::all_of(
             conversation.matters().begin(), conversation.matters().end(),
             [](const v1::Matter& matter) { return matter.has_decided(); });
}

v1::Priority PriorityOf(const v1::CaseRecord& record) {
  if (record.immediate_danger()) return v1::PRIORITY_IMMEDIATE_DANGER;
  return record.priority() == v1::PRIORITY_UNSPECIFIED ? v1::PRIORITY_URGENT
                                                       : record.priority();
}

absl::Status CheckResolve(const v1::ResolveRefusedRequest& request) {
  FormCheck check(absl::InfinitePast());
  check.RequestId(request.request_id());
  if (request.actor().name().empty()) {
    check.Fault("actor.name", "is required: who decides");
  }
  const bool withdraw = request.resolution() == v1::RESOLUTION_WITHDRAW;
  if (!withdraw && request.resolution() != v1::RESOLUTION_RESEND) {
    check.Fault("resolution", "must be RESEND or WITHDRAW");
  }
  if (withdraw && (request.reason().empty() ||
                   request.reason().size() > kMaxResolveReasonBytes)) {
    check.Fault("reason", "1 to 1024 bytes: why it is withdrawn");
  }
  return check.status();
}

// A call that is repeated because its answer was lost finds what it asked for.
bool IsResolved(v1::Resolution wanted, v1::OutboxState state) {
  return wanted == v1::RESOLUTION_WITHDRAW
             ? state == v1::OUTBOX_STATE_WITHDRAWN
             : state == v1::OUTBOX_STATE_HELD ||
                   state == v1::OUTBOX_STATE_ACCEPTED;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CaseBook>> CaseBook::Open(
    AgencyStore* store, Outbox* outbox,
    const std::optional<absl::Time>* heard_time, Options options) {
  std::unique_ptr<CaseBook> book(
      new CaseBook(store, outbox, heard_time, std::move(options)));
  RETURN_IF_ERROR(book->Load());
  return book;
}

absl::Status CaseBook::Load() {
  KeyRange range = Cases();
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<KeyValue> page,
                     store_->committed().Scan(range, kLoadPage));
    for (const KeyValue& pair : page) {
      v1::CaseRecord record;
      RETURN_IF_ERROR(store_->Open(pair.key, pair.value, &record));
      Know(record, pair.key);
    }
    if (page.size() < kLoadPage) return absl::OkStatus();
    range.begin = page.back().key + '\0';
  }
}

void CaseBook::Know(const v1::CaseRecord& record, const std::string& key) {
  cases_[record.number()] = key;
  if (!record.conversation().conversation_id().empty()) {
    key_of_conversation_[record.conversation().conversation_id()] = key;
  }
  for (const uint64_t outbox_id : outbox_->Waiting(ThreadOf(record))) {
    key_of_outbox_[outbox_id] = key;
  }
}

// --- Records. Names on disk say "wait": it was the first kind of case.

int CaseBook::ChildrenOf(const v1::CaseRecord& record) {
  return std::max(record.children(), 1);
}

std::string CaseBook::ThreadOf(const v1::CaseRecord& record) {
  return absl::StrCat("wait/", record.number());
}

std::string CaseBook::KeyOf(const std::string& reference) const {
  return CaseKey(store_->Pseudonym(absl::StrCat("wait/", reference)));
}

// Of a case whose reference has been used again since.
std::string CaseBook::EarlierKeyOf(const v1::CaseRecord& record) const {
  return CaseKey(store_->Pseudonym(absl::StrCat("earlier/", record.number())));
}

absl::StatusOr<v1::CaseRecord> CaseBook::ReadAt(const std::string& key) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> sealed, store_->Get(key));
  if (!sealed.has_value()) {
    return absl::NotFoundError(
        "no case with this sender_reference was raised here");
  }
  v1::CaseRecord record;
  RETURN_IF_ERROR(store_->Open(key, *sealed, &record));
  return record;
}

// Where it stands already; a new one under its reference.
void CaseBook::Write(const v1::CaseRecord& record) {
  const std::string key =
      cases_.try_emplace(record.number(), KeyOf(record.sender_reference()))
          .first->second;
  store_->batch()->Put(key, store_->Seal(key, record));
  Know(record, key);
}

bool CaseBook::IsEarlier(const v1::CaseRecord& record) const {
  return cases_.at(record.number()) != KeyOf(record.sender_reference());
}

void CaseBook::Own(uint64_t outbox_id, const v1::CaseRecord& record) {
  key_of_outbox_[outbox_id] = cases_.at(record.number());
}

v1::Message CaseBook::NewMessage(v1::MessageKind kind,
                                 const v1::CaseRecord& record,
                                 const v1::Actor& actor) const {
  v1::Message message;
  message.set_kind(kind);
  *message.mutable_recipients() = record.recipients();
  // Custody may have moved to somebody who was not told at first.
  for (const v1::Matter& matter : record.conversation().matters()) {
    AddCopy(matter.holder(), message.mutable_recipients());
  }
  message.set_ordering_key(
      store_->Pseudonym(absl::StrCat("order/", record.number())));
  message.set_priority(PriorityOf(record));
  *message.mutable_actor() = actor;
  message.set_purpose(record.purpose() == v1::PURPOSE_UNSPECIFIED
                          ? v1::PURPOSE_SAFEGUARDING
                          : record.purpose());
  message.set_legal_basis(record.legal_basis());
  message.set_environment(options_.environment);
  return message;
}

// --- Calls.

v1::CaseRecord CaseBook::NewRecord(const CaseForm& form, Instant now) const {
  v1::CaseRecord record;
  record.set_sender_reference(form.sender_reference);
  record.set_number(cases_.empty() ? 1 : cases_.rbegin()->first + 1);
  *record.mutable_raised_time() = ToProto(now.wall);
  if (form.since_time.has_value()) {
    *record.mutable_since_time() = ToProto(*form.since_time);
  }
  record.set_kind(form.kind);
  record.set_children(static_cast<int>(form.children.size()));
  record.set_immediate_danger(form.immediate_danger);
  record.set_legal_basis(form.legal_basis);
  record.set_purpose(form.purpose);
  record.set_priority(form.priority);
  *record.mutable_recipients() = {form.recipients.begin(),
                                  form.recipients.end()};
  for (const v1::Recipient& recipient : form.recipients) {
    if (recipient.role() == v1::RECIPIENT_ROLE_ACTION) {
      record.set_phone(options_.phone_for(recipient.address()));
    }
  }
  *record.mutable_marks() = {form.marks.begin(), form.marks.end()};
  record.mutable_conversation()->set_conversation_id(
      form.joins_conversation_id);
  return record;
}

absl::StatusOr<v1::CaseRecord> CaseBook::Raise(const CaseForm& form,
                                               Instant now) {
  ASSIGN_OR_RETURN(const uint64_t repeated,
                   outbox_->FindRequest(form.request_id, *form.request));
  if (repeated != 0) return Find(form.sender_reference);
  const absl::StatusOr<v1::CaseRecord> open = Find(form.sender_reference);
  if (!open.ok() && !absl::IsNotFound(open.status())) return open.status();
  if (open.ok() && !open->has_end_time()) {
    return WithReason(
        absl::AlreadyExistsError("this sender_reference has an open case: "
                                 "follow it up, or use another reference"),
        "CASE_IS_OPEN");
  }
  v1::CaseRecord record = NewRecord(form, now);
  v1::Message message = NewMessage(form.kind, record, form.actor);
  const std::string& joins = form.joins_conversation_id;
  message.set_conversation_id(joins);
  if (form.common != nullptr) AddPart("", *form.common, &message);
  for (size_t i = 0; i < form.children.size(); ++i) {
    AddPart(joins.empty() ? absl::StrCat("#", i + 1)
                          : MatterId(joins, static_cast<int>(i) + 1),
            *form.children[i], &message);
  }
  AddMarks(form.marks, &message);
  ASSIGN_OR_RETURN(const uint64_t outbox_id,
                   outbox_->Hold(form.request_id, *form.request,
                                 ThreadOf(record), std::move(message), now));
  record.set_opening_outbox_id(outbox_id);
  // A reference that was used before begins anew. The earlier case makes room:
  // what is still on its way for it goes on, and what it was told stays its
  // own.
  if (open.ok()) {
    cases_[open->number()] = EarlierKeyOf(*open);
    Write(*open);
  }
  Write(record);
  Changed(record, now);
  return record;
}

absl::StatusOr<v1::CaseRecord> CaseBook::Follow(const FollowUp& follow,
                                                Instant now) {
  ASSIGN_OR_RETURN(const uint64_t repeated,
                   outbox_->FindRequest(follow.request_id, *follow.request));
  if (repeated != 0) return Find(follow.sender_reference);
  ASSIGN_OR_RETURN(v1::CaseRecord record, Find(follow.sender_reference));
  if (record.has_end_time()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this case ended at ",
        absl::FormatTime(absl::RFC3339_sec, FromProto(record.end_time()),
                         absl::UTCTimeZone()),
        "; raise it again if it goes on"));
  }
  std::vector<int> children = follow.children;
  for (int i = 1; follow.children.empty() && i <= ChildrenOf(record); ++i) {
    children.push_back(i);
  }
  for (const int child : children) {
    if (child >= 1 && child <= ChildrenOf(record)) continue;
    Faults faults;
    faults.Add("children", absl::StrCat("this case has children 1 to ",
                                        ChildrenOf(record)));
    return faults.ToStatus();
  }
  if (follow.change) follow.change(&record);
  v1::Message message = NewMessage(follow.kind, record, follow.actor);
  for (const int child : children) {
    AddPart(absl::StrCat("#", child), *follow.content, &message);
  }
  AddMarks(follow.marks, &message);
  RETURN_IF_ERROR(outbox_
                      ->Hold(follow.request_id, *follow.request,
                             ThreadOf(record), std::move(message), now)
                      .status());
  Write(record);
  Changed(record, now);
  return record;
}

absl::StatusOr<v1::CaseRecord> CaseBook::Find(
    const std::string& reference) const {
  return ReadAt(KeyOf(reference));
}

absl::StatusOr<std::optional<v1::CaseRecord>> CaseBook::FindConversation(
    const std::string& conversation_id) const {
  const auto key = key_of_conversation_.find(conversation_id);
  if (key == key_of_conversation_.end()) return std::nullopt;
  ASSIGN_OR_RETURN(v1::CaseRecord record, ReadAt(key->second));
  return std::optional<v1::CaseRecord>(std::move(record));
}

absl::StatusOr<std::optional<v1::CaseRecord>> CaseBook::FindOutbox(
    uint64_t outbox_id) const {
  const auto key = key_of_outbox_.find(outbox_id);
  if (key == key_of_outbox_.end()) return std::nullopt;
  ASSIGN_OR_RETURN(v1::CaseRecord record, ReadAt(key->second));
  return std::optional<v1::CaseRecord>(std::move(record));
}

absl::StatusOr<CaseBook::Page> CaseBook::List(int page_size,
                                              const std::string& page_token,
                                              bool include_ended) const {
  uint64_t from = 0;
  if (!page_token.empty() && !absl::SimpleAtoi(page_token, &from)) {
    return absl::InvalidArgumentError(
        "page_token is none of this service's; start without one");
  }
  const size_t size = page_size == 0 ? kDefaultPageSize
                                     : std::clamp(page_size, 1, kMaxPageSize);
  Page page;
  for (auto it = cases_.lower_bound(from); it != cases_.end(); ++it) {
    if (page.records.size() == size) {
      page.next_page_token = absl::StrCat(it->first);
      break;
    }
    ASSIGN_OR_RETURN(v1::CaseRecord record, ReadAt(it->second));
    // What of it is NOT SENT still concerns somebody.
    const bool over =
        record.has_end_time() && outbox_->Waiting(ThreadOf(record)).empty();
    if (over && !include_ended) continue;
    page.records.push_back(std::move(record));
  }
  return page;
}

absl::StatusOr<std::vector<v1::NeedsAttention>> CaseBook::Refused() const {
  std::vector<v1::NeedsAttention> items;
  for (const uint64_t outbox_id : outbox_->Refused()) {
    if (items.size() == kMaxRefusedItems) break;
    ASSIGN_OR_RETURN(const v1::OutboxRecord record, outbox_->Read(outbox_id));
    ASSIGN_OR_RETURN(const std::optional<v1::CaseRecord> found,
                     FindOutbox(outbox_id));
    v1::NeedsAttention& item = items.emplace_back();
    item.set_outbox_id(static_cast<int64_t>(outbox_id));
    item.set_kind(record.kind());
    *item.mutable_held_time() = record.held_time();
    *item.mutable_refused_time() = record.state_time();
    item.set_reason(record.refusal());
    *item.mutable_owner() = options_.attention_owner;
    if (!found.has_value()) continue;
    item.set_sender_reference(found->sender_reference());
    // A document holds up nobody.
    if (record.document_number() != 0) continue;
    item.set_blocked_messages(
        static_cast<int>(outbox_->Waiting(ThreadOf(*found)).size()) - 1);
  }
  return items;
}

absl::StatusOr<std::optional<v1::CaseRecord>> CaseBook::Resolve(
    const v1::ResolveRefusedRequest& request, Instant now) {
  RETURN_IF_ERROR(CheckResolve(request));
  const uint64_t outbox_id = static_cast<uint64_t>(request.outbox_id());
  const absl::StatusOr<v1::OutboxRecord> entry = outbox_->Read(outbox_id);
  if (entry.ok() && IsResolved(request.resolution(), entry->state())) {
    return FindOutbox(outbox_id);
  }
  const std::vector<uint64_t> refused = outbox_->Refused();
  if (std::find(refused.begin(), refused.end(), outbox_id) == refused.end() &&
      !key_of_outbox_.contains(outbox_id)) {
    return absl::NotFoundError(
        absl::StrCat("outbox entry ", outbox_id, " needs no attention"));
  }
  ASSIGN_OR_RETURN(std::optional<v1::CaseRecord> record, FindOutbox(outbox_id));
  if (request.resolution() == v1::RESOLUTION_RESEND) {
    RETURN_IF_ERROR(outbox_->Resend(outbox_id, now));
  } else {
    RETURN_IF_ERROR(
        outbox_->Withdraw(outbox_id, request.actor(), request.reason(), now));
    // A case whose opening message never left is over here.
    if (record.has_value() && outbox_id == record->opening_outbox_id()) {
      *record->mutable_end_time() = ToProto(now.wall);
      Write(*record);
    }
  }
  if (record.has_value()) Changed(*record, now);
  return record;
}

absl::StatusOr<v1::CaseStatus> CaseBook::Status(const v1::CaseRecord& record,
                                                Instant now) const {
  v1::CaseStatus status;
  ASSIGN_OR_RETURN(const v1::OutboxRecord opening,
                   outbox_->Read(record.opening_outbox_id()));
  status.set_sender_reference(record.sender_reference());
  status.set_kind(record.kind() == v1::MESSAGE_KIND_UNSPECIFIED
                      ? v1::MESSAGE_KIND_WAITING_FLAG
                      : record.kind());
  status.set_outbox_state(opening.state());
  status.set_refusal(opening.refusal());
  status.set_held_messages(
      static_cast<int>(outbox_->Waiting(ThreadOf(record)).size()));
  status.set_alarm(outbox_->IsDangerHeld(ThreadOf(record),
                                         options_.danger_alarm_delay, now));
  status.set_phone(record.phone());
  *status.mutable_held_time() = opening.held_time();
  if (opening.has_receipt()) {
    *status.mutable_accepted_time() = opening.receipt().publish_time();
  }
  status.set_conversation_id(record.conversation().conversation_id());
  for (const v1::Matter& matter : record.conversation().matters()) {
    *status.add_matters() = StatusOfMatter(matter, record.phone());
  }
  status.set_ended(record.has_end_time());
  if (heard_time_->has_value()) {
    *status.mutable_exchange_heard_time() = ToProto(**heard_time_);
  }
  *status.mutable_marks() = record.marks();
  status.set_headline(CaseHeadline(status));
  return status;
}

// --- The exchange.

absl::Status CaseBook::OnAccepted(uint64_t outbox_id,
                                  const v1::PublishReceipt& receipt,
                                  Instant now) {
  ASSIGN_OR_RETURN(std::optional<v1::CaseRecord> record, FindOutbox(outbox_id));
  if (!record.has_value()) return absl::OkStatus();
  key_of_outbox_.erase(outbox_id);
  if (outbox_id == record->opening_outbox_id()) {
    record->mutable_conversation()->set_conversation_id(
        receipt.conversation_id());
    *record->mutable_marks() = receipt.marks();
    Write(*record);
  }
  Changed(*record, now);
  return absl::OkStatus();
}

absl::Status CaseBook::TakeConversation(const v1::Conversation& conversation,
                                        Instant now) {
  ASSIGN_OR_RETURN(std::optional<v1::CaseRecord> record,
                   FindConversation(conversation.conversation_id()));
  if (!record.has_value()) return absl::OkStatus();
  const v1::Conversation& known = record->conversation();
  if (conversation.commit() <= known.commit()) return absl::OkStatus();
  v1::Conversation merged = conversation;
  for (int i = 0; i < std::min(known.matters_size(), merged.matters_size());
       ++i) {
    KeepReceipts(known.matters(i), merged.mutable_matters(i));
  }
  *record->mutable_conversation() = std::move(merged);
  Write(*record);
  Changed(*record, now);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> CaseBook::OpenConversations(
    size_t limit) const {
  std::vector<std::string> ids;
  for (auto it = cases_.rbegin(); it != cases_.rend() && ids.size() < limit;
       ++it) {
    ASSIGN_OR_RETURN(const v1::CaseRecord record, ReadAt(it->second));
    const std::string& id = record.conversation().conversation_id();
    if (id.empty()) continue;
    if (record.has_end_time() && AllDecided(record.conversation())) continue;
    ids.push_back(id);
  }
  return ids;
}

void CaseBook::Changed(const v1::CaseRecord& record, Instant now) {
  for (const Listener& listener : listeners_) listener(record, now);
}

}  // namespace baton
