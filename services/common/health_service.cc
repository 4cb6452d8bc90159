#include "services/common/health_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"

namespace baton {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

constexpr size_t kMaxPendingChanges = 16;

HealthCheckResponse ResponseOf(bool known, bool serving) {
  HealthCheckResponse response;
  response.set_status(!known    ? HealthCheckResponse::SERVICE_UNKNOWN
                      : serving ? HealthCheckResponse::SERVING
                                : HealthCheckResponse::NOT_SERVING);
  return response;
}

std::set<std::string> WithWhole(std::set<std::string> services) {
  services.insert("");
  return services;
}

}  // namespace

// One Watch. Owned by gRPC: deletes itself when the call is over.
class HealthService::Watcher final
    : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  Watcher(HealthService* service, grpc::CallbackServerContext* context,
          bool known)
      : service_(service),
        pump_(std::make_shared<Pump>(this, context, kMaxPendingChanges)) {
    const absl::Status added = service_->Add(&id_, {pump_, known});
    if (!added.ok()) pump_->End(added);
  }

  void OnWriteDone(bool ok) override { pump_->OnWriteDone(ok); }
  void OnCancel() override {
    pump_->End(absl::CancelledError("the client is gone"));
  }
  void OnDone() override {
    service_->Remove(id_);
    pump_->Detach();
    delete this;
  }

 private:
  HealthService* const service_;
  const std::shared_ptr<Pump> pump_;
  uint64_t id_ = 0;
};

HealthService::HealthService(std::set<std::string> services)
    : services_(WithWhole(std::move(services))) {}

// Sends under the mutex, so that a watcher that comes meanwhile does not hear
// the old state last. Starting a write does not block.
void HealthService::SetServing(bool serving) {
  MutexLock lock(&mu_);
  if (serving_ == serving) return;
  serving_ = serving;
  for (const auto& [id, watched] : watchers_) {
    if (watched.known) watched.pump->Send(ResponseOf(true, serving));
  }
}

bool HealthService::serving() const {
  MutexLock lock(&mu_);
  return serving_;
}

void HealthService::EndWatches() {
  MutexLock lock(&mu_);
  ended_ = true;
  for (const auto& [id, watched] : watchers_) {
    watched.pump->Close(absl::UnavailableError("the service is stopping"));
  }
}

absl::Status HealthService::Add(uint64_t* id, Watched watched) {
  MutexLock lock(&mu_);
  if (ended_) return absl::UnavailableError("the service is stopping");
  if (watchers_.size() >= kMaxWatchers) {
    return LimitReached("watchers", absl::StrCat(kMaxWatchers, " watch"),
                        absl::Seconds(10));
  }
  *id = ++last_id_;
  watched.pump->Send(ResponseOf(watched.known, serving_));
  watchers_.emplace(*id, std::move(watched));
  return absl::OkStatus();
}

void HealthService::Remove(uint64_t id) {
  MutexLock lock(&mu_);
  watchers_.erase(id);
}

grpc::ServerUnaryReactor* HealthService::Check(
    grpc::CallbackServerContext* context, const HealthCheckRequest* request,
    HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const bool known = Knows(request->service());
  if (known) *response = ResponseOf(true, serving());
  reactor->Finish(ToGrpc(known ? absl::OkStatus()
                               : absl::NotFoundError("no such service here")));
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext* context, const HealthCheckRequest* request) {
  return new Watcher(this, context, Knows(request->service()));
}

}  // namespace baton
