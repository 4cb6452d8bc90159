#ifndef BATON_SERVICES_BROKER_FOLD_ORDER_H_
#define BATON_SERVICES_BROKER_FOLD_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/broker/queue.h"

namespace baton {

// Which queues bring their settled copies to pages although they have few: a
// queue folds by itself when it has many, and this keeps the sum of all
// bounded, however many queues there are.
//
// Not thread-safe: owned by the commit thread. Queues must outlive it.
class FoldOrder {
 public:
  // `max`: settled copies that may wait in all queues together.
  explicit FoldOrder(size_t max) : max_(max) {}

  // `queue` has `unfolded` settled copies that wait, as of now.
  void Note(Queue* queue, size_t unfolded);

  // Queues to fold so that no more than `max` wait, those first that began to
  // wait first. They are to be noted again.
  std::vector<Queue*> Choose();

  size_t total() const { return total_; }

 private:
  struct Waiting {
    size_t unfolded = 0;
    uint64_t turn = 0;  // In order_; 0: it waits for none.
  };

  const size_t max_;
  size_t total_ = 0;
  absl::flat_hash_map<Queue*, Waiting> waiting_;
  uint64_t last_turn_ = 0;
  std::deque<std::pair<uint64_t, Queue*>> order_;  // Some turns are no more.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_FOLD_ORDER_H_
