#ifndef BATON_SERVICES_BROKER_CONSUMERS_H_
#define BATON_SERVICES_BROKER_CONSUMERS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/common/clock.h"

namespace baton {

// Somebody who takes messages from a queue, with credit.
struct Consumer {
  uint64_t id = 0;        // Unique in the process.
  std::string name = {};  // For tracking; chosen by the consumer.
  int max_messages = 0;
  int64_t max_bytes = 0;
  absl::Duration ack_deadline = {};
  bool exclusive = false;  // Nobody else consumes the queue meanwhile.
  int outstanding = 0;
  int64_t outstanding_bytes = 0;
  // Rounds in which leases of it ran out, a lease's length apart, since it last
  // settled or extended one; and when the last was, on the steady clock.
  int rounds_lost = 0;
  absl::Duration last_lost = -absl::InfiniteDuration();
};

// Who consumes one queue: credit, turns, and whether they live. Ids that are
// not there (any more) are ignored.
//
// Not thread-safe: owned by its queue.
class Consumers {
 public:
  // A consumer that lost leases in so many rounds, and settled nothing in
  // between, is dead or stuck.
  static constexpr int kMaxRoundsLost = 2;

  // FAILED_PRECONDITION when `consumer` or one that is there wants to be alone.
  // One of the same name does not count: it is replaced.
  absl::Status CheckAlone(const std::string& queue,
                          const Consumer& consumer) const;
  // Returns those of the same name that it replaced; one without a name
  // replaces nobody.
  std::vector<uint64_t> Add(Consumer consumer);
  void Remove(uint64_t id) { by_id_.erase(id); }
  // Replaces the credit; 0 keeps a value.
  void Grant(uint64_t id, int max_messages, int64_t max_bytes);
  bool empty() const { return by_id_.empty(); }
  const std::map<uint64_t, Consumer>& by_id() const { return by_id_; }

  // Whose turn it is among those with credit for `bytes`; null: nobody's. One
  // message is always allowed, however large.
  const Consumer* Next(int64_t bytes) const;
  // It got a message of `bytes`.
  void Took(uint64_t id, int64_t bytes);
  // It has it no more.
  void Returned(uint64_t id, int64_t bytes);

  // It shows that it lives.
  void NoteSign(uint64_t id);
  // Leases of `losers` ran out. Returns who is stalled: see kMaxRoundsLost.
  std::vector<uint64_t> NoteLost(const std::set<uint64_t>& losers, Instant now);

 private:
  std::map<uint64_t, Consumer> by_id_;
  uint64_t last_served_ = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_CONSUMERS_H_
