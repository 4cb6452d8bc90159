#include "services/agency/first_reads.h"

#include <algorithm>

#include "services/agency/outbox.h"

namespace baton {

void FirstReads::Add(const std::string& matter_id, Instant now) {
  pending_.try_emplace(matter_id, Pending{.next_try = now.steady});
}

std::vector<std::string> FirstReads::TakeDue(Instant now) {
  std::vector<std::string> due;
  for (auto& [matter_id, pending] : pending_) {
    if (in_flight_ >= kMaxInFlight) break;
    if (pending.in_flight || pending.next_try > now.steady) continue;
    pending.in_flight = true;
    ++in_flight_;
    due.push_back(matter_id);
  }
  return due;
}

void FirstReads::OnTold(const std::string& matter_id) {
  const auto it = pending_.find(matter_id);
  if (it == pending_.end()) return;
  in_flight_ -= it->second.in_flight;
  pending_.erase(it);
}

void FirstReads::OnFailed(const std::string& matter_id,
                          const absl::Status& error, Instant now) {
  const auto it = pending_.find(matter_id);
  if (it == pending_.end()) return;
  in_flight_ -= it->second.in_flight;
  if (MayPass(error)) {
    it->second = {.next_try = now.steady + kRetryDelay};
  } else {
    pending_.erase(it);
  }
}

void FirstReads::RetryNow(Instant now) {
  for (auto& [matter_id, pending] : pending_) {
    pending.next_try = std::min(pending.next_try, now.steady);
  }
}

std::optional<absl::Duration> FirstReads::NextDue() const {
  std::optional<absl::Duration> next;
  if (in_flight_ >= kMaxInFlight) return next;
  for (const auto& [matter_id, pending] : pending_) {
    if (pending.in_flight) continue;
    if (!next.has_value() || pending.next_try < *next) next = pending.next_try;
  }
  return next;
}

}  // namespace baton
