#include <algorithm>

#include "baton/v1/council_service.grpc.pb.h"
#include "baton/v1/waiting.pb.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class FakeCouncil final : public v1::CouncilService::Service {
 public:
  Status ListIntake(ServerContext*, const v1::ListIntakeRequest*,
                    v1::ListIntakeResponse* response) override {
    *response = list;
    return Status::OK;
  }
  Status OpenMatter(ServerContext*, const v1::OpenMatterRequest* request,
                    v1::OpenMatterResponse* response) override {
    open = *request;
    *response = matter;
    return Status::OK;
  }
  Status TakeMatter(ServerContext*, const v1::TakeMatterRequest* request,
                    v1::TakeMatterResponse* response) override {
    take = *request;
    *response->mutable_item() = item;
    return Status::OK;
  }
  Status DecideMatter(ServerContext*, const v1::DecideMatterRequest* request,
                      v1::DecideMatterResponse* response) override {
    decide = *request;
    *response->mutable_item() = item;
    return Status::OK;
  }
  Status RecordPhoneContact(ServerContext*,
                            const v1::RecordPhoneContactRequest* request,
                            v1::RecordPhoneContactResponse* response) override {
    phone = *request;
    *response->mutable_status() = raised;
    return Status::OK;
  }
  Status PresentHomeless(ServerContext*,
                         const v1::PresentHomelessRequest* request,
                         v1::PresentHomelessResponse* response) override {
    homeless = *request;
    *response->mutable_status() = raised;
    return Status::OK;
  }
  Status NotifyPlacement(ServerContext*,
                         const v1::NotifyPlacementRequest* request,
                         v1::NotifyPlacementResponse* response) override {
    placement = *request;
    *response->mutable_status() = raised;
    return Status::OK;
  }
  Status HandOver(ServerContext*, const v1::HandOverRequest* request,
                  v1::HandOverResponse* response) override {
    hand_over = *request;
    if (request->from_name() != "Nobody") *response->add_items() = item;
    return Status::OK;
  }

  v1::CaseStatus raised;
  v1::RecordPhoneContactRequest phone;
  v1::PresentHomelessRequest homeless;
  v1::NotifyPlacementRequest placement;
  v1::HandOverRequest hand_over;
  v1::ListIntakeResponse list;
  v1::OpenMatterResponse matter;
  v1::IntakeItem item;
  v1::OpenMatterRequest open;
  v1::TakeMatterRequest take;
  v1::DecideMatterRequest decide;
};

class CliCouncilTest : public CliTest {
 protected:
  CliCouncilTest() {
    Serve({&service_});
    v1::IntakeItem& item = service_.item;
    item.set_matter_id("c-4k7.1");
    item.set_kind(v1::MESSAGE_KIND_WAITING_FLAG);
    item.mutable_sender()->set_agency_class(v1::AGENCY_CLASS_EMERGENCY);
    item.mutable_sender()->set_code("RX1RA");
    *item.mutable_received_time() = Ago(absl::Minutes(3));
    item.set_state(v1::MATTER_STATE_DELIVERED);
  }

  // A message of the matter, with `content` as its one part.
  v1::Message* AddMessage(const google::protobuf::Message& content) {
    v1::Message* message = service_.matter.add_messages();
    message->set_kind(v1::MESSAGE_KIND_WAITING_FLAG);
    *message->mutable_sender() = service_.item.sender();
    *message->mutable_publish_time() = Ago(absl::Minutes(3));
    v1::PayloadPart* part = message->add_payload();
    part->set_matter_id("c-4k7.1");
    part->set_type(content.GetDescriptor()->full_name());
    part->set_content(content.SerializeAsString());
    return message;
  }

  FakeCouncil service_;
};

TEST_F(CliCouncilTest, ListsMattersAndWhoHasLooked) {
  *service_.list.add_items() = service_.item;
  *service_.list.mutable_exchange_heard_time() = Ago(absl::Seconds(1));
  EXPECT_EQ(Run({"council", "list"}), ExitCode::kOk) << err_;
  EXPECT_EQ(dialled_, "council:1");
  EXPECT_THAT(out_, HasSubstr("c-4k7.1"));
  EXPECT_THAT(out_, HasSubstr("emergency/RX1RA"));
  EXPECT_THAT(out_, HasSubstr("21:37 (3 min ago)"));
  EXPECT_THAT(out_, HasSubstr("nobody has looked"));
  EXPECT_THAT(out_, Not(HasSubstr("unknown")));
}

TEST_F(CliCouncilTest, AnEmptyListOfASilentFeedIsUnknown) {
  *service_.list.mutable_exchange_heard_time() = Ago(absl::Seconds(61));
  Run({"council", "list"});
  EXPECT_EQ(out_, "unknown: last heard 21:38\n");
  Run({"council", "list", "-o", "csv"});
  EXPECT_THAT(out_, StartsWith("matter_id,priority,kind"));
  EXPECT_EQ(err_, "unknown: last heard 21:38\n");
}

TEST_F(CliCouncilTest, AListOfASilentFeedMayLackSome) {
  *service_.list.add_items() = service_.item;
  Run({"council", "list"});
  EXPECT_THAT(out_, HasSubstr("whether there are more is unknown: never "
                              "heard"));
}

TEST_F(CliCouncilTest, OpeningNamesThePersonAndShowsEveryAnswer) {
  v1::WaitingFlag flag;
  flag.mutable_child()->add_names()->set_given("Mia");
  flag.mutable_child()->mutable_nhs_number()->set_value("9990000001");
  flag.mutable_child()->mutable_nhs_number()->set_check(
      v1::IDENTIFIER_CHECK_FAILED);
  flag.mutable_child()->mutable_medication()->set_absence(
      v1::ABSENCE_NOT_ASKED);
  flag.mutable_child()->mutable_ethnicity();
  flag.mutable_immediate_danger()->set_value(false);
  flag.mutable_childs_words()->set_absence(v1::ABSENCE_WITHHELD);
  flag.mutable_childs_words()->set_ask("ask RX1RA safeguarding");
  AddMessage(flag);
  EXPECT_EQ(Run({"council", "open", "c-4k7.1", "--name", "B. Reader"}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.open.matter_id(), "c-4k7.1");
  EXPECT_EQ(service_.open.actor().name(), "B. Reader");
  EXPECT_THAT(out_, HasSubstr("waiting flag from emergency/RX1RA, 21:37"));
  EXPECT_THAT(out_, HasSubstr("names: Mia"));
  EXPECT_THAT(out_, HasSubstr("9990000001 (failed check"));
  EXPECT_THAT(out_, HasSubstr("medication: not asked"));
  EXPECT_THAT(out_, HasSubstr("ethnicity: no value and no reason given"));
  EXPECT_THAT(out_, HasSubstr("immediate danger: no"));
  EXPECT_THAT(out_, HasSubstr("withheld (ask RX1RA safeguarding)"));
}

TEST_F(CliCouncilTest, APayloadOfAnUnknownTypeIsNamedNotDropped) {
  AddMessage(v1::WaitingFlag())->mutable_payload(0)->set_type("new.Thing");
  Run({"council", "open", "c-4k7.1"});
  EXPECT_THAT(out_, HasSubstr("a new.Thing of 0 bytes, which this version "
                              "cannot show"));
}

TEST_F(CliCouncilTest, OpenedAsJsonThePayloadIsReadable) {
  v1::WaitingFlag flag;
  flag.set_sender_reference("ED-1");
  AddMessage(flag);
  Run({"council", "open", "c-4k7.1", "-o", "json"});
  EXPECT_THAT(out_, HasSubstr("\"content\":{\"sender_reference\":\"ED-1\"}"));
}

TEST_F(CliCouncilTest, APersonTakesAMatter) {
  service_.item.set_answer_state(v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_EQ(Run({"council", "take", "c-4k7.1", "--name", "B. Worker", "--role",
                 "social worker", "--team", "MASH", "--phone", "0115 496 0002",
                 "--expected-version", "3"}),
            ExitCode::kOk)
      << err_;
  const v1::Taken& taken = service_.take.taken();
  EXPECT_EQ(taken.matter_id(), "c-4k7.1");
  EXPECT_EQ(taken.worker().name(), "B. Worker");
  EXPECT_EQ(taken.worker().team(), "MASH");
  EXPECT_EQ(taken.expected_version(), 3);
  EXPECT_THAT(out_, HasSubstr(service_.take.request_id()));
}

TEST_F(CliCouncilTest, ADecisionCarriesOutcomeAndNextStep) {
  EXPECT_EQ(
      Run({"council", "decide", "c-4k7.1", "--outcome", "referral-section-17",
           "--next-step", "visit tonight", "--reason", "placement ended"}),
      ExitCode::kOk)
      << err_;
  const v1::Decision& decision = service_.decide.decision();
  EXPECT_EQ(decision.outcome(), v1::OUTCOME_REFERRAL_SECTION_17);
  EXPECT_EQ(decision.next_step(), "visit tonight");
  EXPECT_EQ(decision.worker().name(), "Sam Default");
}

TEST_F(CliCouncilTest, AHeldAnswerIsNotSent) {
  service_.item.set_answer_state(v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(Run({"council", "take", "c-4k7.1"}), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring the sender"));
}

TEST_F(CliCouncilTest, WhatTheCouncilRaisesAndIsHeldIsNotSent) {
  service_.raised.set_outbox_state(v1::OUTBOX_STATE_HELD);
  service_.raised.set_phone("0115 496 0001");
  for (const char* command : {"phone", "homeless", "placement"}) {
    EXPECT_EQ(Run({"council", command, "--reference", "R-1"}), ExitCode::kHeld)
        << command;
    EXPECT_THAT(out_, StartsWith("NOT SENT, ring 0115 496 0001\n")) << command;
  }
}

TEST_F(CliCouncilTest, ARefusedAnswerSaysWhy) {
  service_.item.set_answer_state(v1::OUTBOX_STATE_REFUSED);
  service_.item.set_answer_refusal("matter moved on");
  EXPECT_EQ(Run({"council", "take", "c-4k7.1"}), ExitCode::kRefused);
  EXPECT_THAT(out_, HasSubstr("REFUSED: matter moved on"));
}

TEST_F(CliCouncilTest, AMistypedOutcomeIsNotSent) {
  EXPECT_EQ(
      Run({"council", "decide", "c-4k7.1", "--outcome", "referral-section-71"}),
      ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("did you mean \"referral-section-17\"?"));
}

TEST_F(CliCouncilTest, ACallStartsWhenItWasTaken) {
  EXPECT_EQ(
      Run({"council", "phone", "--reference", "P-1", "--called", "21:10",
           "--caller-name", "C. Teacher", "--caller-agency", "school/123456",
           "--child-name", "Mia Test", "--concern", "bruises"}),
      ExitCode::kOk)
      << err_;
  ASSERT_EQ(service_.phone.children_size(), 1);
  const v1::PhoneContact& call = service_.phone.children(0);
  EXPECT_EQ(FromProto(call.call_time()), now_ - absl::Minutes(30));
  EXPECT_EQ(call.caller().name(), "C. Teacher");
  EXPECT_EQ(call.caller_agency().code(), "123456");
  EXPECT_EQ(call.child().names(0).family(), "Test");
  EXPECT_EQ(service_.phone.actor().name(), "Sam Default");
}

TEST_F(CliCouncilTest, AHomelessYoungPersonIsOfBothServices) {
  EXPECT_EQ(Run({"council", "homeless", "--reference", "H-1", "--housing",
                 "E06000018/housing", "--slept-last", "a bus"}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.homeless.housing().desk(), "housing");
  EXPECT_EQ(service_.homeless.child().slept_last().value(), "a bus");
}

TEST_F(CliCouncilTest, APlacementNamesItsHost) {
  EXPECT_EQ(
      Run({"council", "placement", "--reference", "L-1", "--to", "E10000024",
           "--copy", "icb/QT1", "--event", "start", "--emergency"}),
      ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.placement.recipient().agency().code(), "E10000024");
  EXPECT_EQ(service_.placement.notice().event(), v1::PLACEMENT_EVENT_START);
  EXPECT_TRUE(service_.placement.notice().emergency().value());
}

TEST_F(CliCouncilTest, AHandOverPrintsItsSheet) {
  EXPECT_EQ(
      Run({"council", "hand-over", "--from", "A. Leaver", "--to",
           "B. Stays;social worker;MASH;0115 496 0002", "--reason", "leaves"}),
      ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.hand_over.from_name(), "A. Leaver");
  EXPECT_EQ(service_.hand_over.to().team(), "MASH");
  EXPECT_THAT(out_, HasSubstr("c-4k7.1"));
  EXPECT_THAT(out_, HasSubstr("1 handed over"));
  Run({"council", "hand-over", "--from", "A", "--to", "B", "-o", "jsonl"});
  EXPECT_THAT(out_, StartsWith("{\"matter_id\":\"c-4k7.1\""));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 1);
  service_.item.set_answer_state(v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(Run({"council", "hand-over", "--from", "A", "--to", "B"}),
            ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT"));
}

// A name typed otherwise than it was taken under leaves everything where it
// was.
TEST_F(CliCouncilTest, AHandOverOfNothingIsNotDone) {
  EXPECT_EQ(Run({"council", "hand-over", "--from", "Nobody", "--to", "B"}),
            ExitCode::kRefused);
  EXPECT_THAT(err_, HasSubstr("NOTHING WAS HANDED OVER"));
}

TEST_F(CliCouncilTest, AListSaysWhoHasItAfterAHandOver) {
  service_.item.mutable_worker()->set_name("A. Leaver");
  service_.item.mutable_allocated_to()->set_name("B. Stays");
  *service_.list.add_items() = service_.item;
  Run({"council", "list"});
  EXPECT_THAT(out_, HasSubstr("B. Stays; taken by A. Leaver"));
}

// Waiting does not help: what to do stands below the answer.
TEST_F(CliCouncilTest, ARefusedAnswerSaysWhereToMendIt) {
  service_.item.set_answer_state(v1::OUTBOX_STATE_REFUSED);
  EXPECT_EQ(Run({"council", "take", "c-4k7.1"}), ExitCode::kRefused);
  EXPECT_THAT(out_, HasSubstr("baton case refused says why"));
}

TEST_F(CliCouncilTest, ALongListIsReadPageByPage) {
  for (int i = 0; i < 3; ++i) *service_.list.add_items() = service_.item;
  service_.list.set_next_page_token("more");
  EXPECT_EQ(Run({"council", "list", "--limit", "5"}), ExitCode::kOk);
  EXPECT_THAT(out_, HasSubstr("The list goes on"));
  service_.list.clear_items();
  EXPECT_EQ(Run({"council", "list"}), ExitCode::kOk);  // It ends.
}

// However many came before it, and however few a person asks for.
TEST_F(CliCouncilTest, ImmediateDangerIsListedFirst) {
  for (int i = 1; i <= 3; ++i) {
    service_.item.set_matter_id(absl::StrCat("c-", i, ".1"));
    if (i == 3) service_.item.set_priority(v1::PRIORITY_IMMEDIATE_DANGER);
    *service_.list.add_items() = service_.item;
  }
  Run({"council", "list", "--limit", "2"});
  EXPECT_LT(out_.find("c-3.1"), out_.find("c-1.1"));
  EXPECT_THAT(out_, Not(HasSubstr("c-2.1")));
  EXPECT_THAT(out_, HasSubstr("The list goes on"));
  // A program reads them as they came.
  Run({"council", "list", "-o", "jsonl"});
  EXPECT_THAT(out_, StartsWith("{\"matter_id\":\"c-1.1\""));
}

TEST_F(CliCouncilTest, AListAsJsonLinesIsOneObjectALine) {
  for (int i = 0; i < 2; ++i) *service_.list.add_items() = service_.item;
  Run({"council", "list", "-o", "jsonl"});
  EXPECT_THAT(out_, StartsWith("{\"matter_id\":\"c-4k7.1\""));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 2);
  EXPECT_THAT(err_, HasSubstr("unknown"));
}

}  // namespace
}  // namespace baton::cli
