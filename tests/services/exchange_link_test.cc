#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "services/agency/grpc_exchange_link.h"
#include "services/common/clock.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"
#include "services/common/tls.h"
#include "storage/mutex.h"
#include "tests/support/test_certificates.h"

namespace baton {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(30);

// An exchange at which somebody else always takes over our stream.
class ContestedExchange final : public v1::BrokerService::Service {
 public:
  grpc::Status StreamingPull(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::StreamingPullResponse,
                               v1::StreamingPullRequest>* stream) override {
    v1::StreamingPullRequest request;
    stream->Read(&request);
    stream->Write(v1::StreamingPullResponse());
    MutexLock lock(&mu_);
    began_.push_back(absl::Now());
    changed_.SignalAll();
    return ToGrpc(WithReason(
        absl::FailedPreconditionError("a new stream of the same consumer"),
        "CONSUMER_REPLACED"));
  }

  // When the first `count` streams began.
  std::vector<absl::Time> Await(size_t count) {
    MutexLock lock(&mu_);
    const absl::Time until = absl::Now() + kDeadline;
    while (began_.size() < count && absl::Now() < until) {
      changed_.WaitWithTimeout(&mu_, until - absl::Now());
    }
    return began_;
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<absl::Time> began_ ABSL_GUARDED_BY(mu_);
};

class SilentListener final : public ExchangeListener {
 public:
  void OnHeard() override {}
  void OnWatching() override {}
  void OnConversation(const v1::Conversation&) override {}
  void OnMessages(const std::string&,
                  std::vector<v1::ReceivedMessage>) override {}
};

// Two services under one name would otherwise throw each other out twice a
// second, and no message would stay with either.
TEST(ExchangeLinkTest, WaitsLongerEachTimeItsStreamIsTakenOver) {
  const TestCertificates certificates;
  ContestedExchange exchange;
  const auto credentials =
      MutualTlsServer(certificates.FilesOf("exchange-baton"));
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  grpc::ServerBuilder builder;
  builder.RegisterService(&exchange);
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", *credentials, &port);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();

  SystemClock clock;
  AgencyLoop loop(nullptr, &clock);
  v1::ExchangeConfig config;
  config.set_address(absl::StrCat("127.0.0.1:", port));
  config.set_server_name("localhost");
  auto link = GrpcExchangeLink::Create(
      config, certificates.FilesOf("council-E06000018"), "desk", &loop);
  ASSERT_TRUE(link.ok()) << link.status();
  SilentListener listener;
  (*link)->Listen(&listener, {"council/E06000018/intake"});

  const std::vector<absl::Time> began = exchange.Await(3);
  ASSERT_GE(began.size(), 3u);
  EXPECT_GE(began[1] - began[0], absl::Seconds(1));
  EXPECT_GE(began[2] - began[1], absl::Seconds(2));
  link->reset();
  server->Shutdown();
}

}  // namespace
}  // namespace baton
