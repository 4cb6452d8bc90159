#ifndef BATON_SERVICES_BROKER_SETTLED_COPIES_H_
#define BATON_SERVICES_BROKER_SETTLED_COPIES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "baton/v1/record.pb.h"
#include "storage/batch.h"
#include "storage/store.h"

namespace baton {

// It went to the dead letters, from which it may come back.
inline bool IsDeadLetter(v1::DeliveryState state) {
  return state == v1::DELIVERY_STATE_DEAD_LETTERED ||
         state == v1::DELIVERY_STATE_EXPIRED;
}

// How a copy was settled.
struct Settled {
  v1::DeliveryState state = v1::DELIVERY_STATE_ACKNOWLEDGED;
  int attempt = 0;
  std::string consumer = {};
  int64_t time_micros = 0;
  // It has a DeliveryRecord of its own: a dead letter, a copy that came back
  // before it was acknowledged, or one that was cancelled.
  bool has_record = false;
};

// The copies of one queue that were settled and are not in pages yet: one key
// holds up to 256 of them, instead of one key each. Until then the queue's
// QueueChanges tell of them.
//
// Not thread-safe.
class SettledCopies {
 public:
  void Add(uint64_t sequence, Settled settled);
  // Null: not here; see ReadSettled.
  const Settled* Find(uint64_t sequence) const;
  size_t size() const { return copies_.size(); }
  // Sequences after `after` that were not cancelled, rising, at most `limit`.
  std::vector<uint64_t> After(uint64_t after, size_t limit) const;

  // Writes all of it to pages of commit `commit`, and forgets it.
  void Fold(const std::string& queue, uint64_t commit, Batch* batch);

 private:
  absl::btree_map<uint64_t, Settled> copies_;
};

// How the copy of message `sequence` in `queue` was settled, when a page, a
// dead letter or a record of format 1 says so; with reason and attempts where
// it has a DeliveryRecord of its own.
absl::StatusOr<std::optional<v1::DeliveryRecord>> ReadSettled(
    const Reader& reader, const std::string& queue, uint64_t sequence);

// Messages after `after` that pages of `queue` tell of and that were not
// cancelled, rising, at most `limit`.
absl::StatusOr<std::vector<uint64_t>> ReadSettledAfter(const Reader& reader,
                                                       const std::string& queue,
                                                       uint64_t after,
                                                       size_t limit);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_SETTLED_COPIES_H_
