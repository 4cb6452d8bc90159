#include "services/broker/consumers.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"

namespace baton {

absl::Status Consumers::CheckAlone(const std::string& queue,
                                   const Consumer& consumer) const {
  for (const auto& [id, other] : by_id_) {
    if (!consumer.name.empty() && other.name == consumer.name) continue;
    if (!consumer.exclusive && !other.exclusive) continue;
    const std::string name = other.name.empty() ? "without a name" : other.name;
    return WithReason(
        absl::FailedPreconditionError(
            other.exclusive
                ? absl::StrCat("queue ", queue,
                               " is consumed exclusively by consumer ", name)
                : absl::StrCat("queue ", queue, " is consumed by consumer ",
                               name, ", so it cannot be consumed exclusively")),
        "QUEUE_IN_USE");
  }
  return absl::OkStatus();
}

std::vector<uint64_t> Consumers::Add(Consumer consumer) {
  std::vector<uint64_t> replaced;
  for (auto it = by_id_.begin(); it != by_id_.end();) {
    const bool same =
        !consumer.name.empty() && it->second.name == consumer.name;
    if (same) replaced.push_back(it->first);
    it = same ? by_id_.erase(it) : std::next(it);
  }
  const uint64_t id = consumer.id;
  by_id_[id] = std::move(consumer);
  return replaced;
}

void Consumers::Grant(uint64_t id, int max_messages, int64_t max_bytes) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  if (max_messages > 0) it->second.max_messages = max_messages;
  if (max_bytes > 0) it->second.max_bytes = max_bytes;
}

const Consumer* Consumers::Next(int64_t bytes) const {
  auto it = by_id_.upper_bound(last_served_);
  for (size_t i = 0; i < by_id_.size(); ++i, ++it) {
    if (it == by_id_.end()) it = by_id_.begin();
    const Consumer& consumer = it->second;
    if (consumer.outstanding < consumer.max_messages &&
        (consumer.outstanding == 0 ||
         consumer.outstanding_bytes + bytes <= consumer.max_bytes)) {
      return &consumer;
    }
  }
  return nullptr;
}

void Consumers::Took(uint64_t id, int64_t bytes) {
  Consumer& consumer = by_id_.at(id);
  ++consumer.outstanding;
  consumer.outstanding_bytes += bytes;
  last_served_ = id;
}

void Consumers::Returned(uint64_t id, int64_t bytes) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  --it->second.outstanding;
  it->second.outstanding_bytes -= bytes;
}

void Consumers::NoteSign(uint64_t id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return;
  it->second.rounds_lost = 0;
  it->second.last_lost = -absl::InfiniteDuration();
}

std::vector<uint64_t> Consumers::NoteLost(const std::set<uint64_t>& losers,
                                          Instant now) {
  std::vector<uint64_t> stalled;
  for (const uint64_t id : losers) {
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) continue;
    Consumer& consumer = it->second;
    if (now.steady - consumer.last_lost < consumer.ack_deadline) continue;
    consumer.last_lost = now.steady;
    if (++consumer.rounds_lost >= kMaxRoundsLost) stalled.push_back(id);
  }
  return stalled;
}

}  // namespace baton
