#include "services/common/process.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/mutex.h"
#include "services/common/log.h"
#include "services/common/ticker.h"

namespace baton {
namespace {

// A stop that hangs, on a disk that does not answer for example, ends all the
// same: what is on the disk is found at the next start.
constexpr absl::Duration kStopLimit = absl::Seconds(30);

void GiveUpStopping() {
  Log(Severity::kError, "the stop hangs; ending without it",
      {{"seconds", absl::ToInt64Seconds(kStopLimit)}});
  std::_Exit(1);
}

// Waits for SIGTERM or SIGINT, which every thread has blocked, then stops, for
// which there is `limit`.
void StopOnSignal(const sigset_t& signals, Process* process,
                  std::unique_ptr<Ticker>* limit) {
  int signal = 0;
  sigwait(&signals, &signal);
  if (signal == SIGUSR1) return;
  Log(Severity::kInfo, "stopping", {{"signal", signal}});
  *limit = std::make_unique<Ticker>(kStopLimit, GiveUpStopping);
  process->Stop();
}

// Debian's RocksDB is built with its assertions, and some damage to a table
// ends at one: the last line says what the assertion above it does not.
void TellOfAbort(int) {
  constexpr char kText[] =
      "ended at the failure above. If that is an assertion in a file of ./db/ "
      "or ./table/, then the database is damaged: keep a copy of its "
      "directory, then restore the newest backup into an empty one. If not, it "
      "is a fault of this program: start it again, and report the lines "
      "above. Nothing that was answered is lost by it.\n";
  // What fails here can be told nowhere.
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, kText, sizeof(kText) - 1);
}

void PrintFaults(absl::string_view name, const absl::Status& status) {
  std::cerr << name << ": the configuration is faulty:\n  "
            << absl::StrReplaceAll(status.message(), {{"; ", "\n  "}}) << "\n";
}

}  // namespace

int RunProcess(int argc, char** argv, absl::string_view name,
               const std::function<absl::Status(const std::string&)>& check,
               const std::function<absl::StatusOr<std::unique_ptr<Process>>(
                   const std::string&)>& start) {
  // Debian's Abseil looks for cycles at every lock, and gRPC takes many.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app{std::string(name)};
  std::string config;
  bool check_only = false;
  app.add_option("--config", config, "configuration (text-format protobuf)")
      ->required();
  app.add_flag("--check_config", check_only,
               "check the configuration, print every fault, and exit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const absl::Status checked = check(config); !checked.ok()) {
    PrintFaults(name, checked);
    return 2;
  }
  if (check_only) {
    std::cout << config << ": no faults\n";
    return 0;
  }

  // A file that may not grow is a full disk, which is told of like one.
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGABRT, TellOfAbort);  // Which ends the process all the same.
  // Blocked before any thread starts, so that all inherit it. SIGUSR1 ends
  // the waiting thread when the service stops by itself.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  std::unique_ptr<Ticker> stop_limit;
  absl::StatusOr<std::unique_ptr<Process>> process = start(config);
  if (!process.ok()) {
    std::cerr << name << ": " << process.status().message() << "\n";
    return 1;
  }
  std::thread stopper(
      [&] { StopOnSignal(signals, process->get(), &stop_limit); });
  const absl::Status ended = (*process)->Wait();
  pthread_kill(stopper.native_handle(), SIGUSR1);
  stopper.join();
  if (ended.ok()) return 0;
  std::cerr << name << ": " << ended.message() << std::endl;
  // The disk failed: calls that wait for a commit will never be answered, so
  // nothing is wound up. What is on the disk is found at the next start.
  std::_Exit(1);
}

}  // namespace baton
