#include "services/broker/doorway.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "baton/v1/broker_service.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/common/executor.h"
#include "services/common/rpc_status.h"
#include "tests/support/limit_of.h"

namespace baton {
namespace {

// A call that is a read.
class ReadingService final : public v1::BrokerService::CallbackService {
 public:
  explicit ReadingService(const Doorway* doorway) : doorway_(doorway) {}

  grpc::ServerUnaryReactor* Pull(grpc::CallbackServerContext* context,
                                 const v1::PullRequest*,
                                 v1::PullResponse*) override {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    doorway_->OnReader(reactor,
                       [reactor] { reactor->Finish(grpc::Status::OK); });
    return reactor;
  }

 private:
  const Doorway* const doorway_;
};

TEST(DoorwayTest, WhenTooManyReadsWaitTheNextIsToldTheLimit) {
  Executor readers(1, 1);
  const Doorway doorway(nullptr, nullptr, &readers);
  ReadingService service(&doorway);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto stub = v1::BrokerService::NewStub(grpc::CreateChannel(
      absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  const auto read = [&stub] {
    grpc::ClientContext context;
    v1::PullResponse response;
    return FromGrpc(stub->Pull(&context, v1::PullRequest(), &response));
  };

  absl::Notification begun;
  absl::Notification goes_on;
  ASSERT_TRUE(readers.Submit([&] {
    begun.Notify();
    goes_on.WaitForNotification();
  }));
  begun.WaitForNotification();
  absl::Notification next;
  ASSERT_TRUE(readers.Submit([&next] { next.Notify(); }));
  EXPECT_EQ(LimitOf(read()), "reads");
  goes_on.Notify();
  next.WaitForNotification();
  EXPECT_TRUE(read().ok());
}

}  // namespace
}  // namespace baton
