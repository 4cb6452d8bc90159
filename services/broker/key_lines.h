#ifndef BATON_SERVICES_BROKER_KEY_LINES_H_
#define BATON_SERVICES_BROKER_KEY_LINES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "baton/v1/message.pb.h"

namespace baton {

// Who stands behind whom: a queue's unsettled messages by ordering key, each
// line in publish order. Messages without a key (0) stand in no line.
//
// Memory: a line of one, as nearly all are, takes about 30 bytes.
// Not thread-safe.
class KeyLines {
 public:
  void Add(uint64_t key, uint64_t sequence, v1::Priority priority);
  // It must be there, with that priority.
  void Remove(uint64_t key, uint64_t sequence, v1::Priority priority);

  // Of messages that stand in the line of `key`:
  // The first one; 0: the line is empty.
  uint64_t First(uint64_t key) const;
  // The first one in immediate danger; 0: none is.
  uint64_t FirstDanger(uint64_t key) const;
  // The higher of URGENT and HIGH that anybody in it has, else UNSPECIFIED.
  // Immediate danger lends nothing: it overtakes.
  v1::Priority Lends(uint64_t key) const;

 private:
  struct Alone {
    uint64_t sequence;
    v1::Priority priority;
  };
  struct Line {
    absl::btree_set<uint64_t> all;
    absl::btree_set<uint64_t> danger;
    std::array<uint32_t, v1::Priority_ARRAYSIZE> count = {};  // By priority.
  };
  static void AddTo(Line* line, uint64_t sequence, v1::Priority priority);

  // A key is in one of the two or in none; lines hold two or more.
  absl::flat_hash_map<uint64_t, Alone> alone_;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Line>> lines_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_KEY_LINES_H_
