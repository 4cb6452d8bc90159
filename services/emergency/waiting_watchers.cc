#include "services/emergency/waiting_watchers.h"

#include <utility>
#include <vector>

namespace baton {

uint64_t WaitingWatchers::Add(std::string reference,
                              std::shared_ptr<Pump> pump) {
  MutexLock lock(&mu_);
  watchers_[++last_id_] = {std::move(reference), std::move(pump)};
  return last_id_;
}

void WaitingWatchers::Remove(uint64_t id) {
  MutexLock lock(&mu_);
  watchers_.erase(id);
}

void WaitingWatchers::Tell(const v1::WaitingStatus& status) {
  std::vector<std::shared_ptr<Pump>> pumps;
  {
    MutexLock lock(&mu_);
    for (const auto& [id, watcher] : watchers_) {
      if (watcher.reference.empty() ||
          watcher.reference == status.sender_reference()) {
        pumps.push_back(watcher.pump);
      }
    }
  }
  for (const std::shared_ptr<Pump>& pump : pumps) {
    v1::WatchWaitingResponse response;
    *response.mutable_status() = status;
    if (status.has_exchange_heard_time()) {
      *response.mutable_exchange_heard_time() = status.exchange_heard_time();
    }
    pump->Send(std::move(response));
  }
}

}  // namespace baton
