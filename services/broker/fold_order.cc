#include "services/broker/fold_order.h"

namespace baton {

void FoldOrder::Note(Queue* queue, size_t unfolded) {
  Waiting& waiting = waiting_[queue];
  total_ += unfolded - waiting.unfolded;
  waiting.unfolded = unfolded;
  if (unfolded == 0) waiting.turn = 0;
  if (unfolded == 0 || waiting.turn != 0) return;
  waiting.turn = ++last_turn_;
  order_.push_back({waiting.turn, queue});
}

std::vector<Queue*> FoldOrder::Choose() {
  std::vector<Queue*> chosen;
  for (size_t left = total_; left > max_;) {
    const auto [turn, oldest] = order_.front();
    order_.pop_front();
    Waiting& waiting = waiting_[oldest];
    if (waiting.turn != turn) continue;
    waiting.turn = 0;
    left -= waiting.unfolded;
    chosen.push_back(oldest);
  }
  return chosen;
}

}  // namespace baton
