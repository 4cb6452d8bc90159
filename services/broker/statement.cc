#include "services/broker/statement.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/broker/custody_check.h"
#include "services/broker/duties.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "storage/seal.h"
#include "storage/status.h"

namespace baton {
namespace {

// A withdrawal of everything reads the conversation; beyond this it must name
// the message.
constexpr int kMaxMessagesToWithdraw = 64;

// Authorities of Scotland, Wales and Northern Ireland are never on the
// exchange; neither is anybody who is not in the directory, as English
// districts (E07) without a service.
bool IsOffExchange(const Directory& directory, const v1::Agency& agency) {
  for (const absl::string_view prefix : {"S12", "W06", "N09"}) {
    if (absl::StartsWith(agency.code(), prefix)) return true;
  }
  return directory.FindAgency(agency) == nullptr;
}

const v1::Address& QueueAddress(const v1::Recipient& recipient) {
  return recipient.has_redirected_to() ? recipient.redirected_to()
                                       : recipient.address();
}

void AddUnique(const v1::Address& address, std::vector<v1::Address>* list) {
  const std::string queue = QueueName(address);
  for (const v1::Address& known : *list) {
    if (QueueName(known) == queue) return;
  }
  list->push_back(address);
}

std::string PathOf(const Statement& statement) {
  return absl::StrCat("payload[", statement.part, "].content");
}

// One statement per matter that a part is about.
std::vector<Statement> StatementsOf(const KindRule& rule,
                                    const v1::Message& message,
                                    const Conversation& conversation,
                                    Faults* faults) {
  std::vector<Statement> statements;
  for (int i = 0; i < message.payload_size(); ++i) {
    const v1::PayloadPart& part = message.payload(i);
    const std::optional<CustodyContent> content = ParseCustody(rule, part);
    if (!content.has_value()) {  // CheckPublish has refused it.
      faults->Add(absl::StrCat("payload[", i, "].content"), "is not readable");
      continue;
    }
    for (int k = 0; k < conversation.record.matters_size(); ++k) {
      const std::string& matter_id =
          conversation.record.matters(k).matter().matter_id();
      if (part.matter_id().empty() || part.matter_id() == matter_id) {
        statements.push_back({k, i, *content});
      }
    }
  }
  return statements;
}

// The checks that take other messages of the conversation. Readers gather in
// `said`.
class ReferenceCheck {
 public:
  ReferenceCheck(const Identity& sender, const v1::Message& message,
                 const Conversation& conversation, const Ledger& ledger,
                 Faults* faults)
      : sender_(sender),
        message_(message),
        conversation_(conversation),
        ledger_(ledger),
        faults_(faults) {}

  absl::Status CheckAnswers(const KindRule& rule) {
    if (rule.answers == v1::MESSAGE_KIND_UNSPECIFIED) return absl::OkStatus();
    ASSIGN_OR_RETURN(const v1::MessageRecord* const answered,
                     Find(message_.in_reply_to()));
    if (answered == nullptr || answered->envelope().kind() != rule.answers) {
      faults_->Add(
          "in_reply_to",
          absl::StrCat("must name a ", v1::MessageKind_Name(rule.answers),
                       " of this conversation"));
    }
    return absl::OkStatus();
  }

  // Checks what `statement` is about and gathers who got it.
  absl::Status Check(const Statement& statement,
                     std::vector<v1::Address>* readers) {
    if (const auto* said = std::get_if<v1::Correction>(&statement.content)) {
      return CheckCorrection(statement, *said, readers);
    }
    if (const auto* said = std::get_if<v1::Recall>(&statement.content)) {
      return CheckAuthor(statement, said->message_id(), "message_id", readers);
    }
    if (const auto* said = std::get_if<v1::Withdrawal>(&statement.content)) {
      return said->message_id().empty()
                 ? CheckAuthorOfAny(statement, readers)
                 : CheckAuthor(statement, said->message_id(), "message_id",
                               readers);
    }
    return absl::OkStatus();
  }

 private:
  const std::string& MatterIdOf(const Statement& statement) const {
    return conversation_.record.matters(statement.matter).matter().matter_id();
  }

  // nullptr when it is no message of this conversation.
  absl::StatusOr<const v1::MessageRecord*> Find(const std::string& message_id) {
    const auto [it, is_new] = found_.try_emplace(message_id);
    if (is_new) {
      ASSIGN_OR_RETURN(const uint64_t sequence, ParseMessageId(message_id));
      ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                       ledger_.Get(MessageKey(sequence)));
      if (bytes.has_value() && !it->second.ParseFromString(*bytes)) {
        return absl::DataLossError(
            absl::StrCat("the record of ", message_id, " is damaged"));
      }
    }
    const v1::MessageRecord& record = it->second;
    const bool ours =
        record.envelope().conversation_id() == message_.conversation_id();
    return ours ? &record : nullptr;
  }

  static bool IsAbout(const v1::Message& envelope,
                      const std::string& matter_id) {
    return envelope.matter_ids().empty() ||
           std::find(envelope.matter_ids().begin(), envelope.matter_ids().end(),
                     matter_id) != envelope.matter_ids().end();
  }

  static void AddReaders(const v1::Message& envelope,
                         std::vector<v1::Address>* readers) {
    for (const v1::Recipient& recipient : envelope.recipients()) {
      AddUnique(QueueAddress(recipient), readers);
    }
  }

  absl::Status NotAuthor(absl::string_view what) const {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            what, " was not said by ", AgencyName(sender_.agency),
            "; only its author corrects, withdraws or recalls it")),
        "NOT_AUTHOR");
  }

  absl::Status CheckAuthor(const Statement& statement,
                           const std::string& message_id,
                           absl::string_view field,
                           std::vector<v1::Address>* readers) {
    ASSIGN_OR_RETURN(const v1::MessageRecord* const about, Find(message_id));
    if (about == nullptr ||
        !IsAbout(about->envelope(), MatterIdOf(statement))) {
      faults_->Add(absl::StrCat(PathOf(statement), ".", field),
                   "names no message of this conversation about this matter");
      return absl::OkStatus();
    }
    if (!SameAgency(about->envelope().sender(), sender_.agency)) {
      return NotAuthor(message_id);
    }
    AddReaders(about->envelope(), readers);
    return absl::OkStatus();
  }

  absl::Status CheckCorrection(const Statement& statement,
                               const v1::Correction& correction,
                               std::vector<v1::Address>* readers) {
    RETURN_IF_ERROR(CheckAuthor(statement, correction.corrects_message_id(),
                                "corrects_message_id", readers));
    ASSIGN_OR_RETURN(const v1::MessageRecord* const about,
                     Find(correction.corrects_message_id()));
    if (about == nullptr) return absl::OkStatus();
    const std::string& matter_id = message_.payload(statement.part).matter_id();
    for (const v1::SealedPart& part : about->parts()) {
      if (part.matter_id() == matter_id && part.type() == correction.type()) {
        return absl::OkStatus();
      }
    }
    faults_->Add(PathOf(statement) + ".type",
                 "is not the type of the part it replaces");
    return absl::OkStatus();
  }

  // All that the sender said about the matter.
  absl::Status CheckAuthorOfAny(const Statement& statement,
                                std::vector<v1::Address>* readers) {
    const auto& sequences = conversation_.record.message_sequences();
    if (sequences.size() > kMaxMessagesToWithdraw) {
      faults_->Add(PathOf(statement) + ".message_id",
                   absl::StrCat("is required: the conversation has more than ",
                                kMaxMessagesToWithdraw, " messages"));
      return absl::OkStatus();
    }
    bool any = false;
    for (const uint64_t sequence : sequences) {
      ASSIGN_OR_RETURN(const v1::MessageRecord* const record,
                       Find(MessageId(sequence)));
      if (record == nullptr ||
          !SameAgency(record->envelope().sender(), sender_.agency) ||
          !IsAbout(record->envelope(), MatterIdOf(statement))) {
        continue;
      }
      any = true;
      AddReaders(record->envelope(), readers);
    }
    return any ? absl::OkStatus() : NotAuthor(MatterIdOf(statement));
  }

  const Identity& sender_;
  const v1::Message& message_;
  const Conversation& conversation_;
  const Ledger& ledger_;
  Faults* const faults_;
  std::map<std::string, v1::MessageRecord> found_;
};

// The offer as custody keeps it: to a desk, or to a body off the exchange.
void ResolveOffer(const Directory& directory, Statement* statement,
                  Saying* saying) {
  auto* const offer = std::get_if<v1::TransferOffer>(&statement->content);
  if (offer == nullptr) return;
  saying->off_exchange = IsOffExchange(directory, offer->offered_to().agency());
  if (saying->off_exchange) return;
  *offer->mutable_offered_to() = directory.Resolve(offer->offered_to()).address;
}

// The holders of what is spoken about; without those off the exchange.
void AddHolders(const Said& said, const Conversation& conversation,
                const Directory& directory, std::vector<v1::Address>* list) {
  for (const Statement& statement : said.statements) {
    const v1::Address& holder =
        conversation.record.matters(statement.matter).matter().holder();
    if (directory.FindQueue(QueueName(holder)) != nullptr) {
      AddUnique(holder, list);
    }
  }
}

absl::Status CheckJoint(const v1::Message& message,
                        const Conversation& conversation, Said* said) {
  const auto joint =
      std::count_if(message.recipients().begin(), message.recipients().end(),
                    [](const v1::Recipient& recipient) {
                      return recipient.role() == v1::RECIPIENT_ROLE_JOINT;
                    });
  if (joint == 0) return absl::OkStatus();
  const bool names_none = std::all_of(
      message.payload().begin(), message.payload().end(),
      [](const v1::PayloadPart& part) { return part.matter_id().empty(); });
  for (int i = 0; i < conversation.record.matters_size(); ++i) {
    const v1::Matter& matter = conversation.record.matters(i).matter();
    const bool named =
        std::any_of(message.payload().begin(), message.payload().end(),
                    [&matter](const v1::PayloadPart& part) {
                      return part.matter_id() == matter.matter_id();
                    });
    if (!named && !names_none) continue;
    RETURN_IF_ERROR(CheckRoomForDuties(matter, joint));
    said->joint_matters.push_back(i);
  }
  return absl::OkStatus();
}

absl::Status AppendEffects(const Identity& sender, const v1::Message& message,
                           const std::vector<Effect>& effects,
                           const v1::MatterRecord& matter,
                           const std::string& content, Ledger* ledger) {
  if (effects.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string key,
                   ledger->vault()->Key(matter.key_slot()));
  const std::string commitment(AsBytes(HmacSha256(
      Hkdf(key, absl::StrCat("commitment/", message.message_id())), content)));
  for (const Effect& effect : effects) {
    v1::AuditEntry entry = EntryFor(effect.type, sender, message);
    entry.set_matter_id(matter.matter().matter_id());
    entry.set_matter_version(effect.version);
    entry.set_details_commitment(commitment);
    if (effect.type == v1::AUDIT_TYPE_UNLINKED) {
      entry.set_other_matter_id(effect.code);
    } else {
      entry.set_code(effect.code);
    }
    if (effect.type == v1::AUDIT_TYPE_HOLDER_CHANGED) {
      *entry.mutable_holder() = effect.address;
    } else if (effect.address.has_agency()) {
      entry.add_queues(QueueName(effect.address));
    }
    ledger->Append(std::move(entry));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status NameOfferedTo(const Directory& directory, v1::Message* message) {
  const KindRule& rule = RuleOf(message->kind());
  if (rule.tells != Tells::kOfferedTo) return absl::OkStatus();
  Faults faults;
  std::string queue;
  for (int i = 0; i < message->payload_size(); ++i) {
    const std::string field =
        absl::StrCat("payload[", i, "].content.offered_to");
    const auto content = ParseCustody(rule, message->payload(i));
    if (!content.has_value()) continue;  // CheckSaid says so.
    const v1::Address& to = std::get<v1::TransferOffer>(*content).offered_to();
    const bool off_exchange = IsOffExchange(directory, to.agency());
    const Directory::Route route = directory.Resolve(to);
    if (!off_exchange && !route.known) {
      faults.Add(field + ".desk", absl::StrCat(AgencyName(to.agency()),
                                               " has no desk ", to.desk()));
      continue;
    }
    const v1::Address& address = off_exchange ? to : route.address;
    if (!queue.empty() && queue != QueueName(address)) {
      faults.Add(field,
                 "differs from the first: one message offers to one "
                 "body, as it reads about all matters in it");
    }
    queue = QueueName(address);
    const bool named = std::any_of(
        message->recipients().begin(), message->recipients().end(),
        [&](const v1::Recipient& recipient) {
          return QueueName(directory.Resolve(recipient.address()).address) ==
                 queue;
        });
    if (off_exchange || named) continue;
    v1::Recipient* const added = message->add_recipients();
    *added->mutable_address() = address;
    added->set_role(v1::RECIPIENT_ROLE_ACTION);
  }
  return faults.ToStatus();
}

absl::StatusOr<Said> CheckSaid(const Identity& sender,
                               const v1::Message& message,
                               const Conversation& conversation,
                               const Directory& directory,
                               const Ledger& ledger) {
  Said said;
  said.saying.sender = sender.agency;
  said.saying.in_reply_to = message.in_reply_to();
  const KindRule& rule = RuleOf(message.kind());
  if (!rule.about_matters) {
    RETURN_IF_ERROR(CheckJoint(message, conversation, &said));
    return said;
  }
  Faults faults;
  said.statements = StatementsOf(rule, message, conversation, &faults);
  ReferenceCheck references(sender, message, conversation, ledger, &faults);
  RETURN_IF_ERROR(references.CheckAnswers(rule));
  for (Statement& statement : said.statements) {
    ResolveOffer(directory, &statement, &said.saying);
    RETURN_IF_ERROR(references.Check(statement, &said.saying.readers));
  }
  if (rule.tells == Tells::kReaders) {
    AddHolders(said, conversation, directory, &said.saying.readers);
    said.owed = said.saying.readers;
  } else if (rule.tells == Tells::kHolder) {
    AddHolders(said, conversation, directory, &said.owed);
    const auto own = [&sender](const v1::Address& holder) {
      return SameAgency(holder.agency(), sender.agency);
    };
    said.owed.erase(std::remove_if(said.owed.begin(), said.owed.end(), own),
                    said.owed.end());
  }
  for (const Statement& statement : said.statements) {
    RETURN_IF_ERROR(CheckStatement(rule, statement, said.saying, conversation,
                                   PathOf(statement), &faults));
  }
  RETURN_IF_ERROR(faults.ToStatus());
  return said;
}

absl::Status ApplySaid(const Identity& sender, const v1::Message& message,
                       Said said, Conversation* conversation, Ledger* ledger) {
  said.saying.message_id = message.message_id();
  for (const Statement& statement : said.statements) {
    v1::Receipt receipt;
    *receipt.mutable_time() = message.publish_time();
    *receipt.mutable_agency() = sender.agency;
    receipt.set_message_id(message.message_id());
    receipt.set_audit_index(static_cast<int64_t>(ledger->tree_size()));
    const std::vector<Effect> effects =
        ApplyStatement(statement, said.saying, receipt, conversation);
    RETURN_IF_ERROR(
        AppendEffects(sender, message, effects,
                      conversation->record.matters(statement.matter),
                      message.payload(statement.part).content(), ledger));
  }
  std::vector<v1::Address> joint;
  for (const v1::Recipient& recipient : message.recipients()) {
    if (recipient.role() == v1::RECIPIENT_ROLE_JOINT) {
      AddUnique(QueueAddress(recipient), &joint);
    }
  }
  for (const int matter : said.joint_matters) {
    RETURN_IF_ERROR(AppendEffects(
        sender, message,
        RecordHomelessDuties(joint, message.message_id(), ledger->commit_time(),
                             matter, conversation),
        conversation->record.matters(matter), "", ledger));
  }
  return absl::OkStatus();
}

}  // namespace baton
