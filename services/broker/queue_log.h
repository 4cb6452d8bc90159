#ifndef BATON_SERVICES_BROKER_QUEUE_LOG_H_
#define BATON_SERVICES_BROKER_QUEUE_LOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "baton/v1/record.pb.h"
#include "storage/batch.h"

namespace baton {

// Beside the priority in QueueChanges.added_traits.
inline constexpr uint32_t kOpensMattersTrait = 16;

// A copy that is new, ready, and due at once.
struct FreshCopy {
  uint64_t sequence = 0;
  uint64_t ordering_key_hash = 0;
  uint32_t size_bytes = 0;
  v1::Priority priority = v1::PRIORITY_ROUTINE;
  bool opens_matters = false;  // Its settlement is their delivered receipt.
};

// What a queue has on disk: one record (v1::QueueChanges) for each commit that
// touched it, and how many of the copies it tells of are still unsettled, so
// that the oldest records can go.
//
//   told ... -> Write(commit)          one key, whatever the commit did
//   settled copies -> pages (settled_copies.h), then Trim()
//   few left in the oldest records -> Stale() -> Changed(): written again,
//   whole, in the coming record; so a message that waits for weeks does not
//   keep the log of those weeks.
//
// Not thread-safe: owned by its queue.
class QueueLog {
 public:
  // Records there may be: some, and one for every eight unsettled copies.
  static constexpr size_t kCopiesPerRecord = 8;
  // Copies that one commit writes again at most, unless the oldest record alone
  // has more.
  static constexpr size_t kMaxRewritten = 256;

  // Which record tells of a copy; grows with the commits.
  using Home = uint64_t;

  explicit QueueLog(std::string queue) : queue_(std::move(queue)) {}

  // --- The coming commit.

  // The copy's home is the coming record.
  Home Added(const FreshCopy& copy, absl::string_view sender);
  // Likewise; it had the home `old`, 0 for none.
  Home Changed(uint64_t sequence, Home old);
  // It stays where it is.
  void Leased(uint64_t sequence, absl::string_view consumer);
  // It has no home any more. For a copy that was added or changed since the
  // last Write, so that Write cannot ask: `entry` as it stood.
  void Settled(uint64_t sequence, v1::DeliveryState state, Home home,
               const std::function<v1::QueueEntry()>& entry);
  bool empty() const { return !told_; }

  // Writes the record of commit `commit`, at `time_micros`. `entry_of` says
  // how a changed copy stands.
  void Write(uint64_t commit, int64_t time_micros,
             const std::function<v1::QueueEntry(uint64_t sequence)>& entry_of,
             Batch* batch);

  // --- Keeping it short.

  size_t records() const { return records_.size(); }
  // There are more records than are fair for this many copies.
  bool IsLong(size_t some) const {
    return records_.size() > some + live_ / kCopiesPerRecord;
  }
  // Deletes the oldest records as long as they tell of settled copies only.
  // Returns the first commit that counts from now on: `commit`, the coming
  // one, when all are gone. How the copies were settled must be elsewhere by
  // then, in the same commit.
  uint64_t Trim(uint64_t commit, Batch* batch);
  // Copies the oldest records told of, to be told again: of those, the ones
  // whose home is below `*below`.
  std::vector<uint64_t> Stale(Home* below) const;

  // --- When it is read again.

  // The next record is that of `commit`; homes are given out as before.
  void Replay(uint64_t commit);
  // It tells of this copy, which had the home `old`, 0 for none.
  Home Replayed(uint64_t sequence, Home old);
  // It tells of its settlement.
  void ReplayedSettled(Home old) { Leave(old); }

 private:
  struct Record {
    uint64_t commit = 0;
    size_t live = 0;
    std::vector<uint64_t> sequences = {};  // Some may have left.
  };

  // Of the coming record.
  Home Next() const { return first_ + records_.size(); }
  void Leave(Home home);
  uint32_t PlaceOf(absl::string_view name);
  void Reset();

  const std::string queue_;
  std::deque<Record> records_;  // As on disk, oldest first.
  Home first_ = 1;              // Of records_.front().
  size_t live_ = 0;             // Of all records.

  // The coming record.
  bool told_ = false;
  Record open_;
  v1::QueueChanges changes_;
  uint64_t last_added_ = 0;
  uint64_t last_leased_ = 0;
  uint64_t last_settled_ = 0;
  absl::flat_hash_map<std::string, uint32_t> places_;
  absl::btree_set<uint64_t> whole_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_LOG_H_
