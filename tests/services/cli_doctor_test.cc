#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "baton/v1/case_service.grpc.pb.h"
#include "nlohmann/json.hpp"
#include "services/cli/certificate_verdict.h"
#include "services/cli/clock_verdict.h"
#include "services/cli/diagnosis.h"
#include "services/cli/test_verdict.h"
#include "services/common/certificate.h"
#include "services/common/text_config.h"
#include "tests/services/cli_fixture.h"
#include "tests/support/test_certificates.h"

namespace baton::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TestingService final : public v1::CaseService::Service {
 public:
  grpc::Status TestExchange(grpc::ServerContext*,
                            const v1::TestExchangeRequest* request,
                            v1::TestExchangeResponse* response) override {
    asked = *request;
    *response = answer;
    return status;
  }

  grpc::Status status;
  v1::TestExchangeRequest asked;
  v1::TestExchangeResponse answer;
};

// A police force whose machine, service and exchange are well until a test
// says otherwise; with certificates made by deploy/make-certs.
class DoctorTest : public CliTest {
 protected:
  DoctorTest() {
    Serve({&service_});
    now_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
    Configure("police-E23000019");
    handshakes_["police:1"] = Shows("police-E23000019");
    handshakes_["broker:1"] = Shows("exchange-baton");
    v1::TestExchangeResponse& answer = service_.answer;
    answer.set_outbox_state(v1::OUTBOX_STATE_ACCEPTED);
    answer.set_message_id("m-7");
    *answer.mutable_held_time() = Ago(absl::Milliseconds(90));
    *answer.mutable_publish_time() = Ago(absl::Milliseconds(60));
    *answer.mutable_accepted_time() = Ago(absl::Milliseconds(50));
    *answer.mutable_returned_time() = Ago(absl::Milliseconds(20));
    *answer.mutable_service_time() = Ago(absl::ZeroDuration());
    *answer.mutable_exchange_heard_time() = Ago(absl::Seconds(1));
    answer.set_phone("0115 496 0200");
  }

  void Configure(const std::string& certificate) {
    Write("client.txtpb", absl::StrReplaceAll(R"(
      tls {
        ca_file: "CERTS/ca.pem"
        certificate_file: "CERTS/NAME.pem"
        key_file: "CERTS/NAME.key"
      }
      broker_address: "broker:1"
      police_address: "police:1"
      server_name: "localhost"
    )",
                                              {{"CERTS", certs_.path()},
                                               {"NAME", certificate}}));
  }
  std::string Pem(const std::string& name) {
    return ReadFile(certs_ / (name + ".pem")).value();
  }
  Handshake Shows(const std::string& name) {
    return {.connected = {}, .secured = {}, .certificates = Pem(name)};
  }
  static Handshake Nobody() {
    return {.connected = absl::UnavailableError("nobody answers"),
            .secured = absl::UnavailableError("there is no connection"),
            .certificates = ""};
  }
  // The exchange answers nobody.
  void StopExchange() {
    handshakes_["broker:1"] = Nobody();
    v1::TestExchangeResponse& answer = service_.answer;
    answer.set_outbox_state(v1::OUTBOX_STATE_HELD);
    answer.clear_message_id();
    answer.clear_publish_time();
    answer.clear_accepted_time();
    answer.clear_returned_time();
  }

  // Runs the command with json; the finding of `check`.
  nlohmann::json FindingOf(const std::string& check,
                           std::vector<std::string> more = {}) {
    std::vector<std::string> arguments = {"doctor", "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    code_ = Run(arguments);
    const nlohmann::json said = nlohmann::json::parse(out_, nullptr, false);
    EXPECT_FALSE(said.is_discarded()) << out_ << err_;
    if (said.is_discarded()) return {};
    EXPECT_EQ(said["green"], code_ == ExitCode::kOk);
    for (const nlohmann::json& finding : said["findings"]) {
      if (finding["check"] == check) return finding;
    }
    ADD_FAILURE() << "no check " << check << " in " << out_;
    return {};
  }
  void ExpectFinding(const std::string& check, const std::string& verdict,
                     const std::string& reason) {
    const nlohmann::json finding = FindingOf(check);
    if (finding.is_null()) return;
    EXPECT_EQ(finding["verdict"], verdict) << finding;
    EXPECT_THAT(finding["reason"].get<std::string>(), HasSubstr(reason));
    EXPECT_EQ(finding["advice"] == "", verdict == "OK" || verdict == "UNKNOWN")
        << finding;
    EXPECT_EQ(code_, verdict == "OK" ? code_ : ExitCode::kError);
  }

  const TestCertificates certs_;
  TestingService service_;
  ExitCode code_ = ExitCode::kOk;
};

// --- The command.

TEST_F(DoctorTest, IsGreenWhenEverythingIsWell) {
  EXPECT_EQ(Run({"doctor"}), ExitCode::kOk) << out_ << err_;
  EXPECT_THAT(out_, HasSubstr("all 13 checks are green\n"));
  EXPECT_THAT(out_, Not(HasSubstr("FAILED")));
  EXPECT_THAT(out_, Not(HasSubstr("what to do")));
  EXPECT_THAT(err_, HasSubstr("TRAINING"));
  EXPECT_EQ(service_.asked.request_id().size(), 36u);
  EXPECT_EQ(service_.asked.wait().seconds(), 10);
}

TEST_F(DoctorTest, SaysEverythingAlsoBehindAFault) {
  Configure("bad/expired");
  StopExchange();
  *service_.answer.mutable_service_time() = Ago(absl::Minutes(10));
  EXPECT_EQ(Run({"doctor"}), ExitCode::kError);
  for (const char* line :
       {"OK       configuration", "FAILED   certificate  ",
        "FAILED   clock here", "FAILED   exchange ", "FAILED   test message",
        "OK       outbox", "NOT GREEN: of 13 checks "}) {
    EXPECT_THAT(out_, HasSubstr(line));
  }
}

TEST_F(DoctorTest, JsonSaysWhichExchangeItIs) {
  Run({"doctor", "-o", "json"});
  EXPECT_EQ(nlohmann::json::parse(out_)["environment"], "training");
}

TEST_F(DoctorTest, CsvHasALineForEach) {
  Run({"doctor", "-o", "csv"});
  EXPECT_THAT(out_, testing::StartsWith("check,verdict,reason,advice\r\n"));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 14);
}

TEST_F(DoctorTest, AFaultyConfigurationIsAFinding) {
  WriteConfig("no_such_field: 1");
  ExpectFinding("configuration", "FAILED", "no_such_field");
  ExpectFinding("configuration", "FAILED", "client.txtpb");
}

TEST_F(DoctorTest, ConfigOnlyAsksNobody) {
  service_.status = {grpc::StatusCode::UNAVAILABLE, "down"};
  handshakes_.clear();
  EXPECT_EQ(Run({"doctor", "--config-only"}), ExitCode::kOk) << out_;
  EXPECT_THAT(out_, HasSubstr("all 6 checks are green"));
  EXPECT_EQ(service_.asked.request_id(), "");
}

TEST_F(DoctorTest, AnOperatorIsToldOfTheExchangeAndSendsNothing) {
  Configure("operator-OPS");
  Write("client.txtpb",
        absl::StrReplaceAll(Read("client.txtpb"),
                            {{"police_address: \"police:1\"", ""}}));
  EXPECT_EQ(Run({"doctor"}), ExitCode::kOk) << out_ << err_;
  EXPECT_THAT(out_, HasSubstr("all 8 checks are green"));
  EXPECT_EQ(service_.asked.request_id(), "");
  handshakes_["broker:1"] = Nobody();
  EXPECT_EQ(Run({"doctor"}), ExitCode::kError);
  EXPECT_THAT(out_, HasSubstr("FAILED   exchange "));
}

TEST_F(DoctorTest, WhoForgotTheServiceIsNotGreen) {
  Write("client.txtpb",
        absl::StrReplaceAll(Read("client.txtpb"),
                            {{"police_address: \"police:1\"", ""}}));
  EXPECT_EQ(Run({"doctor"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("has no agency's service"));
}

TEST_F(DoctorTest, SeveralServicesLeaveAChoice) {
  Write("client.txtpb", Read("client.txtpb") + "school_address: \"school:1\"");
  EXPECT_EQ(Run({"doctor"}), ExitCode::kUsage);
  EXPECT_THAT(err_, HasSubstr("--service"));
  EXPECT_EQ(Run({"doctor", "--service", "police"}), ExitCode::kOk) << out_;
}

TEST_F(DoctorTest, ExpiryDaysHaveALimit) {
  for (const char* days : {"-1", "3651", "soon"}) {
    EXPECT_EQ(Run({"doctor", "--expiry-days", days}), ExitCode::kUsage);
    EXPECT_THAT(err_, HasSubstr("--expiry-days"));
  }
  EXPECT_EQ(Run({"doctor", "--expiry-days", "366"}), ExitCode::kError);
  EXPECT_THAT(out_, HasSubstr("expires soon"));
  EXPECT_EQ(Run({"doctor", "--expiry-days", "0"}), ExitCode::kOk);
}

// --- Our own certificate.

TEST_F(DoctorTest, FilesThatCannotBeReadAreNamed) {
  Configure("nobody");
  ExpectFinding("certificate files", "FAILED", "nobody.pem");
}

TEST_F(DoctorTest, AKeyOfAnotherCertificateIsNamed) {
  Write("client.txtpb",
        absl::StrReplaceAll(Read("client.txtpb"),
                            {{"E23000019.key", "E23000019.disk.key"}}));
  ExpectFinding("certificate files", "FAILED", "private key");
  Configure("police-E23000019");
  Write("client.txtpb",
        absl::StrReplaceAll(Read("client.txtpb"),
                            {{"police-E23000019.key", "school-123401.key"}}));
  ExpectFinding("certificate files", "FAILED", "is not the key of");
}

TEST_F(DoctorTest, ACertificateNamesOneAgency) {
  Configure("bad/two-uris");
  ExpectFinding("identity", "FAILED", "exactly one SPIFFE URI, not 2");
  Configure("bad/no-uri");
  ExpectFinding("identity", "FAILED", "exactly one SPIFFE URI, not 0");
}

TEST_F(DoctorTest, AnotherAuthorityIsSaid) {
  Configure("bad/foreign");
  ExpectFinding("authority", "FAILED", "vouches for it");
}

TEST_F(DoctorTest, AnEndedCertificateIsSaidWithTheClock) {
  Configure("bad/expired");
  ExpectFinding("certificate", "FAILED", "has EXPIRED at ");
  ExpectFinding(
      "certificate", "FAILED",
      absl::StrCat("clock says ",
                   absl::FormatTime("%Y-%m-%dT%H", now_, absl::UTCTimeZone())));
}

TEST_F(DoctorTest, AClockBeforeTheCertificateIsAFaultWithNobodyToAsk) {
  now_ -= absl::Hours(24 * 365);
  ExpectFinding("certificate", "FAILED", "is not good before");
  EXPECT_EQ(FindingOf("clock here", {"--config-only"})["verdict"], "FAILED");
}

// TLS fails then, and nobody is there to compare with.
TEST_F(DoctorTest, AClockBehindAllCertificatesIsProbablyWrong) {
  now_ += absl::Hours(24 * 3650);
  service_.status = {grpc::StatusCode::UNAVAILABLE, "verify failed"};
  ExpectFinding("clock here", "FAILED", "probably wrong");
  Configure("bad/expired");
  now_ -= absl::Hours(24 * 3650);
  ExpectFinding("clock here", "UNKNOWN", "no other to compare");
}

// --- Service and exchange.

TEST_F(DoctorTest, AServiceThatIsNotThereIsSaid) {
  handshakes_["police:1"] = Nobody();
  service_.status = {grpc::StatusCode::UNAVAILABLE, "connection refused"};
  ExpectFinding("police service", "FAILED", "nobody answers");
  ExpectFinding("police service certificate", "UNKNOWN", "not shown");
  ExpectFinding("clock here", "UNKNOWN", "did not answer");
  ExpectFinding("clock of service", "UNKNOWN", "did not answer");
  ExpectFinding("test message", "FAILED", "connection refused");
  ExpectFinding("outbox", "UNKNOWN", "did not answer");
}

TEST_F(DoctorTest, ACertificateOfTheServiceThatEndedIsSaid) {
  Handshake shown = Shows("bad/expired");
  handshakes_["police:1"] = shown;
  ExpectFinding("police service certificate", "FAILED", "has EXPIRED");
}

TEST_F(DoctorTest, SomebodyElseAtTheAddressIsSaid) {
  handshakes_["police:1"] = Shows("school-123401");
  ExpectFinding("police service", "FAILED",
                "is of school/123401, and we are police/E23000019");
  handshakes_["police:1"] = Shows("bad/foreign");
  ExpectFinding("police service", "FAILED", "not to be trusted");
  handshakes_["police:1"] = Shows("police-E23000019");
  handshakes_["broker:1"] = Shows("school-123401");
  ExpectFinding("exchange", "FAILED",
                "spiffe://baton.test/agency/school/123401");
}

// The certificate is ours and the port answers; no command would.
TEST_F(DoctorTest, AnAddressUnderTheWrongNameIsSaid) {
  Write("client.txtpb",
        absl::StrReplaceAll(Read("client.txtpb"),
                            {{"police_address", "emergency_address"}}));
  ExpectFinding("emergency service", "FAILED", "is a police service");
  EXPECT_THAT(FindingOf("emergency service")["advice"].get<std::string>(),
              HasSubstr("as police_address"));
}

TEST_F(DoctorTest, ARefusalOfOurCertificateIsSaidInTheirWords) {
  handshakes_["police:1"].secured =
      absl::UnavailableError("it refuses our certificate: certificate expired");
  ExpectFinding("police service", "FAILED", "certificate expired");
}

TEST_F(DoctorTest, AnExchangeThatDoesNotAnswerMeansRing) {
  StopExchange();
  ExpectFinding("exchange", "FAILED", "nobody answers");
  ExpectFinding("exchange certificate", "UNKNOWN", "not shown");
  ExpectFinding("clock of service", "UNKNOWN", "did not answer");
  ExpectFinding("clock here", "OK", "agree");
  ExpectFinding("test message", "FAILED", "the exchange does not answer");
  EXPECT_THAT(FindingOf("test message")["advice"].get<std::string>(),
              AllOf(HasSubstr("NOT SENT"),
                    HasSubstr("ring the duty team, 0115 496 0200")));
}

TEST_F(DoctorTest, AnExchangeThatOnlyTheServiceReachesIsAWarning) {
  handshakes_["broker:1"] = Nobody();
  ExpectFinding("exchange", "WARNING", "the service reaches it");
}

TEST_F(DoctorTest, TheServiceTellsOfACertificateThatWeDoNotSee) {
  StopExchange();
  v1::CertificateSummary& seen =
      *service_.answer.mutable_exchange_certificate();
  *seen.mutable_not_before_time() = Ago(absl::Hours(48));
  *seen.mutable_not_after_time() = Ago(absl::Hours(24));
  ExpectFinding("exchange certificate", "FAILED", "has EXPIRED");
}

TEST_F(DoctorTest, AConfigurationWithoutExchangeIsAWarning) {
  Write("client.txtpb",
        absl::StrReplaceAll(Read("client.txtpb"), {{"broker:1", ""}}));
  ExpectFinding("exchange", "WARNING", "no address");
}

// --- Single verdicts.

TEST_F(DoctorTest, CertificatesAreWarnedOfBeforeTheyEnd) {
  const absl::Time from = now_, to = now_ + absl::Hours(24 * 100);
  const Certificate certificate = {{}, from, to};
  const absl::Duration month = absl::Hours(24) * kDefaultExpiryDays;
  const auto at = [&](absl::Time time) {
    return JudgeDates("it", certificate, time, month, "renew").verdict;
  };
  EXPECT_EQ(at(from - absl::Seconds(1)), Verdict::kFailed);
  EXPECT_EQ(at(from), Verdict::kOk);
  EXPECT_EQ(at(to - month), Verdict::kOk);
  EXPECT_EQ(at(to - month + absl::Seconds(1)), Verdict::kWarning);
  EXPECT_EQ(at(to - absl::Seconds(1)), Verdict::kWarning);
  EXPECT_EQ(at(to), Verdict::kFailed);
}

TEST_F(DoctorTest, ClocksMayBeHalfAMinuteApart) {
  const auto apart = [](absl::Duration offset) {
    return JudgeOffset("clock", "this machine", "the service", offset);
  };
  EXPECT_EQ(apart(absl::Seconds(30)).verdict, Verdict::kOk);
  EXPECT_EQ(apart(absl::Seconds(-30)).verdict, Verdict::kOk);
  EXPECT_EQ(apart(absl::Milliseconds(30001)).verdict, Verdict::kFailed);
  EXPECT_THAT(apart(absl::Minutes(10)).reason,
              HasSubstr("this machine is 10 min ahead of the service"));
  EXPECT_THAT(apart(-absl::Minutes(10)).reason,
              HasSubstr("this machine is 10 min behind the service"));
}

TEST_F(DoctorTest, TheServicesClockIsComparedWithItsReceipt) {
  *service_.answer.mutable_publish_time() = Ago(absl::Minutes(10));
  ExpectFinding("clock of service", "FAILED", "ahead of the exchange");
  *service_.answer.mutable_publish_time() = Ago(-absl::Minutes(10));
  ExpectFinding("clock of service", "FAILED", "behind the exchange");
  service_.answer.set_repeat(true);
  ExpectFinding("clock of service", "UNKNOWN", "earlier");
}

TEST_F(DoctorTest, EveryStepOfTheMessageHasItsTime) {
  const std::string reason = JudgeTest(service_.answer).reason;
  EXPECT_THAT(reason, HasSubstr("receipt after 40 ms"));
  EXPECT_THAT(reason, HasSubstr("back after 70 ms"));
}

TEST_F(DoctorTest, AMessageThatCameNotBackIsSaid) {
  service_.answer.clear_returned_time();
  ExpectFinding("test message", "FAILED", "did not come back");
  service_.answer.set_outbox_state(v1::OUTBOX_STATE_REFUSED);
  service_.answer.set_refusal("NOT_FOUND: no desk");
  ExpectFinding("test message", "FAILED", "no desk");
  service_.status = {grpc::StatusCode::UNIMPLEMENTED, ""};
  ExpectFinding("test message", "FAILED", "older than this command");
}

TEST_F(DoctorTest, WhatElseWaitsIsSaid) {
  v1::TestExchangeResponse& answer = service_.answer;
  answer.set_held_messages(2);
  *answer.mutable_oldest_held_time() = Ago(kLongHeld);
  ExpectFinding("outbox", "OK", "nothing");
  *answer.mutable_oldest_held_time() = Ago(kLongHeld + absl::Seconds(1));
  ExpectFinding("outbox", "FAILED", "2 NOT SENT, the oldest since");
  *answer.mutable_oldest_held_time() = Ago(absl::Seconds(1));
  answer.set_outbox_state(v1::OUTBOX_STATE_HELD);
  ExpectFinding("outbox", "FAILED", "2 NOT SENT");
  answer.set_held_messages(0);
  answer.set_refused_messages(3);
  ExpectFinding("outbox", "WARNING", "3 refused");
}

}  // namespace
}  // namespace baton::cli
