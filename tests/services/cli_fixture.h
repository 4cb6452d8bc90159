#ifndef BATON_TESTS_SERVICES_CLI_FIXTURE_H_
#define BATON_TESTS_SERVICES_CLI_FIXTURE_H_

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/cli/cli.h"
#include "services/common/proto_time.h"
#include "tests/support/temp_dir.h"

namespace baton::cli {

// Bytes that count up: a test sees which ids were made.
class CountingRandom final : public RandomSource {
 public:
  std::string Bytes(size_t count) override {
    return std::string(count, static_cast<char>(++last_));
  }

 private:
  int last_ = 0;
};

// Runs whole command lines against services the test registers, in process,
// at 21:40 on 3 January 2026.
class CliTest : public testing::Test {
 protected:
  // A call may still run when its client has left; it must not outlive the
  // service, which the derived test owns.
  void TearDown() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  // Called by the test's own constructor, before any Run().
  void Serve(const std::vector<grpc::Service*>& services) {
    grpc::ServerBuilder builder;
    for (grpc::Service* service : services) builder.RegisterService(service);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel(grpc::ChannelArguments());
    WriteConfig("");
  }

  void WriteConfig(const std::string& more) {
    Write("client.txtpb", R"(
      tls { ca_file: "ca.pem" certificate_file: "c.pem" key_file: "c.key" }
      broker_address: "broker:1"
      emergency_address: "emergency:1"
      council_address: "council:1"
      police_address: "police:1"
      school_address: "school:1"
      actor { name: "Sam Default" role: "nurse" }
    )" + more);
  }

  std::string Write(const std::string& name, const std::string& content) {
    const std::string file = dir_ / name;
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }
  std::string Read(const std::string& name) {
    std::ifstream in(dir_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  ExitCode Run(const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    Environment environment = {
        .out = &out,
        .err = &err,
        .now = [this] { return now_; },
        .sleep = [this](absl::Duration time) { slept_ += time; },
        .zone = absl::UTCTimeZone(),
        .random = &random_,
        .err_is_terminal = err_is_terminal_,
        .config_file = dir_ / "client.txtpb",
        .dial =
            [this](const std::string& address, const v1::ClientConfig& config) {
              dialled_ = address;
              dialled_with_ = config;
              return absl::StatusOr<std::shared_ptr<grpc::Channel>>(channel_);
            },
        .shake_hands =
            [this](const std::string& address, const std::string&,
                   const v1::ClientConfig&) { return handshakes_[address]; }};
    const ExitCode code = cli::Run(arguments, environment);
    out_ = out.str();
    err_ = err.str();
    return code;
  }

  google::protobuf::Timestamp Ago(absl::Duration time) {
    return ToProto(now_ - time);
  }

  const TempDir dir_;
  absl::Time now_ = absl::FromCivil(absl::CivilMinute(2026, 1, 3, 21, 40),
                                    absl::UTCTimeZone());
  bool err_is_terminal_ = false;
  CountingRandom random_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::map<std::string, Handshake> handshakes_;  // By address.

  // What the last Run() did.
  std::string out_, err_, dialled_;
  v1::ClientConfig dialled_with_;
  absl::Duration slept_;
};

}  // namespace baton::cli

#endif  // BATON_TESTS_SERVICES_CLI_FIXTURE_H_
