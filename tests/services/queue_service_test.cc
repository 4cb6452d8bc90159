// What people do with queues, through the front door: over mutual TLS.

#include "baton/v1/audit_service.grpc.pb.h"
#include "baton/v1/broker_service.grpc.pb.h"
#include "baton/v1/queue_service.grpc.pb.h"
#include "gmock/gmock.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "tests/support/served_broker.h"

namespace baton {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kHospital[] = "emergency-RX1RA";
constexpr char kCouncil[] = "council-E06000018";
constexpr char kOperator[] = "operator-OPS";
constexpr char kQueue[] = "council/E06000018/intake";

constexpr char kAgencies[] = R"(
  agencies {
    agency { agency_class: AGENCY_CLASS_EMERGENCY code: "RX1RA" }
    desks { name: "replies" }
  }
  agencies {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
    phone: "0115 496 0200"
    desks { name: "intake" }
    desks {
      name: "duty"
      dead_letter_owner { role: "night manager" phone: "0115 496 0299" }
    }
  }
  agencies {
    agency { agency_class: AGENCY_CLASS_OPERATOR code: "OPS" }
    desks { name: "unknown" }
  }
  unknown_recipient_desk {
    agency { agency_class: AGENCY_CLASS_OPERATOR code: "OPS" }
    desk: "unknown"
  }
)";

constexpr char kAccess[] = R"(
  rules {
    name: "flags and updates"
    sender_classes: AGENCY_CLASS_EMERGENCY
    recipient_classes: AGENCY_CLASS_COUNCIL
    kinds: [MESSAGE_KIND_WAITING_FLAG, MESSAGE_KIND_WAITING_UPDATE]
    purposes: PURPOSE_SAFEGUARDING
  }
)";

class QueueServiceTest : public testing::Test {
 protected:
  using Stub = v1::QueueService::Stub;

  void SetUp() override {
    broker_.Start(kAgencies, kAccess);
    hospital_ = v1::BrokerService::NewStub(broker_.DialAs(kHospital));
    council_ = v1::BrokerService::NewStub(broker_.DialAs(kCouncil));
    hospital_queues_ = v1::QueueService::NewStub(broker_.DialAs(kHospital));
    council_queues_ = v1::QueueService::NewStub(broker_.DialAs(kCouncil));
    operator_queues_ = v1::QueueService::NewStub(broker_.DialAs(kOperator));
  }

  template <typename Request, typename Response>
  static grpc::Status Call(Stub* stub,
                           grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
                           const Request& request,
                           Response* response = nullptr) {
    grpc::ClientContext context;
    Response unused;
    return (stub->*method)(&context, request,
                           response == nullptr ? &unused : response);
  }
  // Of kQueue, and must be answered.
  template <typename Response, typename Request>
  Response Ask(grpc::Status (Stub::*method)(grpc::ClientContext*,
                                            const Request&, Response*),
               Request request, const std::string& queue = kQueue) {
    request.set_queue(queue);
    Response response;
    const grpc::Status status =
        Call(council_queues_.get(), method, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  v1::Message Flag() { return broker_.Flag(kQueue); }
  v1::Message Update(const v1::PublishReceipt& flag) {
    v1::Message message = Flag();
    message.set_kind(v1::MESSAGE_KIND_WAITING_UPDATE);
    message.set_conversation_id(flag.conversation_id());
    message.mutable_payload(0)->set_matter_id(flag.matter_ids(0));
    message.mutable_payload(0)->set_type("baton.v1.WaitingUpdate");
    return message;
  }
  v1::PublishReceipt Publish(const v1::Message& message) {
    grpc::ClientContext context;
    v1::PublishRequest request;
    *request.add_messages() = message;
    v1::PublishResponse response;
    const grpc::Status status =
        hospital_->Publish(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return status.ok() ? response.receipts(0) : v1::PublishReceipt();
  }
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
  void Acknowledge(const v1::ReceivedMessage& message) {
    grpc::ClientContext context;
    v1::AcknowledgeRequest request;
    request.set_queue(kQueue);
    request.add_ack_ids(message.ack_id());
    v1::AcknowledgeResponse response;
    EXPECT_TRUE(council_->Acknowledge(&context, request, &response).ok());
  }
  void Reject(const v1::ReceivedMessage& message) {
    grpc::ClientContext context;
    v1::RejectRequest request;
    request.set_queue(kQueue);
    request.add_ack_ids(message.ack_id());
    request.set_reason("cannot be read");
    v1::RejectResponse response;
    EXPECT_TRUE(council_->Reject(&context, request, &response).ok());
  }
  std::vector<std::string> Replayed(v1::ReplayMessagesRequest request) {
    std::vector<std::string> ids;
    do {
      const v1::ReplayMessagesResponse page =
          Ask(&Stub::ReplayMessages, request);
      for (const v1::Message& message : page.messages()) {
        ids.push_back(message.message_id());
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return ids;
  }

  ServedBroker broker_;
  std::unique_ptr<v1::BrokerService::Stub> hospital_;
  std::unique_ptr<v1::BrokerService::Stub> council_;
  std::unique_ptr<Stub> hospital_queues_;
  std::unique_ptr<Stub> council_queues_;
  std::unique_ptr<Stub> operator_queues_;
};

TEST_F(QueueServiceTest, AQueueOfOthersIsDenied) {
  const auto expect_denied = [this](auto method, auto request) {
    request.set_queue(kQueue);
    if constexpr (requires { request.set_request_id(""); }) {
      request.set_request_id("r");
    }
    if constexpr (requires { request.set_reason(""); }) {
      request.set_reason("r");
    }
    if constexpr (requires { request.set_mode(v1::QUEUE_MODE_PAUSED); }) {
      request.set_mode(v1::QUEUE_MODE_PAUSED);
    }
    const grpc::Status status = Call(hospital_queues_.get(), method, request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED)
        << request.GetTypeName();
  };
  expect_denied(&Stub::GetQueue, v1::GetQueueRequest());
  expect_denied(&Stub::BrowseMessages, v1::BrowseMessagesRequest());
  expect_denied(&Stub::ReplayMessages, v1::ReplayMessagesRequest());
  expect_denied(&Stub::SetQueueMode, v1::SetQueueModeRequest());
  expect_denied(&Stub::ListDeadLetters, v1::ListDeadLettersRequest());
  expect_denied(&Stub::RedriveMessages, v1::RedriveMessagesRequest());
  expect_denied(&Stub::PreparePurge, v1::PreparePurgeRequest());
  expect_denied(&Stub::PurgeQueue, v1::PurgeQueueRequest());
  expect_denied(&Stub::ListJobs, v1::ListJobsRequest());
}

TEST_F(QueueServiceTest, AnOperatorSeesEveryQueueAndNoPayload) {
  Publish(Flag());
  v1::ListQueuesResponse queues;
  EXPECT_TRUE(Call(operator_queues_.get(), &Stub::ListQueues,
                   v1::ListQueuesRequest(), &queues)
                  .ok());
  EXPECT_THAT(queues.queues(), SizeIs(4));
  v1::BrowseMessagesRequest browse;
  browse.set_queue(kQueue);
  v1::BrowseMessagesResponse browsed;
  EXPECT_TRUE(
      Call(operator_queues_.get(), &Stub::BrowseMessages, browse, &browsed)
          .ok());
  EXPECT_THAT(browsed.messages(), SizeIs(1));
  v1::ReplayMessagesRequest replay;
  replay.set_queue(kQueue);
  EXPECT_EQ(
      Call(operator_queues_.get(), &Stub::ReplayMessages, replay).error_code(),
      grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(QueueServiceTest, AnAgencyListsItsOwnQueuesPageByPage) {
  v1::ListQueuesRequest request;
  request.set_page_size(1);
  std::vector<std::string> names;
  do {
    v1::ListQueuesResponse page;
    ASSERT_TRUE(
        Call(council_queues_.get(), &Stub::ListQueues, request, &page).ok());
    for (const v1::Queue& queue : page.queues()) {
      names.push_back(queue.queue());
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("council/E06000018/duty", kQueue));
}

TEST_F(QueueServiceTest, DeadLettersHaveAnOwnerWhoCanBeRung) {
  Publish(Flag());
  Reject(Pull());
  const v1::ListDeadLettersResponse dead =
      Ask(&Stub::ListDeadLetters, v1::ListDeadLettersRequest());
  EXPECT_EQ(dead.owner().role(), "duty team");
  EXPECT_EQ(dead.owner().phone(), "0115 496 0200");
  ASSERT_THAT(dead.messages(), SizeIs(1));
  const v1::Delivery& delivery = dead.messages(0).delivery();
  EXPECT_EQ(delivery.state(), v1::DELIVERY_STATE_DEAD_LETTERED);
  EXPECT_EQ(delivery.reason(), "cannot be read");
  EXPECT_THAT(delivery.attempts(), SizeIs(1));
  EXPECT_EQ(
      Ask(&Stub::GetQueue, v1::GetQueueRequest(), "council/E06000018/duty")
          .queue()
          .dead_letter_owner()
          .role(),
      "night manager");
}

TEST_F(QueueServiceTest, BrowsingTakesNothing) {
  std::vector<std::string> published;
  for (int i = 0; i < 5; ++i) published.push_back(Publish(Flag()).message_id());
  v1::BrowseMessagesRequest request;
  request.set_page_size(2);
  std::vector<std::string> seen;
  do {
    const v1::BrowseMessagesResponse page = Ask(&Stub::BrowseMessages, request);
    EXPECT_LE(page.messages_size(), 2);
    for (const v1::QueuedMessage& message : page.messages()) {
      seen.push_back(message.message_id());
      EXPECT_EQ(message.delivery().state(), v1::DELIVERY_STATE_READY);
      EXPECT_EQ(message.sender().code(), "RX1RA");
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(seen, published);
  EXPECT_EQ(Pull().delivery_attempt(), 1);

  v1::BrowseMessagesRequest one;
  one.mutable_filter()->add_message_ids(published[3]);
  EXPECT_THAT(Ask(&Stub::BrowseMessages, one).messages(), SizeIs(1));
  v1::BrowseMessagesRequest none;
  none.mutable_filter()->add_kinds(v1::MESSAGE_KIND_CONTACT);
  EXPECT_THAT(Ask(&Stub::BrowseMessages, none).messages(), SizeIs(0));
}

TEST_F(QueueServiceTest, EveryFaultOfARequestIsListed) {
  v1::RedriveMessagesRequest request;
  request.set_queue("council/E06000018/nowhere");
  request.set_max_per_second(-1);
  request.set_request_id("9434765919");
  request.mutable_filter()->add_message_ids("x");
  *request.mutable_filter()->mutable_published_from() =
      ToProto(absl::FromUnixSeconds(20));
  *request.mutable_filter()->mutable_published_before() =
      ToProto(absl::FromUnixSeconds(10));
  const grpc::Status status =
      Call(council_queues_.get(), &Stub::RedriveMessages, request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("queue"), HasSubstr("max_per_second"),
                    HasSubstr("request_id"), HasSubstr("filter.message_ids[0]"),
                    HasSubstr("filter.published_before")));
}

TEST_F(QueueServiceTest, AReplayReadsEverythingAgainAndIsALeaf) {
  const v1::PublishReceipt first = Publish(Flag());
  const v1::PublishReceipt second = Publish(Flag());
  v1::Message keyed = Flag();
  keyed.set_ordering_key("wait-3");
  const v1::PublishReceipt third = Publish(keyed);
  Acknowledge(Pull());
  Reject(Pull());
  v1::ReplayMessagesRequest request;
  const v1::ReplayMessagesResponse whole = Ask(&Stub::ReplayMessages, request);
  ASSERT_THAT(whole.messages(), SizeIs(3));
  EXPECT_THAT(whole.messages(0).payload(), SizeIs(1));
  request.set_page_size(1);
  EXPECT_THAT(
      Replayed(request),
      ElementsAre(first.message_id(), second.message_id(), third.message_id()));
  request.set_after_message_id(first.message_id());
  EXPECT_THAT(Replayed(request),
              ElementsAre(second.message_id(), third.message_id()));
  v1::ReplayMessagesRequest by_time;
  *by_time.mutable_filter()->mutable_published_from() = third.publish_time();
  EXPECT_THAT(Replayed(by_time), ElementsAre(third.message_id()));
  v1::ReplayMessagesRequest by_key;
  by_key.mutable_filter()->set_ordering_key("no such key");
  EXPECT_THAT(Replayed(by_key), SizeIs(0));
  by_key.mutable_filter()->set_ordering_key("wait-3");
  EXPECT_THAT(Replayed(by_key), ElementsAre(third.message_id()));
  EXPECT_EQ(Pull().message().message_id(), third.message_id());

  const auto audit = v1::AuditService::NewStub(broker_.DialAs(kCouncil));
  grpc::ClientContext context;
  v1::ListEntriesRequest entries;
  entries.set_page_size(1000);
  v1::ListEntriesResponse leaves;
  ASSERT_TRUE(audit->ListEntries(&context, entries, &leaves).ok());
  int replayed = 0;
  for (const std::string& bytes : leaves.entries()) {
    v1::AuditEntry leaf;
    ASSERT_TRUE(leaf.ParseFromString(bytes));
    if (leaf.type() != v1::AUDIT_TYPE_REPLAYED) continue;
    replayed += leaf.message_ids_size();
    EXPECT_EQ(leaf.actor().code(), "E06000018");
  }
  EXPECT_EQ(replayed, 3 + 3 + 2 + 1 + 1);
}

TEST_F(QueueServiceTest, ASenderCancelsWhatIsNotDue) {
  const v1::PublishReceipt flag = Publish(Flag());
  v1::Message update = Update(flag);
  *update.mutable_deliver_time() = ToProto(absl::Now() + absl::Hours(1));
  const v1::PublishReceipt later = Publish(update);
  v1::CancelMessageRequest request;
  request.set_message_id(later.message_id());
  EXPECT_EQ(
      Call(council_queues_.get(), &Stub::CancelMessage, request).error_code(),
      grpc::StatusCode::NOT_FOUND);
  v1::CancelMessageResponse cancelled;
  const grpc::Status status =
      Call(hospital_queues_.get(), &Stub::CancelMessage, request, &cancelled);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(cancelled.has_cancel_time());
  EXPECT_EQ(
      Ask(&Stub::GetQueue, v1::GetQueueRequest()).queue().delayed_messages(),
      0);
  request.set_message_id(flag.message_id());
  EXPECT_THAT(Call(hospital_queues_.get(), &Stub::CancelMessage, request)
                  .error_message(),
              HasSubstr("withdraw"));
  request.set_message_id("m-zzzzz");
  EXPECT_EQ(
      Call(hospital_queues_.get(), &Stub::CancelMessage, request).error_code(),
      grpc::StatusCode::NOT_FOUND);
}

TEST_F(QueueServiceTest, AJobIsSeenByItsQueuesAgencyAlone) {
  Publish(Flag());
  Reject(Pull());
  v1::RedriveMessagesRequest redrive;
  redrive.set_request_id("r-1");
  const v1::Job job = Ask(&Stub::RedriveMessages, redrive).job();
  v1::GetJobRequest request;
  request.set_job_id(job.job_id());
  EXPECT_TRUE(Call(council_queues_.get(), &Stub::GetJob, request).ok());
  EXPECT_EQ(Call(hospital_queues_.get(), &Stub::GetJob, request).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Call(council_queues_.get(), &Stub::GetJob, v1::GetJobRequest())
                .error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(Ask(&Stub::ListJobs, v1::ListJobsRequest()).jobs(), SizeIs(1));
  EXPECT_EQ(Pull().delivery_attempt(), 2);
}

// One a second: there is time to stop it.
TEST_F(QueueServiceTest, ARedriveKeepsItsPaceUntilItIsStopped) {
  for (int i = 0; i < 3; ++i) {
    Publish(Flag());
    Reject(Pull());
  }
  v1::RedriveMessagesRequest redrive;
  redrive.set_request_id("r-1");
  redrive.set_dry_run(true);
  v1::Job counted = Ask(&Stub::RedriveMessages, redrive).job();
  v1::GetJobRequest look;
  look.set_job_id(counted.job_id());
  v1::GetJobResponse seen;
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (seen.job().state() != v1::JOB_STATE_DONE && absl::Now() < deadline) {
    EXPECT_TRUE(Call(council_queues_.get(), &Stub::GetJob, look, &seen).ok());
  }
  EXPECT_EQ(seen.job().changed_messages(), 3);
  EXPECT_EQ(Ask(&Stub::GetQueue, v1::GetQueueRequest()).queue().dead_letters(),
            3);

  redrive.set_request_id("r-2");
  redrive.set_dry_run(false);
  redrive.set_max_per_second(1);
  v1::CancelJobRequest stop;
  stop.set_job_id(Ask(&Stub::RedriveMessages, redrive).job().job_id());
  v1::CancelJobResponse stopped;
  EXPECT_EQ(Call(hospital_queues_.get(), &Stub::CancelJob, stop).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_TRUE(
      Call(council_queues_.get(), &Stub::CancelJob, stop, &stopped).ok());
  EXPECT_EQ(stopped.job().state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(stopped.job().max_per_second(), 1);
  EXPECT_LT(stopped.job().changed_messages(), 3);
  EXPECT_EQ(Ask(&Stub::GetQueue, v1::GetQueueRequest()).queue().dead_letters(),
            3 - stopped.job().changed_messages());
}

TEST_F(QueueServiceTest, APurgeIsAskedForTwice) {
  Publish(Flag());
  v1::PurgeQueueRequest purge;
  purge.set_request_id("p-1");
  purge.set_reason("the wrong desk");
  purge.set_queue(kQueue);
  EXPECT_EQ(Call(council_queues_.get(), &Stub::PurgeQueue, purge).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  const v1::PreparePurgeResponse prepared =
      Ask(&Stub::PreparePurge, v1::PreparePurgeRequest());
  EXPECT_EQ(prepared.messages(), 1);
  purge.set_confirmation(prepared.confirmation());
  Ask(&Stub::PurgeQueue, purge);
  EXPECT_EQ(Ask(&Stub::GetQueue, v1::GetQueueRequest()).queue().dead_letters(),
            1);
}

TEST_F(QueueServiceTest, APausedQueueSaysWhy) {
  v1::SetQueueModeRequest request;
  request.set_mode(v1::QUEUE_MODE_PAUSED);
  request.set_reason("import is broken");
  EXPECT_EQ(Ask(&Stub::SetQueueMode, request).queue().mode(),
            v1::QUEUE_MODE_PAUSED);
  EXPECT_EQ(Ask(&Stub::GetQueue, v1::GetQueueRequest()).queue().mode_reason(),
            "import is broken");
  request.set_mode(static_cast<v1::QueueMode>(9));
  request.set_reason("");
  request.set_queue(kQueue);
  EXPECT_THAT(
      Call(council_queues_.get(), &Stub::SetQueueMode, request).error_message(),
      AllOf(HasSubstr("mode"), HasSubstr("reason")));
}

}  // namespace
}  // namespace baton
