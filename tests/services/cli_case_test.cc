#include <algorithm>

#include "baton/v1/case_service.grpc.pb.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class FakeCases final : public v1::CaseService::Service {
 public:
  Status RaiseContact(ServerContext*, const v1::RaiseContactRequest* request,
                      v1::RaiseContactResponse* response) override {
    raise = *request;
    *response->mutable_status() = status;
    return Status::OK;
  }
  Status GetCase(ServerContext*, const v1::GetCaseRequest* request,
                 v1::GetCaseResponse* response) override {
    asked = request->sender_reference();
    *response->mutable_status() = status;
    return Status::OK;
  }
  Status ListCases(ServerContext*, const v1::ListCasesRequest* request,
                   v1::ListCasesResponse* response) override {
    pages.push_back(*request);
    *response->add_statuses() = status;
    *response->mutable_exchange_heard_time() = status.exchange_heard_time();
    if (pages.size() < pages_there) response->set_next_page_token("more");
    return Status::OK;
  }
  Status WatchCases(
      ServerContext*, const v1::WatchCasesRequest* request,
      grpc::ServerWriter<v1::WatchCasesResponse>* writer) override {
    asked = request->sender_reference();
    ++watches;
    v1::WatchCasesResponse response;
    *response.mutable_status() = status;
    *response.mutable_exchange_heard_time() = status.exchange_heard_time();
    writer->Write(response);
    return watch_end;
  }
  Status ListRefused(ServerContext*, const v1::ListRefusedRequest*,
                     v1::ListRefusedResponse* response) override {
    *response = refused;
    return Status::OK;
  }
  Status ResolveRefused(ServerContext*,
                        const v1::ResolveRefusedRequest* request,
                        v1::ResolveRefusedResponse* response) override {
    resolve = *request;
    if (resolved_case) *response->mutable_status() = status;
    return Status::OK;
  }

  v1::CaseStatus status;
  v1::RaiseContactRequest raise;
  std::string asked;
  std::vector<v1::ListCasesRequest> pages;
  size_t pages_there = 1;
  int watches = 0;
  Status watch_end;
  v1::ListRefusedResponse refused;
  v1::ResolveRefusedRequest resolve;
  bool resolved_case = true;
};

class CliCaseTest : public CliTest {
 protected:
  CliCaseTest() {
    Serve({&service_});
    WriteSchoolConfig();
    service_.status.set_sender_reference("S-1");
    service_.status.set_kind(v1::MESSAGE_KIND_CONTACT);
    service_.status.set_outbox_state(v1::OUTBOX_STATE_ACCEPTED);
    for (const char* id : {"c-4k7.1", "c-4k7.2"}) {
      v1::MatterStatus* matter = service_.status.add_matters();
      matter->mutable_matter()->set_matter_id(id);
      matter->set_headline(absl::StrCat("how ", id, " stands"));
    }
    *service_.status.mutable_exchange_heard_time() = Ago(absl::Seconds(1));
  }

  // A school's own: one service, nothing to choose.
  void WriteSchoolConfig() {
    Write("client.txtpb", R"(
      tls { ca_file: "ca.pem" certificate_file: "c.pem" key_file: "c.key" }
      school_address: "school:1"
      actor { name: "Sam Default" role: "teacher" }
    )");
  }

  FakeCases service_;
};

TEST_F(CliCaseTest, AContactIsRaisedAtTheOnlyServiceConfigured) {
  EXPECT_EQ(Run({"case",
                 "raise",
                 "--reference",
                 "S-1",
                 "--to",
                 "E06000018/intake",
                 "--child-name",
                 "Mia Test",
                 "--concern",
                 "bruises",
                 "--source",
                 "told-by-child",
                 "--threshold",
                 "significant-harm",
                 "--immediate-danger",
                 "no",
                 "--referrer-name",
                 "C. Teacher",
                 "--consent-sought",
                 "unknown"}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(dialled_, "school:1");
  ASSERT_EQ(service_.raise.children_size(), 1);
  const v1::Contact& child = service_.raise.children(0);
  EXPECT_EQ(child.concern().value(), "bruises");
  EXPECT_EQ(child.source(), v1::CONCERN_SOURCE_TOLD_BY_CHILD);
  EXPECT_FALSE(child.immediate_danger().value());
  EXPECT_EQ(service_.raise.incident().referrer().name(), "C. Teacher");
  EXPECT_EQ(service_.raise.incident().consent().sought().absence(),
            v1::ABSENCE_UNKNOWN);
  EXPECT_EQ(service_.raise.actor().name(), "Sam Default");
}

TEST_F(CliCaseTest, WithSeveralServicesTheOneMeantIsAskedFor) {
  WriteConfig("");
  EXPECT_EQ(Run({"case", "raise", "--reference", "S-1"}), ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("emergency, police, school, council"));
  EXPECT_EQ(Run({"case", "list", "--service", "police"}), ExitCode::kOk);
  EXPECT_EQ(dialled_, "police:1");
  EXPECT_EQ(Run({"case", "list", "--service", "polcie"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean \"police\"?"));
}

TEST_F(CliCaseTest, AServiceThatIsNotConfiguredIsNamed) {
  EXPECT_EQ(Run({"case", "list", "--service", "council"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("council_address"));
}

TEST_F(CliCaseTest, AStatusShowsEachChild) {
  EXPECT_EQ(Run({"case", "status", "S-1"}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.asked, "S-1");
  EXPECT_THAT(out_, HasSubstr("c-4k7.1"));
  EXPECT_THAT(out_, HasSubstr("c-4k7.2"));
}

TEST_F(CliCaseTest, AHeldCaseIsNotSentAndSaysSoInItsExitCode) {
  service_.status.set_held_messages(1);
  EXPECT_EQ(Run({"case", "status", "S-1"}), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring 999 or the duty team"));
  EXPECT_EQ(Run({"case", "raise", "--reference", "S-1"}), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring 999 or the duty team"));
  EXPECT_EQ(Run({"case", "refused", "--resend", "7"}), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring 999 or the duty team"));
}

TEST_F(CliCaseTest, ADryRunSendsNothing) {
  EXPECT_EQ(Run({"case", "raise", "--reference", "S-1", "--concern", "bruises",
                 "--dry-run"}),
            ExitCode::kOk);
  EXPECT_THAT(err_, StartsWith("NOT SENT: this is a dry run.\n"));
  EXPECT_THAT(out_, HasSubstr("bruises"));
  EXPECT_EQ(dialled_, "");
}

TEST_F(CliCaseTest, AListHasARowForEachChild) {
  EXPECT_EQ(Run({"case", "list"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("how c-4k7.1 stands"));
  EXPECT_THAT(out_, HasSubstr("how c-4k7.2 stands"));
  EXPECT_THAT(out_, HasSubstr("contact"));
}

TEST_F(CliCaseTest, AListIsReadToItsLimit) {
  service_.pages_there = 4;
  EXPECT_EQ(Run({"case", "list", "--limit", "3", "--all", "-o", "jsonl"}),
            ExitCode::kOk);
  ASSERT_EQ(service_.pages.size(), 3u);
  EXPECT_EQ(service_.pages[0].page_size(), 3);
  EXPECT_EQ(service_.pages[1].page_size(), 2);
  EXPECT_EQ(service_.pages[1].page_token(), "more");
  EXPECT_TRUE(service_.pages[0].include_ended());
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 6);
  EXPECT_THAT(err_, HasSubstr("The list goes on"));
}

TEST_F(CliCaseTest, AWatchTriesAgainWhenTheServiceIsLost) {
  service_.watch_end = Status(grpc::StatusCode::UNAVAILABLE, "restarting");
  EXPECT_EQ(Run({"case", "watch", "S-1", "--changes", "2"}), ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.watches, 2);
  EXPECT_EQ(service_.asked, "S-1");
  EXPECT_EQ(slept_, absl::Seconds(1));
  EXPECT_THAT(err_, HasSubstr("LOST the service at 21:40"));
}

TEST_F(CliCaseTest, ARefusedWatchEnds) {
  service_.watch_end = Status(grpc::StatusCode::PERMISSION_DENIED, "not yours");
  EXPECT_EQ(Run({"case", "watch"}), ExitCode::kRefused);
}

TEST_F(CliCaseTest, RefusedMessagesAreListedAndResolved) {
  v1::NeedsAttention* item = service_.refused.add_items();
  item->set_outbox_id(7);
  item->set_reason("no rule allows it");
  EXPECT_EQ(Run({"case", "refused"}), ExitCode::kOk);
  EXPECT_THAT(out_, HasSubstr("no rule allows it"));
  EXPECT_EQ(Run({"case", "refused", "--withdraw", "7", "--reason", "wrong"}),
            ExitCode::kOk);
  EXPECT_EQ(service_.resolve.outbox_id(), 7);
  EXPECT_EQ(service_.resolve.resolution(), v1::RESOLUTION_WITHDRAW);
  service_.resolved_case = false;
  EXPECT_EQ(Run({"case", "refused", "--resend", "7"}), ExitCode::kOk);
  EXPECT_EQ(service_.resolve.resolution(), v1::RESOLUTION_RESEND);
  EXPECT_THAT(out_, HasSubstr("an answer about a matter received"));
  EXPECT_EQ(Run({"case", "refused", "--resend", "x"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("baton case refused"));
}

}  // namespace
}  // namespace baton::cli
