#ifndef BATON_SERVICES_COMMON_PROCESS_H_
#define BATON_SERVICES_COMMON_PROCESS_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace baton {

// A service that runs: what RunProcess needs to know of it.
class Process {
 public:
  virtual ~Process() = default;
  // Returns when it has stopped by itself, or after Stop().
  virtual absl::Status Wait() = 0;
  virtual void Stop() = 0;
};

// Any class with Wait() and Stop() as a Process.
template <typename Service>
std::unique_ptr<Process> MakeProcess(std::unique_ptr<Service> service) {
  class Wrapped final : public Process {
   public:
    explicit Wrapped(std::unique_ptr<Service> wrapped)
        : wrapped_(std::move(wrapped)) {}
    absl::Status Wait() override { return wrapped_->Wait(); }
    void Stop() override { wrapped_->Stop(); }

   private:
    const std::unique_ptr<Service> wrapped_;
  };
  return std::make_unique<Wrapped>(std::move(service));
}

// The main() of every service: parses --config FILE and --check_config, starts
// the service, stops it on SIGTERM or SIGINT, and returns the exit status:
// 0 stopped, 1 failed, or still not stopped after 30 s, 2 wrong use or a faulty
// configuration (every fault is printed). A process that aborts says what to do
// in its last line.
int RunProcess(int argc, char** argv, absl::string_view name,
               const std::function<absl::Status(const std::string&)>& check,
               const std::function<absl::StatusOr<std::unique_ptr<Process>>(
                   const std::string&)>& start);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_PROCESS_H_
