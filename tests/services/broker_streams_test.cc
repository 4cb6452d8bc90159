// The queue's front doors over mutual TLS: streams of messages in both
// directions, and what a message's life looks like from outside.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "baton/v1/broker_service.grpc.pb.h"
#include "baton/v1/tracking_service.grpc.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/broker/publish_stream.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "tests/support/served_broker.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

constexpr char kHospital[] = "emergency-RX1RA";
constexpr char kCouncil[] = "council-E06000018";
constexpr char kCounty[] = "council-E10000024";
constexpr char kQueue[] = "council/E06000018/intake";

constexpr char kAccess[] = R"(
  rules {
    name: "flags and updates"
    sender_classes: [AGENCY_CLASS_EMERGENCY, AGENCY_CLASS_COUNCIL]
    recipient_classes: [AGENCY_CLASS_EMERGENCY, AGENCY_CLASS_COUNCIL]
    kinds: [MESSAGE_KIND_WAITING_FLAG]
    purposes: PURPOSE_SAFEGUARDING
  }
)";

class BrokerStreamsTest : public testing::Test {
 protected:
  void SetUp() override {
    broker_.Start(absl::StrCat(kHospitalAndCouncils, limits_), kAccess);
    hospital_ = v1::BrokerService::NewStub(broker_.DialAs(kHospital));
    council_ = v1::BrokerService::NewStub(broker_.DialAs(kCouncil));
  }

  v1::Message Flag(const std::string& to = kQueue) { return broker_.Flag(to); }

  v1::ReceivedMessage Pull() {
    grpc::ClientContext context;
    v1::PullRequest request;
    request.set_queue(kQueue);
    request.set_max_messages(1);
    *request.mutable_wait() = ToProto(absl::Seconds(30));
    v1::PullResponse response;
    const grpc::Status status = council_->Pull(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.received_messages_size() == 1
               ? response.received_messages(0)
               : v1::ReceivedMessage();
  }

  v1::PublishReceipt Publish(const v1::Message& message) {
    grpc::ClientContext context;
    v1::PublishRequest request;
    *request.add_messages() = message;
    v1::PublishResponse response;
    const grpc::Status status =
        hospital_->Publish(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.receipts_size() == 1 ? response.receipts(0)
                                         : v1::PublishReceipt();
  }

  // The first request of a stream that takes one message at a time.
  static v1::StreamingPullRequest Opening(const std::string& consumer) {
    v1::StreamingPullRequest request;
    request.set_queue(kQueue);
    request.set_max_outstanding_messages(1);
    request.set_consumer(consumer);
    return request;
  }
  using PullStream =
      grpc::ClientReaderWriterInterface<v1::StreamingPullRequest,
                                        v1::StreamingPullResponse>;
  // The next message that comes.
  static v1::ReceivedMessage NextOf(PullStream* stream) {
    v1::StreamingPullResponse response;
    while (response.received_messages().empty()) {
      if (!stream->Read(&response)) {
        ADD_FAILURE() << "the stream has ended";
        return {};
      }
    }
    return response.received_messages(0);
  }

  grpc::Status GetMessage(const char* who, const std::string& message_id,
                          v1::GetMessageResponse* response) {
    const auto tracking = v1::TrackingService::NewStub(broker_.DialAs(who));
    grpc::ClientContext context;
    v1::GetMessageRequest request;
    request.set_message_id(message_id);
    return tracking->GetMessage(&context, request, response);
  }

  std::string limits_;  // More of the configuration; before SetUp().
  ServedBroker broker_;
  std::unique_ptr<v1::BrokerService::Stub> hospital_;
  std::unique_ptr<v1::BrokerService::Stub> council_;
};

// Far more at once than may wait for a result, and one that is refused.
TEST_F(BrokerStreamsTest, EveryMessageOfAStreamHasItsResultInOrder) {
  grpc::ClientContext context;
  const auto stream = hospital_->StreamingPublish(&context);
  constexpr int kRequests = 3 * static_cast<int>(PublishStream::kMaxWaiting);
  constexpr int kBad = 100;
  for (int i = 0; i < kRequests; ++i) {
    v1::StreamingPublishRequest request;
    *request.add_messages() = Flag();
    *request.add_messages() = Flag();
    if (i == kBad) {
      request.mutable_messages(1)->set_purpose(v1::PURPOSE_UNSPECIFIED);
    }
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  std::vector<v1::PublishResult> results;
  v1::StreamingPublishResponse response;
  while (stream->Read(&response)) {
    results.insert(results.end(), response.results().begin(),
                   response.results().end());
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(results.size(), 2u * kRequests);
  uint64_t last = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (i == 2 * kBad + 1) continue;
    ASSERT_TRUE(results[i].has_receipt()) << i << results[i].DebugString();
    const uint64_t sequence =
        ParseMessageId(results[i].receipt().message_id()).value();
    ASSERT_GT(sequence, last) << i;
    last = sequence;
  }
  const v1::PublishRefusal& refusal = results[2 * kBad + 1].refusal();
  EXPECT_EQ(refusal.code(), static_cast<int>(grpc::INVALID_ARGUMENT));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(refusal.status()));
  google::rpc::BadRequest faults;
  ASSERT_TRUE(details.details(0).UnpackTo(&faults));
  EXPECT_EQ(faults.field_violations(0).field(), "messages[0].purpose");
}

TEST_F(BrokerStreamsTest, ARequestOfAStreamThatIsTooLargeEndsIt) {
  grpc::ClientContext context;
  const auto stream = hospital_->StreamingPublish(&context);
  v1::StreamingPublishRequest request;
  for (int i = 0; i < 65; ++i) *request.add_messages() = Flag();
  stream->Write(request);
  v1::StreamingPublishResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
}

TEST_F(BrokerStreamsTest, ARepeatOnAStreamIsAnsweredWithTheFirstReceipt) {
  grpc::ClientContext context;
  const auto stream = hospital_->StreamingPublish(&context);
  v1::StreamingPublishRequest request;
  *request.add_messages() = Flag();
  *request.add_messages() = request.messages(0);
  ASSERT_TRUE(stream->Write(request));
  stream->WritesDone();
  v1::StreamingPublishResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.results_size(), 2);
  EXPECT_FALSE(response.results(0).receipt().repeat());
  EXPECT_TRUE(response.results(1).receipt().repeat());
  EXPECT_EQ(response.results(0).receipt().message_id(),
            response.results(1).receipt().message_id());
}

// An exchange with room for one command.
class BusyBrokerStreamsTest : public BrokerStreamsTest {
 protected:
  BusyBrokerStreamsTest() { limits_ = "limits { max_pending_commands: 1 }"; }
};

// A result names no request: repeats tell which were published.
TEST_F(BusyBrokerStreamsTest, ResultsStayInOrderWhenThereIsNoRoomForSome) {
  grpc::ClientContext context;
  const auto stream = hospital_->StreamingPublish(&context);
  std::vector<v1::Message> sent;
  std::vector<v1::PublishResult> results;
  size_t refused = 0;
  for (int round = 0; round < 100 && refused == 0; ++round) {
    for (size_t i = 0; i < PublishStream::kMaxWaiting; ++i) {
      sent.push_back(Flag());
      v1::StreamingPublishRequest request;
      *request.add_messages() = sent.back();
      ASSERT_TRUE(stream->Write(request));
    }
    v1::StreamingPublishResponse response;
    while (results.size() < sent.size()) {
      ASSERT_TRUE(stream->Read(&response));
      ASSERT_EQ(response.results_size(), 1);
      results.push_back(response.results(0));
      refused += results.back().has_refusal() ? 1 : 0;
    }
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  ASSERT_GT(refused, 0u);
  ASSERT_LT(refused, results.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    SCOPED_TRACE(i);
    const v1::PublishReceipt repeat = Publish(sent[i]);
    EXPECT_EQ(repeat.repeat(), results[i].has_receipt());
    if (results[i].has_receipt()) {
      EXPECT_EQ(repeat.message_id(), results[i].receipt().message_id());
    } else {
      EXPECT_EQ(results[i].refusal().code(),
                static_cast<int>(grpc::RESOURCE_EXHAUSTED));
    }
  }
}

// Complaint of others' users: no way to trace one message.
TEST_F(BrokerStreamsTest, AMessagesWholeLifeCanBeRead) {
  const v1::PublishReceipt published = Publish(Flag());
  const std::string id = published.message_id();

  grpc::ClientContext nack;
  v1::NackRequest back;
  back.set_queue(kQueue);
  back.add_ack_ids(Pull().ack_id());
  back.set_reason("disk full");
  *back.mutable_retry_delay() = ToProto(absl::ZeroDuration());
  v1::NackResponse given_back;
  ASSERT_TRUE(council_->Nack(&nack, back, &given_back).ok());
  const v1::ReceivedMessage again = Pull();
  EXPECT_EQ(again.delivery_attempt(), 2);

  v1::GetMessageResponse life;
  ASSERT_TRUE(GetMessage(kHospital, id, &life).ok());
  EXPECT_EQ(life.conversation_id(), published.conversation_id());
  EXPECT_EQ(life.audit_index(), published.audit_index());
  ASSERT_EQ(life.entry().deliveries_size(), 1);
  const v1::Delivery& copy = life.entry().deliveries(0);
  EXPECT_EQ(copy.state(), v1::DELIVERY_STATE_LEASED);
  EXPECT_EQ(copy.delivery_attempt(), 2);
  ASSERT_EQ(copy.attempts_size(), 1);
  EXPECT_EQ(copy.attempts(0).reason(), "disk full");

  // Settled together with the answer.
  grpc::ClientContext both;
  v1::AcknowledgeAndPublishRequest settle;
  settle.set_queue(kQueue);
  settle.add_ack_ids(again.ack_id());
  *settle.add_messages() = Flag("emergency/RX1RA/replies");
  v1::AcknowledgeAndPublishResponse settled;
  const grpc::Status done =
      council_->AcknowledgeAndPublish(&both, settle, &settled);
  ASSERT_TRUE(done.ok()) << done.error_message();
  EXPECT_EQ(settled.receipts_size(), 1);
  ASSERT_TRUE(GetMessage(kCouncil, id, &life).ok());
  EXPECT_EQ(life.entry().deliveries(0).state(),
            v1::DELIVERY_STATE_ACKNOWLEDGED);
  ASSERT_EQ(life.entry().deliveries(0).attempts_size(), 1);
  EXPECT_EQ(life.entry().deliveries(0).attempts(0).reason(), "disk full");

  // A lease that has ended: nothing is published.
  grpc::ClientContext late;
  settle.set_ack_ids(0, "a-77-1");
  settle.mutable_messages(0)->set_idempotency_key("another");
  const grpc::Status refused =
      council_->AcknowledgeAndPublish(&late, settle, &settled);
  EXPECT_EQ(refused.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("nothing was published"));
}

TEST_F(BrokerStreamsTest, AMessageOfOthersIsNotFoundAsOneThatIsNotThere) {
  const std::string of_others = Publish(Flag()).message_id();
  const std::string of_nobody =
      MessageId(ParseMessageId(of_others).value() + 1000);
  const auto ask = [this](const std::string& id) {
    v1::GetMessageResponse response;
    const grpc::Status status = GetMessage(kCounty, id, &response);
    EXPECT_EQ(response.ByteSizeLong(), 0u);
    EXPECT_EQ(status.error_code(), grpc::NOT_FOUND);
    return std::vector<std::string>{
        absl::StrReplaceAll(status.error_message(), {{id, "ID"}}),
        absl::StrReplaceAll(status.error_details(), {{id, "ID"}})};
  };
  EXPECT_EQ(ask(of_others), ask(of_nobody));
}

TEST_F(BrokerStreamsTest, AnAnswerThatIsHeldBackSaysByWhichLeases) {
  Publish(Flag());
  const std::string held = Pull().ack_id();
  v1::AcknowledgeAndPublishRequest request;
  request.set_queue(kQueue);
  for (const std::string& id :
       {std::string("a-77-1"), held, std::string("a-78-2")}) {
    request.add_ack_ids(id);
  }
  *request.add_messages() = Flag("emergency/RX1RA/replies");
  grpc::ClientContext context;
  v1::AcknowledgeAndPublishResponse response;
  const grpc::Status status =
      council_->AcknowledgeAndPublish(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::FAILED_PRECONDITION);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  google::rpc::PreconditionFailure failures;
  ASSERT_TRUE(details.details(0).UnpackTo(&failures));
  ASSERT_EQ(failures.violations_size(), 2);
  EXPECT_EQ(failures.violations(0).subject(), "a-77-1");
  EXPECT_EQ(failures.violations(1).subject(), "a-78-2");
}

// The lease is of the agency, not of the stream; whose credit it used gets it
// back.
TEST_F(BrokerStreamsTest, AnAckIdHoldsOnAnotherStream) {
  grpc::ClientContext one_context;
  grpc::ClientContext other_context;
  const auto one = council_->StreamingPull(&one_context);
  ASSERT_TRUE(one->Write(Opening("mash-1")));
  const v1::PublishReceipt first = Publish(Flag());
  const v1::ReceivedMessage received = NextOf(one.get());
  EXPECT_EQ(received.message().message_id(), first.message_id());
  const auto other = council_->StreamingPull(&other_context);
  ASSERT_TRUE(other->Write(Opening("mash-2")));
  const v1::PublishReceipt second = Publish(Flag());
  EXPECT_EQ(NextOf(other.get()).message().message_id(), second.message_id());
  v1::StreamingPullRequest acknowledge;
  acknowledge.add_acknowledge_ids(received.ack_id());
  ASSERT_TRUE(other->Write(acknowledge));
  v1::StreamingPullResponse response;
  while (response.settled().empty()) ASSERT_TRUE(other->Read(&response));
  EXPECT_TRUE(response.settled(0).settled()) << response.settled(0).error();
  EXPECT_EQ(response.settled(0).ack_id(), received.ack_id());
  // The other one still holds the second message: only the first has credit.
  const v1::PublishReceipt third = Publish(Flag());
  EXPECT_EQ(NextOf(one.get()).message().message_id(), third.message_id());
  one_context.TryCancel();
  other_context.TryCancel();
}

TEST_F(BrokerStreamsTest, ALaterRequestGrantsMore) {
  Publish(Flag());
  const std::string second = Publish(Flag()).message_id();
  grpc::ClientContext context;
  const auto stream = council_->StreamingPull(&context);
  stream->Write(Opening("desk"));
  NextOf(stream.get());
  v1::StreamingPullRequest more;
  more.set_max_outstanding_messages(2);
  stream->Write(more);
  EXPECT_EQ(NextOf(stream.get()).message().message_id(), second)
      << "nothing was acknowledged";
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

// Whoever floods waits with his own flood, whatever he sends meanwhile.
TEST_F(BrokerStreamsTest, AFloodDelaysAnothersUrgentMessageByATurnOrTwo) {
  const auto county = v1::BrokerService::NewStub(broker_.DialAs(kCounty));
  v1::PublishRequest flood;
  const auto pour = [&] {
    flood.clear_messages();
    for (int i = 0; i < 32; ++i) {
      *flood.add_messages() = Flag();
      flood.mutable_messages(i)->set_priority(v1::PRIORITY_URGENT);
    }
    grpc::ClientContext context;
    v1::PublishResponse response;
    return county->Publish(&context, flood, &response);
  };
  ASSERT_TRUE(pour().ok());
  std::atomic<bool> enough = false;
  std::thread flooding([&] {
    while (!enough) EXPECT_TRUE(pour().ok());
  });
  for (int round = 0; round < 10; ++round) {
    v1::Message urgent = Flag();
    urgent.set_priority(v1::PRIORITY_URGENT);
    const std::string id = Publish(urgent).message_id();
    int turns = 1;
    while (Pull().message().message_id() != id && turns < 10) ++turns;
    EXPECT_LE(turns, 2);
  }
  enough = true;
  flooding.join();
}

TEST_F(BrokerStreamsTest, AnExclusiveStreamIsAlone) {
  v1::StreamingPullRequest request = Opening("mash-1");
  request.set_exclusive(true);
  grpc::ClientContext one_context;
  const auto one = council_->StreamingPull(&one_context);
  ASSERT_TRUE(one->Write(request));
  Publish(Flag());
  NextOf(one.get());
  grpc::ClientContext other_context;
  const auto other = council_->StreamingPull(&other_context);
  ASSERT_TRUE(other->Write(Opening("mash-2")));
  v1::StreamingPullResponse response;
  while (other->Read(&response)) {
  }
  const grpc::Status refused = other->Finish();
  EXPECT_EQ(refused.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(),
              HasSubstr("consumed exclusively by consumer mash-1"));
  one_context.TryCancel();
}

TEST_F(BrokerStreamsTest, AnExtendedLeaseEndsWhenItSays) {
  Publish(Flag());
  const v1::ReceivedMessage received = Pull();
  v1::ModifyAckDeadlineRequest request;
  request.set_queue(kQueue);
  request.add_ack_ids(received.ack_id());
  *request.mutable_ack_deadline() = ToProto(absl::Seconds(600));
  v1::ModifyAckDeadlineResponse response;
  {
    grpc::ClientContext context;
    const grpc::Status status =
        council_->ModifyAckDeadline(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  EXPECT_GT(FromProto(response.lease_expire_time()),
            FromProto(received.lease_expire_time()) + absl::Seconds(500));
  v1::AcknowledgeRequest acknowledge;
  acknowledge.set_queue(kQueue);
  acknowledge.add_ack_ids(received.ack_id());
  v1::AcknowledgeResponse done;
  grpc::ClientContext context;
  const grpc::Status status =
      council_->Acknowledge(&context, acknowledge, &done);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(BrokerStreamsTest, AStreamThatIsReplacedIsToldBeforeItEnds) {
  const v1::StreamingPullRequest request = Opening("mash-1");
  grpc::ClientContext first_context;
  const auto first = council_->StreamingPull(&first_context);
  ASSERT_TRUE(first->Write(request));
  // It is there once a message has come.
  Publish(Flag());
  v1::StreamingPullResponse response;
  while (response.received_messages().empty()) {
    ASSERT_TRUE(first->Read(&response));
  }
  grpc::ClientContext second_context;
  const auto second = council_->StreamingPull(&second_context);
  ASSERT_TRUE(second->Write(request));
  while (response.notices().empty()) ASSERT_TRUE(first->Read(&response));
  EXPECT_EQ(response.notices(0).code(), v1::NOTICE_CODE_REPLACED);
  while (first->Read(&response)) {
  }
  const grpc::Status ended = first->Finish();
  EXPECT_EQ(ended.error_code(), grpc::FAILED_PRECONDITION);
  second_context.TryCancel();
}

// --- Loads.

// What the streams of one queue got, together. Thread-safe.
class Received {
 public:
  void Add(const v1::StreamingPullResponse& response) {
    std::lock_guard<std::mutex> lock(mu_);
    for (const v1::ReceivedMessage& message : response.received_messages()) {
      ++times_[message.message().message_id()];
    }
    changed_.notify_all();
  }
  // How often each message came, once `count` of them have; what there is
  // when they have not within a minute.
  std::map<std::string, int> Await(size_t count) {
    std::unique_lock<std::mutex> lock(mu_);
    changed_.wait_for(lock, std::chrono::minutes(1),
                      [&] { return times_.size() >= count; });
    return times_;
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::map<std::string, int> times_;
};

// A consumer that acknowledges nothing.
class Waiting final
    : public grpc::ClientBidiReactor<v1::StreamingPullRequest,
                                     v1::StreamingPullResponse> {
 public:
  Waiting(v1::BrokerService::Stub* stub, const std::string& consumer,
          Received* received)
      : received_(received) {
    request_.set_queue(kQueue);
    request_.set_consumer(consumer);
    request_.set_max_outstanding_messages(1);
    stub->async()->StreamingPull(&context_, this);
    StartWrite(&request_);
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    received_->Add(response_);
    StartRead(&response_);
  }
  void OnDone(const grpc::Status&) override { ended_.set_value(); }

  void End() {
    context_.TryCancel();
    ended_.get_future().wait();
  }

 private:
  Received* const received_;
  grpc::ClientContext context_;
  v1::StreamingPullRequest request_;
  v1::StreamingPullResponse response_;
  std::promise<void> ended_;
};

class CrowdedBrokerStreamsTest : public BrokerStreamsTest {
 protected:
  CrowdedBrokerStreamsTest() {
    limits_ = "limits { max_streams: 1000 max_streams_per_agency: 1000 }";
  }

  void OpenAThousand() {
    for (int i = 0; i < 1000; ++i) {
      streams_.push_back(std::make_unique<Waiting>(
          council_.get(), absl::StrCat("desk-", i), &received_));
    }
  }

  void EndAll() {
    for (const auto& stream : streams_) stream->End();
  }

  Received received_;
  std::vector<std::unique_ptr<Waiting>> streams_;
};

TEST_F(CrowdedBrokerStreamsTest, AThousandStreamsWaitAndEachMessageGoesToOne) {
  OpenAThousand();
  std::vector<std::string> sent;
  for (int i = 0; i < 200; ++i) sent.push_back(Publish(Flag()).message_id());
  const std::map<std::string, int> times = received_.Await(sent.size());
  EXPECT_EQ(times.size(), sent.size());
  for (const std::string& message_id : sent) {
    const auto it = times.find(message_id);
    ASSERT_NE(it, times.end()) << message_id;
    EXPECT_EQ(it->second, 1) << message_id;
  }
  EndAll();
}

TEST_F(CrowdedBrokerStreamsTest, TheStreamThatIsOneTooManyIsToldTheLimit) {
  OpenAThousand();
  for (int i = 0; i < 1000; ++i) Publish(Flag());
  EXPECT_EQ(received_.Await(1000).size(), 1000u) << "all are open";
  grpc::ClientContext context;
  const auto one_more = council_->StreamingPull(&context);
  v1::StreamingPullRequest request;
  request.set_queue(kQueue);
  request.set_consumer("one-more");
  request.set_max_outstanding_messages(1);
  one_more->Write(request);
  v1::StreamingPullResponse response;
  EXPECT_FALSE(one_more->Read(&response));
  const grpc::Status status = one_more->Finish();
  EXPECT_EQ(status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("1000"));
  EndAll();
}

// Far more bytes than a consumer has credit for, or a frame holds.
TEST_F(BrokerStreamsTest, MessagesOfTheGreatestSizePassWithinTheCreditOfBytes) {
  constexpr int kMessages = 40;
  constexpr int64_t kCredit = 600 << 10;
  v1::WaitingFlag content;
  // A field of a later version.
  content.GetReflection()->MutableUnknownFields(&content)->AddLengthDelimited(
      1000, std::string((256 << 10) - 16, 'x'));
  grpc::ClientContext publishing;
  const auto sender = hospital_->StreamingPublish(&publishing);
  for (int i = 0; i < kMessages; ++i) {
    v1::StreamingPublishRequest request;
    *request.add_messages() = Flag();
    content.SerializeToString(
        request.mutable_messages(0)->mutable_payload(0)->mutable_content());
    ASSERT_TRUE(sender->Write(request));
    v1::StreamingPublishResponse response;
    ASSERT_TRUE(sender->Read(&response));
    ASSERT_TRUE(response.results(0).has_receipt()) << response.DebugString();
  }
  grpc::ClientContext context;
  const auto stream = council_->StreamingPull(&context);
  v1::StreamingPullRequest request;
  request.set_queue(kQueue);
  request.set_consumer("slow");
  request.set_max_outstanding_messages(100);
  request.set_max_outstanding_bytes(kCredit);
  int taken = 0;
  while (taken < kMessages) {
    ASSERT_TRUE(stream->Write(request));
    request.Clear();
    v1::StreamingPullResponse response;
    int64_t bytes = 0;
    while (request.acknowledge_ids().empty()) {
      ASSERT_TRUE(stream->Read(&response));
      for (const v1::ReceivedMessage& received : response.received_messages()) {
        bytes += static_cast<int64_t>(received.message().ByteSizeLong());
        request.add_acknowledge_ids(received.ack_id());
        ++taken;
      }
    }
    EXPECT_LE(bytes, kCredit);
  }
  context.TryCancel();
}

}  // namespace
}  // namespace baton
