#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "baton/v1/broker_service.grpc.pb.h"
#include "baton/v1/council_service.grpc.pb.h"
#include "baton/v1/tracking_service.grpc.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"
#include "services/common/tls.h"
#include "services/council/council.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/served_broker.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kAccess[] = R"(
  rules {
    name: "flags"
    sender_classes: AGENCY_CLASS_EMERGENCY
    recipient_classes: AGENCY_CLASS_COUNCIL
    kinds: MESSAGE_KIND_WAITING_FLAG
    purposes: PURPOSE_SAFEGUARDING
  }
  rules {
    name: "answers"
    sender_classes: AGENCY_CLASS_COUNCIL
    recipient_classes: AGENCY_CLASS_EMERGENCY
    kinds: [MESSAGE_KIND_TAKEN, MESSAGE_KIND_DECISION]
    purposes: PURPOSE_SAFEGUARDING
  }
)";

constexpr char kCouncilConfig[] = R"(service {
  agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
  listen_address: "127.0.0.1:0"
  tls {
    ca_file: "CERTS/ca.pem"
    certificate_file: "CERTS/council-E06000018.pem"
    key_file: "CERTS/council-E06000018.key"
  }
  trust_domain: "baton.test"
  environment: ENVIRONMENT_TRAINING
  data_directory: "council"
  disk_key_file: "CERTS/council-E06000018.disk.key"
  exchange { address: "127.0.0.1:EXCHANGE" server_name: "localhost" }
  attention_owner { role: "intake manager" phone: "0115 496 0201" }
}
)";

v1::Actor Worker() {
  v1::Actor worker;
  worker.set_name("Wilhelmina Worker");
  worker.set_role("duty social worker");
  worker.set_team("MASH");
  worker.set_phone("0115 496 0123");
  return worker;
}

// A council, and an exchange once a test wants one, each a whole process but
// for main(), over mutual TLS.
class CouncilServiceTest : public testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    const std::string file = dir_ / name;
    std::ofstream(file) << absl::StrReplaceAll(
        text, {{"CERTS", exchange_.certificates().path()},
               {"EXCHANGE", absl::StrCat(exchange_port_)}});
    return file;
  }

  void StartExchange() {
    exchange_.Start(kHospitalAndCouncils, kAccess);
    exchange_port_ = exchange_.port();
  }

  void StartCouncil() {
    const auto config =
        Council::ReadConfig(Write("council.txtpb", kCouncilConfig));
    ASSERT_TRUE(config.ok()) << config.status();
    auto council = Council::Start(*config, &clock_, &random_, file_system_);
    ASSERT_TRUE(council.ok()) << council.status();
    council_ = *std::move(council);
  }
  void RestartCouncil() {
    council_.reset();
    StartCouncil();
  }

  std::shared_ptr<grpc::Channel> DialAs(const std::string& name, int port) {
    auto channel = Dial(absl::StrCat("127.0.0.1:", port), "localhost",
                        exchange_.certificates().FilesOf(name));
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }
  std::unique_ptr<v1::CouncilService::Stub> Intake(
      const std::string& name = "council-E06000018") {
    return v1::CouncilService::NewStub(DialAs(name, council_->port()));
  }

  // Calls `method` of `stub`; every call ends within a minute.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      Stub* stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(1));
    Response response;
    const absl::Status status =
        FromGrpc((stub->*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // The hospital flags a child; the matter's id.
  std::string Flag(const std::string& key) {
    v1::PublishRequest request;
    v1::Message& message = *request.add_messages();
    message = exchange_.Flag("council/E06000018/intake");
    message.set_idempotency_key(key);
    message.set_priority(v1::PRIORITY_URGENT);
    v1::WaitingFlag flag;
    flag.set_sender_reference(key);
    message.mutable_payload(0)->set_content(flag.SerializeAsString());
    const auto stub =
        v1::BrokerService::NewStub(exchange_.DialAs("emergency-RX1RA"));
    const auto response =
        Call(stub.get(), &v1::BrokerService::Stub::Publish, request);
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return "";
    return response->receipts(0).matter_ids(0);
  }

  absl::StatusOr<v1::OpenMatterResponse> OpenMatter(
      const std::string& matter_id) {
    v1::OpenMatterRequest request;
    request.set_matter_id(matter_id);
    request.mutable_actor()->set_name("Rhea Reader");
    return Call(Intake().get(), &v1::CouncilService::Stub::OpenMatter, request);
  }
  absl::StatusOr<v1::TakeMatterResponse> Take(const std::string& matter_id) {
    v1::TakeMatterRequest request;
    request.set_request_id("take-1");
    request.mutable_taken()->set_matter_id(matter_id);
    *request.mutable_taken()->mutable_worker() = Worker();
    return Call(Intake().get(), &v1::CouncilService::Stub::TakeMatter, request);
  }
  absl::StatusOr<v1::DecideMatterResponse> Decide(
      const std::string& matter_id) {
    v1::DecideMatterRequest request;
    request.set_request_id("decide-1");
    v1::Decision& decision = *request.mutable_decision();
    decision.set_matter_id(matter_id);
    decision.set_outcome(v1::OUTCOME_NO_FURTHER_ACTION);
    decision.set_next_step("We ring the ward.");
    decision.set_reason("Known to us.");
    *decision.mutable_worker() = Worker();
    return Call(Intake().get(), &v1::CouncilService::Stub::DecideMatter,
                request);
  }
  absl::StatusOr<v1::ListIntakeResponse> List(
      const std::string& name = "council-E06000018") {
    v1::ListIntakeRequest request;
    request.set_include_decided(true);
    return Call(Intake(name).get(), &v1::CouncilService::Stub::ListIntake,
                request);
  }

  ServedBroker exchange_;
  const TempDir dir_;
  SystemClock clock_;
  SystemRandom random_;
  std::shared_ptr<rocksdb::FileSystem> file_system_ =
      rocksdb::FileSystem::Default();
  int exchange_port_ = 1;  // Nobody listens there.
  std::unique_ptr<Council> council_;
};

// One StreamIntake of a consuming system.
class Stream {
 public:
  explicit Stream(std::unique_ptr<v1::CouncilService::Stub> stub)
      : stub_(std::move(stub)) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::minutes(1));
    stream_ = stub_->StreamIntake(&context_);
  }

  void Write(const std::string& consumer, int credit,
             const std::vector<std::string>& acknowledged = {}) {
    v1::StreamIntakeRequest request;
    request.set_consumer(consumer);
    request.set_max_outstanding_messages(credit);
    for (const std::string& id : acknowledged) {
      request.add_acknowledge_message_ids(id);
    }
    stream_->Write(request);
  }

  // The next message; heartbeats are passed over. Empty: the stream ended.
  v1::Message Next() {
    v1::StreamIntakeResponse response;
    while (stream_->Read(&response)) {
      if (response.has_message()) return response.message();
    }
    return {};
  }
  // Waits for a heartbeat.
  v1::StreamIntakeResponse NextHeartbeat() {
    v1::StreamIntakeResponse response;
    while (stream_->Read(&response)) {
      if (!response.has_message()) return response;
    }
    ADD_FAILURE() << "the stream ended";
    return response;
  }

  absl::Status Finish() {
    stream_->WritesDone();
    v1::StreamIntakeResponse response;
    while (stream_->Read(&response)) {
    }
    return FromGrpc(stream_->Finish());
  }

 private:
  const std::unique_ptr<v1::CouncilService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::StreamIntakeRequest,
                                           v1::StreamIntakeResponse>>
      stream_;
};

// What the hospital watches until `done` holds of a matter.
template <typename Done>
v1::Matter WatchUntil(const std::shared_ptr<grpc::Channel>& channel,
                      const std::string& matter_id, const Done& done) {
  const auto stub = v1::TrackingService::NewStub(channel);
  grpc::ClientContext watching;
  watching.set_deadline(std::chrono::system_clock::now() +
                        std::chrono::minutes(1));
  const auto reader =
      stub->WatchConversations(&watching, v1::WatchConversationsRequest());
  v1::WatchConversationsResponse response;
  // Each response, heartbeats too, is a reason to look.
  while (reader->Read(&response)) {
    grpc::ClientContext context;
    v1::GetConversationRequest request;
    request.set_conversation_id(matter_id.substr(0, matter_id.find('.')));
    v1::GetConversationResponse found;
    if (!stub->GetConversation(&context, request, &found).ok()) continue;
    for (const v1::Matter& matter : found.conversation().matters()) {
      if (matter.matter_id() == matter_id && done(matter)) {
        watching.TryCancel();
        return matter;
      }
    }
  }
  ADD_FAILURE() << "the matter did not get there";
  return {};
}

TEST_F(CouncilServiceTest, AFlagIsReadTakenDecidedAndTheHospitalKnows) {
  StartExchange();
  StartCouncil();
  Stream stream(Intake());
  stream.Write("cms", 10);
  const std::string matter_id = Flag("ED-1");
  const v1::Message message = stream.Next();
  ASSERT_THAT(message.matter_ids(), ElementsAre(matter_id));

  const auto open = OpenMatter(matter_id);
  ASSERT_TRUE(open.ok()) << open.status();
  ASSERT_THAT(open->messages(), SizeIs(1));
  EXPECT_EQ(open->item().priority(), v1::PRIORITY_URGENT);
  const auto taken = Take(matter_id);
  ASSERT_TRUE(taken.ok()) << taken.status();
  const auto decided = Decide(matter_id);
  ASSERT_TRUE(decided.ok()) << decided.status();
  EXPECT_EQ(decided->item().state(), v1::MATTER_STATE_DECIDED);

  const v1::Matter matter =
      WatchUntil(exchange_.DialAs("emergency-RX1RA"), matter_id,
                 [](const v1::Matter& matter) {
                   return matter.has_decided() && matter.has_first_read();
                 });
  EXPECT_TRUE(matter.has_delivered());
  EXPECT_EQ(matter.first_read().actor().name(), "Rhea Reader");
  EXPECT_EQ(matter.taken().actor().phone(), Worker().phone());
  EXPECT_EQ(matter.decision().next_step(), "We ring the ward.");
  EXPECT_THAT(matter.SerializeAsString(), Not(HasSubstr("Known to us")));
  const auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_TRUE(list->has_exchange_heard_time());
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(CouncilServiceTest, CreditAndPositionHoldAcrossARestart) {
  StartExchange();
  StartCouncil();
  const std::vector<std::string> matters = {Flag("ED-1"), Flag("ED-2"),
                                            Flag("ED-3")};
  std::string second;
  {
    Stream stream(Intake());
    stream.Write("cms", 1);
    const v1::Message first = stream.Next();
    EXPECT_EQ(first.matter_ids(0), matters[0]);
    stream.Write("", 0, {first.message_id()});
    second = stream.Next().message_id();
    EXPECT_TRUE(stream.Finish().ok());
  }
  RestartCouncil();
  Stream stream(Intake());
  stream.Write("cms", 2);
  EXPECT_EQ(stream.Next().message_id(), second);
  EXPECT_EQ(stream.Next().matter_ids(0), matters[2]);
  EXPECT_THAT(List()->items(), SizeIs(3));
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(CouncilServiceTest, ServesWhileTheExchangeIsAway) {
  StartCouncil();
  const auto list = List();
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_THAT(list->items(), IsEmpty());
  EXPECT_FALSE(list->has_exchange_heard_time());
  EXPECT_TRUE(absl::IsNotFound(OpenMatter("c-1.1").status()));
}

TEST_F(CouncilServiceTest, SendsHeartbeatsThatAdmitTheExchangeIsAway) {
  StartCouncil();
  Stream stream(Intake());
  stream.Write("cms", 1);
  EXPECT_FALSE(stream.NextHeartbeat().has_exchange_heard_time());
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(CouncilServiceTest, RefusesCallersOfOtherAgencies) {
  StartCouncil();
  for (const char* name : {"emergency-RX1RA", "council-E10000024"}) {
    EXPECT_TRUE(absl::IsPermissionDenied(List(name).status())) << name;
    Stream stream(Intake(name));
    stream.Write("cms", 1);
    EXPECT_TRUE(absl::IsPermissionDenied(stream.Finish())) << name;
  }
  EXPECT_FALSE(List("bad/foreign").ok());
  EXPECT_TRUE(absl::IsUnauthenticated(List("bad/two-uris").status()));
}

TEST_F(CouncilServiceTest, ListsEveryFaultOfARequestWithItsField) {
  StartCouncil();
  const absl::Status status = Take("nonsense").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  Faults faults;
  faults.AddAll(status);
  std::vector<std::string> fields;
  faults.Mapped([&](absl::string_view field) {
    fields.emplace_back(field);
    return std::string(field);
  });
  EXPECT_THAT(fields, ElementsAre("taken.matter_id"));
}

TEST_F(CouncilServiceTest, AFaultyStreamRequestEndsTheStreamAndSaysWhy) {
  StartCouncil();
  Stream first(Intake());
  first.Write("no spaces please", 1001, {"m-1"});
  absl::Status status = first.Finish();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  for (const char* field :
       {"consumer", "max_outstanding_messages", "acknowledge_message_ids"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
  Stream none(Intake());
  none.Write("cms", 0);
  EXPECT_TRUE(absl::IsInvalidArgument(none.Finish()));
  Stream later(Intake());
  later.Write("cms", 1);
  later.Write("other", -1, std::vector<std::string>(1001, "m-1"));
  status = later.Finish();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
}

TEST_F(CouncilServiceTest, ASecondStreamOfAConsumerEndsTheFirst) {
  StartCouncil();
  Stream first(Intake());
  first.Write("cms", 1);
  first.NextHeartbeat();  // It has begun.
  Stream second(Intake());
  second.Write("cms", 1);
  EXPECT_EQ(first.Next().message_id(), "");
  EXPECT_TRUE(absl::IsAborted(first.Finish()));
  EXPECT_TRUE(second.Finish().ok());
}

TEST_F(CouncilServiceTest, StoppingEndsStreamsAndTellsWhatToDo) {
  StartCouncil();
  Stream stream(Intake());
  stream.Write("cms", 1);
  stream.NextHeartbeat();
  council_->Stop();
  EXPECT_TRUE(council_->Wait().ok());
  EXPECT_TRUE(absl::IsUnavailable(stream.Finish()));
}

TEST_F(CouncilServiceTest, AFailedSyncEndsTheProcessAndItsCallsAreAnswered) {
  auto faults = std::make_shared<FaultFileSystem>(
      rocksdb::FileSystem::Default(), SeedFor(1));
  file_system_ = faults;
  StartExchange();
  StartCouncil();
  Stream stream(Intake());
  stream.Write("cms", 1);
  const std::string matter_id = Flag("ED-1");
  EXPECT_EQ(stream.Next().matter_ids(0), matter_id);
  faults->Cut();
  EXPECT_FALSE(Take(matter_id).ok());
  EXPECT_FALSE(council_->Wait().ok());
}

// --- Configuration.

TEST_F(CouncilServiceTest, ConfigurationWithoutDesksConsumesIntake) {
  const auto config =
      Council::ReadConfig(Write("council.txtpb", kCouncilConfig));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->desks(), ElementsAre("intake"));
}

TEST_F(CouncilServiceTest, ConfigurationFaultsAreListedAtOnceWithTheirLines) {
  const std::string file = Write("council.txtpb", R"(service {
  agency { agency_class: AGENCY_CLASS_POLICE code: "E23000019" }
  listen_address: "127.0.0.1:0"
  sent_retention { seconds: -1 }
  exchange { max_retry_delay { seconds: 0 } call_deadline { seconds: -5 } }
  documents { max_bytes: 20971521 max_held_bytes: 1 media_types: "text/html" }
}
desks: "intake"
desks: "In Take"
desks: "intake"
)");
  const absl::Status status = Council::ReadConfig(file).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  for (const std::string& fault :
       {absl::StrCat(file, ":2: service.agency.agency_class"),
        absl::StrCat(file, ":4: service.sent_retention"),
        absl::StrCat(file, ":5: service.exchange.max_retry_delay"),
        absl::StrCat(file, ":5: service.exchange.call_deadline"),
        std::string("service.exchange.address"),
        std::string("service.tls.ca_file"),
        std::string("service.disk_key_file"),
        absl::StrCat(file, ":6: service.documents.max_bytes"),
        absl::StrCat(file, ":6: service.documents.max_held_bytes"),
        absl::StrCat(file, ":6: service.documents.media_types[0]"),
        absl::StrCat(file, ":9: desks[1]"),
        absl::StrCat(file, ":10: desks[2]")}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(fault));
  }
}

}  // namespace
}  // namespace baton
