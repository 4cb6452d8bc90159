#ifndef BATON_SERVICES_BROKER_DISPATCH_ORDER_H_
#define BATON_SERVICES_BROKER_DISPATCH_ORDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/time/time.h"
#include "baton/v1/message.pb.h"

namespace baton {

// In which order a queue hands out what is ready.
//
//   1. the higher level, as v1::Priority
//   2. of one level each sender in turn: who floods it waits with his own flood
//   3. of one sender what was due first, then what was published first
//
// But one of every kAgedShare goes to whatever has been due longest, once it
// has waited for `aging`, whatever its level: nothing starves, and a backlog
// that has aged never buries an urgent message that is new. Immediate danger
// gives up none of its turns.
//
// Of `n` senders with ready messages of the highest level, each is served once
// in any n turns of that level, so at most n - 1 others and one that has aged
// in kAgedShare come before it.
//
// Memory: about 20 bytes for each message that is ready. Not thread-safe.
class DispatchOrder {
 public:
  static constexpr int kAgedShare = 8;

  // A message that could be handed out. `sender` is any number that stands for
  // the agency; `due_micros` is when it was first due, in microseconds since
  // 1970: what is delivered again keeps its place.
  struct Candidate {
    uint64_t sequence = 0;
    v1::Priority level = v1::PRIORITY_UNSPECIFIED;  // Counts as ROUTINE.
    uint32_t sender = 0;
    int64_t due_micros = 0;
  };

  void Add(const Candidate& candidate);
  // Nothing happens when it is not there.
  void Remove(const Candidate& candidate);
  bool empty() const;
  // When the oldest of all was first due; INT64_MAX when empty.
  int64_t OldestDueMicros() const;

  // Whose turn it is; nullopt when empty. Asking changes nothing.
  std::optional<uint64_t> Next(absl::Time now, absl::Duration aging) const;
  // It was that one's turn: `candidate` was handed out and is removed.
  void Serve(const Candidate& candidate, absl::Time now, absl::Duration aging);

 private:
  using Due = std::pair<int64_t, uint64_t>;  // Since when, sequence.
  struct Level {
    std::map<uint32_t, absl::btree_set<Due>> senders;  // None is empty.
    // The first of each sender, to find the one that has waited longest.
    absl::btree_set<Due> firsts;
    uint32_t last_served = 0;
  };
  static constexpr size_t kLevels = v1::Priority_ARRAYSIZE;

  Level& LevelOf(const Candidate& candidate);
  const Level* Highest() const;
  // What has been due longest, when it has aged.
  std::optional<uint64_t> Aged(absl::Time now, absl::Duration aging) const;
  bool IsAgedTurn() const;

  std::array<Level, kLevels> levels_;
  int turns_ = 0;  // Since one that had aged was served.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DISPATCH_ORDER_H_
