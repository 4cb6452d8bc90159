#include <deque>
#include <filesystem>

#include "baton/v1/emergency_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"
#include "tests/services/cli_fixture.h"
#include "tests/support/source_file.h"

namespace baton::cli {
namespace {

using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Answers what the test says and remembers what it was asked.
class FakeEmergency final : public v1::EmergencyService::Service {
 public:
  Status FlagWaiting(ServerContext*, const v1::FlagWaitingRequest* request,
                     v1::FlagWaitingResponse* response) override {
    flag = *request;
    *response->mutable_status() = status;
    return answer;
  }
  Status UpdateWaiting(ServerContext*, const v1::UpdateWaitingRequest* request,
                       v1::UpdateWaitingResponse* response) override {
    update = *request;
    *response->mutable_status() = status;
    return answer;
  }
  Status MoveWaiting(ServerContext*, const v1::MoveWaitingRequest* request,
                     v1::MoveWaitingResponse* response) override {
    move = *request;
    *response->mutable_status() = status;
    return answer;
  }
  Status EndWaiting(ServerContext*, const v1::EndWaitingRequest* request,
                    v1::EndWaitingResponse* response) override {
    end = *request;
    *response->mutable_status() = status;
    return answer;
  }
  Status GetWaiting(ServerContext*, const v1::GetWaitingRequest*,
                    v1::GetWaitingResponse* response) override {
    *response->mutable_status() = status;
    return answer;
  }
  Status ListWaiting(ServerContext*, const v1::ListWaitingRequest* request,
                     v1::ListWaitingResponse* response) override {
    const int first = request->page_token().empty() ? 0 : 1;
    if (first < waits.statuses_size()) {
      *response->add_statuses() = waits.statuses(first);
    }
    if (first + 1 < waits.statuses_size()) response->set_next_page_token("1");
    if (waits.has_exchange_heard_time()) {
      *response->mutable_exchange_heard_time() = waits.exchange_heard_time();
    }
    return answer;
  }
  Status WatchWaiting(
      ServerContext*, const v1::WatchWaitingRequest*,
      grpc::ServerWriter<v1::WatchWaitingResponse>* writer) override {
    if (watches.empty()) return Status(grpc::StatusCode::NOT_FOUND, "no wait");
    const auto script = std::move(watches.front());
    watches.pop_front();
    for (const auto& response : script) writer->Write(response);
    return Status(grpc::StatusCode::UNAVAILABLE, "stopping");
  }
  Status ListNeedsAttention(ServerContext*,
                            const v1::ListNeedsAttentionRequest*,
                            v1::ListNeedsAttentionResponse* response) override {
    *response = attention;
    return answer;
  }
  Status ResolveNeedsAttention(
      ServerContext*, const v1::ResolveNeedsAttentionRequest* request,
      v1::ResolveNeedsAttentionResponse* response) override {
    resolve = *request;
    *response->mutable_status() = status;
    return answer;
  }

  v1::WaitingStatus status;
  v1::ListWaitingResponse waits;
  v1::ListNeedsAttentionResponse attention;
  std::deque<std::vector<v1::WatchWaitingResponse>> watches;
  Status answer;

  v1::FlagWaitingRequest flag;
  v1::UpdateWaitingRequest update;
  v1::MoveWaitingRequest move;
  v1::EndWaitingRequest end;
  v1::ResolveNeedsAttentionRequest resolve;
};

class CliEmergencyTest : public CliTest {
 protected:
  CliEmergencyTest() {
    Serve({&service_});
    service_.status.set_sender_reference("ED-1");
    service_.status.set_outbox_state(v1::OUTBOX_STATE_ACCEPTED);
    service_.status.set_headline("in their system; nobody has looked");
    service_.status.set_phone("0115 876 4800");
    *service_.status.mutable_exchange_heard_time() = Ago(absl::Seconds(5));
  }

  FakeEmergency service_;
};

TEST_F(CliEmergencyTest, FlagsMakeTheWholeRequest) {
  EXPECT_EQ(Run({"emergency",
                 "flag",
                 "--reference",
                 "ED-1",
                 "--to",
                 "E06000018/intake",
                 "--copy",
                 "E10000024",
                 "--child-name",
                 "Mia Test",
                 "--birth-date",
                 "2011-05-04",
                 "--nhs-number",
                 "999 000 0018",
                 "--arrived",
                 "18:10",
                 "--reason",
                 "placement-breakdown",
                 "--blocked-by",
                 "placement",
                 "--immediate-danger",
                 "no",
                 "--next-review",
                 "+2h",
                 "--medication",
                 "unknown",
                 "--actor",
                 "A. Nurse;charge nurse",
                 "--legal-basis",
                 "children-act-2004-s11"}),
            ExitCode::kOk)
      << err_;
  const v1::WaitingFlag& flag = service_.flag.flag();
  EXPECT_EQ(dialled_, "emergency:1");
  EXPECT_EQ(flag.sender_reference(), "ED-1");
  EXPECT_EQ(service_.flag.recipient().desk(), "intake");
  EXPECT_EQ(service_.flag.copies(0).agency().code(), "E10000024");
  EXPECT_EQ(flag.child().names(0).family(), "Test");
  EXPECT_EQ(flag.child().nhs_number().value(), "999 000 0018");
  EXPECT_EQ(FromProto(flag.arrived_time().value()),
            now_ - absl::Minutes(3 * 60 + 30));
  EXPECT_EQ(FromProto(flag.next_review_time().value()), now_ + absl::Hours(2));
  EXPECT_EQ(flag.reason(), v1::WAITING_REASON_PLACEMENT_BREAKDOWN);
  EXPECT_FALSE(flag.immediate_danger().value());
  EXPECT_EQ(flag.child().medication().absence(), v1::ABSENCE_UNKNOWN);
  EXPECT_EQ(service_.flag.actor().name(), "A. Nurse");
  EXPECT_EQ(service_.flag.legal_basis(), v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
}

TEST_F(CliEmergencyTest, DangerAloneMeansYes) {
  Run({"emergency", "flag", "--reference", "ED-1", "--immediate-danger"});
  EXPECT_TRUE(service_.flag.flag().immediate_danger().value());
}

TEST_F(CliEmergencyTest, FlagsOverrideTheFile) {
  const std::string file = Write("flag.json", R"({
    "request_id": "r-1",
    "flag": {"sender_reference": "ED-1", "reason": "WAITING_REASON_OTHER"},
    "actor": {"name": "From File", "role": "doctor"}})");
  EXPECT_EQ(Run({"emergency", "flag", "--file", file, "--reason",
                 "refused-home", "--name", "From Flag"}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.flag.request_id(), "r-1");
  EXPECT_EQ(service_.flag.flag().sender_reference(), "ED-1");
  EXPECT_EQ(service_.flag.flag().reason(), v1::WAITING_REASON_REFUSED_HOME);
  EXPECT_EQ(service_.flag.actor().name(), "From Flag");
  EXPECT_EQ(service_.flag.actor().role(), "doctor");
}

TEST_F(CliEmergencyTest, TheConfiguredActorActsByDefault) {
  Run({"emergency", "flag", "--reference", "ED-1"});
  EXPECT_EQ(service_.flag.actor().name(), "Sam Default");
}

TEST_F(CliEmergencyTest, ABrokenFileIsSaidWithItsPlaceAndIsNotSent) {
  const std::string file =
      Write("flag.txtpb", "flag {\n  sender_referenz: \"ED-1\"\n}\n");
  EXPECT_EQ(Run({"emergency", "flag", "--file", file}), ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("flag.txtpb:2:"));
  EXPECT_EQ(service_.flag.flag().sender_reference(), "");
}

TEST_F(CliEmergencyTest, ARepeatCanNameItsRequest) {
  Run({"emergency", "flag", "--reference", "ED-1"});
  EXPECT_EQ(service_.flag.request_id(), "01010101-0101-4101-8101-010101010101");
  EXPECT_THAT(out_, HasSubstr(service_.flag.request_id()));
  Run({"emergency", "flag", "--reference", "ED-1", "--request-id", "mine"});
  EXPECT_EQ(service_.flag.request_id(), "mine");
}

TEST_F(CliEmergencyTest, HeldIsNotSentAndSaysWhomToRing) {
  service_.status.set_outbox_state(v1::OUTBOX_STATE_HELD);
  service_.status.set_headline("");
  service_.status.set_held_messages(1);
  EXPECT_EQ(Run({"emergency", "flag", "--reference", "ED-1"}), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring 0115 876 4800\n"));
  EXPECT_EQ(Run({"emergency", "flag", "--reference", "ED-1", "-o", "json"}),
            ExitCode::kHeld);
  EXPECT_THAT(err_, HasSubstr("NOT SENT, ring 0115 876 4800"));
  EXPECT_THAT(out_, HasSubstr("\"outbox_state\":\"held\""));
}

// The flag arrived, a later message of the wait did not.
TEST_F(CliEmergencyTest, AHeldUpdateIsNotSentEither) {
  service_.status.set_held_messages(1);
  EXPECT_EQ(Run({"emergency", "update", "ED-1", "--note", "calmer"}),
            ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring 0115 876 4800\n"));
  EXPECT_THAT(out_, Not(HasSubstr("Sent:")));
}

TEST_F(CliEmergencyTest, HeldDangerAlarms) {
  service_.status.set_outbox_state(v1::OUTBOX_STATE_HELD);
  service_.status.set_alarm(true);
  Run({"emergency", "status", "ED-1"});
  EXPECT_THAT(out_, StartsWith("ALARM: immediate danger, and not sent."));
}

TEST_F(CliEmergencyTest, ARefusalSaysWhy) {
  service_.status.set_outbox_state(v1::OUTBOX_STATE_REFUSED);
  service_.status.set_refusal("no rule allows it");
  EXPECT_EQ(Run({"emergency", "status", "ED-1"}), ExitCode::kRefused);
  EXPECT_THAT(out_, HasSubstr("no rule allows it"));
}

TEST_F(CliEmergencyTest, UpdatesMovesAndEnds) {
  Run({"emergency", "update", "ED-1", "--note", "calmer", "--blocked-by",
       "court", "--one-to-one", "yes"});
  EXPECT_EQ(service_.update.sender_reference(), "ED-1");
  EXPECT_EQ(service_.update.update().note().value(), "calmer");
  EXPECT_EQ(service_.update.update().blocked_by(), v1::BLOCKED_BY_COURT);
  EXPECT_THAT(out_, HasSubstr("Sent: the exchange has it."));
  Run({"emergency", "moved", "ED-1", "--location", "RX1RA ward D33", "--at",
       "21:00", "--ward-phone", "0115 496 0001"});
  EXPECT_EQ(service_.move.moved().location(), "RX1RA ward D33");
  EXPECT_EQ(FromProto(service_.move.moved().moved_time()),
            now_ - absl::Minutes(40));
  EXPECT_EQ(service_.move.moved().phone(), "0115 496 0001");
  EXPECT_EQ(service_.move.actor().phone(), "");
  Run({"emergency", "end", "ED-1", "--how", "left-unexpectedly",
       "--police-reference", "NOT-9"});
  EXPECT_EQ(service_.end.end().end_reason(),
            v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY);
  EXPECT_EQ(service_.end.end().police_reference(), "NOT-9");
}

TEST_F(CliEmergencyTest, StatusShowsReceiptsAndHowLongEachTook) {
  v1::Matter* matter = service_.status.mutable_matter();
  matter->set_matter_id("c-4k7.1");
  matter->set_state(v1::MATTER_STATE_TAKEN);
  *matter->mutable_received_time() = Ago(absl::Minutes(130));
  *matter->mutable_delivered()->mutable_time() = Ago(absl::Minutes(129));
  *matter->mutable_taken()->mutable_time() = Ago(absl::Minutes(5));
  matter->mutable_taken()->mutable_actor()->set_name("A. Worker");
  matter->mutable_taken()->mutable_actor()->mutable_asserted_by()->set_code(
      "E06000018");
  EXPECT_EQ(Run({"emergency", "status", "ED-1"}), ExitCode::kOk);
  EXPECT_THAT(out_, StartsWith("in their system; nobody has looked\n"));
  EXPECT_THAT(out_, HasSubstr("taken, but never opened"));
  EXPECT_THAT(out_, HasSubstr("21:35, after 2 h 05 min, by A. Worker "
                              "(asserted by E06000018)"));
  EXPECT_THAT(out_, HasSubstr("not yet"));
  Run({"emergency", "status", "ED-1", "-o", "json"});
  EXPECT_THAT(out_, HasSubstr("\"taken_after_seconds\":\"7500\""));
}

TEST_F(CliEmergencyTest, AMissingReceiptIsUnknownWhenTheExchangeIsSilent) {
  *service_.status.mutable_exchange_heard_time() = Ago(absl::Minutes(2));
  Run({"emergency", "status", "ED-1"});
  EXPECT_THAT(out_, HasSubstr("unknown: last heard 21:38"));
  EXPECT_THAT(out_, Not(HasSubstr("not yet")));
}

TEST_F(CliEmergencyTest, AWaitWithoutArrivalIsAtLeastAsLongAsShown) {
  service_.status.mutable_waiting_for()->set_seconds(120);
  Run({"emergency", "status", "ED-1"});
  EXPECT_THAT(out_, Not(HasSubstr("at least")));
  v1::Mark* const mark = service_.status.add_marks();
  mark->set_code(v1::MARK_CODE_BLANK_ANSWER);
  mark->set_field("flag.arrived_time");
  Run({"emergency", "status", "ED-1"});
  EXPECT_THAT(out_, HasSubstr("at least 2 min; arrival not stated"));
  EXPECT_THAT(out_, HasSubstr("flag.arrived_time is not answered"));
  Run({"emergency", "status", "ED-1", "-o", "json"});
  EXPECT_THAT(out_, HasSubstr("\"blank-answer flag.arrived_time\""));
}

TEST_F(CliEmergencyTest, DangerThatWasSentIsNeverTheOnlyRouteEither) {
  Run({"emergency", "flag", "--reference", "ED-1", "--immediate-danger"});
  EXPECT_THAT(err_, HasSubstr("Immediate danger: ring 999"));
  EXPECT_THAT(out_, StartsWith("in their system"));
  Run({"emergency", "flag", "--reference", "ED-1", "--immediate-danger", "no"});
  EXPECT_THAT(err_, Not(HasSubstr("Immediate danger")));
}

TEST_F(CliEmergencyTest, ARecipientNobodyKnowsIsSaidFirst) {
  v1::Mark* const mark = service_.status.add_marks();
  mark->set_code(v1::MARK_CODE_UNKNOWN_RECIPIENT);
  mark->set_field("recipients[0]");
  EXPECT_EQ(Run({"emergency", "status", "ED-1"}), ExitCode::kOk);
  EXPECT_THAT(out_, StartsWith("WRONG ADDRESS: the exchange does not know "
                               "whom this was sent to. Somebody else has it"));
  *service_.waits.add_statuses() = service_.status;
  Run({"emergency", "list"});
  EXPECT_THAT(out_, HasSubstr("WRONG ADDRESS; in their system"));
  mark->set_field("recipients[1]");
  Run({"emergency", "status", "ED-1"});
  EXPECT_THAT(out_, HasSubstr("one of those who should get a copy"));
}

TEST_F(CliEmergencyTest, AnEmptyListIsNoneOnlyWhenTheExchangeWasHeard) {
  EXPECT_EQ(Run({"emergency", "list"}), ExitCode::kOk);
  EXPECT_EQ(out_, "unknown: never heard\n");
  *service_.waits.mutable_exchange_heard_time() = Ago(absl::Minutes(2));
  Run({"emergency", "list"});
  EXPECT_EQ(out_, "unknown: last heard 21:38\n");
  *service_.waits.mutable_exchange_heard_time() = Ago(absl::Seconds(30));
  Run({"emergency", "list"});
  EXPECT_THAT(out_, StartsWith("none; exchange last heard 21:39"));
  Run({"emergency", "list", "-o", "json"});
  EXPECT_THAT(out_, HasSubstr("\"exchange_heard_recently\":true"));
}

TEST_F(CliEmergencyTest, AListReadsEveryPageUpToItsLimit) {
  *service_.waits.add_statuses() = service_.status;
  *service_.waits.add_statuses() = service_.status;
  service_.waits.mutable_statuses(1)->set_sender_reference("ED-2");
  *service_.waits.mutable_exchange_heard_time() = Ago(absl::Seconds(30));
  Run({"emergency", "list"});
  EXPECT_THAT(out_, HasSubstr("ED-1"));
  EXPECT_THAT(out_, HasSubstr("ED-2"));
  Run({"emergency", "list", "--limit", "1"});
  EXPECT_THAT(out_, Not(HasSubstr("ED-2")));
  EXPECT_THAT(out_, HasSubstr("The list goes on"));
  EXPECT_EQ(Run({"emergency", "list", "--limit", "0"}), ExitCode::kUsage);
}

TEST_F(CliEmergencyTest, EveryWrongNameAndWordOfAJsonFileIsListed) {
  const std::string file = Write("wrong.json", R"({
    "recipient": {"agency": {"agency_class": "AGENCY_CLASS_COUNCL"}},
    "flag": {"senderReference": "ED-7", "imediate_danger": {"value": true},
             "child": {"names": [{"given": "Mia"}, {"familly": "Test"}]}}
  })");
  EXPECT_EQ(Run({"emergency", "flag", "--file", file}), ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("wrong.json: flag.imediate_danger: is no field "
                              "of a WaitingFlag; did you mean "
                              "\"immediate_danger\"?"));
  EXPECT_THAT(err_, HasSubstr("flag.child.names[1].familly: is no field"));
  EXPECT_THAT(err_, HasSubstr("recipient.agency.agency_class: is not one of"));
  EXPECT_THAT(err_, Not(HasSubstr("senderReference")));
}

TEST_F(CliEmergencyTest, AHeldWaitInAListIsNotSent) {
  *service_.waits.add_statuses() = service_.status;
  service_.waits.mutable_statuses(0)->set_outbox_state(v1::OUTBOX_STATE_HELD);
  Run({"emergency", "list"});
  EXPECT_THAT(out_, HasSubstr("NOT SENT, ring 0115 876 4800"));
}

TEST_F(CliEmergencyTest, EveryFaultOfARequestIsListed) {
  Faults faults;
  faults.Add("flag.sender_reference", "is required");
  faults.Add("flag.end", "is before its beginning");
  service_.answer = ToGrpc(WithReason(faults.ToStatus(), "BAD_FLAG"));
  EXPECT_EQ(Run({"emergency", "flag"}), ExitCode::kRefused);
  EXPECT_THAT(err_, StartsWith("NOT SENT.\nImmediate danger: ring 999"));
  EXPECT_THAT(
      err_,
      HasSubstr("\n  flag.sender_reference: is required (--reference)\n"));
  EXPECT_THAT(err_, HasSubstr("\n  flag.end: is before its beginning\n"));
  EXPECT_THAT(err_, HasSubstr("reason: BAD_FLAG"));
  EXPECT_THAT(err_, HasSubstr("EmergencyService.FlagWaiting at emergency:1"));
}

TEST_F(CliEmergencyTest, AFullServiceSaysWhenToTryAgain) {
  service_.answer =
      ToGrpc(LimitReached("max_held_messages", "full", absl::Seconds(30)));
  EXPECT_EQ(Run({"emergency", "flag", "--reference", "ED-1"}),
            ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr("try again in 30 s"));
  EXPECT_THAT(err_, HasSubstr("repeat with --request-id 01010101-"));
}

TEST_F(CliEmergencyTest, NobodyAnsweringIsNotSentAsFarAsWeKnow) {
  service_.answer = Status(grpc::StatusCode::UNAVAILABLE, "gone");
  EXPECT_EQ(Run({"emergency", "flag", "--reference", "ED-1"}),
            ExitCode::kUnreachable);
  EXPECT_THAT(err_, StartsWith("NOT SENT, as far as this machine knows."));
  EXPECT_THAT(err_, HasSubstr("repeat with --request-id 01010101-"));
  EXPECT_THAT(err_, HasSubstr("what to do: ring the duty team about it now;"));
  WriteConfig("phone: \"0115 496 0199\"");
  Run({"emergency", "flag", "--reference", "ED-1"});
  EXPECT_THAT(err_, HasSubstr("duty team about it now, 0115 496 0199;"));
}

TEST_F(CliEmergencyTest, AMistypedFlagIsNotSentAndNamesTheNearest) {
  EXPECT_EQ(Run({"emergency", "flag", "--refrence", "ED-1"}), ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("did you mean \"--reference\"?"));
}

TEST_F(CliEmergencyTest, AMistypedCommandNamesTheNearest) {
  EXPECT_EQ(Run({"emergency", "flga"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("unknown command \"flga\"; did you mean "
                              "\"flag\"?"));
  EXPECT_EQ(Run({"emergancy", "flag"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean \"emergency\"?"));
  EXPECT_EQ(Run({"emergency", "status", "ED-1", "ED-2"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("\"ED-2\" is one argument too many"));
  EXPECT_EQ(Run({"emergency", "status"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("REFERENCE is missing"));
}

TEST_F(CliEmergencyTest, AMistypedCommandThatMayHaveSentIsNotSent) {
  const std::vector<std::vector<std::string>> mistyped = {
      {"emergancy", "flag", "--reference", "ED-1"},
      {"emergency", "flga", "--reference", "ED-1"},
      {"emergency", "--reference", "ED-1"},
      {"raise", "--reference", "S-1"}};
  for (const std::vector<std::string>& arguments : mistyped) {
    EXPECT_EQ(Run(arguments), ExitCode::kUsage);
    EXPECT_THAT(err_, StartsWith("NOT SENT.\nImmediate danger: ring 999"));
  }
  EXPECT_THAT(err_, HasSubstr("did you mean \"case raise\"?"));
  Run({"audit", "verfy"});
  EXPECT_THAT(err_, Not(HasSubstr("NOT SENT")));
}

TEST_F(CliEmergencyTest, AReferenceTypedAsAnOptionIsToldToStandAlone) {
  EXPECT_EQ(Run({"emergency", "update", "--reference", "ED-1"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("REFERENCE stands alone: baton emergency update "
                              "REFERENCE"));
}

TEST_F(CliEmergencyTest, HelpSaysThatThisIsNeverTheOnlyRoute) {
  for (const char* command : {"flag", "update", "moved", "end", "attention"}) {
    EXPECT_EQ(Run({"emergency", command, "--help"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("Immediate danger: ring 999 or the duty team; "
                                "this is never the only route."))
        << command;
  }
  EXPECT_EQ(Run({"--help"}), ExitCode::kOk);
  EXPECT_THAT(out_, HasSubstr("6 accepted but HELD: NOT SENT"));
  EXPECT_EQ(Run({"emergency"}), ExitCode::kUsage);
}

TEST_F(CliEmergencyTest, AWatchThatIsLostSaysSoAndTriesAgain) {
  v1::WatchWaitingResponse change;
  *change.mutable_status() = service_.status;
  *change.mutable_exchange_heard_time() = Ago(absl::Seconds(1));
  service_.watches = {{change}, {change, change}};
  EXPECT_EQ(Run({"emergency", "watch", "--changes", "2"}), ExitCode::kOk);
  EXPECT_THAT(err_, HasSubstr("LOST the service at 21:40"));
  EXPECT_EQ(slept_, absl::Seconds(1));
  EXPECT_EQ(Run({"emergency", "watch", "ED-9"}), ExitCode::kError);
  EXPECT_THAT(err_, HasSubstr("no wait"));
}

TEST_F(CliEmergencyTest, AWatchSaysOnceThatTheExchangeIsSilent) {
  v1::WatchWaitingResponse heartbeat, change;
  *heartbeat.mutable_exchange_heard_time() = Ago(absl::Minutes(2));
  *change.mutable_status() = service_.status;
  *change.mutable_exchange_heard_time() = Ago(absl::Minutes(2));
  service_.watches = {{heartbeat, heartbeat, change}};
  Run({"emergency", "watch", "--changes", "1"});
  const size_t first = err_.find("The exchange is silent");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(err_.find("The exchange is silent", first + 1), std::string::npos);
  EXPECT_THAT(err_, HasSubstr("unknown: last heard 21:38"));
}

TEST_F(CliEmergencyTest, RefusedMessagesAreListedAndResolved) {
  v1::NeedsAttention* item = service_.attention.add_items();
  item->set_outbox_id(7);
  item->set_reason("no rule allows it");
  Run({"emergency", "attention"});
  EXPECT_THAT(out_, HasSubstr("no rule allows it"));
  EXPECT_EQ(Run({"emergency", "attention", "--withdraw", "7", "--reason",
                 "wrong child"}),
            ExitCode::kOk);
  EXPECT_EQ(service_.resolve.outbox_id(), 7);
  EXPECT_EQ(service_.resolve.resolution(), v1::RESOLUTION_WITHDRAW);
  EXPECT_EQ(service_.resolve.reason(), "wrong child");
  EXPECT_EQ(service_.resolve.actor().name(), "Sam Default");
  Run({"emergency", "attention", "--resend", "7"});
  EXPECT_EQ(service_.resolve.resolution(), v1::RESOLUTION_RESEND);
  EXPECT_EQ(Run({"emergency", "attention", "--resend", "7", "--withdraw", "7"}),
            ExitCode::kUsage);
  EXPECT_EQ(Run({"emergency", "attention", "--resend", "x"}), ExitCode::kUsage);
}

TEST_F(CliEmergencyTest, FaultsOfTheConfigurationAreListedWithTheirLine) {
  Write("client.txtpb", "broker_adress: \"x\"\ntls { ca_fil: \"y\" }\n");
  EXPECT_EQ(Run({"emergency", "list"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("client.txtpb:1:"));
  EXPECT_THAT(err_, HasSubstr("client.txtpb:2:"));
  Write("client.txtpb", "tls {}\nemergency_address: \"no-port\"\n");
  EXPECT_EQ(Run({"emergency", "list"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("tls.ca_file"));
  EXPECT_THAT(err_, HasSubstr("client.txtpb:2: emergency_address"));
  EXPECT_EQ(Run({"emergency", "list", "--config", dir_ / "none"}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("$BATON_CONFIG"));
}

TEST_F(CliEmergencyTest, TheExampleIsAWholeRequest) {
  const std::string file = SourceFile("deploy/examples/flag-waiting.json");
  EXPECT_EQ(Run({"emergency", "flag", "--file", file}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.flag.flag().child().nhs_number().value(), "9990000018");
  EXPECT_EQ(service_.flag.recipient().agency().code(), "E06000018");
}

}  // namespace
}  // namespace baton::cli
