#include "baton/v1/tracking_service.grpc.pb.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::Not;

class FakeTracking final : public v1::TrackingService::Service {
 public:
  Status GetConversation(ServerContext*,
                         const v1::GetConversationRequest* request,
                         v1::GetConversationResponse* response) override {
    asked = request->conversation_id();
    *response->mutable_conversation() = conversation;
    return Status::OK;
  }
  Status ListTimeline(ServerContext*, const v1::ListTimelineRequest* request,
                      v1::ListTimelineResponse* response) override {
    const int first = request->page_token().empty() ? 0 : 1;
    if (first < entries.entries_size()) {
      *response->add_entries() = entries.entries(first);
    }
    if (endless || first + 1 < entries.entries_size()) {
      response->set_next_page_token("1");
    }
    return Status::OK;
  }

  Status GetMessage(ServerContext*, const v1::GetMessageRequest* request,
                    v1::GetMessageResponse* response) override {
    asked = request->message_id();
    *response = message;
    return Status::OK;
  }

  v1::Conversation conversation;
  v1::GetMessageResponse message;
  v1::ListTimelineResponse entries;
  bool endless = false;
  std::string asked;
};

class CliTrackTest : public CliTest {
 protected:
  CliTrackTest() {
    Serve({&service_});
    v1::Conversation& conversation = service_.conversation;
    conversation.set_conversation_id("c-4k7");
    *conversation.mutable_open_time() = Ago(absl::Minutes(130));
    for (const char* id : {"c-4k7.1", "c-4k7.2"}) {
      v1::Matter* matter = conversation.add_matters();
      matter->set_matter_id(id);
      matter->set_state(v1::MATTER_STATE_DELIVERED);
      *matter->mutable_received_time() = Ago(absl::Minutes(130));
      *matter->mutable_delivered()->mutable_time() = Ago(absl::Minutes(128));
    }
    AddEntry(v1::MESSAGE_KIND_WAITING_FLAG, 130);
    AddEntry(v1::MESSAGE_KIND_WAITING_UPDATE, 10);
  }

  void AddEntry(v1::MessageKind kind, int minutes_ago) {
    v1::TimelineEntry* entry = service_.entries.add_entries();
    entry->set_kind(kind);
    *entry->mutable_publish_time() = Ago(absl::Minutes(minutes_ago));
    v1::Delivery* delivery = entry->add_deliveries();
    delivery->set_queue("council/E06000018/intake");
    delivery->set_state(v1::DELIVERY_STATE_ACKNOWLEDGED);
  }

  FakeTracking service_;
};

TEST_F(CliTrackTest, MergesMessagesAndReceiptsInOrder) {
  EXPECT_EQ(Run({"track", "c-4k7"}), ExitCode::kOk) << err_;
  EXPECT_EQ(dialled_, "broker:1");
  const size_t flag = out_.find("waiting-flag");
  const size_t delivered = out_.find("receipt: delivered");
  const size_t update = out_.find("waiting-update");
  EXPECT_LT(flag, delivered);
  EXPECT_LT(delivered, update);
  EXPECT_NE(update, std::string::npos);
  EXPECT_THAT(out_, HasSubstr("council/E06000018/intake acknowledged"));
  EXPECT_THAT(out_, HasSubstr("19:32, after 2 min"));
  EXPECT_THAT(out_, HasSubstr("in their system; nobody has looked"));
  EXPECT_THAT(out_, HasSubstr("not yet"));
}

TEST_F(CliTrackTest, AMatterIsShownWithoutItsSiblings) {
  EXPECT_EQ(Run({"track", "c-4k7.2"}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.asked, "c-4k7");
  EXPECT_THAT(out_, HasSubstr("c-4k7.2"));
  EXPECT_THAT(out_, Not(HasSubstr("c-4k7.1")));
}

TEST_F(CliTrackTest, AMatterThatIsNotThereIsSaid) {
  EXPECT_EQ(Run({"track", "c-4k7.9"}), ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr("c-4k7 has no matter c-4k7.9"));
}

TEST_F(CliTrackTest, SomethingThatIsNoIdIsUsage) {
  EXPECT_EQ(Run({"track", "ED-1"}), ExitCode::kUsage);
}

TEST_F(CliTrackTest, ATimelineWithoutEndIsGivenUp) {
  service_.endless = true;
  EXPECT_EQ(Run({"track", "c-4k7"}), ExitCode::kError);
  EXPECT_EQ(out_, "");
}

TEST_F(CliTrackTest, JsonHasConversationMattersAndEvents) {
  Run({"track", "c-4k7", "-o", "json"});
  EXPECT_THAT(out_, HasSubstr("{\"conversation\":{\"conversation_id\":"));
  EXPECT_THAT(out_, HasSubstr("\"delivered_after_seconds\":\"120\""));
  EXPECT_THAT(out_, HasSubstr("\"events\":[{"));
  Run({"track", "c-4k7", "-o", "csv"});
  EXPECT_THAT(out_, HasSubstr("time,after_seconds,event,matter_ids"));
}

TEST_F(CliTrackTest, AMessageIsTrackedWithEveryAttempt) {
  v1::TimelineEntry* const entry = service_.message.mutable_entry();
  entry->set_message_id("m-4k7");
  v1::Delivery* const delivery = entry->add_deliveries();
  delivery->set_queue("council/E06000018/intake");
  delivery->set_state(v1::DELIVERY_STATE_LEASED);
  delivery->set_consumer("robot");
  delivery->set_delivery_attempt(2);
  v1::DeliveryAttempt* const attempt = delivery->add_attempts();
  attempt->set_delivery_attempt(1);
  attempt->set_consumer("screen");
  EXPECT_EQ(Run({"track", "m-4k7"}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.asked, "m-4k7");
  EXPECT_THAT(out_, HasSubstr("robot"));
  EXPECT_THAT(out_, HasSubstr("attempt 1 by screen"));
  EXPECT_THAT(out_, HasSubstr("the lease ran out"));
  EXPECT_EQ(Run({"track", "m-4k7", "-o", "json"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("\"copies\":["));
}

}  // namespace
}  // namespace baton::cli
