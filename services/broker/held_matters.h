#ifndef BATON_SERVICES_BROKER_HELD_MATTERS_H_
#define BATON_SERVICES_BROKER_HELD_MATTERS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/store.h"

namespace baton {

// What some desks still owe.
struct HeldMatters {
  static constexpr size_t kMaxNamed = 20;

  std::vector<std::string> matter_ids;  // The first kMaxNamed.
  int64_t count = 0;
  uint64_t commit = 0;  // As of this commit.
};

// Undecided matters whose holder is one of `queues`. Reads every conversation
// of the snapshot: for a reader thread, and for changes of the directory only.
absl::StatusOr<HeldMatters> FindHeldMatters(
    const Reader& snapshot, const std::set<std::string>& queues);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_HELD_MATTERS_H_
