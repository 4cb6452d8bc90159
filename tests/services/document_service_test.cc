#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "baton/v1/attachment_service.grpc.pb.h"
#include "baton/v1/case_service.grpc.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"
#include "services/common/tls.h"
#include "services/council/council.h"
#include "services/school/school.h"
#include "storage/crypto.h"
#include "tests/support/breaking_line.h"
#include "tests/support/served_broker.h"
#include "tests/support/temp_dir.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

constexpr char kAgencies[] = R"(
  agencies {
    agency { agency_class: AGENCY_CLASS_SCHOOL code: "123401" }
    desks { name: "replies" }
  }
  agencies {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
    phone: "0115 496 0200"
    desks { name: "intake" }
  }
  unknown_recipient_desk {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
    desk: "intake"
  }
)";

constexpr char kAccess[] = R"(
  rules {
    name: "contacts and documents"
    sender_classes: AGENCY_CLASS_SCHOOL
    recipient_classes: AGENCY_CLASS_COUNCIL
    kinds: [MESSAGE_KIND_CONTACT, MESSAGE_KIND_ATTACHMENT]
    purposes: PURPOSE_SAFEGUARDING
  }
)";

// The service of one agency; MORE is what only its kind has.
constexpr char kAgencyConfig[] = R"(
  service {
    agency { agency_class: CLASS code: "CODE" }
    listen_address: "127.0.0.1:0"
    tls {
      ca_file: "CERTS/ca.pem"
      certificate_file: "CERTS/NAME-CODE.pem"
      key_file: "CERTS/NAME-CODE.key"
    }
    trust_domain: "baton.test"
    environment: ENVIRONMENT_TRAINING
    data_directory: "NAME"
    disk_key_file: "CERTS/NAME-CODE.disk.key"
    exchange { address: "127.0.0.1:EXCHANGE" server_name: "localhost" }
    attention_owner { role: "duty lead" phone: "0115 496 0412" }
  }
  MORE
)";

constexpr char kSchoolOnly[] = R"(
  default_recipient {
    agency { agency_class: AGENCY_CLASS_COUNCIL code: "E06000018" }
    desk: "intake"
  }
  phone: "0115 496 0200"
)";

// A picture of `size` bytes, no two chunks of it alike.
std::string Picture(size_t size) {
  std::string bytes = "\xff\xd8\xff\xe0";
  for (int i = 0; bytes.size() < size; ++i) absl::StrAppend(&bytes, i, ",");
  bytes.resize(size);
  return bytes;
}

// Every call ends within a minute, and waits until the service can be reached.
void SetDeadline(grpc::ClientContext* context) {
  context->set_wait_for_ready(true);
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::minutes(1));
}

// A school, a council and the exchange, each a whole process but for main(),
// over mutual TLS; the school's line to the exchange can break.
class DocumentServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    broker_.Start(kAgencies, kAccess);
    line_ = std::make_unique<BreakingLine>(broker_.port());
    StartSchool();
    const auto council = Council::ReadConfig(WriteAgency(
        "council", "AGENCY_CLASS_COUNCIL", "E06000018", broker_.port(), ""));
    ASSERT_TRUE(council.ok()) << council.status();
    auto started = Council::Start(*council, &clock_, &random_,
                                  rocksdb::FileSystem::Default());
    ASSERT_TRUE(started.ok()) << started.status();
    council_ = *std::move(started);
    Raise();
  }

  void StartSchool() {
    const auto config = School::ReadConfig(WriteAgency(
        "school", "AGENCY_CLASS_SCHOOL", "123401", line_->port(), kSchoolOnly));
    ASSERT_TRUE(config.ok()) << config.status();
    auto started = School::Start(*config, &clock_, &random_,
                                 rocksdb::FileSystem::Default());
    ASSERT_TRUE(started.ok()) << started.status();
    school_ = *std::move(started);
  }

  std::string Write(
      const std::string& name, const std::string& text,
      std::vector<std::pair<absl::string_view, absl::string_view>> words) {
    words.emplace_back("CERTS", broker_.certificates().path());
    const std::string file = dir_ / name;
    std::ofstream(file) << absl::StrReplaceAll(text, words);
    return file;
  }
  std::string WriteAgency(const std::string& name, const std::string& type,
                          const std::string& code, int exchange_port,
                          const std::string& more) {
    const std::string port = absl::StrCat(exchange_port);
    return Write(name + ".txtpb", kAgencyConfig,
                 {{"CLASS code", type + " code"},
                  {"CODE", code},
                  {"NAME", name},
                  {"EXCHANGE", port},
                  {"MORE", more}});
  }

  std::shared_ptr<grpc::Channel> Channel(const std::string& name, int port) {
    auto channel = baton::Dial(absl::StrCat("127.0.0.1:", port), "localhost",
                               broker_.certificates().FilesOf(name));
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *channel;
  }
  std::unique_ptr<v1::CaseService::Stub> Dial(const std::string& name,
                                              int port) {
    return v1::CaseService::NewStub(Channel(name, port));
  }
  std::unique_ptr<v1::CaseService::Stub> AtSchool() {
    return Dial("school-123401", school_->port());
  }
  std::unique_ptr<v1::CaseService::Stub> AtCouncil() {
    return Dial("council-E06000018", council_->port());
  }

  void Raise() {
    v1::RaiseContactRequest request;
    request.set_request_id("raise-1");
    request.set_sender_reference("S-1");
    request.add_children()->mutable_concern()->set_value("a bruise");
    request.mutable_actor()->set_name("T. Quill");
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::RaiseContactResponse response;
    const absl::Status status =
        FromGrpc(AtSchool()->RaiseContact(&context, request, &response));
    ASSERT_TRUE(status.ok()) << status;
  }

  static v1::DocumentForm Form(const std::string& bytes) {
    v1::DocumentForm form;
    form.set_request_id("add-1");
    form.set_sender_reference("S-1");
    form.set_title("body map");
    form.set_media_type("image/jpeg");
    form.set_size_bytes(static_cast<int64_t>(bytes.size()));
    form.set_sha256(std::string(AsBytes(Sha256(bytes))));
    form.mutable_actor()->set_name("T. Quill");
    return form;
  }

  // Adds what `bytes` has of the document, in pieces of `piece`.
  absl::StatusOr<v1::AddDocumentResponse> Add(v1::CaseService::Stub* stub,
                                              const v1::DocumentForm& form,
                                              const std::string& bytes,
                                              size_t piece = 100'000) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::AddDocumentResponse response;
    const auto writer = stub->AddDocument(&context, &response);
    v1::AddDocumentRequest request;
    *request.mutable_form() = form;
    bool open = writer->Write(request);
    for (size_t at = 0; open && at < bytes.size(); at += piece) {
      request.set_chunk(bytes.substr(at, piece));
      open = writer->Write(request);
    }
    writer->WritesDone();
    const absl::Status status = FromGrpc(writer->Finish());
    if (!status.ok()) return status;
    return response;
  }

  // The case's conversation, once it has one.
  std::string Conversation(v1::CaseService::Stub* stub) {
    v1::GetCaseResponse response;
    while (response.status().conversation_id().empty()) {
      v1::GetCaseRequest request;
      request.set_sender_reference("S-1");
      grpc::ClientContext context;
      SetDeadline(&context);
      const auto status = stub->GetCase(&context, request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      if (!status.ok()) break;
    }
    return response.status().conversation_id();
  }

  // Bytes of the school's upload that the exchange has on its disk.
  int64_t Durable(const std::string& conversation, const std::string& bytes) {
    v1::GetUploadRequest request;
    request.set_conversation_id(conversation);
    request.set_sha256(Form(bytes).sha256());
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetUploadResponse response;
    const auto status =
        v1::AttachmentService::NewStub(Channel("school-123401", broker_.port()))
            ->GetUpload(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return status.ok() ? response.durable_bytes() : 1 << 30;
  }

  // The council's next message of kind ATTACHMENT.
  v1::Message NextAttachment() {
    const auto stub = AtCouncil();
    grpc::ClientContext context;
    SetDeadline(&context);
    const auto stream = stub->StreamInbox(&context);
    v1::StreamInboxRequest request;
    request.set_consumer("test");
    request.set_max_outstanding_messages(10);
    stream->Write(request);
    v1::StreamInboxResponse response;
    while (stream->Read(&response)) {
      if (response.message().kind() == v1::MESSAGE_KIND_ATTACHMENT) {
        context.TryCancel();
        return response.message();
      }
    }
    ADD_FAILURE() << "no attachment came: " << FromGrpc(stream->Finish());
    return {};
  }

  absl::StatusOr<std::string> Fetch(v1::CaseService::Stub* stub,
                                    const std::string& matter_id,
                                    const std::string& document) {
    v1::FetchDocumentRequest request;
    request.set_matter_id(matter_id);
    request.set_document(document);
    request.mutable_actor()->set_name("A. Fenwick");
    grpc::ClientContext context;
    SetDeadline(&context);
    const auto reader = stub->FetchDocument(&context, request);
    std::string bytes;
    v1::FetchDocumentResponse response;
    while (reader->Read(&response)) {
      if (response.has_attachment()) {
        EXPECT_EQ(response.attachment().media_type(), "image/jpeg");
      }
      bytes += response.chunk();
    }
    const absl::Status status = FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return bytes;
  }

  const TempDir dir_;
  SystemClock clock_;
  SystemRandom random_;
  ServedBroker broker_;
  std::unique_ptr<BreakingLine> line_;
  std::unique_ptr<School> school_;
  std::unique_ptr<Council> council_;
};

TEST_F(DocumentServiceTest, GoesFromTheSchoolToTheCouncilsScreen) {
  const std::string picture = Picture((700 << 10) + 7);
  const auto school = AtSchool();
  const auto added = Add(school.get(), Form(picture), picture);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->status().sender_reference(), "S-1");

  const v1::Message message = NextAttachment();
  ASSERT_EQ(message.matter_ids_size(), 1);
  const std::string matter = message.matter_ids(0);
  const auto council = AtCouncil();
  const auto fetched = Fetch(council.get(), matter, added->document());
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_TRUE(*fetched == picture);
  const auto by_prefix =
      Fetch(council.get(), matter, added->document().substr(0, 8));
  EXPECT_TRUE(by_prefix.ok()) << by_prefix.status();
  EXPECT_TRUE(
      absl::IsNotFound(Fetch(council.get(), matter, "0000000000").status()));
}

TEST_F(DocumentServiceTest, GoesOnWhereABrokenConnectionLeftIt) {
  constexpr size_t kSize = 4 << 20;
  const std::string picture = Picture(kSize);
  const auto school = AtSchool();
  const std::string conversation = Conversation(school.get());
  line_->HoldAfter(2 << 20);
  const auto added = Add(school.get(), Form(picture), picture);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->outbox_state(), v1::OUTBOX_STATE_HELD);
  while (Durable(conversation, picture) < (1 << 20)) {
  }
  line_->Break();
  const v1::Message message = NextAttachment();
  ASSERT_EQ(message.matter_ids_size(), 1);
  EXPECT_EQ(line_->breaks(), 1);
  // What the exchange had, it was not sent again.
  EXPECT_LT(line_->bytes_since(), static_cast<int64_t>(kSize - (1 << 19)));
  const auto council = AtCouncil();
  const auto fetched =
      Fetch(council.get(), message.matter_ids(0), added->document());
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_TRUE(*fetched == picture);
}

TEST_F(DocumentServiceTest, AStreamThatEndsEarlyLeavesNothing) {
  const std::string picture = Picture(1000);
  const auto school = AtSchool();
  EXPECT_EQ(
      ReasonOf(
          Add(school.get(), Form(picture), picture.substr(0, 999)).status()),
      "UPLOAD_INCOMPLETE");
  EXPECT_EQ(Add(school.get(), Form(picture), picture, (256 << 10) + 1)
                .status()
                .code(),
            absl::StatusCode::kOk);
  const std::string large = Picture(600 << 10);
  v1::DocumentForm form = Form(large);
  form.set_request_id("add-2");
  EXPECT_THAT(
      std::string(
          Add(school.get(), form, large, (256 << 10) + 1).status().message()),
      HasSubstr("256 KiB"));
}

TEST_F(DocumentServiceTest, OnlyItsOwnAgencyIsServed) {
  const std::string picture = Picture(10);
  const auto stranger = Dial("council-E06000018", school_->port());
  EXPECT_TRUE(absl::IsPermissionDenied(
      Add(stranger.get(), Form(picture), picture).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(
      Fetch(stranger.get(), "c-1.1", "abababab").status()));
}

TEST_F(DocumentServiceTest, WhoWantsToReadLearnsThatTheExchangeIsAway) {
  const std::string picture = Picture(10);
  const auto school = AtSchool();
  ASSERT_TRUE(Add(school.get(), Form(picture), picture).ok());
  const v1::Message message = NextAttachment();
  ASSERT_EQ(message.matter_ids_size(), 1);
  broker_.Stop();
  const auto council = AtCouncil();
  EXPECT_TRUE(
      absl::IsUnavailable(Fetch(council.get(), message.matter_ids(0),
                                absl::BytesToHexString(Form(picture).sha256()))
                              .status()));
}

}  // namespace
}  // namespace baton
