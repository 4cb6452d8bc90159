#include "services/broker/child_rules.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/amendment.pb.h"
#include "baton/v1/contact.pb.h"
#include "baton/v1/custody.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/waiting.pb.h"
#include "services/broker/alerts.h"
#include "services/broker/links.h"
#include "services/broker/match_keys.h"
#include "services/broker/payload.h"
#include "services/broker/sealed_records.h"
#include "services/common/agency.h"
#include "services/common/checks.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

// --- Checks.

bool MayBeAnonymous(v1::AgencyClass agency_class) {
  return agency_class == v1::AGENCY_CLASS_PUBLIC ||
         agency_class == v1::AGENCY_CLASS_COUNCIL;
}

void CheckReferrer(const Identity& sender, const v1::Message& message,
                   Faults* faults) {
  if (MayBeAnonymous(sender.agency.agency_class())) return;
  for (int i = 0; i < message.payload_size(); ++i) {
    const v1::PayloadPart& part = message.payload(i);
    const auto incident = ContentOf<v1::ContactIncident>(part);
    const auto call = ContentOf<v1::PhoneContact>(part);
    const bool anonymous = (incident && incident->referrer().anonymous()) ||
                           (call && call->caller().anonymous());
    if (!anonymous) continue;
    faults->Add(
        absl::StrCat("payload[", i, "].", call ? "caller" : "referrer",
                     ".anonymous"),
        "professionals are not anonymous: name the referrer; `confidential` "
        "keeps the name from the family");
  }
}

// --- Marks.

// Adds a mark about `field` of a part, unless the sender's own check did so
// under a name of its own ("flag.child.nhs_number").
void AddMark(v1::MarkCode code, int part, absl::string_view field,
             v1::Message* message) {
  for (const v1::Mark& mark : message->marks()) {
    if (mark.code() == code && !absl::StartsWith(mark.field(), "payload[") &&
        absl::EndsWith(mark.field(), absl::StrCat(".", field))) {
      return;
    }
  }
  v1::Mark* const mark = message->add_marks();
  mark->set_code(code);
  mark->set_field(absl::StrCat("payload[", part, "].", field));
}

void MarkIdentifiers(const ChildPart& child, v1::Message* message) {
  const std::string& nhs_number = child.child.nhs_number().value();
  if (!nhs_number.empty() &&
      CheckNhsNumber(nhs_number) == v1::IDENTIFIER_CHECK_FAILED) {
    AddMark(v1::MARK_CODE_FAILED_CHECK, child.part, "child.nhs_number",
            message);
  }
  const std::string& pupil_number = child.child.pupil_number().value();
  if (!pupil_number.empty() &&
      CheckUniquePupilNumber(pupil_number) == v1::IDENTIFIER_CHECK_FAILED) {
    AddMark(v1::MARK_CODE_FAILED_CHECK, child.part, "child.pupil_number",
            message);
  }
}

// --- Allegations.

bool IsAllegation(const Conversation* conversation,
                  const std::vector<ChildPart>& children) {
  return std::any_of(
             children.begin(), children.end(),
             [](const ChildPart& child) { return child.staff_allegation; }) ||
         (conversation != nullptr &&
          std::any_of(conversation->record.matters().begin(),
                      conversation->record.matters().end(),
                      [](const v1::MatterRecord& matter) {
                        return matter.staff_allegation();
                      }));
}

// The agency's desk for allegations, or the one for unknown recipients.
v1::Address AllegationDesk(const Directory& directory,
                           const v1::Agency& agency) {
  if (const v1::AgencyConfig* entry = directory.FindAgency(agency)) {
    for (const v1::DeskConfig& desk : entry->desks()) {
      if (!desk.designated_officer()) continue;
      v1::Address address;
      *address.mutable_agency() = agency;
      address.set_desk(desk.name());
      return address;
    }
  }
  return directory.unknown_recipient_desk();
}

// `recipient` as the rule has it; false when it gets nothing.
bool RouteAllegation(const Directory& directory,
                     const Conversation* conversation,
                     v1::Recipient* recipient) {
  const v1::Agency& agency = recipient->address().agency();
  const bool takes_part =
      conversation != nullptr && IsParticipant(*conversation, agency);
  if (recipient->role() == v1::RECIPIENT_ROLE_COPY && !takes_part) return false;
  if (takes_part && agency.agency_class() != v1::AGENCY_CLASS_COUNCIL) {
    return true;  // Who raised it gets its answers where it wants them.
  }
  v1::Address desk = AllegationDesk(directory, agency);
  if (QueueName(desk) == QueueName(recipient->address())) {
    recipient->clear_redirected_to();
  } else {
    *recipient->mutable_redirected_to() = std::move(desk);
  }
  return true;
}

// --- Restriction.

bool IsHeldBack(const v1::MatterRecord& matter) {
  return matter.matter().restricted() && !matter.matter().has_released();
}

// What the message says about a matter holds from now on.
void Restrict(const ChildPart& child, v1::MatterRecord* matter) {
  if (child.restricted) matter->mutable_matter()->set_restricted(true);
  if (child.staff_allegation) matter->set_staff_allegation(true);
}

}  // namespace

ChildRules::ChildRules(Ledger* ledger, const DirectoryBook* directory,
                       std::string match_key)
    : ledger_(ledger),
      directory_(directory),
      match_key_(std::move(match_key)) {}

absl::Status ChildRules::Check(const Identity& sender,
                               const Conversation* conversation,
                               v1::Message* message) {
  Faults faults;
  CheckReferrer(sender, *message, &faults);
  RETURN_IF_ERROR(faults.ToStatus());

  const std::vector<ChildPart> children = ReadChildParts(*message);
  for (const ChildPart& child : children) {
    MarkIdentifiers(child, message);
    if (!child.restricted &&
        IsSchoolUnknown(directory_->Next(), *message, child)) {
      AddMark(v1::MARK_CODE_UNKNOWN_RECIPIENT, child.part,
              "child.bodies.school", message);
    }
  }
  if (!IsAllegation(conversation, children)) return absl::OkStatus();

  v1::Message routed;
  for (v1::Recipient& recipient : *message->mutable_recipients()) {
    if (RouteAllegation(directory_->Next(), conversation, &recipient)) {
      *routed.add_recipients() = recipient;
    }
  }
  if (routed.recipients().empty()) {
    faults.Add("recipients",
               "an allegation against staff goes to the designated officer "
               "and to who takes part already; none of them is named");
    return faults.ToStatus();
  }
  message->mutable_recipients()->Swap(routed.mutable_recipients());
  v1::Mark* const mark = message->add_marks();
  mark->set_code(v1::MARK_CODE_ALLEGATION_ROUTE);
  mark->set_field("recipients");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Message>> ChildRules::Accept(
    const Identity& sender, const v1::Message& message,
    Conversation* conversation) {
  ASSIGN_OR_RETURN(const uint64_t number,
                   ParseConversationId(message.conversation_id()));
  Accepted now{.sender = sender,
               .message = message,
               .conversation = conversation,
               .number = number,
               .alerts = {},
               .links_left = std::min(kMaxLinksOfMessage, LinksLeftOfCommit())};
  switch (message.kind()) {
    case v1::MESSAGE_KIND_ALERT:
      return now.alerts;  // The exchange's own: neither matched nor passed on.
    case v1::MESSAGE_KIND_RELEASE:
      RETURN_IF_ERROR(Release(&now));
      break;
    case v1::MESSAGE_KIND_UNLINK:
      RETURN_IF_ERROR(Unlink(&now));
      break;
    case v1::MESSAGE_KIND_RECALL:
      RETURN_IF_ERROR(Recall(&now));
      break;
    case v1::MESSAGE_KIND_FOUND_REPORT:
      RETURN_IF_ERROR(Find(&now));
      End(&now);
      break;
    case v1::MESSAGE_KIND_WAITING_END:
      End(&now);
      break;
    default: {
      const std::vector<ChildPart> children = ReadChildParts(message);
      if (children.empty()) return now.alerts;
      RETURN_IF_ERROR(Describe(children, &now));
    }
  }
  ledger_->MarkChanged(number);
  return now.alerts;
}

absl::Status ChildRules::Describe(const std::vector<ChildPart>& children,
                                  Accepted* now) {
  for (const ChildPart& child : children) {
    const int matter = FindMatter(*now->conversation, child.matter_id);
    if (matter < 0) continue;
    v1::MatterRecord* const record =
        now->conversation->record.mutable_matters(matter);
    Restrict(child, record);
    if (!IsHeldBack(*record)) {
      RETURN_IF_ERROR(Match(child, matter, now));
    }
    Alert(now->message, child, matter, now);
  }
  return absl::OkStatus();
}

// --- Alerts.

void ChildRules::Alert(const v1::Message& cause, const ChildPart& child,
                       int matter, Accepted* now) {
  v1::MatterRecord* const record =
      now->conversation->record.mutable_matters(matter);
  if (record->staff_allegation()) return;
  std::optional<v1::Message> alert = AlertOf(directory_->Next(), cause, child);
  if (!alert.has_value()) return;
  if (!IsHeldBack(*record)) {
    now->alerts.push_back(*std::move(alert));
    return;
  }
  auto* const held = record->mutable_held_alert_sequences();
  const absl::StatusOr<uint64_t> sequence = ParseMessageId(cause.message_id());
  held->Add(*sequence);
  if (held->size() > kMaxHeldAlerts) held->erase(held->begin());
}

absl::Status ChildRules::Find(Accepted* now) {
  ASSIGN_OR_RETURN(const v1::Message opening, Read(now->number));
  for (const ChildPart& child : ReadChildParts(opening)) {
    const int matter = FindMatter(*now->conversation, child.matter_id);
    if (matter >= 0) Alert(now->message, child, matter, now);
  }
  return absl::OkStatus();
}

// A wait or an episode is over; who left unexpectedly still waits.
void ChildRules::End(Accepted* now) {
  for (v1::MatterRecord& matter :
       *now->conversation->record.mutable_matters()) {
    const v1::PayloadPart* part =
        FindPart(now->message, matter.matter().matter_id());
    if (part == nullptr) part = FindPart(now->message, "");
    if (part == nullptr) continue;
    const auto end = ContentOf<v1::WaitingEnd>(*part);
    const bool ended =
        end ? end->end_reason() != v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY
            : ContentOf<v1::FoundReport>(*part).has_value();
    if (ended) *matter.mutable_end_time() = ToProto(ledger_->commit_time());
  }
}

absl::Status ChildRules::Release(Accepted* now) {
  const v1::Message& message = now->message;
  ASSIGN_OR_RETURN(const v1::Message opening, Read(now->number));
  const std::vector<ChildPart> children = ReadChildParts(opening);
  for (const v1::PayloadPart& part : message.payload()) {
    const int matter = FindMatter(*now->conversation, part.matter_id());
    v1::MatterRecord* const record =
        now->conversation->record.mutable_matters(matter);
    // Custody has recorded the first release; once is enough.
    if (record->matter().released().message_id() != message.message_id()) {
      continue;
    }
    const auto held =
        std::exchange(*record->mutable_held_alert_sequences(), {});
    for (const ChildPart& child : children) {
      if (child.matter_id != part.matter_id()) continue;
      if (!record->staff_allegation()) {
        RETURN_IF_ERROR(Match(child, matter, now));
      }
      for (const uint64_t sequence : held) {
        ASSIGN_OR_RETURN(const v1::Message cause, Read(sequence));
        Alert(cause, child, matter, now);
      }
    }
  }
  return absl::OkStatus();
}

// --- Links.

absl::Status ChildRules::Match(const ChildPart& child, int matter,
                               Accepted* now) {
  if (now->conversation->record.matters(matter).staff_allegation()) {
    return absl::OkStatus();
  }
  const size_t most = std::min(kMaxLinks, now->links_left);
  std::vector<Candidate> found;
  for (const MatchKey& key : MatchKeysOf(match_key_, child)) {
    RETURN_IF_ERROR(
        Look(MatchedKey(key.digest), key.reason, matter, most, *now, &found));
  }
  // Each becomes the first: the strongest last.
  for (auto it = found.rbegin(); it != found.rend(); ++it) {
    Link(*it, matter, now);
  }
  CountNotices(found, matter, now);
  return absl::OkStatus();
}

void ChildRules::CountNotices(const std::vector<Candidate>& found, int matter,
                              Accepted* now) {
  constexpr v1::MessageKind kNotice = v1::MESSAGE_KIND_POLICE_NOTICE;
  v1::ConversationRecord& record = now->conversation->record;
  if (record.conversation().kind() != kNotice) return;
  const absl::Time since = ledger_->commit_time() - kNoticePeriod;
  const auto earlier = std::count_if(
      found.begin(), found.end(), [since](const Candidate& other) {
        return other.kind == kNotice &&
               other.reason != v1::LINK_REASON_INCIDENT &&
               FromProto(other.matter->matter().received_time()) >= since;
      });
  if (earlier + 1 < kNoticePattern) return;
  record.mutable_matters(matter)->mutable_matter()->set_notices_in_three_months(
      static_cast<int>(earlier) + 1);
}

absl::Status ChildRules::Look(const std::string& key, v1::LinkReason reason,
                              int matter, size_t most, const Accepted& now,
                              std::vector<Candidate>* found) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes, ledger_->Get(key));
  v1::MatchRecord record;
  if (bytes.has_value() && !record.ParseFromString(*bytes)) {
    return absl::DataLossError("a match record is damaged");
  }
  const v1::Matter& own = now.conversation->record.matters(matter).matter();
  bool known = false;  // Told of before, in another message.
  for (const v1::MatchedMatter& matched : record.matters()) {
    if (matched.conversation_number() == now.number) {
      known |= matched.matter_number() == matter + 1;
      continue;
    }
    if (found->size() >= most) continue;
    ASSIGN_OR_RETURN(Conversation* const other,
                     ledger_->FindConversation(matched.conversation_number()));
    v1::MatterRecord* const candidate =
        other->record.mutable_matters(matched.matter_number() - 1);
    const bool taken = std::any_of(
        found->begin(), found->end(),
        [candidate](const Candidate& c) { return c.matter == candidate; });
    if (taken || !IsLinkable(*candidate, ledger_->commit_time()) ||
        FindLink(own, candidate->matter().matter_id()) != nullptr) {
      continue;
    }
    found->push_back({.number = matched.conversation_number(),
                      .matter = candidate,
                      .kind = other->record.conversation().kind(),
                      .reason = reason});
  }
  if (known) return absl::OkStatus();
  AddMatched(now.number, matter + 1, &record);
  ledger_->batch()->Put(key, record.SerializeAsString());
  return absl::OkStatus();
}

void ChildRules::Link(const Candidate& other, int matter, Accepted* now) {
  v1::Matter* const own =
      now->conversation->record.mutable_matters(matter)->mutable_matter();
  const auto link = [&](const v1::Matter& to, v1::MessageKind kind) {
    v1::Link link;
    link.set_matter_id(to.matter_id());
    *link.mutable_holder() = to.holder();
    link.set_kind(kind);
    link.set_reason(other.reason);
    *link.mutable_time() = ToProto(ledger_->commit_time());
    return link;
  };
  v1::Matter* const theirs = other.matter->mutable_matter();
  AddLink(link(*theirs, other.kind), own);
  AddLink(link(*own, now->conversation->record.conversation().kind()), theirs);
  ledger_->MarkChanged(other.number);

  v1::AuditEntry entry;
  entry.set_type(v1::AUDIT_TYPE_LINKED);
  entry.add_message_ids(now->message.message_id());
  *entry.mutable_actor() = ExchangeAgency();
  entry.set_matter_id(own->matter_id());
  entry.set_matter_version(own->version());
  entry.set_other_matter_id(theirs->matter_id());
  entry.set_code(v1::LinkReason_Name(other.reason));
  ledger_->Append(std::move(entry));
  --now->links_left;
  ++links_of_commit_;
}

absl::Status ChildRules::Unlink(Accepted* now) {
  for (const v1::PayloadPart& part : now->message.payload()) {
    const auto unlink = ContentOf<v1::Unlink>(part);
    RETURN_IF_ERROR(Undo(unlink->other_matter_id(),
                         FindMatter(*now->conversation, part.matter_id()),
                         part.content(), now));
  }
  return absl::OkStatus();
}

absl::Status ChildRules::Recall(Accepted* now) {
  for (const v1::PayloadPart& part : now->message.payload()) {
    const int matter = FindMatter(*now->conversation, part.matter_id());
    if (matter < 0 || !ContentOf<v1::Recall>(part)) continue;
    const v1::Matter recalled =
        now->conversation->record.matters(matter).matter();
    for (const v1::Link& link : recalled.links()) {
      if (link.has_undone()) continue;
      RETURN_IF_ERROR(Undo(link.matter_id(), matter, part.content(), now));
    }
  }
  return absl::OkStatus();
}

absl::Status ChildRules::Undo(const std::string& other_matter_id, int matter,
                              const std::string& content, Accepted* now) {
  v1::Matter* const own =
      now->conversation->record.mutable_matters(matter)->mutable_matter();
  const v1::Link* const link = FindLink(*own, other_matter_id);
  if (link == nullptr) return absl::OkStatus();
  v1::Receipt undone = link->undone();
  if (!link->has_undone()) {
    ASSIGN_OR_RETURN(undone, Append(v1::AUDIT_TYPE_UNLINKED, matter, content,
                                    other_matter_id, *now));
    UndoLink(undone, other_matter_id, own);
  }

  ASSIGN_OR_RETURN(const MatterName name, ParseMatterId(other_matter_id));
  ASSIGN_OR_RETURN(Conversation* const other,
                   ledger_->FindConversation(name.conversation_number));
  // The other side may have let the link go for newer ones.
  if (UndoLink(undone, own->matter_id(),
               other->record.mutable_matters(name.matter_number - 1)
                   ->mutable_matter())) {
    ledger_->MarkChanged(name.conversation_number);
  }
  return absl::OkStatus();
}

// --- Ledger.

absl::StatusOr<v1::Message> ChildRules::Read(uint64_t sequence) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   ledger_->Get(MessageKey(sequence)));
  v1::MessageRecord record;
  if (!bytes.has_value() || !record.ParseFromString(*bytes)) {
    return absl::DataLossError(absl::StrCat(
        "the record of ", MessageId(sequence), " is missing or damaged"));
  }
  return OpenMessage(record, *ledger_->vault());
}

// The leaf of what a person said about a matter, and its receipt.
absl::StatusOr<v1::Receipt> ChildRules::Append(
    v1::AuditType type, int matter, const std::string& content,
    const std::string& other_matter_id, const Accepted& now) {
  const v1::MatterRecord& record = now.conversation->record.matters(matter);
  ASSIGN_OR_RETURN(const std::string key,
                   ledger_->vault()->Key(record.key_slot()));
  v1::AuditEntry entry;
  entry.set_type(type);
  entry.add_message_ids(now.message.message_id());
  *entry.mutable_actor() = now.sender.agency;
  entry.set_actor_key_id(now.sender.key_id);
  entry.set_kind(now.message.kind());
  entry.set_purpose(now.message.purpose());
  entry.set_legal_basis(now.message.legal_basis());
  entry.set_matter_id(record.matter().matter_id());
  entry.set_matter_version(record.matter().version() +
                           (type == v1::AUDIT_TYPE_RELEASED ? 1 : 0));
  entry.set_other_matter_id(other_matter_id);
  const std::string salt =
      Hkdf(key, absl::StrCat("commitment/", now.message.message_id()));
  entry.set_details_commitment(std::string(AsBytes(HmacSha256(salt, content))));

  v1::Receipt receipt;
  *receipt.mutable_time() = now.message.publish_time();
  *receipt.mutable_agency() = now.sender.agency;
  receipt.set_message_id(now.message.message_id());
  receipt.set_audit_index(ledger_->Append(std::move(entry)));
  return receipt;
}

int ChildRules::LinksLeftOfCommit() {
  if (std::exchange(counted_commit_, ledger_->commit_number()) !=
      ledger_->commit_number()) {
    links_of_commit_ = 0;
  }
  return kMaxLinksOfCommit - links_of_commit_;
}

}  // namespace baton
