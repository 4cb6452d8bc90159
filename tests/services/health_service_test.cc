#include "services/common/health_service.h"

#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

// Somebody who watches a service.
class Watch {
 public:
  Watch(Health::Stub* stub, const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    reader_ = stub->Watch(&context_, request);
  }
  ~Watch() { context_.TryCancel(); }

  HealthCheckResponse::ServingStatus Next() {
    HealthCheckResponse response;
    return reader_->Read(&response) ? response.status()
                                    : HealthCheckResponse::UNKNOWN;
  }

  grpc::Status End() {
    while (Next() != HealthCheckResponse::UNKNOWN) {
    }
    return reader_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
};

class HealthServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    stub_ = Health::NewStub(server_->InProcessChannel({}));
  }
  void TearDown() override {
    health_.EndWatches();
    server_->Shutdown();
  }

  grpc::Status Check(const std::string& service,
                     HealthCheckResponse* response) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    return stub_->Check(&context, request, response);
  }

  HealthService health_{{"baton.v1.BrokerService"}};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Health::Stub> stub_;
};

TEST_F(HealthServiceTest, SaysForEachServiceWhetherTheProcessServes) {
  HealthCheckResponse response;
  for (const char* service : {"", "baton.v1.BrokerService"}) {
    health_.SetServing(false);
    ASSERT_TRUE(Check(service, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
    health_.SetServing(true);
    ASSERT_TRUE(Check(service, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  }
  EXPECT_EQ(Check("baton.v1.Nothing", &response).error_code(), grpc::NOT_FOUND);
}

TEST_F(HealthServiceTest, WatchersHearEveryChangeAndTheEnd) {
  Watch watch(stub_.get(), "baton.v1.BrokerService");
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  health_.SetServing(true);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
  health_.SetServing(true);
  health_.SetServing(false);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  health_.EndWatches();
  EXPECT_EQ(watch.End().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(Watch(stub_.get(), "").End().error_code(), grpc::UNAVAILABLE);
}

TEST_F(HealthServiceTest, AnUnknownServiceIsWatchedInVain) {
  Watch watch(stub_.get(), "baton.v1.Nothing");
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVICE_UNKNOWN);
  health_.SetServing(true);
  health_.EndWatches();
  EXPECT_EQ(watch.Next(),
            HealthCheckResponse::UNKNOWN);  // Nothing but the end.
}

TEST_F(HealthServiceTest, TooManyWatchersAreRefused) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (size_t i = 0; i < HealthService::kMaxWatchers; ++i) {
    watches.push_back(std::make_unique<Watch>(stub_.get(), ""));
    ASSERT_EQ(watches.back()->Next(), HealthCheckResponse::NOT_SERVING);
  }
  EXPECT_EQ(Watch(stub_.get(), "").End().error_code(),
            grpc::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace baton
