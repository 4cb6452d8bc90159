#include "services/broker/publisher.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/broker/alerts.h"
#include "services/broker/attachment_store.h"
#include "services/broker/copies.h"
#include "services/broker/kind_rules.h"
#include "services/broker/sealed_records.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "storage/seal.h"
#include "storage/status.h"

namespace baton {
namespace {

// The matters a message speaks about, each with the version it was decided on.
std::map<int, int64_t> VersionsOf(const Said& said) {
  std::map<int, int64_t> versions;
  for (const Statement& statement : said.statements) {
    versions[statement.matter] = ExpectedVersionOf(statement.content);
  }
  for (const int matter : said.joint_matters) versions[matter] = 0;
  return versions;
}

bool Reaches(const v1::Message& message, const v1::Address& address) {
  return std::any_of(message.recipients().begin(), message.recipients().end(),
                     [&address](const v1::Recipient& recipient) {
                       return QueueName(DeskOf(recipient)) ==
                              QueueName(address);
                     });
}

// "#2" of what opens `conversation_id` becomes "<conversation_id>.2".
void NameMatter(const std::string& conversation_id, std::string* matter_id) {
  if (matter_id->empty()) return;
  *matter_id = absl::StrCat(conversation_id, ".", matter_id->substr(1));
}

v1::PublishReceipt ReceiptOf(const v1::Message& message, int64_t audit_index) {
  v1::PublishReceipt receipt;
  receipt.set_message_id(message.message_id());
  receipt.set_conversation_id(message.conversation_id());
  *receipt.mutable_matter_ids() = message.matter_ids();
  *receipt.mutable_publish_time() = message.publish_time();
  receipt.set_audit_index(audit_index);
  *receipt.mutable_marks() = message.marks();
  return receipt;
}

// Who holds the matters that `message` opened.
void AppendHolders(const Identity& sender, const v1::Message& message,
                   const Conversation& opened, Ledger* ledger) {
  for (const v1::MatterRecord& matter : opened.record.matters()) {
    v1::AuditEntry entry =
        EntryFor(v1::AUDIT_TYPE_HOLDER_CHANGED, sender, message);
    entry.set_matter_id(matter.matter().matter_id());
    entry.set_matter_version(matter.matter().version());
    *entry.mutable_holder() = matter.matter().holder();
    ledger->Append(std::move(entry));
  }
}

}  // namespace

Publisher::Publisher(Ledger* ledger, Queues* queues, SenderUsage* usage,
                     const DirectoryBook* directory, const Access* access,
                     std::string content_key, const v1::BrokerLimits& limits)
    : ledger_(ledger),
      queues_(queues),
      usage_(usage),
      directory_(directory),
      access_(access),
      content_key_(std::move(content_key)),
      max_recipients_(limits.max_recipients() > 0 ? limits.max_recipients()
                                                  : 32),
      max_conversation_messages_(limits.max_conversation_messages() > 0
                                     ? limits.max_conversation_messages()
                                     : 10000),
      rules_(ledger, directory, Hkdf(content_key_, "match")) {}

absl::StatusOr<Published> Publisher::Publish(
    const Identity& sender, MessageList messages,
    std::vector<Fingerprint> fingerprints, Instant now) {
  std::vector<Draft> drafts;
  drafts.reserve(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    ASSIGN_OR_RETURN(Draft draft, Check(sender, std::move(messages[i]),
                                        std::move(fingerprints.at(i))));
    drafts.push_back(std::move(draft));
  }
  RETURN_IF_ERROR(CheckConversationRoom(drafts));
  if (drafts.size() > 1) RETURN_IF_ERROR(CheckTogether(drafts));
  RETURN_IF_ERROR(CheckRoom(sender, drafts, now));

  Published published;
  for (Draft& draft : drafts) {
    if (draft.is_repeat) {
      *published.response.add_receipts() = std::move(draft.repeat_receipt);
      continue;
    }
    const absl::Status applied =
        Apply(sender, std::move(draft), now, &published);
    // Nothing can be refused any more: whatever fails here is the disk.
    if (!applied.ok()) return absl::DataLossError(applied.message());
  }
  return published;
}

// --- Checking.

absl::StatusOr<Publisher::Draft> Publisher::Check(
    const Identity& sender, std::unique_ptr<v1::Message> message,
    Fingerprint fingerprint) {
  Draft draft;
  draft.message = std::move(message);
  draft.fingerprint = std::move(fingerprint);
  RETURN_IF_ERROR(CheckRepeat(&draft));
  if (draft.is_repeat) return draft;
  // Not among the checks without state: a repeat may come later than this.
  if (draft.message->has_expire_time() &&
      FromProto(draft.message->expire_time()) <= ledger_->commit_time()) {
    return absl::InvalidArgumentError(
        "expire_time has passed; nothing was published");
  }
  RETURN_IF_ERROR(NameOfferedTo(directory_->Next(), draft.message.get()));
  RETURN_IF_ERROR(CheckRoute(sender, &draft));
  RETURN_IF_ERROR(CheckConversation(sender, &draft));
  RETURN_IF_ERROR(CheckAttachments(ledger_, sender, *draft.message,
                                   draft.conversation_number));
  RETURN_IF_ERROR(AddOwedRecipients(&draft));
  RETURN_IF_ERROR(CheckRules(sender, &draft));
  NameQueues(&draft);  // Last: rules route.
  return draft;
}

absl::Status Publisher::CheckRepeat(Draft* draft) {
  if (FromProto(draft->message->idempotency_time()) <
      ledger_->commit_time() - kIdempotencyWindow) {
    return WithReason(
        absl::FailedPreconditionError(
            "the idempotency key is older than 90 days, so nobody promises to "
            "know whether it is a repeat; check tracking, then use a new key"),
        "IDEMPOTENCY_KEY_TOO_OLD");
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   ledger_->Get(draft->fingerprint.key));
  if (!bytes.has_value()) return absl::OkStatus();
  v1::IdempotencyRecord first;
  if (!first.ParseFromString(*bytes)) {
    return absl::DataLossError("an idempotency record is damaged");
  }
  if (first.content_hmac() != draft->fingerprint.content_hmac) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(
            "the idempotency key was used for ", MessageId(first.sequence()),
            " with other content; nothing was published: use a new key")),
        "IDEMPOTENCY_KEY_REUSED");
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> message_bytes,
                   ledger_->Get(MessageKey(first.sequence())));
  v1::MessageRecord record;
  if (!message_bytes.has_value() || !record.ParseFromString(*message_bytes)) {
    return absl::DataLossError("a message record is damaged");
  }
  draft->repeat_receipt =
      ReceiptOf(record.envelope(), static_cast<int64_t>(record.audit_index()));
  draft->repeat_receipt.set_repeat(true);
  draft->is_repeat = true;
  return absl::OkStatus();
}

absl::Status Publisher::CheckRoute(const Identity& sender, Draft* draft) {
  v1::Message& message = *draft->message;
  if (RuleOf(message.kind()).sayer == Sayer::kExchange &&
      sender.agency.agency_class() != v1::AGENCY_CLASS_EXCHANGE) {
    return absl::PermissionDeniedError(
        absl::StrCat("only the exchange itself publishes ",
                     v1::MessageKind_Name(message.kind())));
  }
  if (RuleOf(message.kind()).tells == Tells::kItself) {
    return CheckWayBack(sender, &message);
  }
  for (int i = 0; i < message.recipients_size(); ++i) {
    v1::Recipient* const recipient = message.mutable_recipients(i);
    RETURN_IF_ERROR(access_->CheckPublish(
        sender.agency, recipient->address().agency().agency_class(),
        message.kind(), message.purpose()));
    const Directory::Route route =
        directory_->Next().Resolve(recipient->address());
    if (route.known) {
      *recipient->mutable_address() = route.address;
    } else {
      *recipient->mutable_redirected_to() = route.address;
      v1::Mark* const mark = message.add_marks();
      mark->set_code(v1::MARK_CODE_UNKNOWN_RECIPIENT);
      mark->set_field(absl::StrCat("recipients[", i, "]"));
    }
  }
  return absl::OkStatus();
}

// The policy is not asked who may speak to himself. An unknown desk is refused:
// a test must find the fault, and is nobody's to answer.
absl::Status Publisher::CheckWayBack(const Identity& sender,
                                     v1::Message* message) const {
  v1::Address* const back = message->mutable_recipients(0)->mutable_address();
  if (!SameAgency(back->agency(), sender.agency)) {
    return absl::PermissionDeniedError(
        absl::StrCat(v1::MessageKind_Name(message->kind()),
                     " goes to its sender and to nobody else"));
  }
  const Directory::Route route = directory_->Next().Resolve(*back);
  if (!route.known) {
    return absl::NotFoundError(
        absl::StrCat("the exchange's directory has no desk ", QueueName(*back),
                     "; what is sent there is redirected to another: ask the "
                     "exchange's operator to add it"));
  }
  *back = route.address;
  return absl::OkStatus();
}

// Two unknown recipients of one message share one desk and one copy.
void Publisher::NameQueues(Draft* draft) const {
  for (const v1::Recipient& recipient : draft->message->recipients()) {
    Queue* const queue = queues_->at(QueueName(DeskOf(recipient))).get();
    if (std::find(draft->queues.begin(), draft->queues.end(), queue) ==
        draft->queues.end()) {
      draft->queues.push_back(queue);
    }
  }
}

// Who must get it whatever the sender named and the policy says. They count
// towards max_recipients, and never push a message over it alone: then those
// the sender named are too many.
absl::Status Publisher::AddOwedRecipients(Draft* draft) {
  v1::Message& message = *draft->message;
  const int named = message.recipients_size();
  const bool owes_answer = message.kind() == v1::MESSAGE_KIND_RECALL;
  for (const v1::Address& address : draft->said.owed) {
    if (Reaches(message, address)) continue;
    v1::Recipient* const added = message.add_recipients();
    *added->mutable_address() = address;
    added->set_role(owes_answer ? v1::RECIPIENT_ROLE_JOINT
                                : v1::RECIPIENT_ROLE_COPY);
  }
  const int count = message.recipients_size();
  if (count <= max_recipients_ || named == 0) return absl::OkStatus();
  Faults faults;
  faults.Add("recipients",
             absl::StrCat("would be ", count,
                          " with those that the exchange adds; at most ",
                          max_recipients_, ": name fewer, or nobody"));
  return faults.ToStatus();
}

absl::Status Publisher::CheckConversation(const Identity& sender,
                                          Draft* draft) {
  const v1::Message& message = *draft->message;
  if (message.conversation_id().empty()) {
    if (!RuleOf(message.kind()).opens) {
      return absl::InvalidArgumentError(
          "this kind is about a conversation's matters, and conversation_id is "
          "empty");
    }
    for (const v1::PayloadPart& part : message.payload()) {
      if (part.matter_id().empty() || absl::StartsWith(part.matter_id(), "#")) {
        continue;
      }
      return absl::InvalidArgumentError(
          "a part names a matter, and conversation_id is empty");
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(draft->conversation_number,
                   ParseConversationId(message.conversation_id()));
  ASSIGN_OR_RETURN(Conversation* const conversation,
                   ledger_->FindConversation(draft->conversation_number));
  if (!IsParticipant(*conversation, sender.agency)) {
    return absl::NotFoundError(absl::StrCat(
        "no conversation ", message.conversation_id(), " of this agency"));
  }
  for (const v1::PayloadPart& part : message.payload()) {
    if (!part.matter_id().empty() &&
        FindMatter(*conversation, part.matter_id()) < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          message.conversation_id(), " has no matter ", part.matter_id()));
    }
  }
  for (const v1::Attachment& attachment : message.attachments()) {
    if (!attachment.matter_id().empty() &&
        FindMatter(*conversation, attachment.matter_id()) < 0) {
      return absl::InvalidArgumentError(absl::StrCat(message.conversation_id(),
                                                     " has no matter ",
                                                     attachment.matter_id()));
    }
  }
  ASSIGN_OR_RETURN(draft->said, CheckSaid(sender, message, *conversation,
                                          directory_->Next(), *ledger_));
  return absl::OkStatus();
}

absl::Status Publisher::CheckRules(const Identity& sender, Draft* draft) {
  const Conversation* conversation = nullptr;
  if (draft->conversation_number != 0) {
    ASSIGN_OR_RETURN(conversation,
                     ledger_->FindConversation(draft->conversation_number));
  }
  return rules_.Check(sender, conversation, draft->message.get());
}

absl::Status Publisher::CheckConversationRoom(
    const std::vector<Draft>& drafts) {
  absl::flat_hash_map<uint64_t, int> sizes;
  for (const Draft& draft : drafts) {
    if (draft.is_repeat || draft.conversation_number == 0) continue;
    ASSIGN_OR_RETURN(const Conversation* const conversation,
                     ledger_->FindConversation(draft.conversation_number));
    if (conversation->record.message_sequences_size() +
            sizes[draft.conversation_number]++ >=
        max_conversation_messages_) {
      return LimitReached(
          "max_conversation_messages",
          absl::StrCat(draft.message->conversation_id(), " holds at most ",
                       max_conversation_messages_, " messages"),
          absl::Hours(24));
    }
  }
  return absl::OkStatus();
}

// Custody decided on a version that an earlier message of the request moves.
absl::Status Publisher::CheckTogether(const std::vector<Draft>& drafts) {
  absl::flat_hash_map<std::string, bool> spoken_of;  // Alone?
  for (const Draft& draft : drafts) {
    if (draft.is_repeat || draft.conversation_number == 0) continue;
    ASSIGN_OR_RETURN(const Conversation* const conversation,
                     ledger_->FindConversation(draft.conversation_number));
    const bool alone = StandsAlone(RuleOf(draft.message->kind()));
    for (const auto& [matter, expected_version] : VersionsOf(draft.said)) {
      const std::string& matter_id =
          conversation->record.matters(matter).matter().matter_id();
      const auto [it, first] = spoken_of.emplace(matter_id, alone);
      if (!first && (alone || it->second || expected_version != 0)) {
        return WithReason(absl::AbortedError(absl::StrCat(
                              "an earlier message of this request moves the "
                              "version of matter ",
                              matter_id, "; publish this one after it")),
                          "VERSION_MOVED");
      }
    }
  }
  return absl::OkStatus();
}

// Last of all checks: what passes counts towards the sender's rate.
absl::Status Publisher::CheckRoom(const Identity& sender,
                                  const std::vector<Draft>& drafts,
                                  Instant now) {
  struct Need {
    uint64_t count = 0;
    uint64_t bytes = 0;
  };
  // A refusal names the first.
  constexpr auto by_name = [](const Queue* a, const Queue* b) {
    return a->name() < b->name();
  };
  std::map<const Queue*, Need, decltype(by_name)> needs;
  SenderUsage::Need of_sender;
  for (const Draft& draft : drafts) {
    // Immediate danger finds room everywhere.
    if (draft.is_repeat ||
        draft.message->priority() == v1::PRIORITY_IMMEDIATE_DANGER) {
      continue;
    }
    const uint64_t bytes = draft.message->ByteSizeLong();
    for (Queue* const queue : draft.queues) {
      Need& need = needs[queue];
      ++need.count;
      need.bytes += bytes;
    }
    ++of_sender.messages;
    of_sender.copies += draft.queues.size();
    of_sender.bytes += bytes * draft.queues.size();
  }
  for (const auto& [queue, need] : needs) {
    RETURN_IF_ERROR(queue->CheckRoom(need.count, need.bytes));
  }
  if (of_sender.messages == 0) return absl::OkStatus();
  return usage_->Take(AgencyName(sender.agency),
                      directory_->Next().QuotaOf(sender.agency), of_sender,
                      now);
}

// --- Applying: from here on nothing is refused.

absl::StatusOr<Conversation*> Publisher::OpenOrFind(const Draft& draft,
                                                    uint64_t sequence,
                                                    v1::Message* message) {
  if (draft.conversation_number != 0) {
    return ledger_->FindConversation(draft.conversation_number);
  }
  v1::Address holder;
  for (const v1::Recipient& recipient : message->recipients()) {
    if (recipient.role() != v1::RECIPIENT_ROLE_ACTION) continue;
    holder = DeskOf(recipient);
  }
  Conversation opened =
      OpenConversation(*message, holder, sequence, ledger_->commit_time());
  ASSIGN_OR_RETURN(const uint64_t common, ledger_->NextKeySlot());
  opened.record.set_common_key_slot(common);
  for (v1::MatterRecord& matter : *opened.record.mutable_matters()) {
    ASSIGN_OR_RETURN(const uint64_t slot, ledger_->NextKeySlot());
    matter.set_key_slot(slot);
  }
  message->set_conversation_id(opened.record.conversation().conversation_id());
  for (v1::PayloadPart& part : *message->mutable_payload()) {
    NameMatter(message->conversation_id(), part.mutable_matter_id());
  }
  return ledger_->AddConversation(sequence, std::move(opened));
}

absl::Status Publisher::Apply(const Identity& sender, Draft draft, Instant now,
                              Published* published) {
  const uint64_t sequence = ledger_->NextSequence();
  v1::Message& message = *draft.message;
  message.set_message_id(MessageId(sequence));
  *message.mutable_sender() = sender.agency;
  *message.mutable_publish_time() = ToProto(ledger_->commit_time());
  if (message.has_actor()) {
    *message.mutable_actor()->mutable_asserted_by() = sender.agency;
  }
  const bool opens = draft.conversation_number == 0;
  ASSIGN_OR_RETURN(Conversation* const conversation,
                   OpenOrFind(draft, sequence, &message));
  for (const v1::PayloadPart& part : message.payload()) {
    if (!part.matter_id().empty()) message.add_matter_ids(part.matter_id());
  }
  const uint64_t number = opens ? sequence : draft.conversation_number;
  if (AddMessage(message, sequence, conversation) || opens ||
      !draft.said.empty()) {
    ledger_->MarkChanged(number);
  } else {
    ledger_->MarkJoined(number, sequence);
  }

  ASSIGN_OR_RETURN(v1::MessageRecord record,
                   SealMessage(message, *conversation, *ledger_->vault()));
  v1::AuditEntry entry = EntryFor(v1::AUDIT_TYPE_PUBLISHED, sender, message);
  for (Queue* const queue : draft.queues) entry.add_queues(queue->name());
  entry.set_ciphertext_sha256(CiphertextDigest(record));
  const int64_t audit_index = ledger_->Append(std::move(entry));
  record.set_audit_index(static_cast<uint64_t>(audit_index));
  if (opens) {
    AppendHolders(sender, message, *conversation, ledger_);
    for (int i = 0; i < conversation->record.matters_size(); ++i) {
      draft.said.joint_matters.push_back(i);
    }
  }
  RETURN_IF_ERROR(
      ApplySaid(sender, message, std::move(draft.said), conversation, ledger_));

  std::string bytes = SerializeRecord(&record, &message);
  for (Queue* const queue : draft.queues) {
    queue->Add(CopyFor(queue->name(), message, sequence, bytes.size()), now);
    published->queues.insert(queue);
  }
  ledger_->batch()->Put(MessageKey(sequence), std::move(bytes));
  if (!draft.fingerprint.key.empty()) {
    v1::IdempotencyRecord idempotency;
    idempotency.set_sequence(sequence);
    idempotency.set_content_hmac(draft.fingerprint.content_hmac);
    *idempotency.mutable_publish_time() = message.publish_time();
    ledger_->batch()->Put(draft.fingerprint.key,
                          idempotency.SerializeAsString());
    *published->response.add_receipts() = ReceiptOf(message, audit_index);
  }
  ASSIGN_OR_RETURN(std::vector<v1::Message> alerts,
                   rules_.Accept(sender, message, conversation));
  const std::string cause = message.message_id();
  published->messages.emplace_back(sequence, std::move(draft.message));
  return ApplyAlerts(cause, std::move(alerts), now, published);
}

// No room is asked for: a school that does not empty its queue must not keep
// a child's report from the council. The key tells the school nothing.
absl::Status Publisher::ApplyAlerts(const std::string& cause,
                                    std::vector<v1::Message> alerts,
                                    Instant now, Published* published) {
  for (size_t i = 0; i < alerts.size(); ++i) {
    Draft draft;
    draft.message = std::make_unique<v1::Message>(std::move(alerts[i]));
    const Hash key =
        HmacSha256(content_key_, absl::StrCat("alert/", cause, "/", i));
    draft.message->set_idempotency_key(
        LetterHex(AsBytes(key).substr(0, Fingerprint::kHmacBytes)));
    *draft.message->mutable_idempotency_time() =
        ToProto(ledger_->commit_time());
    draft.queues.push_back(
        queues_->at(QueueName(draft.message->recipients(0).address())).get());
    const Identity exchange{.agency = ExchangeAgency(), .key_id = ""};
    RETURN_IF_ERROR(Apply(exchange, std::move(draft), now, published));
  }
  return absl::OkStatus();
}

}  // namespace baton
