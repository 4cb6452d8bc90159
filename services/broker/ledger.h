#ifndef BATON_SERVICES_BROKER_LEDGER_H_
#define BATON_SERVICES_BROKER_LEDGER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
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

// What a ledger did since it was opened, for who looks on. Written by the
// commit thread, a sync ahead of the disk; read by any.
struct LedgerCounters {
  std::array<std::atomic<int64_t>, v1::AuditType_ARRAYSIZE> entries{};
  std::atomic<int64_t> tree_size{0};
};

// What decisions read and write between two syncs: the batch of the coming
// commit on top of the store, its audit leaves, the conversations it touches,
// and the numbers it gives out.
//
// Not thread-safe: owned by the commit thread. After any error the memory is
// ahead of the disk and the process must stop.
class Ledger {
 public:
  // Conversations kept in memory between commits, beside those whose record
  // is still to be written.
  static constexpr size_t kMaxCachedConversations = 4096;
  // Messages that no record of their conversation names yet.
  static constexpr size_t kMaxUnwrittenMessages = 8192;
  // Commits whose JoinedMessages a start has to read.
  static constexpr uint64_t kMaxJoinedCommits = 16 << 10;
  // Commits whose JoinedMessages are kept longer than needed.
  static constexpr uint64_t kSpareJoinedCommits = 256;

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
  // To be called when message `sequence` joined it and nothing else of it
  // changed: its record is written later, once for many messages, and a start
  // finds them nevertheless.
  void MarkJoined(uint64_t number, uint64_t sequence);
  // The conversation, when the disk's record of it lacks messages; else null.
  const Conversation* FindUnwritten(uint64_t number) const;

  // What was changed since Begin, but for messages that joined.
  std::vector<const Conversation*> Changed() const;

  // Commits what was gathered since Begin, if anything. Returns the
  // conversations it changed, but for messages that joined.
  absl::StatusOr<std::vector<v1::Conversation>> Commit();

  uint64_t tree_size() const { return audit_.size(); }

  const LedgerCounters& counters() const { return counters_; }

 private:
  Ledger(Store* store, Vault* vault, RandomSource* random, StoreWriter writer,
         AuditLog audit);
  // Conversations whose record lacks messages.
  struct Unwritten {
    uint64_t first_commit;  // That brought one of them.
    size_t messages;
  };
  absl::Status ReadJoined();
  void AddUnwritten(uint64_t commit, uint64_t number);
  void ForgetUnwritten(uint64_t number);
  absl::Status PutConversation(uint64_t number);
  absl::Status PutChangedConversations(
      std::vector<v1::Conversation>* published);
  // Writes the oldest of the unwritten ones while there are too many messages
  // among them, and what joined in this commit.
  absl::Status PutJoined();

  Store* const store_;
  Vault* const vault_;
  RandomSource* const random_;

  LedgerCounters counters_;

  StoreWriter writer_;
  AuditLog audit_;
  Batch batch_;
  absl::Time commit_time_;
  uint64_t last_sequence_;
  uint64_t last_key_slot_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Conversation>> conversations_;
  std::set<uint64_t> changed_;  // In an order that is always the same.
  v1::JoinedMessages joined_;   // In this commit.
  uint64_t last_joined_conversation_ = 0;
  uint64_t last_joined_sequence_ = 0;
  absl::flat_hash_map<uint64_t, Unwritten> unwritten_;
  std::set<std::pair<uint64_t, uint64_t>> unwritten_order_;  // By first_commit.
  size_t unwritten_messages_ = 0;
  uint64_t first_joined_commit_ = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_LEDGER_H_
