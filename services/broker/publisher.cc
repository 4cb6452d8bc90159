#include "services/broker/publisher.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "services/broker/attachment_store.h"
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

constexpr size_t kHmacBytes = 16;

std::string Deterministic(const v1::Message& message) {
  std::string bytes;
  bytes.reserve(message.ByteSizeLong());
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

// Stable across processes and never 0, which stands for "no key".
uint64_t OrderingKeyHash(const std::string& key) {
  if (key.empty()) return 0;
  const Hash hash = Sha256(key);
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | hash[i];
  return value == 0 ? 1 : value;
}

v1::AuditEntry EntryFor(v1::AuditType type, const Identity& actor,
                        const v1::Message& message) {
  v1::AuditEntry entry;
  entry.set_type(type);
  entry.add_message_ids(message.message_id());
  *entry.mutable_actor() = actor.agency;
  entry.set_actor_key_id(actor.key_id);
  entry.set_kind(message.kind());
  entry.set_purpose(message.purpose());
  entry.set_legal_basis(message.legal_basis());
  return entry;
}

// Kinds that change custody, by one Taken or Decision per part.
bool IsCustodyKind(v1::MessageKind kind) {
  return kind == v1::MESSAGE_KIND_TAKEN || kind == v1::MESSAGE_KIND_DECISION;
}

void CheckWorker(const v1::Actor& worker, bool reachable,
                 const std::string& field, Faults* faults) {
  if (worker.name().empty()) faults->Add(field + ".name", "is required");
  if (worker.role().empty()) faults->Add(field + ".role", "is required");
  if (reachable && worker.team().empty()) {
    faults->Add(field + ".team", "is required");
  }
  if (reachable && worker.phone().empty()) {
    faults->Add(field + ".phone", "is required: who can be rung about it");
  }
}

void CheckDecision(const v1::Decision& decision, const std::string& field,
                   Faults* faults) {
  CheckWorker(decision.worker(), /*reachable=*/false, field + ".worker",
              faults);
  if (!v1::Outcome_IsValid(decision.outcome()) ||
      decision.outcome() == v1::OUTCOME_UNSPECIFIED) {
    faults->Add(field + ".outcome", "must be stated");
  }
  if (decision.next_step().empty() || decision.next_step().size() > 4096) {
    faults->Add(field + ".next_step", "1 to 4096 bytes: the sender is told it");
  }
  if (decision.outcome() == v1::OUTCOME_NO_FURTHER_ACTION &&
      decision.reason().empty()) {
    faults->Add(field + ".reason", "is required for no further action");
  }
}

// The content of a custody part; CheckPublish has seen that it parses.
template <typename Content>
std::optional<Content> ContentOf(const v1::PayloadPart& part) {
  Content content;
  if (part.type() != Content::descriptor()->full_name() ||
      !content.ParseFromString(part.content())) {
    return std::nullopt;
  }
  return content;
}

// True for the common part, and for "#n" of one of the parts.
bool OpensMatter(const v1::Message& message, const std::string& matter_id) {
  return matter_id.empty() ||
         std::any_of(message.payload().begin(), message.payload().end(),
                     [&matter_id](const v1::PayloadPart& part) {
                       return part.matter_id() == matter_id;
                     });
}

int64_t ExpectedVersionOf(const v1::PayloadPart& part) {
  if (const auto taken = ContentOf<v1::Taken>(part)) {
    return taken->expected_version();
  }
  const auto decision = ContentOf<v1::Decision>(part);
  return decision ? decision->expected_version() : 0;
}

// "#2" of what opens `conversation_id` becomes "<conversation_id>.2".
void NameMatter(const std::string& conversation_id, std::string* matter_id) {
  if (matter_id->empty()) return;
  *matter_id = absl::StrCat(conversation_id, ".", matter_id->substr(1));
}

}  // namespace

Publisher::Publisher(Ledger* ledger, Queues* queues, const Directory* directory,
                     const Access* access, std::string content_key,
                     int max_conversation_messages)
    : ledger_(ledger),
      queues_(queues),
      directory_(directory),
      access_(access),
      content_key_(std::move(content_key)),
      max_conversation_messages_(max_conversation_messages) {}

absl::StatusOr<Published> Publisher::Publish(const Identity& sender,
                                             v1::PublishRequest request,
                                             Instant now) {
  std::vector<Draft> drafts;
  for (v1::Message& message : *request.mutable_messages()) {
    ASSIGN_OR_RETURN(Draft draft, Check(sender, std::move(message)));
    drafts.push_back(std::move(draft));
  }
  RETURN_IF_ERROR(CheckTogether(drafts));
  RETURN_IF_ERROR(CheckRoom(drafts));

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

absl::StatusOr<Publisher::Draft> Publisher::Check(const Identity& sender,
                                                  v1::Message message) {
  Draft draft;
  draft.message = std::move(message);
  RETURN_IF_ERROR(CheckRepeat(sender, &draft));
  if (draft.is_repeat) return draft;
  // Not among the checks without state: a repeat may come later than this.
  if (draft.message.has_expire_time() &&
      FromProto(draft.message.expire_time()) <= ledger_->commit_time()) {
    return absl::InvalidArgumentError(
        "expire_time has passed; nothing was published");
  }
  RETURN_IF_ERROR(CheckRoute(sender, &draft));
  RETURN_IF_ERROR(CheckConversation(sender, &draft));
  RETURN_IF_ERROR(CheckAttachments(ledger_, sender, draft.message,
                                   draft.conversation_number));
  return draft;
}

absl::Status Publisher::CheckRepeat(const Identity& sender, Draft* draft) {
  const std::string sender_name = AgencyName(sender.agency);
  const Hash key_hash = Sha256({sender_name, absl::string_view("\0", 1),
                                draft->message.idempotency_key()});
  draft->idempotency_key =
      IdempotencyKey(AsBytes(key_hash).substr(0, kHmacBytes));
  draft->content_hmac = std::string(
      AsBytes(HmacSha256(content_key_, Deterministic(draft->message)))
          .substr(0, kHmacBytes));

  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   ledger_->Get(draft->idempotency_key));
  if (!bytes.has_value()) {
    if (FromProto(draft->message.idempotency_time()) <
        ledger_->commit_time() - kIdempotencyWindow) {
      return WithReason(
          absl::FailedPreconditionError(
              "the idempotency key is older than 90 days, so nobody can tell "
              "whether it is a repeat; check tracking, then use a new key"),
          "IDEMPOTENCY_KEY_TOO_OLD");
    }
    return absl::OkStatus();
  }
  v1::IdempotencyRecord first;
  if (!first.ParseFromString(*bytes)) {
    return absl::DataLossError("an idempotency record is damaged");
  }
  if (first.content_hmac() != draft->content_hmac) {
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
  v1::PublishReceipt& receipt = draft->repeat_receipt;
  receipt.set_message_id(record.envelope().message_id());
  receipt.set_conversation_id(record.envelope().conversation_id());
  *receipt.mutable_matter_ids() = record.envelope().matter_ids();
  *receipt.mutable_publish_time() = record.envelope().publish_time();
  receipt.set_audit_index(static_cast<int64_t>(record.audit_index()));
  receipt.set_repeat(true);
  *receipt.mutable_marks() = record.envelope().marks();
  draft->is_repeat = true;
  return absl::OkStatus();
}

absl::Status Publisher::CheckRoute(const Identity& sender, Draft* draft) {
  v1::Message& message = draft->message;
  for (int i = 0; i < message.recipients_size(); ++i) {
    v1::Recipient* const recipient = message.mutable_recipients(i);
    RETURN_IF_ERROR(access_->CheckPublish(
        sender.agency, recipient->address().agency().agency_class(),
        message.kind(), message.purpose()));
    const Directory::Route route = directory_->Resolve(recipient->address());
    if (route.known) {
      *recipient->mutable_address() = route.address;
    } else {
      *recipient->mutable_redirected_to() = route.address;
      v1::Mark* const mark = message.add_marks();
      mark->set_code(v1::MARK_CODE_UNKNOWN_RECIPIENT);
      mark->set_field(absl::StrCat("recipients[", i, "]"));
    }
    Queue* const queue = queues_->at(QueueName(route.address)).get();
    // Two unknown recipients of one message share one desk and one copy.
    if (std::find(draft->queues.begin(), draft->queues.end(), queue) ==
        draft->queues.end()) {
      draft->queues.push_back(queue);
    }
  }
  return absl::OkStatus();
}

absl::Status Publisher::CheckConversation(const Identity& sender,
                                          Draft* draft) {
  const v1::Message& message = draft->message;
  if (message.conversation_id().empty()) {
    if (IsCustodyKind(message.kind())) {
      return absl::InvalidArgumentError(
          "a Taken or Decision answers in a conversation, and conversation_id "
          "is empty");
    }
    for (const v1::PayloadPart& part : message.payload()) {
      if (part.matter_id().empty() || absl::StartsWith(part.matter_id(), "#")) {
        continue;
      }
      return absl::InvalidArgumentError(
          "a part names a matter, and conversation_id is empty");
    }
    for (const v1::Attachment& attachment : message.attachments()) {
      if (!OpensMatter(message, attachment.matter_id())) {
        return absl::InvalidArgumentError(
            "an attachment names a matter that no part opens");
      }
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
  return CheckCustodyContent(sender, message, *conversation);
}

absl::Status Publisher::CheckCustodyContent(const Identity& sender,
                                            const v1::Message& message,
                                            const Conversation& conversation) {
  if (!IsCustodyKind(message.kind())) return absl::OkStatus();
  Faults faults;
  if (message.payload().empty()) {
    faults.Add("payload", "needs one part per matter it is about");
  }
  for (int i = 0; i < message.payload_size(); ++i) {
    const v1::PayloadPart& part = message.payload(i);
    const std::string field = absl::StrCat("payload[", i, "].content");
    const std::optional<v1::Taken> taken = ContentOf<v1::Taken>(part);
    const std::optional<v1::Decision> decision = ContentOf<v1::Decision>(part);
    const bool fits = message.kind() == v1::MESSAGE_KIND_TAKEN
                          ? taken.has_value()
                          : decision.has_value();
    const int matter = FindMatter(conversation, part.matter_id());
    if (!fits || matter < 0 ||
        (taken ? taken->matter_id() : decision->matter_id()) !=
            part.matter_id()) {
      faults.Add(field,
                 "must be a Taken or Decision, as the kind says, about "
                 "the matter its part names");
      continue;
    }
    if (taken) {
      CheckWorker(taken->worker(), /*reachable=*/true, field + ".worker",
                  &faults);
    } else {
      CheckDecision(*decision, field, &faults);
    }
    RETURN_IF_ERROR(CheckCustody(
        conversation.record.matters(matter).matter(), sender.agency,
        taken ? taken->expected_version() : decision->expected_version()));
  }
  return faults.ToStatus();
}

// What no message of a request shows alone: how many a conversation gets, and
// custody decided on a version that an earlier message of the request moves.
absl::Status Publisher::CheckTogether(const std::vector<Draft>& drafts) {
  absl::flat_hash_map<uint64_t, int> sizes;
  absl::flat_hash_set<std::string> moved;
  for (const Draft& draft : drafts) {
    if (draft.is_repeat || draft.conversation_number == 0) continue;
    ASSIGN_OR_RETURN(const Conversation* const conversation,
                     ledger_->FindConversation(draft.conversation_number));
    if (conversation->record.message_sequences_size() +
            sizes[draft.conversation_number]++ >=
        max_conversation_messages_) {
      return LimitReached(
          "max_conversation_messages",
          absl::StrCat(draft.message.conversation_id(), " holds at most ",
                       max_conversation_messages_, " messages"),
          absl::Hours(24));
    }
    if (!IsCustodyKind(draft.message.kind())) continue;
    for (const v1::PayloadPart& part : draft.message.payload()) {
      const bool first = moved.insert(part.matter_id()).second;
      if (!first && ExpectedVersionOf(part) != 0) {
        return WithReason(absl::AbortedError(absl::StrCat(
                              "an earlier message of this request moves the "
                              "version of matter ",
                              part.matter_id())),
                          "VERSION_MOVED");
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Publisher::CheckRoom(const std::vector<Draft>& drafts) {
  struct Need {
    uint64_t count = 0;
    uint64_t bytes = 0;
  };
  absl::flat_hash_map<Queue*, Need> needs;
  for (const Draft& draft : drafts) {
    if (draft.is_repeat) continue;
    for (Queue* const queue : draft.queues) {
      Need& need = needs[queue];
      ++need.count;
      need.bytes += draft.message.ByteSizeLong();
    }
  }
  for (const auto& [queue, need] : needs) {
    RETURN_IF_ERROR(queue->CheckRoom(need.count, need.bytes));
  }
  return absl::OkStatus();
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
    holder = recipient.has_redirected_to() ? recipient.redirected_to()
                                           : recipient.address();
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
  for (v1::Attachment& attachment : *message->mutable_attachments()) {
    NameMatter(message->conversation_id(), attachment.mutable_matter_id());
  }
  return ledger_->AddConversation(sequence, std::move(opened));
}

absl::Status Publisher::Enqueue(const Draft& draft, const v1::Message& message,
                                uint64_t sequence, size_t size,
                                bool opens_matters, Instant now,
                                Published* published) {
  v1::QueueEntry entry;
  entry.set_ordering_key_hash(OrderingKeyHash(message.ordering_key()));
  entry.set_size_bytes(static_cast<int32_t>(size));
  if (message.has_expire_time()) {
    entry.set_expire_time_micros(
        absl::ToUnixMicros(FromProto(message.expire_time())));
  }
  const absl::Time deliver_time = message.has_deliver_time()
                                      ? FromProto(message.deliver_time())
                                      : absl::InfinitePast();
  std::string action_queue;
  for (const v1::Recipient& recipient : message.recipients()) {
    if (recipient.role() == v1::RECIPIENT_ROLE_ACTION) {
      action_queue =
          QueueName(recipient.has_redirected_to() ? recipient.redirected_to()
                                                  : recipient.address());
    }
  }
  for (Queue* const queue : draft.queues) {
    entry.set_receipt_conversation(
        opens_matters && queue->name() == action_queue ? sequence : 0);
    queue->Add(sequence, entry, deliver_time, now, ledger_->batch());
    published->queues.insert(queue);
  }
  return absl::OkStatus();
}

absl::Status Publisher::ApplyCustody(const Identity& sender,
                                     const v1::Message& message,
                                     Conversation* conversation) {
  // Other kinds may carry such content too; only these were checked.
  if (!IsCustodyKind(message.kind())) return absl::OkStatus();
  for (const v1::PayloadPart& part : message.payload()) {
    const int index = FindMatter(*conversation, part.matter_id());
    const std::optional<v1::Taken> taken = ContentOf<v1::Taken>(part);
    const std::optional<v1::Decision> decision = ContentOf<v1::Decision>(part);
    const v1::MatterRecord& matter = conversation->record.matters(index);
    const bool changes = !taken || !matter.matter().has_taken();
    v1::AuditEntry entry = EntryFor(
        taken ? v1::AUDIT_TYPE_TAKEN : v1::AUDIT_TYPE_DECIDED, sender, message);
    entry.set_matter_id(part.matter_id());
    entry.set_matter_version(matter.matter().version() + (changes ? 1 : 0));
    ASSIGN_OR_RETURN(const std::string key,
                     ledger_->vault()->Key(matter.key_slot()));
    entry.set_details_commitment(std::string(AsBytes(
        HmacSha256(Hkdf(key, absl::StrCat("commitment/", message.message_id())),
                   part.content()))));
    if (decision) entry.set_code(v1::Outcome_Name(decision->outcome()));

    v1::Receipt receipt;
    *receipt.mutable_time() = message.publish_time();
    *receipt.mutable_agency() = sender.agency;
    receipt.set_message_id(message.message_id());
    receipt.set_audit_index(ledger_->Append(std::move(entry)));
    if (taken) {
      RecordTaken(receipt, *taken, index, conversation);
    } else {
      RecordDecided(receipt, *decision, index, conversation);
    }
  }
  return absl::OkStatus();
}

absl::Status Publisher::Apply(const Identity& sender, Draft draft, Instant now,
                              Published* published) {
  const uint64_t sequence = ledger_->NextSequence();
  v1::Message message = std::move(draft.message);
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
  AddMessage(message, sequence, conversation);
  const uint64_t number = opens ? sequence : draft.conversation_number;
  ledger_->MarkChanged(number);

  ASSIGN_OR_RETURN(v1::MessageRecord record,
                   SealMessage(message, *conversation, *ledger_->vault()));
  v1::AuditEntry entry = EntryFor(v1::AUDIT_TYPE_PUBLISHED, sender, message);
  for (Queue* const queue : draft.queues) entry.add_queues(queue->name());
  entry.set_ciphertext_sha256(CiphertextDigest(record));
  const int64_t audit_index = ledger_->Append(std::move(entry));
  record.set_audit_index(static_cast<uint64_t>(audit_index));
  if (opens) {
    for (const v1::MatterRecord& matter : conversation->record.matters()) {
      v1::AuditEntry custody =
          EntryFor(v1::AUDIT_TYPE_HOLDER_CHANGED, sender, message);
      custody.set_matter_id(matter.matter().matter_id());
      custody.set_matter_version(matter.matter().version());
      *custody.mutable_holder() = matter.matter().holder();
      ledger_->Append(std::move(custody));
    }
  } else {
    RETURN_IF_ERROR(ApplyCustody(sender, message, conversation));
  }

  std::string bytes = record.SerializeAsString();
  RETURN_IF_ERROR(Enqueue(draft, message, sequence, bytes.size(),
                          opens && !message.matter_ids().empty(), now,
                          published));
  ledger_->batch()->Put(MessageKey(sequence), std::move(bytes));
  v1::IdempotencyRecord idempotency;
  idempotency.set_sequence(sequence);
  idempotency.set_content_hmac(draft.content_hmac);
  *idempotency.mutable_publish_time() = message.publish_time();
  ledger_->batch()->Put(draft.idempotency_key, idempotency.SerializeAsString());

  v1::PublishReceipt* const receipt = published->response.add_receipts();
  receipt->set_message_id(message.message_id());
  receipt->set_conversation_id(message.conversation_id());
  *receipt->mutable_matter_ids() = message.matter_ids();
  *receipt->mutable_publish_time() = message.publish_time();
  receipt->set_audit_index(audit_index);
  *receipt->mutable_marks() = message.marks();
  published->messages.emplace_back(
      sequence, std::make_shared<const v1::Message>(std::move(message)));
  return absl::OkStatus();
}

}  // namespace baton
