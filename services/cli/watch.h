#ifndef BATON_SERVICES_CLI_WATCH_H_
#define BATON_SERVICES_CLI_WATCH_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"
#include "services/cli/command.h"
#include "services/cli/exit_code.h"
#include "services/cli/session.h"
#include "services/cli/words.h"

// A feed shown on a screen for as long as somebody looks. A service that falls
// silent is said so and tried again; only a refusal ends the watch early.
namespace baton::cli {

// How far a watch is, and what has been said about its silence.
class Watch {
 public:
  // Ends after `changes` of them were printed; 0: never. `session` must
  // outlive this.
  Watch(int changes, const Session* session)
      : changes_(changes), session_(*session) {}

  bool done() const { return changes_ > 0 && printed_ >= changes_; }

  // A change was printed.
  void Printed();
  // The service spoke. Says that it does, and that the exchange is silent,
  // once for each time it begins so, not with every heartbeat.
  void Heartbeat(const Heard& heard);
  // Until the service speaks, an empty screen means nothing.
  void SayWaiting(const std::string& where);
  void SayLost();

 private:
  const int changes_;
  const Session& session_;
  int printed_ = 0;
  bool answers_ = false;  // The service.
  bool silent_ = false;   // The exchange.
};

// --changes as given, or 0. INVALID_ARGUMENT unless it is a number from 1.
absl::StatusOr<int> ChangesFrom(const Arguments& arguments);
OptionSpec ChangesOption();

// Opens `read`'s stream again and again until the watch is done; `read` reads
// one to its end. `where` names the method, for errors.
absl::StatusOr<ExitCode> KeepWatching(const std::function<grpc::Status()>& read,
                                      const std::string& where, Watch* watch,
                                      const Session& session);

// Watches a stream of responses that hold a status or are a heartbeat.
template <typename Stub, typename Request, typename Response, typename Print>
grpc::Status ReadStatuses(
    Stub& stub,
    std::unique_ptr<grpc::ClientReaderInterface<Response>> (Stub::*method)(
        grpc::ClientContext*, const Request&),
    const Request& request, Print print, const Session& session, Watch* watch) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  auto stream = (stub.*method)(&context, request);
  Response response;
  while (!watch->done() && stream->Read(&response)) {
    watch->Heartbeat(HeardIn(response, session.clock()));
    if (response.has_status()) {
      print(response.status());
      watch->Printed();
    }
  }
  if (watch->done()) context.TryCancel();
  return stream->Finish();
}

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_WATCH_H_
