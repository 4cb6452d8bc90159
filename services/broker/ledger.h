#ifndef BATON_SERVICES_BROKER_LEDGER_H_
#define BATON_SERVICES_BROKER_LEDGER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "baton/v1/audit_service.pb.h"
#include "baton/v1/message.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/conversation.h"
#include "services/common/identity.h"
#include "storage/audit_log.h"
#include "storage/batch.h"
#include "storage/random.h"
#include "storage/store.h"
#include "storage/store_writer.h"
#include "storage/vault.h"

namespace baton {

// A leaf about `message`, caused by `actor`.
v1::AuditEntry EntryFor(v1::AuditType type, const Identity& actor,
                        const v1::Message& message);

// What decisions read and write between two syncs: the batch of the coming
// commit on top of the store, its audit leaves, the conversations it touches,
// and the numbers it gives out.
//
// Not thread-safe: owned by the commit thread. After any error the memory is
// ahead of the disk and the process must stop.
class Ledger {
 public:
  // Conversations kept in memory between commits.
  static constexpr size_t kMaxCachedConversations = 4096;

  // All must outlive the ledger. DATA_LOSS when the audit log does not match
  // the head.
  static absl::StatusOr<std::unique_ptr<Ledger>> Open(Store* store,
                                                      Vault* vault,
                                                      RandomSource* random);

  // Starts the coming commit. Its time is `wall`, or the last commit's when
  // the clock went back.
  void Begin(absl::Time wall);
  absl::Time commit_time() const { return commit_time_; }
  // The number of the coming commit.
  uint64_t commit_number() const { return writer_.head().commit() + 1; }

  Batch* batch() { return &batch_; }
  const Reader& committed() const { return *store_; }
  Vault* vault() { return vault_; }

  // The value as the coming commit will leave it.
  absl::StatusOr<std::optional<std::string>> Get(absl::string_view key) const;

  // The next message sequence; strictly increasing, never reused.
  uint64_t NextSequence() { return ++last_sequence_; }

  // A fresh key of the vault.
  absl::StatusOr<uint64_t> NextKeySlot();

  // Appends an audit leaf; fills in version, index and time.
  int64_t Append(v1::AuditEntry entry);

  // A conversation for reading or changing; NOT_FOUND when there is none. The
  // pointer is good until Commit().
  absl::StatusOr<Conversation*> FindConversation(uint64_t number);
  Conversation* AddConversation(uint64_t number, Conversation conversation);
  // To be called for every conversation that was changed.
  void MarkChanged(uint64_t number) { changed_.insert(number); }

  // What was changed since Begin.
  std::vector<const Conversation*> Changed() const;

  // Commits what was gathered since Begin, if anything. Returns the
  // conversations it changed.
  absl::StatusOr<std::vector<v1::Conversation>> Commit();

  uint64_t tree_size() const { return audit_.size(); }

 private:
  Ledger(Store* store, Vault* vault, RandomSource* random, StoreWriter writer,
         AuditLog audit);
  absl::Status PutChangedConversations(
      std::vector<v1::Conversation>* published);

  Store* const store_;
  Vault* const vault_;
  RandomSource* const random_;

  StoreWriter writer_;
  AuditLog audit_;
  Batch batch_;
  absl::Time commit_time_;
  uint64_t last_sequence_;
  uint64_t last_key_slot_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Conversation>> conversations_;
  std::set<uint64_t> changed_;  // In an order that is always the same.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_LEDGER_H_
