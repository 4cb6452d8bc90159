#ifndef BATON_SERVICES_CLI_SESSION_H_
#define BATON_SERVICES_CLI_SESSION_H_

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"
#include "grpcpp/grpcpp.h"
#include "services/cli/errors.h"
#include "services/cli/handshake.h"
#include "services/cli/output.h"
#include "services/cli/times.h"
#include "storage/random.h"

namespace baton::cli {

// What a run of the program touches outside itself; main() makes the real
// one. Everything pointed to outlives the run.
struct Environment {
  std::ostream* out;
  std::ostream* err;
  std::function<absl::Time()> now;
  std::function<void(absl::Duration)> sleep;
  absl::TimeZone zone;
  RandomSource* random;
  bool err_is_terminal = false;  // Somebody watches err.
  std::string config_file;       // Where to look when --config is not given.
  // Makes a channel to `address` with the certificates of `config`.
  std::function<absl::StatusOr<std::shared_ptr<grpc::Channel>>(
      const std::string& address, const v1::ClientConfig& config)>
      dial;
  // Connects to `address`, whose certificate should name `server_name`.
  std::function<Handshake(const std::string& address,
                          const std::string& server_name,
                          const v1::ClientConfig& config)>
      shake_hands;
};

// One command being run: the configuration it has and how it prints.
struct Session {
  const Environment& environment;
  v1::ClientConfig config;
  // Why there is no configuration, for a command that diagnoses.
  absl::Status config_fault = absl::OkStatus();
  Format format = Format::kTable;
  // With kJson: of many things each is a line of its own.
  bool json_lines = false;

  std::ostream& out() const { return *environment.out; }
  std::ostream& err() const { return *environment.err; }
  // Where what a person must know goes: programs read out() alone.
  std::ostream& words() const {
    return format == Format::kTable ? out() : err();
  }
  LocalClock clock() const { return {environment.now(), environment.zone}; }
};

// Whether the exchange we speak to is live or for training: what our own
// certificate is of, because the two never share an authority. Unspecified when
// that cannot be read.
v1::Environment ExchangeEnvironment(const v1::ClientConfig& config);

// How long one call may take.
absl::Duration CallDeadline(const v1::ClientConfig& config);

// A random UUID (RFC 4122, version 4).
std::string NewRequestId(RandomSource& random);

// A channel to `address`. INVALID_ARGUMENT names the configuration's `field`
// when it is empty.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(
    const Session& session, absl::string_view field,
    const std::string& address);

// A service, called with the configured deadline. A failure says which method
// failed and where.
template <typename Service>
class Client {
 public:
  using Stub = typename Service::StubInterface;

  // `field` is the name of the address in the configuration.
  static absl::StatusOr<Client> Connect(const Session& session,
                                        absl::string_view field,
                                        const std::string& address) {
    auto channel = cli::Connect(session, field, address);
    if (!channel.ok()) return channel.status();
    return Client(Service::NewStub(*channel), address,
                  CallDeadline(session.config));
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(
      absl::string_view name,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline_));
    Response response;
    grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return CallError(status, Where(name));
    return response;
  }

  Stub& stub() { return *stub_; }
  std::string Where(absl::string_view method) const {
    return absl::StrCat(Service::service_full_name(), ".", method, " at ",
                        address_);
  }

 private:
  Client(std::unique_ptr<Stub> stub, std::string address,
         absl::Duration deadline)
      : stub_(std::move(stub)),
        address_(std::move(address)),
        deadline_(deadline) {}

  std::unique_ptr<Stub> stub_;
  std::string address_;
  absl::Duration deadline_;
};

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_SESSION_H_
