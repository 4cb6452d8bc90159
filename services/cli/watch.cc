#include "services/cli/watch.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace baton::cli {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

}  // namespace

void Watch::Printed() {
  session_.out().flush();
  ++printed_;
}

void Watch::Heartbeat(const Heard& heard) {
  if (!answers_) {
    session_.err() << "The service answers, "
                   << ClockText(session_.clock().now, session_.clock())
                   << ".\n";
  }
  answers_ = true;
  if (!heard.recent() && !silent_) {
    session_.err() << "The exchange is silent: what follows is "
                   << heard.UnknownText() << ". " << kDangerLine << "\n";
  }
  if (heard.recent() && silent_) {
    session_.err() << "The exchange is heard again.\n";
  }
  silent_ = !heard.recent();
}

void Watch::SayWaiting(const std::string& where) {
  session_.err() << "Waiting for " << where
                 << "; until it answers, an empty screen means nothing. "
                 << kDangerLine << "\n";
}

void Watch::SayLost() {
  answers_ = false;
  session_.err() << "LOST the service at "
                 << ClockText(session_.clock().now, session_.clock())
                 << ": what is above may be out of date. Trying again.\n";
}

absl::StatusOr<int> ChangesFrom(const Arguments& arguments) {
  const std::string text = arguments.Get("--changes");
  int changes = 0;
  if (!text.empty() && (!absl::SimpleAtoi(text, &changes) || changes < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--changes: \"", text, "\" is not a number from 1"));
  }
  return changes;
}

OptionSpec ChangesOption() {
  return {"--changes", "N", "end after this many; default: never"};
}

absl::StatusOr<ExitCode> KeepWatching(const std::function<grpc::Status()>& read,
                                      const std::string& where, Watch* watch,
                                      const Session& session) {
  watch->SayWaiting(where);
  while (true) {
    const grpc::Status status = read();
    if (watch->done()) return ExitCode::kOk;
    const absl::Status error = CallError(status, where);
    const ExitCode code = ExitCodeOf(error);
    if (code != ExitCode::kOk && code != ExitCode::kUnreachable) return error;
    watch->SayLost();
    session.environment.sleep(kRetryDelay);
  }
}

}  // namespace baton::cli
