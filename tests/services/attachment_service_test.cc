#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "baton/v1/attachment_service.grpc.pb.h"
#include "baton/v1/audit_service.grpc.pb.h"
#include "baton/v1/broker_service.grpc.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/broker/attachment.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/rpc_status.h"
#include "storage/crypto.h"
#include "storage/vault.h"
#include "tests/support/served_broker.h"

namespace baton {
namespace {

using ::testing::HasSubstr;

constexpr char kHospital[] = "emergency-RX1RA";
constexpr char kCouncil[] = "council-E06000018";
constexpr char kCounty[] = "council-E10000024";
constexpr char kQueue[] = "council/E06000018/intake";

constexpr char kAccess[] = R"(
  rules {
    name: "flags and documents"
    sender_classes: [AGENCY_CLASS_EMERGENCY, AGENCY_CLASS_COUNCIL]
    recipient_classes: [AGENCY_CLASS_EMERGENCY, AGENCY_CLASS_COUNCIL]
    kinds: [MESSAGE_KIND_WAITING_FLAG, MESSAGE_KIND_ATTACHMENT]
    purposes: PURPOSE_SAFEGUARDING
  }
)";

// A picture of `size` bytes, no two chunks of it alike.
std::string Picture(size_t size) {
  std::string bytes = "\xff\xd8\xff\xe0";
  bytes.reserve(size + 16);
  for (int i = 0; bytes.size() < size; ++i) absl::StrAppend(&bytes, i, ",");
  bytes.resize(size);
  return bytes;
}

v1::Attachment Declare(const std::string& bytes, const std::string& matter_id) {
  v1::Attachment attachment;
  attachment.set_matter_id(matter_id);
  attachment.set_sha256(std::string(AsBytes(Sha256(bytes))));
  attachment.set_size_bytes(static_cast<int64_t>(bytes.size()));
  attachment.set_media_type("image/jpeg");
  return attachment;
}

// One UploadAttachment of a client.
class UploadCall {
 public:
  explicit UploadCall(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::AttachmentService::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::minutes(1));
    writer_ = stub_->UploadAttachment(&context_, &response_);
  }

  void Begin(const std::string& conversation_id,
             const v1::Attachment& attachment, int64_t offset) {
    v1::UploadAttachmentRequest request;
    request.mutable_begin()->set_conversation_id(conversation_id);
    *request.mutable_begin()->mutable_attachment() = attachment;
    request.mutable_begin()->set_offset(offset);
    writer_->Write(request);
  }

  // In requests of `piece` bytes; stops when the exchange has answered.
  void Write(const std::string& bytes, size_t piece = kChunkBytes) {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      v1::UploadAttachmentRequest request;
      request.set_chunk(bytes.substr(at, piece));
      if (!writer_->Write(request)) return;
    }
  }

  void Cut() {
    context_.TryCancel();
    (void)writer_->Finish();
  }

  absl::StatusOr<v1::UploadAttachmentResponse> Finish() {
    writer_->WritesDone();
    const absl::Status status = FromGrpc(writer_->Finish());
    if (!status.ok()) return status;
    return response_;
  }

 private:
  const std::unique_ptr<v1::AttachmentService::Stub> stub_;
  grpc::ClientContext context_;
  v1::UploadAttachmentResponse response_;
  std::unique_ptr<grpc::ClientWriter<v1::UploadAttachmentRequest>> writer_;
};

// A broker, whole but for main(), over mutual TLS; a hospital has flagged a
// child to a council.
class AttachmentServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    StartBroker();
    const auto flagged = Publish(broker_.Flag(kQueue));
    ASSERT_TRUE(flagged.ok()) << flagged.status();
    conversation_id_ = flagged->conversation_id();
    matter_id_ = flagged->matter_ids(0);
  }

  void StartBroker() {
    broker_.Start(absl::StrCat(kHospitalAndCouncils, more_config_), kAccess);
  }
  void RestartBroker() {
    broker_.Stop();
    StartBroker();
  }

  v1::Message Announcement(const v1::Attachment& attachment) {
    v1::Message message = broker_.Envelope(v1::MESSAGE_KIND_ATTACHMENT, kQueue);
    message.set_conversation_id(conversation_id_);
    *message.add_attachments() = attachment;
    return message;
  }

  absl::StatusOr<v1::PublishReceipt> Publish(const v1::Message& message) {
    const auto stub = v1::BrokerService::NewStub(broker_.DialAs(kHospital));
    grpc::ClientContext context;
    v1::PublishRequest request;
    *request.add_messages() = message;
    v1::PublishResponse response;
    const absl::Status status =
        FromGrpc(stub->Publish(&context, request, &response));
    if (!status.ok()) return status;
    return response.receipts(0);
  }

  absl::StatusOr<v1::GetUploadResponse> GetUpload(
      const v1::Attachment& attachment, const std::string& name = kHospital) {
    const auto stub = v1::AttachmentService::NewStub(broker_.DialAs(name));
    grpc::ClientContext context;
    v1::GetUploadRequest request;
    request.set_conversation_id(conversation_id_);
    request.set_matter_id(attachment.matter_id());
    request.set_sha256(attachment.sha256());
    v1::GetUploadResponse response;
    const absl::Status status =
        FromGrpc(stub->GetUpload(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // Asks until `bytes` are on disk.
  void WaitUntilDurable(const v1::Attachment& attachment, int64_t bytes) {
    const absl::Time give_up = absl::Now() + absl::Minutes(1);
    while (absl::Now() < give_up) {
      const auto progress = GetUpload(attachment);
      ASSERT_TRUE(progress.ok()) << progress.status();
      if (progress->durable_bytes() >= bytes) return;
    }
    FAIL() << "nothing moves";
  }

  absl::StatusOr<v1::UploadAttachmentResponse> Upload(
      const std::string& bytes, const v1::Attachment& attachment,
      int64_t offset = 0, const std::string& name = kHospital) {
    UploadCall call(broker_.DialAs(name));
    call.Begin(conversation_id_, attachment, offset);
    call.Write(bytes.substr(offset));
    return call.Finish();
  }

  absl::StatusOr<std::string> Download(const std::string& message_id,
                                       const v1::Attachment& attachment,
                                       const std::string& name = kCouncil,
                                       int64_t offset = 0) {
    const auto stub = v1::AttachmentService::NewStub(broker_.DialAs(name));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::minutes(1));
    v1::DownloadAttachmentRequest request;
    request.set_message_id(message_id);
    request.set_matter_id(attachment.matter_id());
    request.set_sha256(attachment.sha256());
    request.set_offset(offset);
    const auto reader = stub->DownloadAttachment(&context, request);
    std::string bytes;
    v1::DownloadAttachmentResponse response;
    for (bool first = true; reader->Read(&response); first = false) {
      EXPECT_EQ(response.has_attachment(), first);
      EXPECT_EQ(response.chunk().empty(), first);
      EXPECT_LE(response.chunk().size(), static_cast<size_t>(kChunkBytes));
      bytes += response.chunk();
    }
    const absl::Status status = FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return bytes;
  }

  // Uploaded and announced to the council.
  std::string Announce(const std::string& bytes,
                       const v1::Attachment& attachment) {
    const auto uploaded = Upload(bytes, attachment);
    EXPECT_TRUE(uploaded.ok()) << uploaded.status();
    const auto receipt = Publish(Announcement(attachment));
    EXPECT_TRUE(receipt.ok()) << receipt.status();
    return receipt.ok() ? receipt->message_id() : "";
  }

  std::vector<v1::AuditEntry> Leaves(v1::AuditType type) {
    const auto stub = v1::AuditService::NewStub(broker_.DialAs(kCouncil));
    grpc::ClientContext context;
    v1::ListEntriesResponse response;
    EXPECT_TRUE(
        stub->ListEntries(&context, v1::ListEntriesRequest(), &response).ok());
    std::vector<v1::AuditEntry> leaves;
    for (const std::string& bytes : response.entries()) {
      v1::AuditEntry entry;
      EXPECT_TRUE(entry.ParseFromString(bytes));
      if (entry.type() == type) leaves.push_back(entry);
    }
    return leaves;
  }

  std::string LastDenied() {
    const auto leaves = Leaves(v1::AUDIT_TYPE_DENIED);
    return leaves.empty() ? "" : leaves.back().code();
  }

  // Destroys every key given out so far, behind the broker's back.
  void EraseEverything() {
    broker_.Stop();
    std::ifstream file(broker_.certificates() / "vault.key", std::ios::binary);
    const std::string key((std::istreambuf_iterator<char>(file)), {});
    const auto file_system = rocksdb::FileSystem::Default();
    SystemRandom random;
    auto vault = Vault::Open(file_system.get(), broker_.vault_directory(), key,
                             /*next_slot=*/10, &random);
    ASSERT_TRUE(vault.ok()) << vault.status();
    for (uint64_t slot = 1; slot < 10; ++slot) {
      ASSERT_TRUE((*vault)->Erase(slot).ok());
    }
    vault->reset();
    StartBroker();
  }

  std::string more_config_;
  ServedBroker broker_;
  std::string conversation_id_;
  std::string matter_id_;
};

TEST_F(AttachmentServiceTest, APhotoIsUploadedAnnouncedAndRead) {
  const std::string bytes = Picture(700'000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  const auto uploaded = Upload(bytes, attachment);
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  EXPECT_EQ(uploaded->attachment().SerializeAsString(),
            attachment.SerializeAsString());
  const auto attached = Leaves(v1::AUDIT_TYPE_ATTACHED);
  ASSERT_EQ(attached.size(), 1u);
  EXPECT_EQ(attached[0].index(), uploaded->audit_index());

  const auto receipt = Publish(Announcement(uploaded->attachment()));
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  for (const char* name : {kCouncil, kHospital}) {
    const auto read = Download(receipt->message_id(), attachment, name);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, bytes);
  }
  const auto reads = Leaves(v1::AUDIT_TYPE_ATTACHMENT_READ);
  ASSERT_EQ(reads.size(), 2u);
  EXPECT_EQ(reads[0].actor().code(), "E06000018");
  EXPECT_EQ(reads[0].message_ids(0), receipt->message_id());
}

TEST_F(AttachmentServiceTest, TakesTwentyMebibytesInPiecesOfAnySize) {
  const std::string bytes = Picture(kMaxAttachmentBytes);
  const v1::Attachment attachment = Declare(bytes, "");
  UploadCall call(broker_.DialAs(kHospital));
  call.Begin(conversation_id_, attachment, 0);
  call.Write(bytes, 100'003);
  const auto uploaded = call.Finish();
  ASSERT_TRUE(uploaded.ok()) << uploaded.status();
  const auto receipt = Publish(Announcement(attachment));
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_TRUE(Download(receipt->message_id(), attachment).value() == bytes);
}

TEST_F(AttachmentServiceTest, ADownloadGoesOnFromAnyByte) {
  const std::string bytes = Picture(600'000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  const std::string message_id = Announce(bytes, attachment);
  for (const size_t offset : {size_t{1}, size_t{kChunkBytes},
                              size_t{kChunkBytes + 7}, bytes.size()}) {
    const auto rest = Download(message_id, attachment, kCouncil, offset);
    ASSERT_TRUE(rest.ok()) << rest.status();
    EXPECT_TRUE(*rest == bytes.substr(offset)) << offset;
  }
  EXPECT_EQ(Download(message_id, attachment, kCouncil, bytes.size() + 1)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AttachmentServiceTest, ResumesAfterACutConnection) {
  const std::string bytes = Picture(1'000'000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  {
    UploadCall call(broker_.DialAs(kHospital));
    call.Begin(conversation_id_, attachment, 0);
    call.Write(bytes.substr(0, 2 * kChunkBytes + 100));
    WaitUntilDurable(attachment, 2 * kChunkBytes);
    call.Cut();
  }
  const auto progress = GetUpload(attachment);
  ASSERT_TRUE(progress.ok()) << progress.status();
  EXPECT_EQ(progress->durable_bytes(), 2 * kChunkBytes);
  EXPECT_FALSE(progress->complete());
  const auto from_start = Upload(bytes, attachment, 0);
  EXPECT_EQ(ReasonOf(from_start.status()), "UPLOAD_OFFSET");
  const auto resumed = Upload(bytes, attachment, progress->durable_bytes());
  EXPECT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_TRUE(GetUpload(attachment)->complete());
}

TEST_F(AttachmentServiceTest, ResumesAfterTheBrokerRestarts) {
  const std::string bytes = Picture(600'000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  UploadCall call(broker_.DialAs(kHospital));
  call.Begin(conversation_id_, attachment, 0);
  call.Write(bytes.substr(0, kChunkBytes));
  WaitUntilDurable(attachment, kChunkBytes);
  // A stream that waits for its client does not hold up the stop.
  RestartBroker();
  EXPECT_EQ(call.Finish().status().code(), absl::StatusCode::kUnavailable);

  const auto resumed = Upload(bytes, attachment, kChunkBytes);
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  const auto receipt = Publish(Announcement(attachment));
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  RestartBroker();
  EXPECT_TRUE(Download(receipt->message_id(), attachment).value() == bytes);
}

TEST_F(AttachmentServiceTest, WrongBytesAreRefusedAndCanBeSentAgain) {
  const std::string bytes = Picture(300'000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  std::string wrong = bytes;
  wrong[290'000] ^= 1;
  const auto refused = Upload(wrong, attachment);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(refused.status()), "ATTACHMENT_DIGEST");
  EXPECT_EQ(GetUpload(attachment)->durable_bytes(), 0);
  EXPECT_TRUE(Upload(bytes, attachment).ok());
}

TEST_F(AttachmentServiceTest, BytesOfAnotherTypeAreRefusedAtTheFirstChunk) {
  std::string bytes = Picture(300'000);
  bytes.replace(0, 4, "PK\x03\x04");
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  const auto refused = Upload(bytes, attachment);
  EXPECT_EQ(ReasonOf(refused.status()), "ATTACHMENT_TYPE");
  EXPECT_EQ(GetUpload(attachment)->durable_bytes(), 0);
  EXPECT_EQ(LastDenied(), "INVALID_ARGUMENT/UploadAttachment/ATTACHMENT_TYPE");
}

TEST_F(AttachmentServiceTest, ABadBeginningListsEveryFault) {
  v1::Attachment attachment = Declare("x", "c-zzz.1");
  attachment.set_sha256("short");
  attachment.set_size_bytes(kMaxAttachmentBytes + 1);
  attachment.set_media_type("application/zip");
  const auto refused = Upload("x", attachment, 0);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* field : {"matter_id", "sha256", "size_bytes: must be 1 to",
                            "carries image/jpeg, image/png, application/pdf"}) {
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(field));
  }
  EXPECT_EQ(LastDenied(), "INVALID_ARGUMENT/UploadAttachment");
}

TEST_F(AttachmentServiceTest, RequestsOutOfTurnAreRefused) {
  const std::string bytes = Picture(1000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  {
    UploadCall call(broker_.DialAs(kHospital));
    call.Write(bytes);
    EXPECT_THAT(std::string(call.Finish().status().message()),
                HasSubstr("begin: comes first"));
  }
  {
    UploadCall call(broker_.DialAs(kHospital));
    call.Begin(conversation_id_, attachment, 0);
    call.Begin(conversation_id_, attachment, 0);
    EXPECT_EQ(call.Finish().status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  {
    UploadCall call(broker_.DialAs(kHospital));
    call.Begin(conversation_id_, attachment, 0);
    call.Write(bytes + "more");
    EXPECT_THAT(std::string(call.Finish().status().message()),
                HasSubstr("longer than its size_bytes"));
  }
  {
    const std::string large = Picture(kChunkBytes + 1);
    UploadCall call(broker_.DialAs(kHospital));
    call.Begin(conversation_id_, Declare(large, matter_id_), 0);
    call.Write(large, kChunkBytes + 1);
    EXPECT_THAT(std::string(call.Finish().status().message()),
                HasSubstr("1 byte to 256 KiB"));
  }
}

TEST_F(AttachmentServiceTest, AStreamThatEndsEarlyIsNoUpload) {
  const std::string bytes = Picture(300'000);
  UploadCall call(broker_.DialAs(kHospital));
  call.Begin(conversation_id_, Declare(bytes, matter_id_), 0);
  call.Write(bytes.substr(0, 280'000));
  const auto refused = call.Finish();
  EXPECT_EQ(ReasonOf(refused.status()), "UPLOAD_INCOMPLETE");
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("262144 of 300000 bytes"));
  EXPECT_EQ(UploadCall(broker_.DialAs(kHospital)).Finish().status().message(),
            "the stream ended before it began");
}

TEST_F(AttachmentServiceTest, TwoDocumentsAreUploadedAtOnce) {
  const std::string one = Picture(600'000);
  const std::string other = Picture(600'001);
  UploadCall first(broker_.DialAs(kHospital));
  UploadCall second(broker_.DialAs(kHospital));
  first.Begin(conversation_id_, Declare(one, matter_id_), 0);
  second.Begin(conversation_id_, Declare(other, matter_id_), 0);
  for (size_t at = 0; at < other.size(); at += 200'000) {
    first.Write(one.substr(at, 200'000));
    second.Write(other.substr(at, 200'000));
  }
  EXPECT_TRUE(second.Finish().ok());
  EXPECT_TRUE(first.Finish().ok());
}

TEST_F(AttachmentServiceTest, OfTwoStreamsOfOneDocumentOneGoesOn) {
  const std::string bytes = Picture(600'000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  UploadCall stalled(broker_.DialAs(kHospital));
  stalled.Begin(conversation_id_, attachment, 0);
  stalled.Write(bytes.substr(0, kChunkBytes));
  WaitUntilDurable(attachment, kChunkBytes);
  EXPECT_TRUE(Upload(bytes, attachment, kChunkBytes).ok());
  stalled.Write(bytes.substr(kChunkBytes));
  const auto late = stalled.Finish();
  EXPECT_EQ(late.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(late.status()), "UPLOAD_MOVED");
}

TEST_F(AttachmentServiceTest, ARepeatedUploadIsAnsweredAtOnce) {
  const std::string bytes = Picture(600'000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  const auto first = Upload(bytes, attachment);
  ASSERT_TRUE(first.ok()) << first.status();
  UploadCall again(broker_.DialAs(kHospital));
  again.Begin(conversation_id_, attachment, 0);
  const auto answer = again.Finish();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->audit_index(), first->audit_index());
}

TEST_F(AttachmentServiceTest, AnAgencyHasAFewUnfinishedUploads) {
  more_config_ = "limits { max_uploads_per_agency: 1 }";
  RestartBroker();
  const std::string one = Picture(1000);
  UploadCall call(broker_.DialAs(kHospital));
  call.Begin(conversation_id_, Declare(one, matter_id_), 0);
  call.Write(one.substr(0, 500));
  EXPECT_EQ(ReasonOf(call.Finish().status()), "UPLOAD_INCOMPLETE");
  const std::string other = Picture(2000);
  const auto refused = Upload(other, Declare(other, matter_id_));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Upload(one, Declare(one, matter_id_)).ok());
  EXPECT_TRUE(Upload(other, Declare(other, matter_id_)).ok());
}

TEST_F(AttachmentServiceTest, WhoHasNoPartInTheConversationLearnsNothing) {
  const std::string bytes = Picture(1000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  const std::string message_id = Announce(bytes, attachment);
  const absl::Status uploaded = Upload(bytes, attachment, 0, kCounty).status();
  EXPECT_EQ(uploaded.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetUpload(attachment, kCounty).status().code(),
            absl::StatusCode::kNotFound);
  const absl::Status read = Download(message_id, attachment, kCounty).status();
  EXPECT_EQ(read.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(read.message(),
            Download("m-zzz", attachment, kCounty).status().message());
  EXPECT_EQ(LastDenied(), "NOT_FOUND/DownloadAttachment");
  EXPECT_TRUE(Leaves(v1::AUDIT_TYPE_ATTACHMENT_READ).empty());
}

TEST_F(AttachmentServiceTest, AParticipantGetsOnlyWhatItWasSent) {
  const std::string bytes = Picture(1000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  // Announced to the hospital's own desk only.
  ASSERT_TRUE(Upload(bytes, attachment).ok());
  v1::Message message = Announcement(attachment);
  *message.mutable_recipients(0)->mutable_address() =
      ParseQueueName("emergency/RX1RA/replies").value();
  const auto receipt = Publish(message);
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_EQ(
      Download(receipt->message_id(), attachment, kCouncil).status().code(),
      absl::StatusCode::kNotFound);
  // Knowing the digest tells the council nothing about the hospital's upload.
  EXPECT_EQ(GetUpload(attachment, kCouncil)->durable_bytes(), 0);
}

TEST_F(AttachmentServiceTest, ADocumentTheMessageDoesNotNameIsAbsent) {
  const std::string bytes = Picture(1000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  const std::string message_id = Announce(bytes, attachment);
  EXPECT_EQ(Download(message_id, Declare(bytes, "")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Download(message_id, Declare("other", matter_id_)).status().code(),
            absl::StatusCode::kNotFound);
  v1::Attachment short_digest = attachment;
  short_digest.set_sha256("short");
  EXPECT_EQ(Download("c-1", short_digest).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AttachmentServiceTest, AMessageBeforeItsDocumentIsRefused) {
  const std::string bytes = Picture(1000);
  const auto refused = Publish(Announcement(Declare(bytes, matter_id_)));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), "ATTACHMENT_MISSING");
}

TEST_F(AttachmentServiceTest, AnErasedDocumentIsGone) {
  const std::string bytes = Picture(1000);
  const v1::Attachment attachment = Declare(bytes, matter_id_);
  const std::string message_id = Announce(bytes, attachment);
  EraseEverything();
  EXPECT_EQ(ReasonOf(Download(message_id, attachment).status()), "ERASED");
  EXPECT_EQ(ReasonOf(Upload(bytes, attachment).status()), "ERASED");
  EXPECT_EQ(ReasonOf(GetUpload(attachment).status()), "ERASED");
}

TEST_F(AttachmentServiceTest, ConfigurationIsCheckedWhole) {
  const auto config = broker_.ReadConfig(absl::StrCat(kHospitalAndCouncils, R"(
        attachment_media_types: ["image/png", "application/zip"]
        limits {
          max_attachment_bytes: 20971521
          upload_retention { seconds: 59 }
          max_deliver_ahead { seconds: 86399 }
        })"));
  for (const char* fault :
       {"no program, archive or page", "0 (the default) to 20971520",
        "1 min to 30 days", "1 day to 100 years"}) {
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(fault));
  }
}

}  // namespace
}  // namespace baton
