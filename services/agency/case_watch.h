#ifndef BATON_SERVICES_AGENCY_CASE_WATCH_H_
#define BATON_SERVICES_AGENCY_CASE_WATCH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "grpcpp/grpcpp.h"
#include "services/agency/agency_service.h"
#include "services/agency/loop_call.h"
#include "services/common/response_pump.h"
#include "storage/mutex.h"
#include "storage/status.h"

namespace baton {

// Who watches which cases. Thread-safe.
template <typename Response>
class CaseWatchers {
 public:
  using Pump = ResponsePump<Response>;

  // `reference` empty: all cases.
  uint64_t Add(std::string reference, std::shared_ptr<Pump> pump)
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    watchers_[++last_id_] = {std::move(reference), std::move(pump)};
    return last_id_;
  }
  void Remove(uint64_t id) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(&mu_);
    watchers_.erase(id);
  }
  void Tell(const std::string& reference, const Response& response)
      ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<std::shared_ptr<Pump>> pumps;
    {
      MutexLock lock(&mu_);
      for (const auto& [id, watcher] : watchers_) {
        if (watcher.reference.empty() || watcher.reference == reference) {
          pumps.push_back(watcher.pump);
        }
      }
    }
    for (const std::shared_ptr<Pump>& pump : pumps) pump->Send(response);
  }

 private:
  struct Watcher {
    std::string reference;
    std::shared_ptr<Pump> pump;
  };

  Mutex mu_;
  std::map<uint64_t, Watcher> watchers_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
};

// One stream of cases: first as they stand, then every change, and a heartbeat
// in between. Owned by gRPC: deletes itself when the call is over.
template <typename Response>
class CaseWatch final : public grpc::ServerWriteReactor<Response> {
 public:
  static constexpr size_t kMaxPendingResponses = 1024;

  struct Parts {
    AgencyService* service;
    CaseWatchers<Response>* watchers;
    // Both on the loop: the cases of a reference as they stand; a sign of
    // life.
    std::function<absl::Status(const std::string& reference, Instant now,
                               const std::function<void(Response)>& show)>
        show;
    std::function<Response()> heartbeat;
  };

  CaseWatch(Parts parts, grpc::CallbackServerContext* context,
            std::string reference)
      : parts_(std::move(parts)),
        pump_(std::make_shared<ResponsePump<Response>>(this, context,
                                                       kMaxPendingResponses)) {
    const absl::Status opened = Open(context, std::move(reference));
    if (!opened.ok()) pump_->End(opened);
  }

  void OnWriteDone(bool ok) override { pump_->OnWriteDone(ok); }
  void OnCancel() override {
    pump_->End(absl::CancelledError("the client is gone"));
  }
  void OnDone() override {
    pump_->Detach();
    if (registration_ != 0) parts_.service->streams()->Remove(registration_);
    if (watcher_ != 0) parts_.watchers->Remove(watcher_);
    delete this;
  }

 private:
  // Watching begins before the current state is read: a change in between is
  // told twice rather than never. Heartbeats come from the loop: a loop that
  // stands still is no sign of life.
  absl::Status Open(grpc::CallbackServerContext* context,
                    std::string reference) {
    ASSIGN_OR_RETURN(const Identity caller, parts_.service->Identify(*context));
    AgencyLoop* const loop = parts_.service->loop();
    ASSIGN_OR_RETURN(
        registration_,
        parts_.service->streams()->Add(
            caller.agency, pump_,
            [pump = pump_, loop, heartbeat = parts_.heartbeat] {
              (void)loop->Post([pump, loop, heartbeat](Instant) {
                loop->Tell([pump, alive = heartbeat()] { pump->Send(alive); });
              });
            }));
    watcher_ = parts_.watchers->Add(reference, pump_);
    const bool posted = loop->Post([pump = pump_, loop, show = parts_.show,
                                    reference](Instant now) {
      const absl::Status shown = show(reference, now, [&](Response response) {
        loop->Tell([pump, response] { pump->Send(response); });
      });
      if (!shown.ok()) loop->Tell([pump, shown] { pump->End(shown); });
    });
    return posted ? absl::OkStatus() : LoopIsFull();
  }

  const Parts parts_;
  const std::shared_ptr<ResponsePump<Response>> pump_;
  uint64_t registration_ = 0;
  uint64_t watcher_ = 0;
};

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_CASE_WATCH_H_
