#ifndef BATON_SERVICES_BROKER_WATCH_HUB_H_
#define BATON_SERVICES_BROKER_WATCH_HUB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/tracking_service.pb.h"
#include "services/common/response_pump.h"
#include "storage/mutex.h"

namespace baton {

// Who watches which agency's conversations. Thread-safe.
class WatchHub {
 public:
  using Pump = ResponsePump<v1::WatchConversationsResponse>;

  uint64_t Add(const v1::Agency& agency, std::shared_ptr<Pump> pump)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(uint64_t id) ABSL_LOCKS_EXCLUDED(mu_);

  // Shows `conversation` to the watchers of all its participants.
  void Tell(const v1::Conversation& conversation) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Watcher {
    std::string agency;
    std::shared_ptr<Pump> pump;
  };

  Mutex mu_;
  std::map<uint64_t, Watcher> watchers_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_WATCH_HUB_H_
