#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "baton/v1/broker_service.grpc.pb.h"
#include "baton/v1/directory_service.grpc.pb.h"
#include "baton/v1/tracking_service.grpc.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/broker/broker.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "services/common/tls.h"
#include "tests/support/broker_text.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace baton {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One desk has a quota and a team.
constexpr char kAgencies[] = R"(
agencies {
  agency { agency_class: AGENCY_CLASS_EMERGENCY code: "RX1RA" }
  desks { name: "replies" max_messages: 7 team: "nurses" }
  teams {
    name: "nurses"
    phone: "0115 496 0100"
    opening_hours { weekdays: WEEKDAY_MONDAY from: "00:00" to: "24:00" }
  }
}
agencies {
  agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
  phone: "0115 496 0200"
  desks { name: "intake" }
}
agencies {
  agency { agency_class: AGENCY_CLASS_COUNCIL code: "E10000024" }
  phone: "0115 496 0300"
  desks { name: "intake" }
}
unknown_recipient_desk {
  agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
  desk: "intake"
}
)";

constexpr char kAccess[] = R"(
  rules {
    name: "flags"
    sender_classes: AGENCY_CLASS_EMERGENCY
    recipient_classes: AGENCY_CLASS_COUNCIL
    kinds: MESSAGE_KIND_WAITING_FLAG
    purposes: PURPOSE_SAFEGUARDING
  }
)";

// What OpenSSL says of a certificate of an authority that is not trusted.
constexpr char kForeignAuthority[] = "certificate verify failed";

constexpr char kHospital[] = "emergency-RX1RA";
constexpr char kCouncil[] = "council-E06000018";
constexpr char kCounty[] = "council-E10000024";
constexpr char kOperator[] = "operator-OPS";

// An exchange, whole but for main().
class DirectoryServiceTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string file = dir_ / name;
    std::ofstream(file) << text;
    return file;
  }
  absl::StatusOr<v1::BrokerConfig> Config(const std::string& certs,
                                          const std::string& trust_domain,
                                          const std::string& mode) {
    Write("access.txtpb", kAccess);
    return ReadBrokerConfig(Write(
        "broker.txtpb",
        absl::StrReplaceAll(
            absl::StrCat(kBrokerText, kAgencies),
            {{"CERTS", certs},
             {"trust_domain: \"baton.test\"",
              absl::StrCat("trust_domain: \"", trust_domain, "\"")},
             {"ENVIRONMENT_TRAINING", absl::StrCat("ENVIRONMENT_", mode)}})));
  }
  void Start() {
    StartWith(Config(training_.path(), "baton.test", "TRAINING"));
  }
  void StartWith(const absl::StatusOr<v1::BrokerConfig>& config) {
    ASSERT_TRUE(config.ok()) << config.status();
    auto broker = Broker::Start(*config, &clock_, &random_,
                                rocksdb::FileSystem::Default());
    ASSERT_TRUE(broker.ok()) << broker.status();
    broker_ = *std::move(broker);
  }
  void Restart() {
    broker_.reset();
    Start();
  }

  std::shared_ptr<grpc::Channel> DialAs(const std::string& name,
                                        const TestCertificates& certs) {
    auto channel = Dial(absl::StrCat("127.0.0.1:", broker_->port()),
                        "localhost", certs.FilesOf(name));
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }
  template <typename Service>
  std::unique_ptr<typename Service::Stub> As(const std::string& name) {
    return Service::NewStub(DialAs(name, training_));
  }
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      const std::unique_ptr<Stub>& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(1));
    Response response;
    const absl::Status status =
        FromGrpc((stub.get()->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  using Stub = v1::DirectoryService::Stub;
  absl::StatusOr<v1::PutAgencyResponse> Put(
      const v1::AgencyConfig& agency, const std::string& who = kOperator) {
    v1::PutAgencyRequest request;
    request.set_request_id(absl::StrCat("put-", ++requests_));
    *request.mutable_agency() = agency;
    return Call(As<v1::DirectoryService>(who), &Stub::PutAgency, request);
  }
  absl::StatusOr<v1::RemoveAgencyResponse> Remove(
      const std::string& agency, const std::string& who = kOperator) {
    v1::RemoveAgencyRequest request;
    request.set_request_id(absl::StrCat("remove-", ++requests_));
    *request.mutable_agency() = ParseAgency(agency).value();
    return Call(As<v1::DirectoryService>(who), &Stub::RemoveAgency, request);
  }
  absl::StatusOr<v1::DirectoryEntry> Get(const std::string& agency,
                                         const std::string& who = kCouncil) {
    v1::GetAgencyRequest request;
    *request.mutable_agency() = ParseAgency(agency).value();
    auto response =
        Call(As<v1::DirectoryService>(who), &Stub::GetAgency, request);
    if (!response.ok()) return response.status();
    return response->entry();
  }
  static v1::AgencyConfig School() {
    v1::AgencyConfig agency;
    *agency.mutable_agency() = ParseAgency("school/123456").value();
    agency.set_name("Example Academy");
    agency.add_desks()->set_name("office");
    return agency;
  }
  absl::StatusOr<v1::PublishResponse> Flag(const std::string& queue,
                                           const std::string& nhs_number = "") {
    v1::PublishRequest request;
    v1::Message* const message = request.add_messages();
    message->set_kind(v1::MESSAGE_KIND_WAITING_FLAG);
    v1::Recipient* const recipient = message->add_recipients();
    *recipient->mutable_address() = ParseQueueName(queue).value();
    recipient->set_role(v1::RECIPIENT_ROLE_ACTION);
    message->set_idempotency_key(absl::StrCat("flag-", ++requests_));
    *message->mutable_idempotency_time() = ToProto(clock_.Now().wall);
    message->set_purpose(v1::PURPOSE_SAFEGUARDING);
    message->set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
    message->set_environment(v1::ENVIRONMENT_TRAINING);
    message->set_format_version(1);
    v1::WaitingFlag flag;
    flag.set_sender_reference("ED-1");
    flag.mutable_child()->mutable_nhs_number()->set_value(nhs_number);
    v1::PayloadPart* const part = message->add_payload();
    part->set_matter_id("#1");
    part->set_type("baton.v1.WaitingFlag");
    part->set_content(flag.SerializeAsString());
    return Call(As<v1::BrokerService>(kHospital),
                &v1::BrokerService::Stub::Publish, request);
  }
  absl::Status Acknowledge(const std::string& who, const std::string& queue) {
    v1::PullRequest pull;
    pull.set_queue(queue);
    pull.set_max_messages(100);
    const auto stub = As<v1::BrokerService>(who);
    const auto pulled = Call(stub, &v1::BrokerService::Stub::Pull, pull);
    if (!pulled.ok()) return pulled.status();
    v1::AcknowledgeRequest request;
    request.set_queue(queue);
    for (const auto& received : pulled->received_messages()) {
      request.add_ack_ids(received.ack_id());
    }
    return Call(stub, &v1::BrokerService::Stub::Acknowledge, request).status();
  }

  const TestCertificates training_{"baton.test"};
  const TestCertificates live_{"baton.example"};
  const TempDir dir_;
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<Broker> broker_;
  int requests_ = 0;
};

// --- The directory.

TEST_F(DirectoryServiceTest, EveryParticipantSeesHowToReachWhom) {
  Start();
  const auto entry = Get("emergency/RX1RA");
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->agency().teams(0).phone(), "0115 496 0100");
  EXPECT_EQ(entry->agency().teams(0).opening_hours(0).to(), "24:00");
  EXPECT_EQ(entry->agency().desks(0).team(), "nurses");
  EXPECT_EQ(entry->agency().desks(0).max_messages(), 0);
  EXPECT_EQ(Get("emergency/RX1RA", kOperator)->agency().desks(0).max_messages(),
            7);
  EXPECT_EQ(Get("school/999999").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(DirectoryServiceTest, ListsInPagesAndByClass) {
  Start();
  const auto list = [&](v1::AgencyClass agency_class) {
    std::vector<std::string> names;
    v1::ListAgenciesRequest request;
    request.set_agency_class(agency_class);
    request.set_page_size(1);
    do {
      const auto page = Call(As<v1::DirectoryService>(kCouncil),
                             &Stub::ListAgencies, request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      EXPECT_LE(page->entries_size(), 1);
      EXPECT_EQ(page->environment(), v1::ENVIRONMENT_TRAINING);
      for (const auto& entry : page->entries()) {
        names.push_back(AgencyName(entry.agency().agency()));
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return names;
  };
  EXPECT_THAT(
      list(v1::AGENCY_CLASS_UNSPECIFIED),
      ElementsAre("council/E06000018", "council/E10000024", "emergency/RX1RA"));
  EXPECT_THAT(list(v1::AGENCY_CLASS_EMERGENCY), ElementsAre("emergency/RX1RA"));
  v1::ListAgenciesRequest bad;
  bad.set_page_token("nonsense");
  EXPECT_EQ(Call(As<v1::DirectoryService>(kCouncil), &Stub::ListAgencies, bad)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DirectoryServiceTest, OnlyOperatorsChangeIt) {
  Start();
  for (const char* who : {kCouncil, kHospital}) {
    EXPECT_EQ(Put(School(), who).status().code(),
              absl::StatusCode::kPermissionDenied);
    EXPECT_EQ(Remove("council/E10000024", who).status().code(),
              absl::StatusCode::kPermissionDenied);
  }
  EXPECT_TRUE(Put(School()).ok());
  EXPECT_TRUE(Remove("school/123456").ok());
}

TEST_F(DirectoryServiceTest, AllFaultsOfAChangeComeInOneAnswer) {
  Start();
  v1::PutAgencyRequest request;
  v1::AgencyConfig& agency = *request.mutable_agency();
  agency.mutable_agency()->set_agency_class(v1::AGENCY_CLASS_COUNCIL);
  agency.mutable_agency()->set_code("W06000015");
  agency.set_name(std::string(129, 'n'));
  agency.add_desks()->set_name("In Tray");
  agency.mutable_desks(0)->set_team("nobody");
  request.set_expected_version(-1);
  const auto refused =
      Call(As<v1::DirectoryService>(kOperator), &Stub::PutAgency, request);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("request_id:"), HasSubstr("expected_version:"),
                    HasSubstr("agency.name:"), HasSubstr("agency.phone:"),
                    HasSubstr("agency.desks[0].name:"),
                    HasSubstr("agency.desks[0].team:"),
                    HasSubstr("agency.off_exchange:")));
}

TEST_F(DirectoryServiceTest, AnAuthorityOffTheExchangeCanBeNamedAndHasNoQueue) {
  Start();
  v1::AgencyConfig cardiff;
  *cardiff.mutable_agency() = ParseAgency("council/W06000015").value();
  cardiff.set_phone("029 2018 0000");
  cardiff.set_off_exchange(true);
  ASSERT_TRUE(Put(cardiff).ok());
  EXPECT_TRUE(Get("council/W06000015")->agency().off_exchange());
  const auto sent = Flag("council/W06000015/intake");
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->receipts(0).marks(0).code(), v1::MARK_CODE_UNKNOWN_RECIPIENT);
  v1::AgencyConfig district;
  *district.mutable_agency() = ParseAgency("council/E07000001").value();
  district.set_phone("01223 000000");
  district.set_off_exchange(true);
  EXPECT_THAT(std::string(Put(district).status().message()),
              HasSubstr("its class is housing"));
}

TEST_F(DirectoryServiceTest, ChangesOutliveARestart) {
  Start();
  ASSERT_TRUE(Put(School()).ok());
  ASSERT_TRUE(Remove("council/E10000024").ok());
  Restart();
  EXPECT_EQ(Get("school/123456")->agency().name(), "Example Academy");
  EXPECT_TRUE(Get("school/123456")->has_change_time());
  EXPECT_EQ(Get("council/E10000024").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(DirectoryServiceTest, WhoeverHoldsMattersStays) {
  Start();
  const auto sent = Flag("council/E10000024/intake");
  ASSERT_TRUE(sent.ok()) << sent.status();
  const absl::Status by_matter = Remove("council/E10000024").status();
  EXPECT_EQ(by_matter.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(by_matter.message()),
              HasSubstr(sent->receipts(0).matter_ids(0)));
  // Its queue is empty, and it still owes the next action.
  ASSERT_TRUE(Acknowledge(kCounty, "council/E10000024/intake").ok());
  EXPECT_EQ(Remove("council/E10000024").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(DirectoryServiceTest, TheStreamsOfARemovedAgencyEnd) {
  Start();
  // The county and the council each pull and watch.
  const auto county = As<v1::BrokerService>(kCounty);
  const auto county_tracking = As<v1::TrackingService>(kCounty);
  const auto council_tracking = As<v1::TrackingService>(kCouncil);
  grpc::ClientContext pull_context, watch_context, council_context;
  for (auto* context : {&pull_context, &watch_context, &council_context}) {
    context->set_deadline(std::chrono::system_clock::now() +
                          std::chrono::minutes(1));
  }
  const auto pull = county->StreamingPull(&pull_context);
  v1::StreamingPullRequest first;
  first.set_queue("council/E10000024/intake");
  first.set_max_outstanding_messages(1);
  first.set_consumer("test");
  ASSERT_TRUE(pull->Write(first));
  const v1::WatchConversationsRequest all;
  const auto watch = county_tracking->WatchConversations(&watch_context, all);
  v1::WatchConversationsResponse heartbeat;
  ASSERT_TRUE(watch->Read(&heartbeat));
  const auto other =
      council_tracking->WatchConversations(&council_context, all);
  ASSERT_TRUE(other->Read(&heartbeat));
  v1::StreamingPullResponse delivered;
  ASSERT_TRUE(pull->Read(&delivered));  // It is registered.

  ASSERT_TRUE(Remove("council/E10000024").ok());
  while (pull->Read(&delivered)) {
  }
  EXPECT_EQ(pull->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  while (watch->Read(&heartbeat)) {
  }
  EXPECT_EQ(watch->Finish().error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(other->Read(&heartbeat));  // Goes on.
  council_context.TryCancel();

  grpc::ClientContext again;
  again.set_deadline(std::chrono::system_clock::now() +
                     std::chrono::minutes(1));
  const auto refused = county_tracking->WatchConversations(&again, all);
  while (refused->Read(&heartbeat)) {
  }
  EXPECT_EQ(refused->Finish().error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Acknowledge(kCounty, "council/E10000024/intake").code(),
            absl::StatusCode::kInvalidArgument);
  // Messages to it are owned by the desk for unknown recipients.
  const auto sent = Flag("council/E10000024/intake");
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->receipts(0).marks(0).code(), v1::MARK_CODE_UNKNOWN_RECIPIENT);
}

// --- Live and training.

TEST_F(DirectoryServiceTest, ARealNhsNumberIsRefusedInTraining) {
  Start();
  EXPECT_TRUE(Flag("council/E06000018/intake", "999 000 0018").ok());
  const absl::Status refused =
      Flag("council/E06000018/intake", "123 456 7890").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("messages[0].payload[0].content.child."
                              "nhs_number: this is training"),
                    testing::Not(HasSubstr("456"))));
}

TEST_F(DirectoryServiceTest, ALiveExchangeRefusesATrainingTrustDomainAndBack) {
  EXPECT_THAT(
      std::string(
          Config(training_.path(), "baton.test", "LIVE").status().message()),
      AllOf(HasSubstr("broker.txtpb:8"), HasSubstr("trust_domain")));
  EXPECT_THAT(
      std::string(
          Config(live_.path(), "baton.example", "TRAINING").status().message()),
      AllOf(HasSubstr("broker.txtpb:8"), HasSubstr("trust_domain")));
}

TEST_F(DirectoryServiceTest, AnExchangeTrustsNoOtherExchangesAuthority) {
  // Live by name, with the certificates of training.
  const absl::Status refused =
      Config(training_.path(), "baton.example", "LIVE").status();
  EXPECT_THAT(
      std::string(refused.message()),
      AllOf(HasSubstr("broker.txtpb:4"), HasSubstr("tls.ca_file"),
            HasSubstr("broker.txtpb:5"), HasSubstr("tls.certificate_file"),
            HasSubstr("trust domain baton.test (training)")));
  EXPECT_TRUE(Config(live_.path(), "baton.example", "LIVE").ok());
}

TEST_F(DirectoryServiceTest, LiveAndTrainingDoNotSpeakToEachOther) {
  v1::GetAgencyRequest request;
  *request.mutable_agency() = ParseAgency("emergency/RX1RA").value();
  const auto call = [&](const TestCertificates& certs) {
    return Call(v1::DirectoryService::NewStub(DialAs(kCouncil, certs)),
                &Stub::GetAgency, request)
        .status();
  };
  Start();
  EXPECT_TRUE(call(training_).ok());
  const absl::Status refused = call(live_);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr(kForeignAuthority));  // The cli explains it.
  broker_.reset();
  std::filesystem::remove_all(dir_ / "broker");
  StartWith(Config(live_.path(), "baton.example", "LIVE"));
  EXPECT_TRUE(call(live_).ok());
  EXPECT_EQ(call(training_).code(), absl::StatusCode::kUnavailable);
  // Nor does the disk of one open for the other.
  broker_.reset();
  const auto config = Config(training_.path(), "baton.test", "TRAINING");
  ASSERT_TRUE(config.ok()) << config.status();
  const auto other =
      Broker::Start(*config, &clock_, &random_, rocksdb::FileSystem::Default());
  EXPECT_THAT(std::string(other.status().message()),
              HasSubstr("ENVIRONMENT_LIVE"));
}

}  // namespace
}  // namespace baton
