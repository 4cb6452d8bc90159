#include "services/broker/fold_order.h"

#include <utility>

namespace baton {

void FoldOrder::Note(Queue* queue, size_t unfolded) {
  Waiting& waiting = waiting_[queue];
  total_ += unfolded - waiting.unfolded;
  waiting.unfolded = unfolded;
  if (unfolded == 0 || std::exchange(waiting.in_order, true)) return;
  order_.push_back(queue);
}

std::vector<Queue*> FoldOrder::Choose() {
  std::vector<Queue*> chosen;
  for (size_t left = total_; left > max_;) {
    Queue* const oldest = order_.front();
    order_.pop_front();
    Waiting& waiting = waiting_[oldest];
    waiting.in_order = false;
    left -= waiting.unfolded;
    if (waiting.unfolded > 0) chosen.push_back(oldest);
  }
  return chosen;
}

}  // namespace baton
