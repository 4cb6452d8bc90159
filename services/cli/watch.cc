#include "services/cli/watch.h"

#include "baton/v1/emergency_service.grpc.pb.h"
#include "services/cli/waiting_view.h"
#include "services/cli/words.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

using EmergencyClient = Client<v1::EmergencyService>;

class Watch {
 public:
  Watch(int changes, const Session* session)
      : changes_(changes), session_(*session) {}

  bool done() const { return changes_ > 0 && printed_ >= changes_; }

  // One stream, to its end.
  grpc::Status Read(const v1::WatchWaitingRequest& request,
                    EmergencyClient& client) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    auto stream = client.stub().WatchWaiting(&context, request);
    v1::WatchWaitingResponse response;
    while (!done() && stream->Read(&response)) Show(response);
    if (done()) context.TryCancel();
    return stream->Finish();
  }

  void SayLost() {
    session_.err() << "LOST the service at "
                   << ClockText(session_.clock().now, session_.clock())
                   << ": what is above may be out of date. Trying again.\n";
  }

 private:
  void Show(const v1::WatchWaitingResponse& response) {
    if (response.has_status()) {
      PrintWaiting(response.status(), "", session_);
      session_.out().flush();
      ++printed_;
    }
    SaySilence(response);
  }

  // Once for each time the exchange falls silent, not with every heartbeat.
  void SaySilence(const v1::WatchWaitingResponse& response) {
    const Heard heard(response.has_exchange_heard_time()
                          ? &response.exchange_heard_time()
                          : nullptr,
                      session_.clock());
    if (!heard.recent() && !silent_) {
      session_.err() << "The exchange is silent: what follows is "
                     << heard.UnknownText() << ". " << kDangerLine << "\n";
    }
    silent_ = !heard.recent();
  }

  const int changes_;
  const Session& session_;
  int printed_ = 0;
  bool silent_ = false;
};

}  // namespace

absl::StatusOr<ExitCode> WatchWaits(const std::string& reference, int changes,
                                    const Session& session) {
  ASSIGN_OR_RETURN(auto client, EmergencyClient::Connect(
                                    session, "emergency_address",
                                    session.config.emergency_address()));
  v1::WatchWaitingRequest request;
  request.set_sender_reference(reference);
  Watch watch(changes, &session);
  while (true) {
    const grpc::Status status = watch.Read(request, client);
    if (watch.done()) return ExitCode::kOk;
    const absl::Status error = CallError(status, client.Where("WatchWaiting"));
    const ExitCode code = ExitCodeOf(error);
    if (code != ExitCode::kOk && code != ExitCode::kUnreachable) return error;
    watch.SayLost();
    session.environment.sleep(kRetryDelay);
  }
}

}  // namespace baton::cli
