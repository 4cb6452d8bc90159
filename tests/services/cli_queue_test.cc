#include "baton/v1/queue_service.grpc.pb.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kQueue[] = "council/E06000018/intake";

// Keeps what it was asked last, and pages by one.
class FakeQueues final : public v1::QueueService::Service {
 public:
  Status ListQueues(ServerContext*, const v1::ListQueuesRequest* request,
                    v1::ListQueuesResponse* response) override {
    const bool first = request->page_token().empty();
    v1::Queue* const shown = response->add_queues();
    *shown = queue;
    if (!first) shown->set_queue("council/E06000018/duty");
    if (first) response->set_next_page_token("more");
    return Status::OK;
  }
  Status GetQueue(ServerContext*, const v1::GetQueueRequest* request,
                  v1::GetQueueResponse* response) override {
    asked = request->queue();
    *response->mutable_queue() = queue;
    return Status::OK;
  }
  Status SetQueueMode(ServerContext*, const v1::SetQueueModeRequest* request,
                      v1::SetQueueModeResponse* response) override {
    mode = *request;
    queue.set_mode(request->mode());
    *response->mutable_queue() = queue;
    return Status::OK;
  }
  Status ListDeadLetters(ServerContext*,
                         const v1::ListDeadLettersRequest* request,
                         v1::ListDeadLettersResponse* response) override {
    dead_letters = *request;
    response->mutable_owner()->set_role("duty team");
    response->mutable_owner()->set_phone("0115 496 0200");
    v1::QueuedMessage* const message = response->add_messages();
    message->set_message_id("m-4k7");
    v1::Delivery* const delivery = message->mutable_delivery();
    delivery->set_state(v1::DELIVERY_STATE_DEAD_LETTERED);
    v1::DeliveryAttempt* const attempt = delivery->add_attempts();
    attempt->set_delivery_attempt(1);
    attempt->set_consumer("robot");
    attempt->set_reason("cannot be read");
    return Status::OK;
  }
  Status RedriveMessages(ServerContext*,
                         const v1::RedriveMessagesRequest* request,
                         v1::RedriveMessagesResponse* response) override {
    redrive = *request;
    response->mutable_job()->set_job_id("j-4k7");
    response->mutable_job()->set_dry_run(request->dry_run());
    return Status::OK;
  }
  Status PreparePurge(ServerContext*, const v1::PreparePurgeRequest*,
                      v1::PreparePurgeResponse* response) override {
    response->set_messages(17);
    response->set_confirmation("1-2-abc");
    return Status::OK;
  }
  Status PurgeQueue(ServerContext*, const v1::PurgeQueueRequest* request,
                    v1::PurgeQueueResponse* response) override {
    purge = *request;
    response->mutable_job()->set_job_id("j-4k8");
    return Status::OK;
  }
  Status CancelMessage(ServerContext*, const v1::CancelMessageRequest* request,
                       v1::CancelMessageResponse*) override {
    asked = request->message_id();
    return Status::OK;
  }
  Status GetJob(ServerContext*, const v1::GetJobRequest* request,
                v1::GetJobResponse* response) override {
    asked = request->job_id();
    response->mutable_job()->set_job_id(request->job_id());
    return Status::OK;
  }
  Status CancelJob(ServerContext*, const v1::CancelJobRequest* request,
                   v1::CancelJobResponse* response) override {
    response->mutable_job()->set_job_id(request->job_id());
    response->mutable_job()->set_state(v1::JOB_STATE_CANCELLED);
    return Status::OK;
  }

  v1::Queue queue;
  std::string asked;
  v1::SetQueueModeRequest mode;
  v1::ListDeadLettersRequest dead_letters;
  v1::RedriveMessagesRequest redrive;
  std::optional<v1::PurgeQueueRequest> purge;
};

class CliQueueTest : public CliTest {
 protected:
  CliQueueTest() {
    Serve({&service_});
    service_.queue.set_queue(kQueue);
    service_.queue.set_mode(v1::QUEUE_MODE_SERVING);
    service_.queue.set_ready_messages(3);
    *service_.queue.mutable_oldest_urgent_due_time() = Ago(absl::Minutes(7));
  }

  FakeQueues service_;
};

TEST_F(CliQueueTest, AListGoesThroughAllPages) {
  EXPECT_EQ(Run({"queue", "list"}), ExitCode::kOk) << err_;
  EXPECT_EQ(dialled_, "broker:1");
  EXPECT_THAT(out_,
              AllOf(HasSubstr(kQueue), HasSubstr("duty"), HasSubstr("7 min")));
}

TEST_F(CliQueueTest, AQueueIsShown) {
  EXPECT_EQ(Run({"queue", "show", kQueue, "-o", "json"}), ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.asked, kQueue);
  EXPECT_THAT(out_, HasSubstr("\"ready_messages\":3"));
}

TEST_F(CliQueueTest, PauseDrainAndResumeSayWhy) {
  for (const auto& [word, mode] :
       std::vector<std::pair<std::string, v1::QueueMode>>{
           {"pause", v1::QUEUE_MODE_PAUSED},
           {"drain", v1::QUEUE_MODE_DRAINING},
           {"resume", v1::QUEUE_MODE_SERVING}}) {
    EXPECT_EQ(Run({"queue", word, kQueue, "--reason", "import is broken"}),
              ExitCode::kOk)
        << err_;
    EXPECT_EQ(service_.mode.mode(), mode);
    EXPECT_EQ(service_.mode.reason(), "import is broken");
  }
}

TEST_F(CliQueueTest, DeadLettersSayWhyAndWhoOwnsThem) {
  EXPECT_EQ(Run({"queue", "dead-letters", kQueue, "--message", "m-4k7",
                 "--message", "m-4k8"}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.dead_letters.filter().message_ids_size(), 2);
  EXPECT_THAT(
      out_, AllOf(HasSubstr("attempt 1 by robot"), HasSubstr("cannot be read"),
                  HasSubstr("duty team"), HasSubstr("0115 496 0200")));
}

TEST_F(CliQueueTest, ARedriveCountsFirstWhenAsked) {
  EXPECT_EQ(Run({"queue", "redrive", kQueue, "--count"}), ExitCode::kOk)
      << err_;
  EXPECT_TRUE(service_.redrive.dry_run());
  EXPECT_FALSE(service_.redrive.request_id().empty());
  EXPECT_EQ(Run({"queue", "redrive", kQueue, "--sender", "emergency/RX1RA",
                 "--kind", "waiting-flag", "--max-per-second", "10"}),
            ExitCode::kOk)
      << err_;
  EXPECT_FALSE(service_.redrive.dry_run());
  EXPECT_EQ(service_.redrive.max_per_second(), 10);
  EXPECT_EQ(service_.redrive.filter().senders(0).code(), "RX1RA");
  EXPECT_EQ(service_.redrive.filter().kinds(0), v1::MESSAGE_KIND_WAITING_FLAG);
}

TEST_F(CliQueueTest, APurgeOnlyCountsUntilItIsConfirmed) {
  EXPECT_EQ(Run({"queue", "purge", kQueue, "--reason", "wrong desk"}),
            ExitCode::kOk)
      << err_;
  EXPECT_FALSE(service_.purge.has_value());
  EXPECT_THAT(out_, AllOf(HasSubstr("17"), HasSubstr("NOTHING WAS PURGED"),
                          HasSubstr("--confirm 1-2-abc")));
  EXPECT_EQ(Run({"queue", "purge", kQueue, "--reason", "wrong desk",
                 "--confirm", "1-2-abc"}),
            ExitCode::kOk)
      << err_;
  ASSERT_TRUE(service_.purge.has_value());
  EXPECT_EQ(service_.purge->confirmation(), "1-2-abc");
  EXPECT_THAT(out_, HasSubstr("j-4k8"));
}

TEST_F(CliQueueTest, AJobIsShownAndStopped) {
  EXPECT_EQ(Run({"queue", "job", "j-4k7"}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.asked, "j-4k7");
  EXPECT_EQ(Run({"queue", "job", "j-4k7", "--cancel"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("cancelled"));
}

TEST_F(CliQueueTest, AMessageIsCancelled) {
  EXPECT_EQ(Run({"queue", "cancel", "m-4k7"}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.asked, "m-4k7");
  EXPECT_THAT(out_, HasSubstr("m-4k7"));
}

}  // namespace
}  // namespace baton::cli
