#ifndef BATON_SERVICES_EMERGENCY_WAITING_WATCHERS_H_
#define BATON_SERVICES_EMERGENCY_WAITING_WATCHERS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "baton/v1/emergency_service.pb.h"
#include "services/common/response_pump.h"
#include "storage/mutex.h"

namespace baton {

// Who watches which waits. Thread-safe.
class WaitingWatchers {
 public:
  using Pump = ResponsePump<v1::WatchWaitingResponse>;

  // `reference` empty: all waits.
  uint64_t Add(std::string reference, std::shared_ptr<Pump> pump)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(uint64_t id) ABSL_LOCKS_EXCLUDED(mu_);
  void Tell(const v1::WaitingStatus& status) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Watcher {
    std::string reference;
    std::shared_ptr<Pump> pump;
  };

  Mutex mu_;
  std::map<uint64_t, Watcher> watchers_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_EMERGENCY_WAITING_WATCHERS_H_
