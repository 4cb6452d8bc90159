#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "baton/v1/case_service.grpc.pb.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/cli/matter_options.h"
#include "tests/services/cli_fixture.h"

namespace baton::cli {
namespace {

using ::google::protobuf::TextFormat;
using ::google::protobuf::util::MessageDifferencer;
using ::grpc::ServerContext;
using ::grpc::Status;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class FakeCases final : public v1::CaseService::Service {
 public:
  Status ActOnMatter(ServerContext*, const v1::ActOnMatterRequest* request,
                     v1::ActOnMatterResponse* response) override {
    act = *request;
    ++calls;
    *response = answer;
    return error;
  }

  v1::ActOnMatterRequest act;
  v1::ActOnMatterResponse answer;
  Status error;
  int calls = 0;
};

// What a command line says, and the request it makes. 1767476400 is the
// fixture's 21:40.
struct Saying {
  std::string verb;
  std::vector<std::string> flags;  // Every one of the verb's own.
  std::string request;             // Beside request_id, matter_id and actor.
};

std::vector<Saying> Sayings() {
  return {
      {"take",
       {"--at", "21:30", "--desk", "housing", "--expected-version", "3"},
       "taken { taken_time { seconds: 1767475800 } desk: 'housing' "
       "expected_version: 3 }"},
      {"decide",
       {"--outcome",
        "information-on-open-case",
        "--next-step",
        "visit",
        "--reason",
        "known",
        "--contact-phone",
        "0115 496 0002",
        "--open-case",
        "OC-9",
        "--desk",
        "housing",
        "--sleeps-tonight",
        "foster carer",
        "--accommodation",
        "accepted",
        "--accommodation-detail",
        "a room",
        "--at",
        "21:40",
        "--expected-version",
        "4"},
       "decision { outcome: OUTCOME_INFORMATION_ON_OPEN_CASE next_step: 'visit'"
       " reason: 'known' contact_phone: '0115 496 0002' "
       "open_case_reference: 'OC-9' desk: 'housing' homeless { "
       "sleeps_tonight { value: 'foster carer' } "
       "accommodation: ACCOMMODATION_ANSWER_ACCEPTED "
       "detail { value: 'a room' } } decided_time { seconds: 1767476400 } "
       "expected_version: 4 }"},
      {"triage",
       {"--grade", "red", "--reason", "alone at home", "--expected-version",
        "5"},
       "triage { grade: TRIAGE_GRADE_RED reason: 'alone at home' "
       "expected_version: 5 }"},
      {"allocate",
       {"--worker", "B. Worker;social worker;MASH;0115 496 0002", "--reason",
        "shift ends", "--expected-version", "6"},
       "allocation { worker { name: 'B. Worker' role: 'social worker' "
       "team: 'MASH' phone: '0115 496 0002' } reason: 'shift ends' "
       "expected_version: 6 }"},
      {"milestone",
       {"--code", "child-seen", "--at", "21:00", "--note", "asleep, well"},
       "milestone { code: MILESTONE_CODE_CHILD_SEEN "
       "time { seconds: 1767474000 } note: 'asleep, well' }"},
      {"offer",
       {"--to", "E10000024/intake", "--ground", "ordinary-residence", "--why",
        "lives there", "--attached", "chronology", "--expected-version", "7"},
       "transfer_offer { offered_to { agency { "
       "agency_class: AGENCY_CLASS_COUNCIL code: 'E10000024' } "
       "desk: 'intake' } ground: TRANSFER_GROUND_ORDINARY_RESIDENCE "
       "why: 'lives there' attached: 'chronology' expected_version: 7 }"},
      {"accept",
       {"--accepted-by", "D. Officer, duty", "--accepted-at", "21:20",
        "--evidence", "call, 21:20", "--expected-version", "8"},
       "transfer_accepted { off_exchange { accepted_by: 'D. Officer, duty' "
       "accepted_time { seconds: 1767475200 } evidence: 'call, 21:20' } "
       "expected_version: 8 }"},
      {"decline",
       {"--reason", "not our area", "--expected-version", "9"},
       "transfer_declined { reason: 'not our area' expected_version: 9 }"},
      {"ask",
       {"--partner", "police/E23000019", "--partner", "school/123456/office",
        "--question", "known to you?", "--deadline", "+2h"},
       "recipients { agency { agency_class: AGENCY_CLASS_POLICE "
       "code: 'E23000019' } } recipients { agency { "
       "agency_class: AGENCY_CLASS_SCHOOL code: '123456' } desk: 'office' } "
       "information_request { question: 'known to you?' "
       "deadline { seconds: 1767483600 } }"},
      {"answer",
       {"--reply-to", "m-4k7", "--answer", "given", "--information",
        "absent since Monday", "--reason", "asked to"},
       "in_reply_to: 'm-4k7' information_response { "
       "answer: INFORMATION_ANSWER_GIVEN information: 'absent since Monday' "
       "reason: 'asked to' }"},
      {"challenge",
       {"--stage", "1", "--disagreement", "closed too soon", "--wanted",
        "a visit"},
       "challenge { stage: 1 disagreement: 'closed too soon' "
       "wanted: 'a visit' }"},
      {"answer-challenge",
       {"--reply-to", "m-4k8", "--stage", "1", "--answer", "stands", "--reason",
        "seen since"},
       "in_reply_to: 'm-4k8' challenge_response { stage: 1 "
       "answer: CHALLENGE_ANSWER_STANDS reason: 'seen since' }"},
      {"correct",
       {"--message", "m-4k7", "--reason", "wrong date", "--part-type",
        "baton.v1.Contact"},
       "correction { corrects_message_id: 'm-4k7' reason: 'wrong date' "
       "type: 'baton.v1.Contact' }"},
      {"withdraw",
       {"--message", "m-4k7", "--reason", "sent twice"},
       "withdrawal { message_id: 'm-4k7' reason: 'sent twice' }"},
      {"recall",
       {"--message", "m-4k7", "--reason", "another child's file", "--noticed",
        "21:35"},
       "recall { message_id: 'm-4k7' reason: 'another child\\'s file' "
       "noticed_time { seconds: 1767476100 } }"},
      {"return-interview",
       {"--state", "done", "--at", "21:10", "--by", "E. Independent",
        "--independent", "yes", "--themes", "county lines", "--childs-views",
        "refused", "--safety-plan", "ring first", "--episode", "E-1",
        "--episode", "E-2"},
       "return_interview { state: INTERVIEW_STATE_DONE "
       "time { seconds: 1767474600 } by: 'E. Independent' "
       "independent { value: true } themes { value: 'county lines' } "
       "childs_views { absence: ABSENCE_REFUSED } "
       "safety_plan { value: 'ring first' } episode_references: 'E-1' "
       "episode_references: 'E-2' }"},
      {"unlink",
       {"--other", "c-4k8.1", "--reason", "cousins"},
       "unlink { other_matter_id: 'c-4k8.1' reason: 'cousins' }"},
      {"release",
       {"--reason", "checked by the adoption team"},
       "release { reason: 'checked by the adoption team' }"},
  };
}

class CliMatterTest : public CliTest {
 protected:
  CliMatterTest() {
    Serve({&service_});
    Write("client.txtpb", R"(
      tls { ca_file: "ca.pem" certificate_file: "c.pem" key_file: "c.key" }
      council_address: "council:1"
      actor { name: "Sam Default" role: "duty social worker" }
    )");
    service_.answer.set_outbox_state(v1::OUTBOX_STATE_ACCEPTED);
    service_.answer.mutable_item()->set_matter_id("c-4k7.1");
  }

  ExitCode Say(const std::string& verb, std::vector<std::string> flags) {
    std::vector<std::string> arguments = {"matter", verb, "c-4k7.1"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return Run(arguments);
  }

  // The answer about a matter that was raised here and did not arrive.
  void AnswerAsSender() {
    service_.answer.clear_item();
    v1::CaseStatus* status = service_.answer.mutable_status();
    status->set_sender_reference("S-1");
    status->set_outbox_state(v1::OUTBOX_STATE_ACCEPTED);
    status->set_phone("0115 496 0001");
    *status->mutable_exchange_heard_time() = Ago(absl::Seconds(1));
  }

  FakeCases service_;
};

TEST_F(CliMatterTest, EveryVerbSetsItsContentAndNothingElse) {
  for (const Saying& saying : Sayings()) {
    EXPECT_EQ(Say(saying.verb, saying.flags), ExitCode::kOk)
        << saying.verb << ": " << err_;
    EXPECT_EQ(dialled_, "council:1");
    v1::ActOnMatterRequest expected;
    ASSERT_TRUE(TextFormat::ParseFromString(saying.request, &expected))
        << saying.verb;
    expected.set_matter_id("c-4k7.1");
    expected.set_request_id(service_.act.request_id());
    expected.mutable_actor()->set_name("Sam Default");
    expected.mutable_actor()->set_role("duty social worker");
    EXPECT_TRUE(MessageDifferencer::Equals(service_.act, expected))
        << saying.verb << " says " << service_.act.DebugString();
    EXPECT_THAT(out_, HasSubstr(service_.act.request_id())) << saying.verb;
  }
}

// Guards the table above: what is not in it is not tested.
TEST_F(CliMatterTest, EveryVerbAndFlagIsTried) {
  const std::vector<Saying> sayings = Sayings();
  for (const Verb& verb : Verbs()) {
    const auto saying =
        std::find_if(sayings.begin(), sayings.end(),
                     [&](const Saying& it) { return it.verb == verb.name; });
    ASSERT_NE(saying, sayings.end()) << verb.name;
    const std::set<std::string> flags(saying->flags.begin(),
                                      saying->flags.end());
    for (const OptionSpec& option : verb.options) {
      if (option.name == "--part") continue;  // Below.
      EXPECT_EQ(flags.count(option.name), 1u) << verb.name << option.name;
    }
  }
}

TEST_F(CliMatterTest, AVerbAloneStillSaysSomething) {
  EXPECT_EQ(Say("accept", {}), ExitCode::kOk) << err_;
  EXPECT_TRUE(service_.act.has_transfer_accepted());
  EXPECT_FALSE(service_.act.transfer_accepted().has_off_exchange());
}

TEST_F(CliMatterTest, AMatterMustBeNamed) {
  EXPECT_EQ(Run({"matter", "take"}), ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("MATTER is missing"));
}

TEST_F(CliMatterTest, AFileSaysWhatTheCommandSays) {
  const std::string file = Write("take.txtpb", R"(
    matter_id: "c-4k7.2" taken { desk: "housing" }
  )");
  EXPECT_EQ(Run({"matter", "take", "--file", file}), ExitCode::kOk) << err_;
  EXPECT_EQ(service_.act.matter_id(), "c-4k7.2");
  EXPECT_EQ(service_.act.taken().desk(), "housing");
  EXPECT_EQ(Run({"matter", "decide", "--file", file}), ExitCode::kUsage);
  EXPECT_THAT(err_, StartsWith("NOT SENT."));
  EXPECT_THAT(err_, HasSubstr("it says taken, this command says decision"));
  EXPECT_EQ(service_.calls, 1);
}

TEST_F(CliMatterTest, ACorrectionCarriesTheWholePart) {
  const std::string file =
      Write("part.json", R"({"concern": {"value": "bruises on one arm"}})");
  EXPECT_EQ(Say("correct", {"--message", "m-4k7", "--reason", "wrong arm",
                            "--part-type", "baton.v1.Contact", "--part", file}),
            ExitCode::kOk)
      << err_;
  v1::Contact part;
  ASSERT_TRUE(part.ParseFromString(service_.act.correction().content()));
  EXPECT_EQ(part.concern().value(), "bruises on one arm");
  EXPECT_EQ(Say("correct", {"--part-type", "Contcat", "--part", file}),
            ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("\"Contcat\" is no type of ours"));
  EXPECT_EQ(service_.calls, 1);
}

TEST_F(CliMatterTest, HeldAboutAMatterThatArrivedIsNotSent) {
  service_.answer.set_outbox_state(v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(Say("take", {}), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring the sender"));
  EXPECT_GT(service_.calls, 1) << "it is asked again for a moment";
  EXPECT_EQ(Say("take", {"-o", "json"}), ExitCode::kHeld);
  EXPECT_THAT(err_, StartsWith("NOT SENT, ring the sender"));
  EXPECT_THAT(out_, StartsWith("{\"matter_id\":\"c-4k7.1\""));
}

// The case itself went out long ago: only this message did not.
TEST_F(CliMatterTest, HeldAboutAMatterRaisedHereIsNotSent) {
  AnswerAsSender();
  service_.answer.set_outbox_state(v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(Say("withdraw", {"--reason", "sent twice"}), ExitCode::kHeld);
  EXPECT_THAT(out_, StartsWith("NOT SENT, ring 0115 496 0001\n"));
  EXPECT_THAT(out_, HasSubstr("S-1"));
  service_.answer.mutable_status()->set_held_messages(1);
  EXPECT_EQ(Say("withdraw", {"--reason", "sent twice"}), ExitCode::kHeld);
  EXPECT_EQ(out_.find("NOT SENT"), out_.rfind("NOT SENT")) << "said once";
}

TEST_F(CliMatterTest, AcceptedAboutAMatterRaisedHereShowsTheCase) {
  AnswerAsSender();
  EXPECT_EQ(Say("withdraw", {"--reason", "sent twice"}), ExitCode::kOk);
  EXPECT_THAT(out_, Not(HasSubstr("NOT SENT")));
  EXPECT_THAT(out_, HasSubstr("S-1"));
}

TEST_F(CliMatterTest, RefusedIsNotSentAndSaysWhy) {
  service_.answer.set_outbox_state(v1::OUTBOX_STATE_REFUSED);
  service_.answer.mutable_item()->set_answer_refusal("matter moved on");
  EXPECT_EQ(Say("take", {}), ExitCode::kRefused);
  EXPECT_THAT(out_, StartsWith("NOT SENT"));
  EXPECT_THAT(out_, HasSubstr("REFUSED: matter moved on"));
  service_.error = Status(grpc::StatusCode::FAILED_PRECONDITION, "a copy");
  EXPECT_EQ(Say("take", {}), ExitCode::kRefused);
  EXPECT_THAT(err_, StartsWith("NOT SENT.\nImmediate danger: ring 999"));
}

TEST_F(CliMatterTest, ADryRunSendsNothingAndPrintsTheRequest) {
  for (const Saying& saying : Sayings()) {
    std::vector<std::string> flags = saying.flags;
    flags.push_back("--dry-run");
    EXPECT_EQ(Say(saying.verb, flags), ExitCode::kOk) << saying.verb;
    EXPECT_THAT(err_, StartsWith("NOT SENT: this is a dry run.\n"));
    v1::ActOnMatterRequest printed;
    EXPECT_TRUE(TextFormat::ParseFromString(out_, &printed)) << out_;
    EXPECT_EQ(printed.matter_id(), "c-4k7.1");
  }
  EXPECT_EQ(service_.calls, 0);
}

TEST_F(CliMatterTest, ADryRunAsJsonLinesIsOneLineThatAFileCanHold) {
  Say("triage", {"--grade", "amber", "--dry-run", "-o", "jsonl"});
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 1);
  EXPECT_EQ(Run({"matter", "triage", "--file", Write("again.json", out_)}),
            ExitCode::kOk)
      << err_;
  EXPECT_EQ(service_.act.triage().grade(), v1::TRIAGE_GRADE_AMBER);
  EXPECT_EQ(service_.calls, 1);
}

TEST_F(CliMatterTest, EveryVerbSaysWhatToDoInDanger) {
  for (const Verb& verb : Verbs()) {
    EXPECT_EQ(Run({"matter", verb.name, "--help"}), ExitCode::kOk);
    EXPECT_THAT(out_, HasSubstr("Immediate danger: ring 999")) << verb.name;
  }
}

}  // namespace
}  // namespace baton::cli
