#include <algorithm>

#include "baton/v1/school_service.grpc.pb.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class FakeSchool final : public v1::SchoolService::Service {
 public:
  // Page n is named "n"; the first has no name.
  Status ListAlerts(ServerContext*, const v1::ListAlertsRequest* request,
                    v1::ListAlertsResponse* response) override {
    listed = *request;
    const size_t page =
        request->page_token().empty() ? 0 : std::stoul(request->page_token());
    *response = pages[page];
    if (page + 1 < pages.size()) {
      response->set_next_page_token(std::to_string(page + 1));
    }
    return Status::OK;
  }
  Status TakeAlert(ServerContext*, const v1::TakeAlertRequest* request,
                   v1::TakeAlertResponse* response) override {
    take = *request;
    ++calls;
    *response = taken;
    return error;
  }

  std::vector<v1::ListAlertsResponse> pages{1};
  v1::ListAlertsRequest listed;
  v1::TakeAlertRequest take;
  v1::TakeAlertResponse taken;
  Status error;
  int calls = 0;
};

class CliSchoolTest : public CliTest {
 protected:
  CliSchoolTest() {
    Serve({&service_});
    alert_.set_matter_id("c-4k7.1");
    alert_.set_state(v1::MATTER_STATE_DELIVERED);
    *alert_.mutable_received_time() = Ago(absl::Minutes(3));
    v1::Alert& alert = *alert_.mutable_alert();
    alert.set_code(v1::ALERT_CODE_DOMESTIC_ABUSE);
    alert.set_ask("ask E23000019");
    v1::PersonName* name = alert.mutable_child()->add_names();
    name->set_given("Mia");
    name->set_family("Test");
    alert.mutable_child()->mutable_medication()->set_value("inhaler");
    *service_.pages[0].mutable_exchange_heard_time() = Ago(absl::Seconds(1));
    *service_.taken.mutable_alert() = alert_;
    service_.taken.set_outbox_state(v1::OUTBOX_STATE_ACCEPTED);
  }

  ExitCode Take() {
    return Run({"school", "take", "c-4k7.1", "--name", "Ms Invented", "--role",
                "safeguarding lead", "--phone", "0115 496 0300"});
  }

  v1::AlertItem alert_;
  FakeSchool service_;
};

TEST_F(CliSchoolTest, AnAlertNobodyTookWasSeenByNobody) {
  *service_.pages[0].add_alerts() = alert_;
  EXPECT_EQ(Run({"school", "alerts"}), ExitCode::kOk) << err_;
  EXPECT_EQ(dialled_, "school:1");
  EXPECT_FALSE(service_.listed.include_taken());
  EXPECT_THAT(out_, HasSubstr("c-4k7.1"));
  EXPECT_THAT(out_, HasSubstr("domestic abuse"));
  EXPECT_THAT(out_, HasSubstr("Mia Test"));
  EXPECT_THAT(out_, HasSubstr("nobody has taken it"));
  EXPECT_THAT(out_, HasSubstr("ask E23000019"));
  Run({"school", "alerts", "--all"});
  EXPECT_TRUE(service_.listed.include_taken());
}

TEST_F(CliSchoolTest, Rule12ImmediateDangerIsAlwaysShown) {
  alert_.mutable_alert()->mutable_immediate_danger()->set_value(true);
  *service_.pages[0].add_alerts() = alert_;
  Run({"school", "alerts"});
  EXPECT_THAT(out_, HasSubstr("IMMEDIATE DANGER"));
  Run({"school", "alerts", "-o", "jsonl"});
  EXPECT_THAT(out_, HasSubstr("\"immediate_danger\":\"yes\""));
  service_.pages[0]
      .mutable_alerts(0)
      ->mutable_alert()
      ->clear_immediate_danger();
  Run({"school", "alerts", "-o", "jsonl"});
  EXPECT_THAT(out_, HasSubstr("\"immediate_danger\":\"unknown\""));
}

TEST_F(CliSchoolTest, AnEmptyListOfASilentExchangeIsUnknown) {
  *service_.pages[0].mutable_exchange_heard_time() = Ago(absl::Seconds(61));
  Run({"school", "alerts"});
  EXPECT_EQ(out_, "unknown: last heard 21:38\n");
  service_.pages[0].clear_exchange_heard_time();
  Run({"school", "alerts"});
  EXPECT_EQ(out_, "unknown: never heard\n");
}

// The service reads pages of everything that arrived; one full of alerts that
// were taken is empty.
TEST_F(CliSchoolTest, AnAlertBehindAnEmptyPageIsFound) {
  service_.pages.assign(4, service_.pages[0]);
  *service_.pages[3].add_alerts() = alert_;
  EXPECT_EQ(Run({"school", "alerts"}), ExitCode::kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("c-4k7.1"));
  EXPECT_THAT(out_, Not(HasSubstr("none")));
}

TEST_F(CliSchoolTest, AListAsJsonLinesIsOneObjectALine) {
  for (int i = 0; i < 2; ++i) *service_.pages[0].add_alerts() = alert_;
  Run({"school", "alerts", "-o", "jsonl"});
  EXPECT_THAT(out_, StartsWith("{\"matter_id\":\"c-4k7.1\""));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
}

TEST_F(CliSchoolTest, ANamedPersonTakesAnAlertAndReadsIt) {
  EXPECT_EQ(Take(), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.take.matter_id(), "c-4k7.1");
  EXPECT_EQ(service_.take.actor().name(), "Ms Invented");
  EXPECT_EQ(service_.take.actor().phone(), "0115 496 0300");
  EXPECT_THAT(out_, HasSubstr(service_.take.request_id()));
  EXPECT_THAT(out_, HasSubstr("medication: inhaler"));
  EXPECT_THAT(out_ + err_, Not(HasSubstr("NOT SENT")));
}

TEST_F(CliSchoolTest, ATakingThatIsHeldIsNotSent) {
  service_.taken.set_outbox_state(v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(Take(), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT"));
  EXPECT_GT(service_.calls, 1) << "it is asked again for a moment";
  service_.taken.set_outbox_state(v1::OUTBOX_STATE_REFUSED);
  EXPECT_EQ(Take(), ExitCode::kRefused);
  EXPECT_THAT(out_, StartsWith("NOT SENT"));
  EXPECT_THAT(out_, HasSubstr("baton case refused"));
}

TEST_F(CliSchoolTest, WhatFailsIsNotSent) {
  service_.error = Status(grpc::StatusCode::UNAVAILABLE, "gone");
  EXPECT_EQ(Take(), ExitCode::kUnreachable);
  EXPECT_THAT(err_, StartsWith("NOT SENT, as far as this machine knows."));
  EXPECT_EQ(Run({"school", "take"}), ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
}

TEST_F(CliSchoolTest, ADryRunSendsNothing) {
  EXPECT_EQ(Run({"school", "take", "c-4k7.1", "--dry-run"}), ExitCode::kOk);
  EXPECT_EQ(service_.calls, 0);
  EXPECT_THAT(err_, StartsWith("NOT SENT: this is a dry run.\n"));
  EXPECT_THAT(out_, HasSubstr("matter_id: \"c-4k7.1\""));
}

}  // namespace
}  // namespace baton::cli
