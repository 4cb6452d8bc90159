#include "services/broker/ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
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
      last_key_slot_(writer_.head().last_key_slot()),
      first_joined_commit_(writer_.head().first_joined_commit()) {
  counters_.tree_size = static_cast<int64_t>(audit_.size());
}

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(Store* store, Vault* vault,
                                                     RandomSource* random) {
  ASSIGN_OR_RETURN(StoreWriter writer, StoreWriter::Open(store));
  const v1::HeadRecord& head = writer.head();
  ASSIGN_OR_RETURN(AuditLog audit,
                   AuditLog::Open(*store, head.tree_size(), head.root()));
  std::unique_ptr<Ledger> ledger(
      new Ledger(store, vault, random, std::move(writer), std::move(audit)));
  RETURN_IF_ERROR(ledger->ReadJoined());
  return ledger;
}

// Bounded by kMaxJoinedCommits and kSpareJoinedCommits.
absl::Status Ledger::ReadJoined() {
  ASSIGN_OR_RETURN(const std::vector<KeyValue> found,
                   store_->Scan(JoinedBetween(first_joined_commit_, UINT64_MAX),
                                std::numeric_limits<size_t>::max()));
  for (const KeyValue& pair : found) {
    ASSIGN_OR_RETURN(const uint64_t commit, SequenceOf(pair.key));
    v1::JoinedMessages joined;
    const absl::Status damaged = absl::DataLossError(absl::StrCat(
        "the record of what joined in commit ", commit, " is damaged"));
    if (!joined.ParseFromString(pair.value) ||
        joined.conversations_size() != joined.sequences_size()) {
      return damaged;
    }
    uint64_t number = 0;
    uint64_t sequence = 0;
    for (int i = 0; i < joined.sequences_size(); ++i) {
      number += static_cast<uint64_t>(joined.conversations(i));
      sequence += static_cast<uint64_t>(joined.sequences(i));
      const absl::StatusOr<Conversation*> found_one = FindConversation(number);
      if (absl::IsNotFound(found_one.status())) return damaged;
      RETURN_IF_ERROR(found_one.status());
      Conversation* const conversation = *found_one;
      const auto& known = conversation->record.message_sequences();
      if (!known.empty() && known[known.size() - 1] >= sequence) continue;
      JoinMessage(sequence, conversation);
      AddUnwritten(commit, number);
    }
  }
  return absl::OkStatus();
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
  counters_.entries.at(entry.type()).fetch_add(1, std::memory_order_relaxed);
  counters_.tree_size.fetch_add(1, std::memory_order_relaxed);
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

void Ledger::MarkJoined(uint64_t number, uint64_t sequence) {
  joined_.add_conversations(static_cast<int64_t>(
      number - std::exchange(last_joined_conversation_, number)));
  joined_.add_sequences(static_cast<int64_t>(
      sequence - std::exchange(last_joined_sequence_, sequence)));
  AddUnwritten(commit_number(), number);
}

const Conversation* Ledger::FindUnwritten(uint64_t number) const {
  return unwritten_.contains(number) ? conversations_.at(number).get()
                                     : nullptr;
}

void Ledger::AddUnwritten(uint64_t commit, uint64_t number) {
  const auto [it, added] = unwritten_.try_emplace(number, Unwritten{commit, 0});
  if (added) unwritten_order_.insert({commit, number});
  ++it->second.messages;
  ++unwritten_messages_;
}

void Ledger::ForgetUnwritten(uint64_t number) {
  const auto it = unwritten_.find(number);
  if (it == unwritten_.end()) return;
  unwritten_messages_ -= it->second.messages;
  unwritten_order_.erase({it->second.first_commit, number});
  unwritten_.erase(it);
}

absl::Status Ledger::PutConversation(uint64_t number) {
  Conversation& conversation = *conversations_.at(number);
  RETURN_IF_ERROR(SealDetails(*vault_, random_, &conversation));
  batch_.Put(ConversationKey(number), conversation.record.SerializeAsString());
  ForgetUnwritten(number);
  return absl::OkStatus();
}

absl::Status Ledger::PutChangedConversations(
    std::vector<v1::Conversation>* published) {
  for (const uint64_t number : changed_) {
    Conversation& conversation = *conversations_.at(number);
    conversation.record.mutable_conversation()->set_commit(
        static_cast<int64_t>(commit_number()));
    RETURN_IF_ERROR(PutConversation(number));
    published->push_back(ToPublic(conversation));
  }
  return absl::OkStatus();
}

absl::Status Ledger::PutJoined() {
  while (
      unwritten_messages_ > kMaxUnwrittenMessages ||
      (!unwritten_order_.empty() &&
       unwritten_order_.begin()->first + kMaxJoinedCommits < commit_number())) {
    RETURN_IF_ERROR(PutConversation(unwritten_order_.begin()->second));
  }
  const uint64_t first = unwritten_order_.empty()
                             ? commit_number()
                             : unwritten_order_.begin()->first;
  if (first > first_joined_commit_ + kSpareJoinedCommits) {
    const KeyRange passed = JoinedBetween(first_joined_commit_, first);
    batch_.DeleteRange(passed.begin, passed.end);
    first_joined_commit_ = first;
  }
  batch_.Put(JoinedKey(commit_number()), joined_.SerializeAsString());
  joined_.Clear();
  last_joined_conversation_ = last_joined_sequence_ = 0;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Conversation>> Ledger::Commit() {
  std::vector<v1::Conversation> published;
  RETURN_IF_ERROR(PutChangedConversations(&published));
  if (!joined_.sequences().empty()) RETURN_IF_ERROR(PutJoined());
  audit_.Flush(&batch_);
  if (!batch_.empty()) {
    v1::HeadRecord head = writer_.head();
    head.set_commit(head.commit() + 1);
    *head.mutable_commit_time() = ToProto(commit_time_);
    head.set_tree_size(audit_.size());
    head.set_root(std::string(AsBytes(audit_.Root())));
    head.set_last_sequence(last_sequence_);
    head.set_last_key_slot(last_key_slot_);
    head.set_first_joined_commit(first_joined_commit_);
    RETURN_IF_ERROR(
        writer_.Commit(std::exchange(batch_, Batch()), std::move(head)));
  }
  changed_.clear();
  if (conversations_.size() > kMaxCachedConversations + unwritten_.size()) {
    absl::erase_if(conversations_, [this](const auto& pair) {
      return !unwritten_.contains(pair.first);
    });
  }
  return published;
}

}  // namespace baton
