#include <algorithm>

#include "baton/v1/police_service.grpc.pb.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class FakePolice final : public v1::PoliceService::Service {
 public:
  Status ReportMissing(ServerContext*, const v1::ReportMissingRequest* request,
                       v1::ReportMissingResponse* response) override {
    report = *request;
    ++calls;
    return Answer(response);
  }
  Status UpdateMissing(ServerContext*, const v1::UpdateMissingRequest* request,
                       v1::UpdateMissingResponse* response) override {
    update = *request;
    return Answer(response);
  }
  Status ReportFound(ServerContext*, const v1::ReportFoundRequest* request,
                     v1::ReportFoundResponse* response) override {
    found = *request;
    return Answer(response);
  }
  Status RecordPreventionInterview(
      ServerContext*, const v1::RecordPreventionInterviewRequest* request,
      v1::RecordPreventionInterviewResponse* response) override {
    interview = *request;
    return Answer(response);
  }
  Status SendNotice(ServerContext*, const v1::SendNoticeRequest* request,
                    v1::SendNoticeResponse* response) override {
    notice = *request;
    return Answer(response);
  }

  v1::CaseStatus status;
  Status error;
  int calls = 0;
  v1::ReportMissingRequest report;
  v1::UpdateMissingRequest update;
  v1::ReportFoundRequest found;
  v1::RecordPreventionInterviewRequest interview;
  v1::SendNoticeRequest notice;

 private:
  template <typename Response>
  Status Answer(Response* response) {
    *response->mutable_status() = status;
    return error;
  }
};

class CliPoliceTest : public CliTest {
 protected:
  CliPoliceTest() {
    Serve({&service_});
    service_.status.set_sender_reference("M-1");
    service_.status.set_outbox_state(v1::OUTBOX_STATE_ACCEPTED);
    for (const char* id : {"c-4k7.1", "c-4k7.2"}) {
      v1::MatterStatus* matter = service_.status.add_matters();
      matter->mutable_matter()->set_matter_id(id);
      matter->set_headline("in their system; nobody has looked");
    }
    *service_.status.mutable_exchange_heard_time() = Ago(absl::Seconds(1));
  }

  FakePolice service_;
};

TEST_F(CliPoliceTest, FlagsDescribeOneMissingChild) {
  EXPECT_EQ(
      Run({"police",         "report",      "--reference",    "M-1",
           "--to",           "E06000018",   "--copy",         "school/123456",
           "--child-name",   "Mia Test",    "--nhs-number",   "9990000018",
           "--last-seen",    "20:40",       "--grade",        "high",
           "--rationale",    "medication",  "--exploitation", "county-lines",
           "--exploitation", "trafficking", "--next-review",  "22:40"}),
      ExitCode::kOk)
      << err_;
  EXPECT_EQ(dialled_, "police:1");
  EXPECT_EQ(service_.report.recipient().agency().code(), "E06000018");
  EXPECT_EQ(service_.report.copies(0).agency().agency_class(),
            v1::AGENCY_CLASS_SCHOOL);
  ASSERT_EQ(service_.report.children_size(), 1);
  const v1::MissingReport& child = service_.report.children(0);
  EXPECT_EQ(child.child().names(0).given(), "Mia");
  EXPECT_EQ(child.risk().grade(), v1::RISK_GRADE_HIGH);
  EXPECT_EQ(child.risk().rationale().value(), "medication");
  EXPECT_EQ(child.exploitation_flags_size(), 2);
  EXPECT_EQ(FromProto(child.last_seen_time().value()), now_ - absl::Hours(1));
  EXPECT_EQ(FromProto(child.next_review_time().value()), now_ + absl::Hours(1));
  EXPECT_THAT(out_, HasSubstr(service_.report.request_id()));
}

// Two names look like two children to whoever types them.
TEST_F(CliPoliceTest, ASecondNameIsAnAliasAndSaidToBe) {
  Run({"police", "report", "--reference", "M-1", "--child-name", "Mia Test",
       "--child-name", "Joe Test"});
  ASSERT_EQ(service_.report.children_size(), 1);
  const v1::Child& child = service_.report.children(0).child();
  ASSERT_EQ(child.names_size(), 2);
  EXPECT_FALSE(child.names(0).alias());
  EXPECT_TRUE(child.names(1).alias());
  EXPECT_THAT(err_, HasSubstr("ONE child"));
}

// A typing error must not look like a report that arrived where it was meant.
TEST_F(CliPoliceTest, AnUnknownRecipientIsSaidFirst) {
  v1::Mark* mark = service_.status.add_marks();
  mark->set_code(v1::MARK_CODE_UNKNOWN_RECIPIENT);
  mark->set_field("recipients[0]");
  v1::Matter* matter = service_.status.mutable_matters(0)->mutable_matter();
  matter->mutable_holder()->mutable_agency()->set_agency_class(
      v1::AGENCY_CLASS_COUNCIL);
  matter->mutable_holder()->mutable_agency()->set_code("E10000024");
  matter->mutable_holder()->set_desk("intake");
  Run({"police", "report", "--reference", "M-1"});
  EXPECT_THAT(out_, StartsWith("WRONG ADDRESS"));
  EXPECT_THAT(out_, HasSubstr("It is with council/E10000024/intake instead"));
  matter->mutable_taken();
  Run({"police", "report", "--reference", "M-1"});
  EXPECT_THAT(out_, Not(HasSubstr("WRONG ADDRESS")));
}

TEST_F(CliPoliceTest, EveryChildOfTheAnswerIsShown) {
  Run({"police", "report", "--reference", "M-1"});
  EXPECT_THAT(out_, HasSubstr("c-4k7.1"));
  EXPECT_THAT(out_, HasSubstr("c-4k7.2"));
  Run({"police", "report", "--reference", "M-1", "-o", "json"});
  EXPECT_THAT(out_, StartsWith("{\"case\":{\"reference\":\"M-1\""));
  EXPECT_THAT(out_, HasSubstr("\"matters\":[{"));
  Run({"police", "report", "--reference", "M-1", "-o", "csv"});
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3);
}

TEST_F(CliPoliceTest, AFileCarriesSeveralChildren) {
  const std::string file = Write("report.json", R"({
    "senderReference": "M-1",
    "children": [{"episodeReference": "E-1"}, {"episodeReference": "E-2"}]})");
  EXPECT_EQ(Run({"police", "report", "--file", file, "--reference", "M-9"}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.report.sender_reference(), "M-9");
  ASSERT_EQ(service_.report.children_size(), 2);
  EXPECT_EQ(service_.report.children(0).episode_reference(), "E-1");
  EXPECT_EQ(service_.report.children(1).episode_reference(), "E-2");
}

// A grade that reached the first sibling alone would be a wrong one for the
// other.
TEST_F(CliPoliceTest, AFlagOfOneChildDoesNotFitAFileOfSeveral) {
  const std::string file = Write("report.json", R"({
    "senderReference": "M-1",
    "children": [{"episodeReference": "E-1"}, {"episodeReference": "E-2"}]})");
  EXPECT_EQ(Run({"police", "report", "--file", file, "--grade", "high"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("--grade: speaks of one child, and the file has "
                              "2"));
  EXPECT_EQ(service_.calls, 0);
}

TEST_F(CliPoliceTest, HeldIsSaidFirst) {
  service_.status.set_outbox_state(v1::OUTBOX_STATE_HELD);
  service_.status.set_phone("0115 496 0001");
  EXPECT_EQ(Run({"police", "report", "--reference", "M-1"}), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring 0115 496 0001"));
  Run({"police", "report", "--reference", "M-1", "-o", "json"});
  EXPECT_THAT(err_, HasSubstr("NOT SENT, ring 0115 496 0001"));
  EXPECT_THAT(out_, StartsWith("{"));
}

TEST_F(CliPoliceTest, ARefusalIsNotSent) {
  service_.error = Status(grpc::StatusCode::PERMISSION_DENIED, "not yours");
  EXPECT_EQ(Run({"police", "report", "--reference", "M-1"}),
            ExitCode::kRefused);
  EXPECT_THAT(err_, StartsWith("NOT SENT.\nImmediate danger"));
}

TEST_F(CliPoliceTest, ADryRunPrintsWhatAFileMaySay) {
  EXPECT_EQ(Run({"police", "report", "--reference", "M-1", "--episode", "E-1",
                 "--dry-run"}),
            ExitCode::kOk);
  EXPECT_EQ(service_.calls, 0);
  EXPECT_THAT(err_, StartsWith("NOT SENT"));
  const std::string file = Write("again.txtpb", out_);
  EXPECT_EQ(Run({"police", "report", "--file", file}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.report.children(0).episode_reference(), "E-1");
  Run({"police", "report", "--reference", "M-1", "--dry-run", "-o", "json"});
  EXPECT_THAT(out_, HasSubstr("\"sender_reference\":\"M-1\""));
  EXPECT_EQ(service_.calls, 1);
}

TEST_F(CliPoliceTest, AnUpdateIsOfTheChildrenItNames) {
  EXPECT_EQ(Run({"police", "update", "M-1", "--child", "1", "--child", "2",
                 "--information", "seen near the station"}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.update.sender_reference(), "M-1");
  EXPECT_EQ(service_.update.children_size(), 2);
  EXPECT_EQ(service_.update.children(1), 2);
  EXPECT_EQ(service_.update.update().information(), "seen near the station");
}

TEST_F(CliPoliceTest, OneUpdateSaysOneThing) {
  EXPECT_EQ(Run({"police", "update", "M-1", "--information", "x", "--ssda-type",
                 "missing"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("--ssda-type"));
  EXPECT_THAT(err_, HasSubstr("and --information exclude each other"));
}

TEST_F(CliPoliceTest, ARegradeAndASightingAreUpdates) {
  Run({"police", "regrade", "M-1", "--grade", "medium", "--graded-by", "insp"});
  EXPECT_EQ(service_.update.update().regrade().grade(), v1::RISK_GRADE_MEDIUM);
  EXPECT_EQ(service_.update.update().regrade().graded_by(), "insp");
  Run({"police", "sighting", "M-1", "--place", "bus station", "--with",
       "unknown"});
  EXPECT_EQ(service_.update.update().sighting().place().value(), "bus station");
  EXPECT_EQ(service_.update.update().sighting().with().absence(),
            v1::ABSENCE_UNKNOWN);
}

TEST_F(CliPoliceTest, AFindMayNotKnowTheReturn) {
  EXPECT_EQ(Run({"police", "found", "M-1", "--found", "21:00", "--returned",
                 "unknown", "--immediate-danger"}),
            ExitCode::kOk)
      << err_;
  EXPECT_TRUE(service_.found.found().found_time().has_value());
  EXPECT_EQ(service_.found.found().return_time().absence(),
            v1::ABSENCE_UNKNOWN);
  EXPECT_TRUE(service_.found.found().immediate_danger().value());
}

TEST_F(CliPoliceTest, AFlagThatTookTheReferenceIsNamed) {
  EXPECT_EQ(Run({"police", "found", "--immediate-danger", "M-1"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("REFERENCE is missing"));
  EXPECT_THAT(err_, HasSubstr("see baton police found --help"));
  EXPECT_THAT(err_,
              HasSubstr("--immediate-danger took \"M-1\" for its answer"));
  Run({"police", "found", "--fuond", "21:00"});
  EXPECT_THAT(err_, HasSubstr("see baton police found --help"));
}

TEST_F(CliPoliceTest, AnInterviewSaysHowFarItGot) {
  Run({"police", "interview", "M-1", "--state", "declined", "--by", "PC 1"});
  EXPECT_EQ(service_.interview.interview().state(),
            v1::INTERVIEW_STATE_DECLINED);
}

TEST_F(CliPoliceTest, ANoticeHasItsIncidentAndItsChild) {
  EXPECT_EQ(Run({"police", "notice", "--reference", "N-1", "--domestic-abuse",
                 "--what-happened", "shouting", "--grade", "red",
                 "--child-name", "Leo Test", "--restricted", "no"}),
            ExitCode::kOk)
      << err_;
  EXPECT_TRUE(service_.notice.incident().domestic_abuse());
  EXPECT_EQ(service_.notice.children(0).grade(), v1::NOTICE_GRADE_RED);
  EXPECT_FALSE(service_.notice.children(0).restricted());
}

TEST_F(CliPoliceTest, HelpSaysWhatToDoInDanger) {
  for (const char* command : {"report", "update", "regrade", "sighting",
                              "found", "interview", "notice"}) {
    Run({"police", command, "--help"});
    EXPECT_THAT(out_, HasSubstr("Immediate danger: ring 999")) << command;
  }
}

}  // namespace
}  // namespace baton::cli
