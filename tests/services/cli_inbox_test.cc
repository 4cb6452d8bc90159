#include <algorithm>

#include "baton/v1/case_service.grpc.pb.h"
#include "baton/v1/custody.pb.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using InboxStream =
    grpc::ServerReaderWriter<v1::StreamInboxResponse, v1::StreamInboxRequest>;

class FakeInbox final : public v1::CaseService::Service {
 public:
  Status ListInbox(ServerContext*, const v1::ListInboxRequest* request,
                   v1::ListInboxResponse* response) override {
    listed = *request;
    *response = list;
    return Status::OK;
  }
  Status OpenInboxMatter(ServerContext*,
                         const v1::OpenInboxMatterRequest* request,
                         v1::OpenInboxMatterResponse* response) override {
    open = *request;
    *response = matter;
    return Status::OK;
  }
  // Each stream says its lines, then ends if it is to fail; otherwise it
  // listens for as long as the client talks.
  Status StreamInbox(ServerContext*, InboxStream* stream) override {
    v1::StreamInboxRequest request;
    stream->Read(&first);
    const Stream& script = streams[std::min(opened++, streams.size() - 1)];
    for (const v1::StreamInboxResponse& line : script.lines) {
      stream->Write(line);
      if (line.has_message() && stream->Read(&request)) {
        acknowledged.insert(acknowledged.end(),
                            request.acknowledge_message_ids().begin(),
                            request.acknowledge_message_ids().end());
      }
    }
    while (script.end.ok() && stream->Read(&request)) continue;
    return script.end;
  }

  struct Stream {
    std::vector<v1::StreamInboxResponse> lines;
    Status end = Status::OK;
  };

  v1::ListInboxRequest listed;
  v1::ListInboxResponse list;
  v1::OpenInboxMatterRequest open;
  v1::OpenInboxMatterResponse matter;
  std::vector<Stream> streams;
  size_t opened = 0;
  v1::StreamInboxRequest first;
  std::vector<std::string> acknowledged;
};

class CliInboxTest : public CliTest {
 protected:
  CliInboxTest() {
    Serve({&service_});
    Write("client.txtpb", R"(
      tls { ca_file: "ca.pem" certificate_file: "c.pem" key_file: "c.key" }
      school_address: "school:1"
      actor { name: "Sam Default" role: "safeguarding lead" }
    )");
    item_.set_matter_id("c-4k7.1");
    item_.set_kind(v1::MESSAGE_KIND_INFORMATION_REQUEST);
    item_.mutable_sender()->set_agency_class(v1::AGENCY_CLASS_COUNCIL);
    item_.mutable_sender()->set_code("E06000018");
    *item_.mutable_received_time() = Ago(absl::Minutes(3));
    item_.set_state(v1::MATTER_STATE_DELIVERED);
    item_.add_owed("answer the question");
  }

  v1::StreamInboxResponse Heartbeat(absl::Duration ago) {
    v1::StreamInboxResponse line;
    *line.mutable_exchange_heard_time() = Ago(ago);
    return line;
  }
  v1::StreamInboxResponse Arrival(const std::string& id) {
    v1::StreamInboxResponse line = Heartbeat(absl::Seconds(1));
    v1::Message* message = line.mutable_message();
    message->set_message_id(id);
    message->set_kind(v1::MESSAGE_KIND_INFORMATION_REQUEST);
    message->set_priority(v1::PRIORITY_ROUTINE);
    *message->mutable_sender() = item_.sender();
    message->add_matter_ids("c-4k7.1");
    *message->mutable_publish_time() = Ago(absl::Minutes(1));
    return line;
  }

  v1::IntakeItem item_;
  FakeInbox service_;
};

TEST_F(CliInboxTest, AListShowsWhatIsOwedHere) {
  *service_.list.add_items() = item_;
  *service_.list.mutable_exchange_heard_time() = Ago(absl::Seconds(1));
  EXPECT_EQ(Run({"inbox", "list"}), ExitCode::kOk) << err_;
  EXPECT_EQ(dialled_, "school:1");
  EXPECT_THAT(out_, HasSubstr("c-4k7.1"));
  EXPECT_THAT(out_, HasSubstr("council/E06000018"));
  EXPECT_THAT(out_, HasSubstr("nobody has looked"));
  EXPECT_THAT(out_, HasSubstr("answer the question"));
  EXPECT_THAT(out_, Not(HasSubstr("unknown")));
  EXPECT_FALSE(service_.listed.include_settled());
  Run({"inbox", "list", "--all"});
  EXPECT_TRUE(service_.listed.include_settled());
}

TEST_F(CliInboxTest, AListSaysWhatElseMustBeKnown) {
  v1::Matter* matter = item_.mutable_matter();
  *matter->mutable_holder()->mutable_agency() = item_.sender();
  matter->mutable_recalled();
  matter->mutable_offer()->mutable_offered_to()->mutable_agency()->set_code(
      "E10000024");
  v1::Link* link = matter->add_links();
  link->set_matter_id("c-9.1");
  link->set_reason(v1::LINK_REASON_NHS_NUMBER);
  link = matter->add_links();
  link->set_matter_id("c-8.1");
  link->mutable_undone();
  *service_.list.add_items() = item_;
  Run({"inbox", "list"});
  EXPECT_THAT(out_, HasSubstr("RECALLED (wrong child)"));
  EXPECT_THAT(out_, HasSubstr("council/E06000018 still holds it"));
  EXPECT_THAT(out_, HasSubstr("possible match (nhs number) with c-9.1, ring"));
  EXPECT_THAT(out_, Not(HasSubstr("c-8.1")));
}

TEST_F(CliInboxTest, AnEmptyListOfASilentExchangeIsUnknown) {
  EXPECT_EQ(Run({"inbox", "list"}), ExitCode::kOk) << err_;
  EXPECT_EQ(out_, "unknown: never heard\n");
  *service_.list.mutable_exchange_heard_time() = Ago(absl::Seconds(61));
  Run({"inbox", "list"});
  EXPECT_EQ(out_, "unknown: last heard 21:38\n");
  Run({"inbox", "list", "-o", "jsonl"});
  EXPECT_EQ(out_, "");
  EXPECT_EQ(err_, "unknown: last heard 21:38\n");
  Run({"inbox", "list", "-o", "json"});
  EXPECT_THAT(out_, HasSubstr("\"exchange_heard_recently\":false"));
}

TEST_F(CliInboxTest, AnEmptyListIsNoneWhenTheExchangeWasHeard) {
  *service_.list.mutable_exchange_heard_time() = Ago(absl::Seconds(59));
  Run({"inbox", "list"});
  EXPECT_THAT(out_, StartsWith("none; exchange last heard 21:39"));
}

TEST_F(CliInboxTest, AListAsJsonLinesIsOneObjectALine) {
  for (int i = 0; i < 3; ++i) *service_.list.add_items() = item_;
  Run({"inbox", "list", "-o", "jsonl"});
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3);
  EXPECT_THAT(out_, StartsWith("{\"matter_id\":\"c-4k7.1\""));
  EXPECT_THAT(out_, Not(HasSubstr("\"items\"")));
}

TEST_F(CliInboxTest, OpeningIsByANamedPersonAndShowsWhatWasSaid) {
  *service_.matter.mutable_item() = item_;
  v1::InformationRequest question;
  question.set_question("known to you?");
  *service_.matter.add_messages() = Arrival("m-1").message();
  v1::PayloadPart* part = service_.matter.mutable_messages(0)->add_payload();
  part->set_matter_id("c-4k7.1");
  part->set_type(question.GetDescriptor()->full_name());
  part->set_content(question.SerializeAsString());
  EXPECT_EQ(Run({"inbox", "open", "c-4k7.1", "--name", "B. Reader"}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.open.matter_id(), "c-4k7.1");
  EXPECT_EQ(service_.open.actor().name(), "B. Reader");
  EXPECT_THAT(out_, HasSubstr("question: known to you?"));
}

// Who is offered a matter has nothing else to go by.
TEST_F(CliInboxTest, WhatWasSaidBeforeAnOfferIsReadable) {
  *service_.matter.mutable_item() = item_;
  v1::InformationRequest question;
  question.set_question("known to you?");
  v1::TransferOffer offer;
  offer.set_matter_id("c-4k7.1");
  v1::PayloadPart* said = offer.add_history()->mutable_part();
  said->set_matter_id("c-4k7.1");
  said->set_type(question.GetDescriptor()->full_name());
  said->set_content(question.SerializeAsString());
  *service_.matter.add_messages() = Arrival("m-1").message();
  v1::PayloadPart* part = service_.matter.mutable_messages(0)->add_payload();
  part->set_matter_id("c-4k7.1");
  part->set_type(offer.GetDescriptor()->full_name());
  part->set_content(offer.SerializeAsString());
  EXPECT_EQ(Run({"inbox", "open", "c-4k7.1"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("InformationRequest:"));
  EXPECT_THAT(out_, HasSubstr("question: known to you?"));
  EXPECT_THAT(out_, Not(HasSubstr("content:")));
  Run({"inbox", "open", "c-4k7.1", "-o", "json"});
  EXPECT_THAT(out_, HasSubstr("\"content\":{\"question\":\"known to you?\"}"));
}

TEST_F(CliInboxTest, WhomItWasMeantForIsSaid) {
  *service_.matter.mutable_item() = item_;
  *service_.matter.add_messages() = Arrival("m-1").message();
  v1::Recipient* recipient =
      service_.matter.mutable_messages(0)->add_recipients();
  *recipient->mutable_address()->mutable_agency() = item_.sender();
  recipient->mutable_address()->set_desk("intke");
  *recipient->mutable_redirected_to()->mutable_agency() = item_.sender();
  recipient->mutable_redirected_to()->set_desk("intake");
  Run({"inbox", "open", "c-4k7.1"});
  EXPECT_THAT(out_, HasSubstr("addressed to: council/E06000018/intke; it went "
                              "to council/E06000018/intake"));
}

TEST_F(CliInboxTest, AWatchRingsShowsAndAcknowledges) {
  service_.streams = {{.lines = {Arrival("m-1"), Arrival("m-2")}}};
  EXPECT_EQ(Run({"inbox", "watch", "--changes", "2"}), ExitCode::kOk) << err_;
  EXPECT_EQ(std::count(err_.begin(), err_.end(), '\a'), 2);
  EXPECT_THAT(out_, Not(HasSubstr("\a")));
  EXPECT_THAT(out_, HasSubstr("m-1"));
  EXPECT_THAT(out_, HasSubstr("open with baton inbox open"));
  EXPECT_THAT(service_.acknowledged, ElementsAre("m-1", "m-2"));
  EXPECT_EQ(service_.first.consumer(), "terminal");
  EXPECT_GT(service_.first.max_outstanding_messages(), 0);
}

// A screen opened at the change of shifts shows nothing of the shift before.
TEST_F(CliInboxTest, AWatchSaysWhatIsOwedAlready) {
  *service_.list.add_items() = item_;
  *service_.list.add_items() = item_;
  service_.list.mutable_items(1)->set_state(v1::MATTER_STATE_TAKEN);
  service_.streams = {{.lines = {Arrival("m-1")}}};
  Run({"inbox", "watch", "--changes", "1"});
  EXPECT_THAT(err_, HasSubstr("Owed here already: 2, 1 of them not taken"));
  EXPECT_LT(err_.find("The service answers"), err_.find("Owed here already"));
}

TEST_F(CliInboxTest, AWatchMayBeSilentAndHaveANameOfItsOwn) {
  service_.streams = {{.lines = {Arrival("m-1")}}};
  EXPECT_EQ(Run({"inbox", "watch", "--changes", "1", "--no-bell", "--consumer",
                 "night-desk"}),
            ExitCode::kOk)
      << err_;
  EXPECT_THAT(err_, Not(HasSubstr("\a")));
  EXPECT_EQ(service_.first.consumer(), "night-desk");
  EXPECT_THAT(service_.acknowledged, ElementsAre("m-1"));
}

// The screen of a busy room: what it says about, not what it says.
TEST_F(CliInboxTest, AWatchKeepsWhatWasSaidClosed) {
  service_.streams = {{.lines = {Arrival("m-1")}}};
  v1::Message* message = service_.streams[0].lines[0].mutable_message();
  message->add_payload()->set_content("Mia");
  Run({"inbox", "watch", "--changes", "1"});
  EXPECT_THAT(out_ + err_, Not(HasSubstr("Mia")));
}

TEST_F(CliInboxTest, ImmediateDangerIsSaidBeforeAnythingElse) {
  service_.streams = {{.lines = {Arrival("m-1")}}};
  service_.streams[0].lines[0].mutable_message()->set_priority(
      v1::PRIORITY_IMMEDIATE_DANGER);
  Run({"inbox", "watch", "--changes", "1"});
  EXPECT_THAT(out_, StartsWith("IMMEDIATE DANGER: ring"));
  service_.opened = 0;
  Run({"inbox", "watch", "--changes", "1", "-o", "jsonl"});
  EXPECT_THAT(out_, StartsWith("{"));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 1);
  EXPECT_THAT(err_, HasSubstr("IMMEDIATE DANGER: ring"));
}

TEST_F(CliInboxTest, AWatchSaysThatTheExchangeFellSilentAndCameBack) {
  service_.streams = {
      {.lines = {Heartbeat(absl::Minutes(2)), Heartbeat(absl::Minutes(2)),
                 Heartbeat(absl::Seconds(1)), Arrival("m-1")}}};
  Run({"inbox", "watch", "--changes", "1"});
  const size_t first = err_.find(
      "The exchange is silent: what follows is "
      "unknown: last heard 21:38");
  ASSERT_NE(first, std::string::npos) << err_;
  EXPECT_EQ(err_.find("The exchange is silent", first + 1), std::string::npos);
  EXPECT_GT(err_.find("The exchange is heard again."), first);
}

TEST_F(CliInboxTest, UntilTheServiceAnswersAnEmptyScreenMeansNothing) {
  service_.streams = {
      {.lines = {}, .end = Status(grpc::StatusCode::UNAVAILABLE, "restarting")},
      {.lines = {Arrival("m-1")}}};
  EXPECT_EQ(Run({"inbox", "watch", "--changes", "1"}), ExitCode::kOk) << err_;
  EXPECT_THAT(err_, StartsWith("Waiting for baton.v1.CaseService.StreamInbox "
                               "at school:1; until it answers, an empty "
                               "screen means nothing."));
  const size_t lost = err_.find("LOST the service at 21:40");
  ASSERT_NE(lost, std::string::npos) << err_;
  EXPECT_NE(err_.find("The service answers, 21:40.", lost), std::string::npos);
  EXPECT_EQ(service_.opened, 2u);
}

TEST_F(CliInboxTest, TwoScreensOfOneNameAreToldApart) {
  service_.streams = {
      {.lines = {},
       .end = Status(grpc::StatusCode::ABORTED,
                     "another stream of this consumer has begun")}};
  EXPECT_EQ(Run({"inbox", "watch"}), ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr("another stream of this consumer has begun"));
  EXPECT_THAT(err_, HasSubstr("--consumer"));
  EXPECT_THAT(service_.acknowledged, IsEmpty());
}

}  // namespace
}  // namespace baton::cli
