#include "services/broker/ledger.h"

#include <algorithm>
#include <utility>

#include "services/broker/sealed_records.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {

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

Ledger::Ledger(Store* store, Vault* vault, RandomSource* random,
               StoreWriter writer, AuditLog audit)
    : store_(store),
      vault_(vault),
      random_(random),
      writer_(std::move(writer)),
      audit_(std::move(audit)),
      last_sequence_(writer_.head().last_sequence()),
      last_key_slot_(writer_.head().last_key_slot()) {}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(Store* store, Vault* vault,
                                                     RandomSource* random) {
  ASSIGN_OR_RETURN(StoreWriter writer, StoreWriter::Open(store));
  const v1::HeadRecord& head = writer.head();
  ASSIGN_OR_RETURN(AuditLog audit,
                   AuditLog::Open(*store, head.tree_size(), head.root()));
  return std::unique_ptr<Ledger>(
      new Ledger(store, vault, random, std::move(writer), std::move(audit)));
}

void Ledger::Begin(absl::Time wall) {
  commit_time_ = std::max(wall, FromProto(writer_.head().commit_time()));
}

absl::StatusOr<std::optional<std::string>> Ledger::Get(
    absl::string_view key) const {
  if (const Batch::Write* write = batch_.Find(key)) return write->value;
  return store_->Get(key);
}

absl::StatusOr<uint64_t> Ledger::NextKeySlot() {
  ASSIGN_OR_RETURN(last_key_slot_, vault_->Allocate());
  return last_key_slot_;
}

int64_t Ledger::Append(v1::AuditEntry entry) {
  entry.set_format_version(1);
  entry.set_index(static_cast<int64_t>(audit_.size()));
  *entry.mutable_time() = ToProto(commit_time_);
  return static_cast<int64_t>(audit_.Append(entry.SerializeAsString()));
}

absl::StatusOr<Conversation*> Ledger::FindConversation(uint64_t number) {
  const auto it = conversations_.find(number);
  if (it != conversations_.end()) return it->second.get();
  ASSIGN_OR_RETURN(Conversation conversation,
                   ReadConversation(*store_, number, *vault_));
  return conversations_
      .emplace(number, std::make_unique<Conversation>(std::move(conversation)))
      .first->second.get();
}

Conversation* Ledger::AddConversation(uint64_t number,
                                      Conversation conversation) {
  MarkChanged(number);
  return conversations_
      .emplace(number, std::make_unique<Conversation>(std::move(conversation)))
      .first->second.get();
}

std::vector<const Conversation*> Ledger::Changed() const {
  std::vector<const Conversation*> conversations;
  for (const uint64_t number : changed_) {
    conversations.push_back(conversations_.at(number).get());
  }
  return conversations;
}

absl::Status Ledger::PutChangedConversations(
    std::vector<v1::Conversation>* published) {
  for (const uint64_t number : changed_) {
    Conversation& conversation = *conversations_.at(number);
    conversation.record.mutable_conversation()->set_commit(
        static_cast<int64_t>(writer_.head().commit() + 1));
    RETURN_IF_ERROR(SealDetails(*vault_, random_, &conversation));
    batch_.Put(ConversationKey(number),
               conversation.record.SerializeAsString());
    published->push_back(ToPublic(conversation));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Conversation>> Ledger::Commit() {
  std::vector<v1::Conversation> published;
  RETURN_IF_ERROR(PutChangedConversations(&published));
  audit_.Flush(&batch_);
  if (!batch_.empty()) {
    v1::HeadRecord head = writer_.head();
    head.set_commit(head.commit() + 1);
    *head.mutable_commit_time() = ToProto(commit_time_);
    head.set_tree_size(audit_.size());
    head.set_root(std::string(AsBytes(audit_.Root())));
    head.set_last_sequence(last_sequence_);
    head.set_last_key_slot(last_key_slot_);
    RETURN_IF_ERROR(
        writer_.Commit(std::exchange(batch_, Batch()), std::move(head)));
  }
  changed_.clear();
  if (conversations_.size() > kMaxCachedConversations) conversations_.clear();
  return published;
}

}  // namespace baton
