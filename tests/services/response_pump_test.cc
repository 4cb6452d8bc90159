#include "services/common/response_pump.h"

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "baton/v1/broker_service.grpc.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What a reactor is asked for.
struct Calls {
  void StartWrite(const int* response) { written.push_back(*response); }
  void Finish(grpc::Status status) { finished = std::move(status); }
  void TryCancel() { ++cancelled; }
  std::vector<int> written = {};
  std::optional<grpc::Status> finished = std::nullopt;
  int cancelled = 0;
};

class ResponsePumpTest : public testing::Test {
 protected:
  void Beat(int times) {
    for (int i = 0; i < times; ++i) pump_.Beat();
  }

  Calls calls_;
  ResponsePump<int> pump_{&calls_, &calls_, 3};
};

TEST_F(ResponsePumpTest, WritesOneAfterTheOtherAndFinishesWithTheLast) {
  EXPECT_TRUE(pump_.Send(1));
  EXPECT_TRUE(pump_.Send(2));
  pump_.Close(absl::OkStatus());
  EXPECT_FALSE(pump_.Send(3));
  EXPECT_THAT(calls_.written, ElementsAre(1));
  pump_.OnWriteDone(true);
  EXPECT_THAT(calls_.written, ElementsAre(1, 2));
  EXPECT_FALSE(calls_.finished.has_value());
  pump_.OnWriteDone(true);
  ASSERT_TRUE(calls_.finished.has_value());
  EXPECT_TRUE(calls_.finished->ok());
}

TEST_F(ResponsePumpTest, WhoDoesNotKeepUpIsToldTheLimit) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(pump_.Send(i));
  EXPECT_FALSE(pump_.Send(3));
  pump_.OnWriteDone(true);
  ASSERT_TRUE(calls_.finished.has_value());
  EXPECT_EQ(calls_.finished->error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(calls_.finished->error_details(),
              testing::HasSubstr("stream responses"));
  EXPECT_THAT(calls_.written, ElementsAre(0)) << "the rest is dropped";
}

TEST_F(ResponsePumpTest, WhoFetchesAnythingReads) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(pump_.Send(i));
    Beat(ResponsePump<int>::kMaxBeats - 1);
    pump_.OnWriteDone(true);
  }
  Beat(2 * ResponsePump<int>::kMaxBeats);  // Nothing waits for him.
  EXPECT_FALSE(calls_.finished.has_value());
  EXPECT_EQ(calls_.cancelled, 0);
}

TEST_F(ResponsePumpTest, WhoFetchesNothingIsToldAndThenCutOff) {
  EXPECT_TRUE(pump_.Send(1));
  Beat(ResponsePump<int>::kMaxBeats);
  EXPECT_FALSE(pump_.Send(2)) << "it is ending";
  Beat(ResponsePump<int>::kMaxEndBeats - 1);
  EXPECT_EQ(calls_.cancelled, 0);
  Beat(1);
  EXPECT_EQ(calls_.cancelled, 1);
  pump_.OnWriteDone(false);
  ASSERT_TRUE(calls_.finished.has_value());
  EXPECT_EQ(calls_.finished->error_code(), grpc::RESOURCE_EXHAUSTED);
}

TEST_F(ResponsePumpTest, TheEndHasItsOwnTime) {
  EXPECT_TRUE(pump_.Send(1));
  Beat(ResponsePump<int>::kMaxBeats - 1);
  pump_.Close(absl::UnavailableError("the service is stopping"));
  Beat(ResponsePump<int>::kMaxEndBeats - 1);
  EXPECT_EQ(calls_.cancelled, 0);
  Beat(1);
  EXPECT_EQ(calls_.cancelled, 1);
}

TEST_F(ResponsePumpTest, NothingIsDoneForACallThatIsOver) {
  EXPECT_TRUE(pump_.Send(1));
  pump_.End(absl::CancelledError("the client is gone"));
  pump_.Detach();
  Beat(2 * ResponsePump<int>::kMaxBeats);
  EXPECT_EQ(calls_.cancelled, 0);
  EXPECT_FALSE(pump_.Send(2));
}

// A server that sends more than HTTP/2 lets it, whatever it is asked: windows
// grow by themselves to some MiB, read or not.
class Torrent final : public grpc::ServerGenericBidiReactor {
 public:
  using Pump = ResponsePump<grpc::ByteBuffer>;

  Torrent(grpc::GenericCallbackServerContext* context,
          std::promise<std::shared_ptr<Pump>>* begun, std::promise<void>* over)
      : pump_(std::make_shared<Pump>(this, context, 4)), over_(over) {
    const grpc::Slice slice(std::string(64 << 20, 'x'));
    pump_->Send(grpc::ByteBuffer(&slice, 1));
    begun->set_value(pump_);
  }
  void OnWriteDone(bool ok) override { pump_->OnWriteDone(ok); }
  void OnCancel() override {
    pump_->End(absl::CancelledError("the client is gone"));
  }
  void OnDone() override {
    pump_->Detach();
    over_->set_value();
    delete this;
  }

 private:
  const std::shared_ptr<Pump> pump_;
  std::promise<void>* const over_;
};

class TorrentService final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new Torrent(context, &begun, &over);
  }
  std::promise<std::shared_ptr<Torrent::Pump>> begun;
  std::promise<void> over;
};

// With a real call: the client lives, answers pings, and never reads.
TEST(ResponsePumpOverGrpcTest, AClientThatNeverReadsKeepsNothing) {
  TorrentService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto stub = v1::BrokerService::NewStub(grpc::CreateChannel(
      "127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->StreamingPull(&context);

  const auto pump = service.begun.get_future().get();
  auto over = service.over.get_future();
  pump->Close(absl::UnavailableError("the service is stopping"));
  for (int i = 0; i < Torrent::Pump::kMaxEndBeats - 1; ++i) pump->Beat();
  EXPECT_EQ(over.wait_for(std::chrono::seconds(0)), std::future_status::timeout)
      << "its response is still to be fetched";
  pump->Beat();
  EXPECT_EQ(over.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  context.TryCancel();
  stream->Finish().IgnoreError();
  server->Shutdown();
}

}  // namespace
}  // namespace baton
