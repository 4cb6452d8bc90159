// Limits of the queue's front doors over mutual TLS: what is refused, and how
// that is said.

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "baton/v1/broker_service.grpc.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "tests/support/limit_of.h"
#include "tests/support/served_broker.h"

namespace baton {
namespace {

using ::testing::ElementsAre;

constexpr char kAccess[] = R"(
  rules {
    name: "flags"
    sender_classes: AGENCY_CLASS_EMERGENCY
    recipient_classes: AGENCY_CLASS_COUNCIL
    kinds: MESSAGE_KIND_WAITING_FLAG
    purposes: PURPOSE_SAFEGUARDING
  }
)";
constexpr char kQueue[] = "council/E06000018/intake";

// The fields that `status` finds fault with.
std::vector<std::string> FaultsOf(const grpc::Status& status) {
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT)
      << status.error_message();
  google::rpc::BadRequest bad;
  const auto detail =
      FromGrpc(status).GetPayload("type.googleapis.com/google.rpc.BadRequest");
  EXPECT_TRUE(detail.has_value() && bad.ParseFromString(std::string(*detail)));
  std::vector<std::string> fields;
  for (const auto& violation : bad.field_violations()) {
    fields.push_back(violation.field());
  }
  return fields;
}

class BrokerLimitsTest : public testing::Test {
 protected:
  void SetUp() override {
    broker_.Start(absl::StrCat(kHospitalAndCouncils,
                               R"(limits {
                                    max_streams_per_agency: 2
                                    max_deliver_ahead { seconds: 86400 }
                                  })"),
                  kAccess);
    council_ = v1::BrokerService::NewStub(broker_.DialAs("council-E06000018"));
  }

  static v1::StreamingPullRequest Opening() {
    v1::StreamingPullRequest request;
    request.set_queue(kQueue);
    request.set_consumer("desk");
    request.set_max_outstanding_messages(1);
    return request;
  }
  // How a stream of these requests ends.
  grpc::Status EndOf(const std::vector<v1::StreamingPullRequest>& requests) {
    grpc::ClientContext context;
    const auto stream = council_->StreamingPull(&context);
    for (const auto& request : requests) stream->Write(request);
    v1::StreamingPullResponse response;
    while (stream->Read(&response)) {
    }
    return stream->Finish();
  }
  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::BrokerService::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request) {
    grpc::ClientContext context;
    Response response;
    return (council_.get()->*method)(&context, request, &response);
  }

  ServedBroker broker_;
  std::unique_ptr<v1::BrokerService::Stub> council_;
};

TEST_F(BrokerLimitsTest, EveryFaultOfAStreamsFirstRequestIsListed) {
  v1::StreamingPullRequest request = Opening();
  request.set_max_outstanding_messages(4097);
  request.set_max_outstanding_bytes(1);
  *request.mutable_ack_deadline() = ToProto(absl::Seconds(5));
  request.set_consumer("9990000018");
  request.add_acknowledge_ids("a-1-1");
  EXPECT_THAT(FaultsOf(EndOf({request})),
              testing::UnorderedElementsAre(
                  "max_outstanding_messages", "max_outstanding_messages",
                  "ack_deadline", "consumer", "max_outstanding_bytes",
                  "acknowledge_ids"));
}

TEST_F(BrokerLimitsTest, ALaterRequestGrantsAndAcknowledgesOnly) {
  v1::StreamingPullRequest later = Opening();
  for (int i = 0; i < 1025; ++i) later.add_acknowledge_ids("a-1-1");
  EXPECT_THAT(FaultsOf(EndOf({Opening(), later})),
              ElementsAre("acknowledge_ids", "queue"));
}

TEST_F(BrokerLimitsTest, ANackHasItsLimits) {
  v1::NackRequest request;
  request.set_queue(kQueue);
  for (int i = 0; i < 1025; ++i) request.add_ack_ids("a-1-1");
  *request.mutable_retry_delay() = ToProto(absl::Hours(25));
  request.set_reason(std::string(257, 'x'));
  EXPECT_THAT(
      FaultsOf(Call(&v1::BrokerService::Stub::Nack, request)),
      testing::UnorderedElementsAre("ack_ids", "retry_delay", "reason"));
}

TEST_F(BrokerLimitsTest, HowFarAheadAMessageMayBeDueIsConfigured) {
  v1::PublishRequest request;
  *request.add_messages()->mutable_deliver_time() =
      ToProto(absl::Now() + absl::Hours(48));
  const auto hospital =
      v1::BrokerService::NewStub(broker_.DialAs("emergency-RX1RA"));
  grpc::ClientContext context;
  v1::PublishResponse response;
  EXPECT_THAT(FaultsOf(hospital->Publish(&context, request, &response)),
              testing::Contains("messages[0].deliver_time"));
}

// Also before their first request: they have their place.
TEST_F(BrokerLimitsTest, AnAgencysStreamsAreCountedFromTheirBeginning) {
  grpc::ClientContext first;
  const auto silent = council_->StreamingPull(&first);
  v1::StreamingPullResponse heartbeat;
  EXPECT_TRUE(silent->Read(&heartbeat));  // Now it is known to be open.

  grpc::ClientContext second;
  const auto publishes = council_->StreamingPublish(&second);
  v1::StreamingPublishRequest faulty;
  faulty.add_messages();
  v1::StreamingPublishResponse refusal;
  EXPECT_TRUE(publishes->Write(faulty) && publishes->Read(&refusal));

  EXPECT_EQ(LimitOf(FromGrpc(EndOf({Opening()}))), "max_streams_per_agency");
  silent->WritesDone();
  EXPECT_TRUE(silent->Finish().ok());
  publishes->WritesDone();
  EXPECT_TRUE(publishes->Finish().ok());
}

TEST_F(BrokerLimitsTest, AnAgencysPullsThatWaitAreCounted) {
  struct Waiting {
    grpc::ClientContext context;
    v1::PullResponse response;
    grpc::Status status;
    absl::Notification done;
  };
  constexpr int kMaxWaitingPulls = 512;
  v1::PullRequest request;
  request.set_queue(kQueue);
  request.set_max_messages(1);
  *request.mutable_wait() = ToProto(absl::Seconds(60));
  std::vector<std::unique_ptr<Waiting>> waiting;
  absl::Notification refused;
  std::mutex mu;
  std::string limit;
  for (int i = 0; i < kMaxWaitingPulls + 1; ++i) {
    Waiting* const one =
        waiting.emplace_back(std::make_unique<Waiting>()).get();
    council_->async()->Pull(&one->context, &request, &one->response,
                            [one, &mu, &refused, &limit](grpc::Status status) {
                              one->status = status;
                              const std::string reached =
                                  LimitOf(FromGrpc(status));
                              {
                                const std::lock_guard lock(mu);
                                if (!reached.empty() && limit.empty()) {
                                  limit = reached;
                                  refused.Notify();
                                }
                              }
                              one->done.Notify();
                            });
  }
  EXPECT_TRUE(refused.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_EQ(limit, "max_waiting_pulls_per_agency");
  for (const auto& one : waiting) one->context.TryCancel();
  int cancelled = 0;
  for (const auto& one : waiting) {
    one->done.WaitForNotification();
    cancelled += one->status.error_code() == grpc::CANCELLED;
  }
  EXPECT_EQ(cancelled, kMaxWaitingPulls);

  // What is given up waits no more.
  *request.mutable_wait() = ToProto(absl::Milliseconds(1));
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!Call(&v1::BrokerService::Stub::Pull, request).ok()) {
    ASSERT_LT(absl::Now(), deadline);
  }
}

}  // namespace
}  // namespace baton
