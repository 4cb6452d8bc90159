// What an operator sees of an exchange, and what happens when it is stopped:
// whole but for main(), over mutual TLS and on the admin listener.

#include <atomic>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/synchronization/notification.h"
#include "baton/v1/broker_service.grpc.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "tests/support/ailing_disk.h"
#include "tests/support/http_client.h"
#include "tests/support/limit_of.h"
#include "tests/support/served_broker.h"

namespace baton {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kHospital[] = "emergency-RX1RA";
constexpr char kCouncil[] = "council-E06000018";
constexpr char kQueue[] = "council/E06000018/intake";
constexpr char kReflection[] =
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr char kListServices[] = "\x3a\x01*";  // list_services: "*"
constexpr char kChannelz[] = "/grpc.channelz.v1.Channelz/GetServers";

constexpr char kAgencies[] = R"(
  agencies {
    agency { agency_class: AGENCY_CLASS_EMERGENCY code: "RX1RA" }
    desks { name: "replies" }
  }
  agencies {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
    phone: "0115 496 0200"
    desks { name: "intake" }
  }
  unknown_recipient_desk {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
    desk: "intake"
  }
  admin { http_address: "127.0.0.1:0" grpc_address: "127.0.0.1:0" }
)";

constexpr char kAccess[] = R"(
  rules {
    name: "flags"
    sender_classes: [AGENCY_CLASS_EMERGENCY]
    recipient_classes: [AGENCY_CLASS_COUNCIL]
    kinds: [MESSAGE_KIND_WAITING_FLAG]
    purposes: PURPOSE_SAFEGUARDING
  }
)";

void SetDeadline(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::minutes(1));
}

// Calls by name and in bytes what has no stub here.
absl::StatusOr<std::string> CallBytes(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
    const std::string& bytes) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  SetDeadline(&context);
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  absl::Notification done;
  stub.UnaryCall(&context, method, {}, &request, &response,
                 [&](grpc::Status result) {
                   status = std::move(result);
                   done.Notify();
                 });
  done.WaitForNotification();
  if (!status.ok()) return FromGrpc(status);
  grpc::Slice whole;
  (void)response.DumpToSingleSlice(&whole);
  return std::string(reinterpret_cast<const char*>(whole.begin()),
                     whole.size());
}

// As long as an exchange may take to see that its disk has room again.
template <typename Condition>
void Until(Condition condition) {
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (!condition()) {
    ASSERT_LT(absl::Now(), deadline) << "not within 60 s";
  }
}

class BrokerOperationsTest : public testing::Test {
 protected:
  void SetUp() override {
    broker_.Start(kAgencies, kAccess, disk_);
    hospital_ = v1::BrokerService::NewStub(broker_.DialAs(kHospital));
    council_ = v1::BrokerService::NewStub(broker_.DialAs(kCouncil));
    admin_ = grpc::CreateChannel(
        absl::StrCat("127.0.0.1:", broker_.broker()->admin_grpc_port()),
        grpc::InsecureChannelCredentials());
  }

  grpc::Status Publish(v1::Priority priority = v1::PRIORITY_URGENT) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::PublishRequest request;
    *request.add_messages() = broker_.Flag(kQueue);
    request.mutable_messages(0)->set_priority(priority);
    v1::PublishResponse response;
    return hospital_->Publish(&context, request, &response);
  }

  // The ack_id of the next message.
  std::string Pull() {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::PullRequest request;
    request.set_queue(kQueue);
    request.set_max_messages(1);
    v1::PullResponse response;
    const grpc::Status status = council_->Pull(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.received_messages_size(), 1);
    return response.received_messages().empty()
               ? ""
               : response.received_messages(0).ack_id();
  }
  grpc::Status Acknowledge(const std::string& ack_id) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::AcknowledgeRequest request;
    request.set_queue(kQueue);
    request.add_ack_ids(ack_id);
    v1::AcknowledgeResponse response;
    return council_->Acknowledge(&context, request, &response);
  }

  std::string Page(const std::string& path) {
    return HttpGet(broker_.broker()->admin_http_port(), path);
  }

  // Of a line of /metrics that begins with `name`, labels and all.
  double Metric(const std::string& name) {
    const std::string page = Page("/metrics");
    const size_t at = page.find(absl::StrCat("\n", name, " "));
    double value = -1;
    if (at != std::string::npos) {
      const size_t from = at + name.size() + 2;
      EXPECT_TRUE(absl::SimpleAtod(
          page.substr(from, page.find('\n', from) - from), &value));
    }
    return value;
  }
  double Published() {
    return Metric("baton_audit_entries_total{type=\"published\"}");
  }

  HealthCheckResponse::ServingStatus Check(
      const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    SetDeadline(&context);
    HealthCheckRequest request;
    request.set_service("baton.v1.BrokerService");
    HealthCheckResponse response;
    const grpc::Status status =
        Health::NewStub(channel)->Check(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }

  const std::shared_ptr<AilingDisk> disk_ = std::make_shared<AilingDisk>();
  ServedBroker broker_;
  std::unique_ptr<v1::BrokerService::Stub> hospital_;
  std::unique_ptr<v1::BrokerService::Stub> council_;
  std::shared_ptr<grpc::Channel> admin_;
};

TEST_F(BrokerOperationsTest, ALowDiskKeepsRoomForDangerAndForWhatWasBegun) {
  ASSERT_TRUE(Publish().ok());
  disk_->SetFreeBytes(512 << 20);
  grpc::Status refused;
  Until([&] { return !(refused = Publish()).ok(); });
  EXPECT_EQ(LimitOf(FromGrpc(refused)), "min_free_disk_bytes");
  EXPECT_THAT(refused.error_message(), HasSubstr("disk is low"));
  EXPECT_EQ(Metric("baton_disk_low"), 1);
  EXPECT_TRUE(Publish(v1::PRIORITY_IMMEDIATE_DANGER).ok());
  disk_->SetFreeBytes(1 << 20);
  Until([&] { return !Publish(v1::PRIORITY_IMMEDIATE_DANGER).ok(); });

  EXPECT_TRUE(Acknowledge(Pull()).ok());

  disk_->SetFreeBytes(std::nullopt);
  Until([&] { return Publish().ok(); });
  EXPECT_EQ(Metric("baton_disk_low"), 0);
}

TEST_F(BrokerOperationsTest, MetricsCountWhatHappens) {
  EXPECT_THAT(Page("/metrics"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(Published(), 0);
  const double commits = Metric("baton_commit_duration_seconds_count");
  const double size = Metric("baton_audit_tree_size");
  ASSERT_TRUE(Publish().ok());
  ASSERT_TRUE(Publish().ok());
  EXPECT_EQ(Published(), 2);
  EXPECT_EQ(Metric("baton_commit_duration_seconds_count"), commits + 2);
  EXPECT_EQ(Metric("baton_audit_tree_size"), size + 4);  // And its holder.
  EXPECT_GT(Metric("baton_disk_free_bytes"), 0);
  EXPECT_EQ(Metric("baton_disk_low"), 0);

  EXPECT_EQ(Metric("baton_open_streams"), 0);
  grpc::ClientContext context;
  const auto stream = hospital_->StreamingPublish(&context);
  while (Metric("baton_open_streams") != 1) {
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(BrokerOperationsTest, AnUrgentMessageThatNobodyTakesIsShown) {
  const std::string oldest =
      absl::StrCat("baton_queue_oldest_urgent_seconds{queue=\"", kQueue, "\"}");
  EXPECT_EQ(Metric("baton_exchange_answers"), 1);
  EXPECT_EQ(Metric(oldest), 0);
  ASSERT_TRUE(Publish(v1::PRIORITY_ROUTINE).ok());
  EXPECT_EQ(Metric(oldest), 0);
  ASSERT_TRUE(Publish(v1::PRIORITY_URGENT).ok());
  EXPECT_GT(Metric(oldest), 0);
  EXPECT_EQ(Metric(absl::StrCat("baton_queue_messages{queue=\"", kQueue,
                                "\",state=\"ready\"}")),
            2);
  const std::string urgent = Pull();
  EXPECT_GT(Metric(oldest), 0) << "with a consumer, and not acknowledged";
  EXPECT_TRUE(Acknowledge(urgent).ok());
  EXPECT_EQ(Metric(oldest), 0);
}

TEST_F(BrokerOperationsTest, AScrapeIsAnsweredWhileTheDiskHangs) {
  disk_->Hang(true);
  std::thread publisher([this] { EXPECT_TRUE(Publish().ok()); });
  std::string page;
  do {
    const absl::Duration begun = broker_.clock().Now().steady;
    page = Page("/metrics");
    EXPECT_LT(broker_.clock().Now().steady - begun, absl::Seconds(2));
  } while (!absl::StrContains(page, "\nbaton_exchange_answers 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("baton_queue_")));
  EXPECT_THAT(page, HasSubstr("baton_audit_tree_size"));
  disk_->Hang(false);
  publisher.join();
  while (Metric("baton_exchange_answers") != 1) {
  }
}

TEST_F(BrokerOperationsTest, ReflectionAndChannelzAreOnTheAdminListenerAlone) {
  const auto listed = CallBytes(admin_, kReflection, kListServices);
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_THAT(*listed, HasSubstr("grpc.health.v1.Health"));
  EXPECT_THAT(*listed, HasSubstr("grpc.channelz.v1.Channelz"));
  EXPECT_TRUE(CallBytes(admin_, kChannelz, "").ok());

  const auto front = broker_.DialAs(kHospital);
  for (const auto& [method, request] :
       {std::pair(kReflection, kListServices), std::pair(kChannelz, "")}) {
    EXPECT_EQ(CallBytes(front, method, request).status().code(),
              absl::StatusCode::kUnimplemented)
        << method;
  }
  // Nor is what the front doors do to be had in plain text.
  EXPECT_EQ(
      CallBytes(admin_, "/baton.v1.BrokerService/Publish", "").status().code(),
      absl::StatusCode::kUnimplemented);
}

TEST_F(BrokerOperationsTest, HealthIsOnBothListenersAndEndsWithTheStop) {
  EXPECT_EQ(Check(admin_), HealthCheckResponse::SERVING);
  EXPECT_EQ(Check(broker_.DialAs(kHospital)), HealthCheckResponse::SERVING);
  EXPECT_THAT(Page("/healthz"), StartsWith("HTTP/1.1 200 "));

  grpc::ClientContext context;
  SetDeadline(&context);
  const auto watch =
      Health::NewStub(broker_.DialAs(kHospital))->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);

  broker_.broker()->Stop();
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(Check(admin_), HealthCheckResponse::NOT_SERVING);
  EXPECT_THAT(Page("/healthz"), StartsWith("HTTP/1.1 503 "));
}

// Clients that publish until they are told to come back.
class Publishers {
 public:
  Publishers(v1::BrokerService::Stub* stub, std::function<v1::Message()> flag)
      : stub_(stub), flag_(std::move(flag)) {
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back([this] { Call(); });
      threads_.emplace_back([this] { Stream(); });
    }
  }
  ~Publishers() { Join(); }

  void AwaitReceipts(int count) {
    while (receipts_ < count) std::this_thread::yield();
  }
  void Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  int receipts() const { return receipts_; }

 private:
  void Call() {
    while (true) {
      grpc::ClientContext context;
      SetDeadline(&context);
      v1::PublishRequest request;
      *request.add_messages() = flag_();
      v1::PublishResponse response;
      const grpc::Status status = stub_->Publish(&context, request, &response);
      if (!status.ok()) {
        // CANCELLED: met gRPC's door while it closed.
        EXPECT_THAT(status.error_code(),
                    AnyOf(grpc::UNAVAILABLE, grpc::CANCELLED))
            << status.error_message();
        return;
      }
      ++receipts_;
    }
  }

  void Stream() {
    grpc::ClientContext context;
    SetDeadline(&context);
    const auto stream = stub_->StreamingPublish(&context);
    std::thread writer([&] {
      v1::StreamingPublishRequest request;
      do {
        request.Clear();
        *request.add_messages() = flag_();
      } while (stream->Write(request));
    });
    v1::StreamingPublishResponse response;
    while (stream->Read(&response)) {
      for (const v1::PublishResult& result : response.results()) {
        if (result.has_receipt()) ++receipts_;
      }
    }
    writer.join();
    CheckEnd(stream->Finish());
  }

  static void CheckEnd(const grpc::Status& status) {
    EXPECT_EQ(status.error_code(), grpc::UNAVAILABLE) << status.error_message();
    google::rpc::Status details;
    google::rpc::RetryInfo retry;
    ASSERT_TRUE(details.ParseFromString(status.error_details()));
    ASSERT_EQ(details.details_size(), 1) << status.error_message();
    ASSERT_TRUE(details.details(0).UnpackTo(&retry));
    EXPECT_GT(FromProto(retry.retry_delay()), absl::ZeroDuration());
  }

  v1::BrokerService::Stub* const stub_;
  const std::function<v1::Message()> flag_;
  std::atomic<int> receipts_{0};
  std::vector<std::thread> threads_;
};

TEST_F(BrokerOperationsTest, UnderLoadEveryMessageTakenHasItsReceiptAtTheStop) {
  Publishers publishers(hospital_.get(),
                        [this] { return broker_.Flag(kQueue); });
  publishers.AwaitReceipts(500);
  broker_.broker()->Stop();
  publishers.Join();
  EXPECT_EQ(Published(), publishers.receipts());
  EXPECT_TRUE(broker_.broker()->Wait().ok());
}

TEST_F(BrokerOperationsTest, APullThatWaitsDoesNotHoldUpTheStop) {
  grpc::Status ended;
  std::thread puller([&] {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::PullRequest request;
    request.set_queue(kQueue);
    request.set_max_messages(1);
    *request.mutable_wait() = ToProto(absl::Seconds(60));
    v1::PullResponse response;
    ended = v1::BrokerService::NewStub(broker_.DialAs(kCouncil))
                ->Pull(&context, request, &response);
  });
  while (Metric("baton_waiting_pulls") != 1) {
  }
  const absl::Duration begun = broker_.clock().Now().steady;
  broker_.broker()->Stop();
  EXPECT_LT(broker_.clock().Now().steady - begun, Broker::kDrainGrace);
  puller.join();
  EXPECT_EQ(ended.error_code(), grpc::UNAVAILABLE) << ended.error_message();
}

}  // namespace
}  // namespace baton
