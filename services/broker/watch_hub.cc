#include "services/broker/watch_hub.h"

#include <set>
#include <vector>

#include "services/common/agency.h"

namespace baton {

uint64_t WatchHub::Add(const v1::Agency& agency, std::shared_ptr<Pump> pump) {
  MutexLock lock(&mu_);
  watchers_[++last_id_] = {AgencyName(agency), std::move(pump)};
  return last_id_;
}

void WatchHub::Remove(uint64_t id) {
  MutexLock lock(&mu_);
  watchers_.erase(id);
}

void WatchHub::Tell(const v1::Conversation& conversation) {
  std::vector<std::shared_ptr<Pump>> pumps;
  {
    MutexLock lock(&mu_);
    if (watchers_.empty()) return;
    std::set<std::string> participants;
    for (const v1::Agency& agency : conversation.participants()) {
      participants.insert(AgencyName(agency));
    }
    for (const auto& [id, watcher] : watchers_) {
      if (participants.count(watcher.agency) > 0) pumps.push_back(watcher.pump);
    }
  }
  for (const std::shared_ptr<Pump>& pump : pumps) {
    v1::WatchConversationsResponse response;
    *response.mutable_conversation() = conversation;
    pump->Send(std::move(response));
  }
}

}  // namespace baton
