#include "services/broker/attachment_store.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/broker/attachment.h"
#include "services/broker/sealed_records.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/limit_of.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// Two chunks and a bit, no two alike.
std::string Photo(const std::string& name = "a") {
  std::string bytes;
  for (int i = 0; bytes.size() < 2 * kChunkBytes + 100; ++i) {
    absl::StrAppend(&bytes, "photo ", name, " line ", i, "\n");
  }
  return bytes.substr(0, 2 * kChunkBytes + 100);
}

v1::Attachment Declare(const std::string& bytes,
                       const std::string& matter_id = "") {
  v1::Attachment attachment;
  attachment.set_matter_id(matter_id);
  attachment.set_sha256(std::string(AsBytes(Sha256(bytes))));
  attachment.set_size_bytes(static_cast<int64_t>(bytes.size()));
  attachment.set_media_type("image/jpeg");
  return attachment;
}

class AttachmentStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    exchange_.Start();
    opened_ = exchange_.Accept(HospitalCaller(), FlagMessage({"Ann", "Ben"}));
  }

  uint64_t Number() const {
    return ParseConversationId(opened_.conversation_id()).value();
  }

  absl::StatusOr<v1::AttachmentRecord> Begin(
      const v1::Attachment& attachment, int64_t offset = 0,
      const Identity& caller = HospitalCaller()) {
    return exchange_.Attach(caller, BeginUpload{.conversation_number = Number(),
                                                .attachment = attachment,
                                                .offset = offset});
  }

  absl::StatusOr<v1::AttachmentRecord> Add(const v1::AttachmentRecord& upload,
                                           const std::string& bytes) {
    const int64_t at = upload.durable_bytes();
    auto sealed = SealChunk(upload, at, bytes.substr(at, ChunkSize(upload, at)),
                            exchange_.vault());
    EXPECT_TRUE(sealed.ok()) << sealed.status();
    return exchange_.Attach(HospitalCaller(),
                            AddChunk{.upload = upload, .sealed = *sealed});
  }

  absl::StatusOr<v1::AttachmentRecord> End(const v1::AttachmentRecord& upload,
                                           const std::string& sha256) {
    auto verdict =
        VerifyDocument(exchange_.store(), upload, sha256, exchange_.vault());
    EXPECT_TRUE(verdict.ok()) << verdict.status();
    return exchange_.Attach(
        HospitalCaller(),
        EndUpload{.upload = upload,
                  .sha256 = sha256,
                  .verdict = verdict->status,
                  .ciphertext_sha256 = verdict->ciphertext_sha256});
  }

  // Begins and adds until `chunks` are on disk.
  v1::AttachmentRecord UploadPart(const std::string& bytes, int chunks,
                                  const v1::Attachment& attachment) {
    auto upload = Begin(attachment);
    for (int i = 0; i < chunks && upload.ok(); ++i)
      upload = Add(*upload, bytes);
    EXPECT_TRUE(upload.ok()) << upload.status();
    return upload.value_or(v1::AttachmentRecord());
  }

  absl::StatusOr<v1::AttachmentRecord> Upload(
      const std::string& bytes, const std::string& matter_id = "") {
    const v1::Attachment attachment = Declare(bytes, matter_id);
    return End(UploadPart(bytes, 3, attachment), attachment.sha256());
  }

  v1::Message Announcement(const v1::Attachment& attachment) {
    v1::Message message = TextMessage("see the photo");
    message.set_kind(v1::MESSAGE_KIND_ATTACHMENT);
    message.set_conversation_id(opened_.conversation_id());
    *message.add_attachments() = attachment;
    return message;
  }

  int ChunksOnDisk(const v1::AttachmentRecord& upload) {
    int chunks = 0;
    for (uint32_t i = 0; i < 80; ++i) {
      chunks +=
          exchange_.ReadBytes(ChunkKey(upload.upload_number(), i)).has_value();
    }
    return chunks;
  }

  std::string LastDenied() {
    const auto leaves = exchange_.Leaves(v1::AUDIT_TYPE_DENIED);
    return leaves.empty() ? "" : leaves.back().code();
  }

  void RestartWith(const std::function<void(v1::BrokerLimits*)>& change) {
    change(exchange_.config.mutable_limits());
    exchange_.Restart();
  }

  ExchangeFixture exchange_;
  v1::PublishReceipt opened_;
};

// --- Uploading.

TEST_F(AttachmentStoreTest, AVerifiedDocumentIsCompleteAndALeaf) {
  const std::string bytes = Photo();
  const auto document = Upload(bytes, opened_.matter_ids(0));
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_TRUE(IsComplete(*document));
  const auto leaves = exchange_.Leaves(v1::AUDIT_TYPE_ATTACHED);
  ASSERT_THAT(leaves, SizeIs(1));
  EXPECT_EQ(leaves[0].index(), document->audit_index());
  EXPECT_EQ(leaves[0].matter_id(), opened_.matter_ids(0));
  EXPECT_EQ(leaves[0].message_ids(0), opened_.message_id());
  EXPECT_EQ(leaves[0].actor().code(), "RX1RA");
  std::string sealed;
  for (uint32_t i = 0; i < 3; ++i) {
    sealed += *exchange_.ReadBytes(ChunkKey(document->upload_number(), i));
  }
  EXPECT_EQ(leaves[0].ciphertext_sha256(), AsBytes(Sha256(sealed)));
  EXPECT_EQ(
      leaves[0].details_commitment(),
      *DigestCommitment(*document, AsBytes(Sha256(bytes)), exchange_.vault()));
}

TEST_F(AttachmentStoreTest, NothingOfADocumentIsOnDiskInClear) {
  const std::string bytes = Photo();
  ASSERT_TRUE(Upload(bytes).ok());
  exchange_.Stop();
  EXPECT_FALSE(exchange_.DiskHolds("photo a line"));
  EXPECT_FALSE(exchange_.DiskHolds(std::string(AsBytes(Sha256(bytes)))));
}

TEST_F(AttachmentStoreTest, ResumesAfterARestartWhereTheDiskIs) {
  const std::string bytes = Photo();
  const v1::Attachment attachment = Declare(bytes);
  UploadPart(bytes, 1, attachment);
  exchange_.Restart();
  const auto from_start = Begin(attachment, 0);
  EXPECT_EQ(ReasonOf(from_start.status()), "UPLOAD_OFFSET");
  EXPECT_THAT(std::string(from_start.status().message()),
              HasSubstr("goes on at 262144, not at 0"));
  auto upload = Begin(attachment, kChunkBytes);
  ASSERT_TRUE(upload.ok()) << upload.status();
  upload = Add(*upload, bytes);
  upload = Add(*upload, bytes);
  EXPECT_TRUE(End(*upload, attachment.sha256()).ok());
}

TEST_F(AttachmentStoreTest, ANewUploadBeginsAtZero) {
  EXPECT_EQ(ReasonOf(Begin(Declare(Photo()), kChunkBytes).status()),
            "UPLOAD_OFFSET");
}

TEST_F(AttachmentStoreTest, TheSameDocumentIsStoredOnce) {
  const auto first = Upload(Photo());
  ASSERT_TRUE(first.ok()) << first.status();
  exchange_.Restart();
  const auto again = Begin(Declare(Photo()), /*offset=*/77);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(IsComplete(*again));
  EXPECT_EQ(again->upload_number(), first->upload_number());
  v1::Attachment otherwise = Declare(Photo());
  otherwise.set_media_type("image/png");
  EXPECT_EQ(ReasonOf(Begin(otherwise).status()), "ATTACHMENT_DIFFERS");
}

TEST_F(AttachmentStoreTest, EachAgencyAndEachMatterHasDocumentsOfItsOwn) {
  ASSERT_TRUE(Upload(Photo(), opened_.matter_ids(0)).ok());
  for (const auto& upload :
       {Begin(Declare(Photo(), opened_.matter_ids(1))), Begin(Declare(Photo())),
        Begin(Declare(Photo(), opened_.matter_ids(0)), 0, CouncilCaller())}) {
    ASSERT_TRUE(upload.ok()) << upload.status();
    EXPECT_FALSE(IsComplete(*upload));
  }
}

TEST_F(AttachmentStoreTest, WrongBytesAreNotKept) {
  const v1::Attachment attachment = Declare(Photo("declared"));
  const v1::AttachmentRecord upload =
      UploadPart(Photo("uploaded"), 3, attachment);
  EXPECT_EQ(ChunksOnDisk(upload), 3);
  const std::string sealed =
      *exchange_.ReadBytes(ChunkKey(upload.upload_number(), 1));
  const auto ended = End(upload, attachment.sha256());
  EXPECT_EQ(ended.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(ended.status()), "ATTACHMENT_DIGEST");
  EXPECT_EQ(ChunksOnDisk(upload), 0);
  EXPECT_EQ(LastDenied(),
            "INVALID_ARGUMENT/UploadAttachment/ATTACHMENT_DIGEST");
  // Uploaded anew, it meets no key of the first time.
  const auto anew = Begin(attachment);
  ASSERT_TRUE(anew.ok()) << anew.status();
  EXPECT_NE(anew->upload_number(), upload.upload_number());
  const std::string same = Photo("uploaded").substr(kChunkBytes, kChunkBytes);
  EXPECT_NE(*SealChunk(*anew, kChunkBytes, same, exchange_.vault()), sealed);
}

TEST_F(AttachmentStoreTest, AMistakenDeclarationIsReplaced) {
  v1::Attachment mistaken = Declare(Photo());
  mistaken.set_size_bytes(kChunkBytes + 1);
  const v1::AttachmentRecord upload = UploadPart(Photo(), 1, mistaken);
  ASSERT_TRUE(Upload(Photo()).ok());
  EXPECT_EQ(ChunksOnDisk(upload), 0);
}

TEST_F(AttachmentStoreTest, OfTwoStreamsOneGoesOn) {
  const std::string bytes = Photo();
  const v1::Attachment attachment = Declare(bytes);
  const auto one = Begin(attachment);
  const auto other = Begin(attachment);
  const auto added = Add(*one, bytes);
  ASSERT_TRUE(added.ok()) << added.status();
  const auto late = Add(*other, bytes);
  EXPECT_EQ(late.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(late.status()), "UPLOAD_MOVED");
  // Both reach the end: one completes it, the other is told so.
  auto upload = Add(*added, bytes);
  ASSERT_TRUE(upload.ok()) << upload.status();
  upload = Add(*upload, bytes);
  ASSERT_TRUE(upload.ok()) << upload.status();
  const auto ended = End(*upload, attachment.sha256());
  const auto again = End(*upload, attachment.sha256());
  ASSERT_TRUE(ended.ok()) << ended.status();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->audit_index(), ended->audit_index());
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_ATTACHED), SizeIs(1));
}

TEST_F(AttachmentStoreTest, OnlyParticipantsUploadIntoMattersThereAre) {
  const auto stranger = Begin(Declare(Photo()), 0, PoliceCaller());
  EXPECT_EQ(stranger.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LastDenied(), "NOT_FOUND/UploadAttachment");
  const auto no_matter =
      Begin(Declare(Photo(), absl::StrCat(opened_.conversation_id(), ".9")));
  EXPECT_EQ(no_matter.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(AttachmentStoreTest, AnErasedMatterTakesAndGivesNothing) {
  const auto document = Upload(Photo(), opened_.matter_ids(0));
  const std::string sha256(AsBytes(Sha256(Photo())));
  ASSERT_TRUE(exchange_.vault().Erase(document->key_slot()).ok());
  EXPECT_EQ(ReasonOf(Begin(Declare(Photo(), opened_.matter_ids(0))).status()),
            "ERASED");
  EXPECT_EQ(
      ReasonOf(ReadChunk(exchange_.store(), *document, 0, exchange_.vault())
                   .status()),
      "ERASED");
  EXPECT_TRUE(Upload(Photo(), opened_.matter_ids(1)).ok());
}

TEST_F(AttachmentStoreTest, ADamagedChunkIsDataLoss) {
  const std::string bytes = Photo();
  const v1::AttachmentRecord upload = UploadPart(bytes, 3, Declare(bytes));
  const std::string second =
      *exchange_.ReadBytes(ChunkKey(upload.upload_number(), 1));
  exchange_.Damage(ChunkKey(upload.upload_number(), 0), second);
  EXPECT_EQ(VerifyDocument(exchange_.store(), upload, Declare(bytes).sha256(),
                           exchange_.vault())
                .status()
                .code(),
            absl::StatusCode::kDataLoss);
}

// --- Limits.

TEST_F(AttachmentStoreTest, AnAgencyHasAFewUnfinishedUploads) {
  RestartWith(
      [](v1::BrokerLimits* limits) { limits->set_max_uploads_per_agency(2); });
  const v1::AttachmentRecord first =
      UploadPart(Photo("a"), 3, Declare(Photo("a")));
  UploadPart(Photo("b"), 0, Declare(Photo("b")));
  const auto third = Begin(Declare(Photo("c")));
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(LimitOf(third.status()), "max_uploads_per_agency");
  // Others have room of their own; an upload under way goes on.
  EXPECT_TRUE(Begin(Declare(Photo("c")), 0, CouncilCaller()).ok());
  EXPECT_TRUE(Begin(Declare(Photo("b"))).ok());
  EXPECT_TRUE(End(first, Declare(Photo("a")).sha256()).ok());
  EXPECT_TRUE(Begin(Declare(Photo("c"))).ok());
}

TEST_F(AttachmentStoreTest, AnAgencyHasAFewUnfinishedBytes) {
  RestartWith([](v1::BrokerLimits* limits) {
    limits->set_max_upload_bytes_per_agency(2 * Photo().size());
  });
  UploadPart(Photo("a"), 0, Declare(Photo("a")));
  exchange_.Restart();
  UploadPart(Photo("b"), 1, Declare(Photo("b")));
  EXPECT_EQ(LimitOf(Begin(Declare("c")).status()),
            "max_upload_bytes_per_agency");
}

TEST_F(AttachmentStoreTest, AConversationHoldsSoManyBytesOfDocuments) {
  RestartWith([](v1::BrokerLimits* limits) {
    limits->set_max_conversation_attachment_bytes(Photo().size());
  });
  ASSERT_TRUE(Upload(Photo("a")).ok());
  EXPECT_EQ(LimitOf(Begin(Declare("b")).status()),
            "max_conversation_attachment_bytes");
}

TEST_F(AttachmentStoreTest, UploadsThatDoNotMoveAreSweptAFewAtATime) {
  std::vector<v1::AttachmentRecord> uploads;
  for (int i = 0; i < 6; ++i) {
    const std::string bytes = Photo(absl::StrCat(i));
    uploads.push_back(UploadPart(bytes, 1, Declare(bytes)));
  }
  const auto left = [&] {
    int count = 0;
    for (const auto& upload : uploads) count += ChunksOnDisk(upload);
    return count;
  };
  exchange_.Advance(absl::Hours(23));
  // This one moves.
  uploads[5] = *Add(uploads[5], Photo("5"));
  exchange_.Restart();
  EXPECT_EQ(left(), 7);
  exchange_.Advance(absl::Hours(1));
  EXPECT_EQ(left(), 7 - AttachmentStore::kMaxSweptPerStep);
  exchange_.Step();
  EXPECT_EQ(left(), 2);
  EXPECT_EQ(ReasonOf(Add(uploads[0], Photo("0")).status()), "UPLOAD_MOVED");
  exchange_.Advance(absl::Hours(23));
  EXPECT_EQ(left(), 0);
  exchange_.Restart();
  EXPECT_EQ(ReasonOf(Begin(Declare(Photo("0")), kChunkBytes).status()),
            "UPLOAD_OFFSET");
}

TEST_F(AttachmentStoreTest, CompleteDocumentsAreNotSwept) {
  const auto document = Upload(Photo());
  exchange_.Advance(absl::Hours(24 * 365));
  EXPECT_EQ(ChunksOnDisk(*document), 3);
}

// --- Announcing and reading.

TEST_F(AttachmentStoreTest, AMessageNamesCompleteDocumentsOnly) {
  const v1::Attachment attachment = Declare(Photo());
  const v1::AttachmentRecord upload = UploadPart(Photo(), 3, attachment);
  const auto early =
      exchange_.Publish(HospitalCaller(), Announcement(attachment));
  EXPECT_EQ(early.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(early.status()), "ATTACHMENT_MISSING");
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeAll(), SizeIs(1));  // The flag.
  ASSERT_TRUE(End(upload, attachment.sha256()).ok());
  exchange_.Accept(HospitalCaller(), Announcement(attachment));
}

TEST_F(AttachmentStoreTest, AMessageNamesDocumentsOfItsSenderAsUploaded) {
  ASSERT_TRUE(Upload(Photo(), opened_.matter_ids(0)).ok());
  const v1::Attachment good = Declare(Photo(), opened_.matter_ids(0));
  v1::Attachment other_size = good;
  other_size.set_size_bytes(7);
  v1::Attachment other_type = good;
  other_type.set_media_type("image/png");
  v1::Attachment other_matter = good;
  other_matter.set_matter_id(opened_.matter_ids(1));
  v1::Message message = Announcement(good);
  for (const auto& wrong : {other_size, other_type, other_matter}) {
    *message.add_attachments() = wrong;
  }
  const auto refused = exchange_.Publish(HospitalCaller(), message);
  EXPECT_EQ(ReasonOf(refused.status()), "ATTACHMENT_MISSING");
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("attachments[1], attachments[2], attachments[3]: "));
  EXPECT_EQ(
      ReasonOf(exchange_.Publish(CouncilCaller(), Announcement(good)).status()),
      "ATTACHMENT_MISSING");
}

TEST_F(AttachmentStoreTest, AnAttachmentMessageNamesAtLeastOne) {
  v1::Message message = Announcement(Declare(Photo()));
  message.clear_attachments();
  EXPECT_EQ(exchange_.Publish(HospitalCaller(), message).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(AttachmentStoreTest, HandingOutIsALeaf) {
  const auto document = Upload(Photo(), opened_.matter_ids(0));
  const v1::PublishReceipt receipt = exchange_.Accept(
      HospitalCaller(), Announcement(Declare(Photo(), opened_.matter_ids(0))));
  const auto record = ReadMessageRecord(
      exchange_.store(), ParseMessageId(receipt.message_id()).value());
  ASSERT_TRUE(exchange_
                  .Attach(CouncilCaller(),
                          HandOutDocument{.message = record->envelope(),
                                          .document = *document})
                  .ok());
  const auto leaves = exchange_.Leaves(v1::AUDIT_TYPE_ATTACHMENT_READ);
  ASSERT_THAT(leaves, SizeIs(1));
  EXPECT_EQ(leaves[0].message_ids(0), receipt.message_id());
  EXPECT_EQ(leaves[0].actor().code(), "E06000018");
  EXPECT_EQ(leaves[0].purpose(), v1::PURPOSE_SAFEGUARDING);
  EXPECT_EQ(leaves[0].ciphertext_sha256(), document->ciphertext_sha256());
}

}  // namespace
}  // namespace baton
