#include "services/agency/document_desk.h"

#include "absl/strings/escaping.h"
#include "baton/v1/document.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/agency/case_desk.h"
#include "services/common/faults.h"
#include "storage/crypto.h"
#include "storage/keys.h"
#include "tests/support/office_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kChunk = DocumentShelf::kChunkBytes;

// A photo: the first bytes of a JPEG, then bytes that differ everywhere.
std::string Photo(size_t size) {
  std::string bytes = "\xff\xd8\xff";
  for (size_t i = 0; bytes.size() < size; ++i) {
    bytes.push_back(static_cast<char>(i * 7 + i / 251));
  }
  return bytes;
}

// A school with a case about two children.
class DocumentDeskTest : public testing::Test {
 protected:
  void SetUp() override { Raise(); }

  void Raise() {
    v1::RaiseContactRequest request;
    request.set_request_id("raise-1");
    request.set_sender_reference("S-1");
    for (const char* concern : {"the elder", "the younger"}) {
      request.add_children()->mutable_concern()->set_value(concern);
    }
    *request.mutable_actor() = Teacher();
    AddCopy("police/E23000019/replies", &request);
    const auto raised = office_.Call<v1::CaseStatus>([&](Instant now) {
      return CaseDesk(office_.office.get(),
                      ParseQueueName("council/E06000018/intake").value())
          .RaiseContact(request, now);
    });
    ASSERT_TRUE(raised.ok()) << raised.status();
  }
  static void AddCopy(const std::string& queue,
                      v1::RaiseContactRequest* request) {
    *request->add_copies() = ParseQueueName(queue).value();
  }
  static v1::Actor Teacher() {
    v1::Actor actor;
    actor.set_name("T. Quill");
    actor.set_role("designated safeguarding lead");
    return actor;
  }
  static v1::DocumentForm Form(const std::string& bytes) {
    v1::DocumentForm form;
    form.set_request_id("add-1");
    form.set_sender_reference("S-1");
    form.set_title("body map");
    form.set_media_type("image/jpeg");
    form.set_size_bytes(static_cast<int64_t>(bytes.size()));
    form.set_sha256(std::string(AsBytes(Sha256(bytes))));
    *form.mutable_actor() = Teacher();
    return form;
  }

  DocumentDesk& desk() { return *office_.office->documents(); }
  absl::StatusOr<DocumentDesk::Begun> Begin(const v1::DocumentForm& form) {
    return office_.Call<DocumentDesk::Begun>(
        [&](Instant now) { return desk().Begin(form, now); });
  }
  absl::StatusOr<std::optional<v1::AddDocumentResponse>> AddBytes(
      uint64_t number, const v1::DocumentForm& form, absl::string_view bytes) {
    return office_.Call<std::optional<v1::AddDocumentResponse>>(
        [&](Instant now) { return desk().Add(number, form, bytes, now); });
  }
  // The whole document, in pieces of any size.
  absl::StatusOr<v1::AddDocumentResponse> Add(const v1::DocumentForm& form,
                                              const std::string& bytes,
                                              size_t piece = 100'000) {
    const auto begun = Begin(form);
    if (!begun.ok()) return begun.status();
    if (begun->answer.has_value()) return *begun->answer;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      const auto answer = AddBytes(begun->number, form,
                                   absl::string_view(bytes).substr(at, piece));
      if (!answer.ok()) return answer.status();
      if (answer->has_value()) return **answer;
    }
    return absl::UnknownError("never whole");
  }
  v1::OutboxState StateOf(const v1::DocumentForm& form) {
    const auto begun = Begin(form);
    EXPECT_TRUE(begun.ok()) << begun.status();
    return begun->answer.has_value() ? begun->answer->outbox_state()
                                     : v1::OUTBOX_STATE_UNSPECIFIED;
  }

  // The exchange says how far the oldest upload asked for is.
  void AnswerProgress(int64_t durable_bytes, bool complete = false) {
    v1::GetUploadResponse response;
    response.set_durable_bytes(durable_bytes);
    response.set_complete(complete);
    AnswerProgress(response);
  }
  void AnswerProgress(const absl::StatusOr<v1::GetUploadResponse>& response) {
    ASSERT_FALSE(office_.link.asked_uploads.empty());
    auto asked = std::move(office_.link.asked_uploads.front());
    office_.link.asked_uploads.erase(office_.link.asked_uploads.begin());
    office_.On([&] { asked.done(response); });
  }
  // Reads the oldest upload's bytes, up to `most`.
  std::string ReadUpload(int64_t most) {
    const auto& upload = office_.link.uploads.front();
    std::string bytes;
    int64_t at = upload.begin.offset();
    while (static_cast<int64_t>(bytes.size()) < most) {
      const auto piece = upload.read(at);
      EXPECT_TRUE(piece.ok()) << piece.status();
      if (!piece.ok()) break;
      bytes += *piece;
      at += static_cast<int64_t>(piece->size());
    }
    return bytes;
  }
  void EndUpload(const absl::Status& status) {
    ASSERT_FALSE(office_.link.uploads.empty());
    auto upload = std::move(office_.link.uploads.front());
    office_.link.uploads.erase(office_.link.uploads.begin());
    if (status.ok()) {
      office_.On([&] { upload.done(v1::UploadAttachmentResponse()); });
    } else {
      office_.On([&] { upload.done(status); });
    }
  }

  // Rows of documents on the disk.
  size_t Rows() {
    return office_.disk.database->Scan({"e/", "e0"}, 1000)->size() +
           office_.disk.database->Scan({"E/", "E0"}, 1000)->size();
  }
  std::vector<v1::NeedsAttention> Refused() {
    return office_.office->cases()->Refused().value();
  }

  OfficeFixture office_{"school/123401"};
};

TEST_F(DocumentDeskTest, IsHeldAndGoesWhenItsCaseIsOnTheExchange) {
  const std::string photo = Photo(2 * kChunk + 5000);
  const auto added = Add(Form(photo), photo);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->outbox_state(), v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(added->document(), absl::BytesToHexString(Form(photo).sha256()));
  EXPECT_EQ(added->status().held_messages(), 2);
  EXPECT_EQ(Rows(), 4u);
  EXPECT_THAT(office_.link.asked_uploads, IsEmpty());  // No conversation yet.

  office_.Accept(/*matters=*/2);
  ASSERT_THAT(office_.link.asked_uploads, SizeIs(1));
  EXPECT_EQ(office_.link.asked_uploads[0].request.conversation_id(), "c-1");
  AnswerProgress(0);
  ASSERT_THAT(office_.link.uploads, SizeIs(1));
  EXPECT_EQ(ReadUpload(static_cast<int64_t>(photo.size())), photo);
  EXPECT_THAT(office_.link.published, IsEmpty());  // Not before its bytes.
  EndUpload(absl::OkStatus());

  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.kind(), v1::MESSAGE_KIND_ATTACHMENT);
  EXPECT_EQ(message.conversation_id(), "c-1");
  ASSERT_EQ(message.attachments_size(), 1);
  EXPECT_EQ(message.attachments(0).matter_id(), "");
  ASSERT_EQ(message.payload_size(), 2);
  EXPECT_EQ(message.payload(0).matter_id(), "c-1.1");
  EXPECT_EQ(ContentAs<v1::DocumentNote>(message.payload(1)).title(),
            "body map");
  // The police got a copy of the case, and get no photo.
  ASSERT_EQ(message.recipients_size(), 1);
  EXPECT_EQ(QueueName(message.recipients(0).address()),
            "council/E06000018/intake");

  office_.Accept();
  EXPECT_EQ(StateOf(Form(photo)), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_EQ(Rows(), 0u);
}

TEST_F(DocumentDeskTest, OneChildsDocumentNamesThatChild) {
  const std::string photo = Photo(100);
  v1::DocumentForm form = Form(photo);
  form.set_child(2);
  ASSERT_TRUE(Add(form, photo).ok());
  office_.Accept(/*matters=*/2);
  EXPECT_EQ(office_.link.asked_uploads[0].request.matter_id(), "c-1.2");
  AnswerProgress(0, /*complete=*/true);  // An earlier life uploaded it.
  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.attachments(0).matter_id(), "c-1.2");
  ASSERT_EQ(message.payload_size(), 1);
  EXPECT_EQ(message.payload(0).matter_id(), "c-1.2");

  form.set_request_id("add-2");
  form.set_child(3);
  EXPECT_THAT(std::string(Begin(form).status().message()),
              HasSubstr("children 1 to 2"));
}

TEST_F(DocumentDeskTest, AnUploadGoesOnWhereItWasAfterABreakAndARestart) {
  office_.Accept(/*matters=*/2);
  const std::string photo = Photo(3 * kChunk + 1);
  ASSERT_TRUE(Add(Form(photo), photo).ok());
  AnswerProgress(0);
  EndUpload(absl::UnavailableError("the connection broke"));
  EXPECT_EQ(StateOf(Form(photo)), v1::OUTBOX_STATE_HELD);
  EXPECT_THAT(office_.link.asked_uploads, IsEmpty());
  office_.Advance(absl::Seconds(2));
  AnswerProgress(kChunk);
  EXPECT_EQ(office_.link.uploads[0].begin.offset(), kChunk);

  office_.Restart();
  office_.On([] {});
  AnswerProgress(2 * kChunk);
  ASSERT_THAT(office_.link.uploads, SizeIs(1));
  EXPECT_EQ(office_.link.uploads[0].begin.offset(), 2 * kChunk);
  EXPECT_EQ(ReadUpload(kChunk + 1), photo.substr(2 * kChunk));
  EndUpload(absl::OkStatus());
  office_.Accept();
  EXPECT_EQ(Rows(), 0u);
}

TEST_F(DocumentDeskTest, WhatAnotherAttemptMovedIsAskedAgainAndNotRefused) {
  office_.Accept(/*matters=*/2);
  const std::string photo = Photo(10);
  ASSERT_TRUE(Add(Form(photo), photo).ok());
  AnswerProgress(0);
  EndUpload(WithReason(absl::AbortedError("another went on"), "UPLOAD_MOVED"));
  EXPECT_THAT(Refused(), IsEmpty());
  office_.Advance(absl::Seconds(2));
  EXPECT_THAT(office_.link.asked_uploads, SizeIs(1));
}

TEST_F(DocumentDeskTest, AnUploadThatMovesIsNotTakenForLost) {
  office_.Accept(/*matters=*/2);
  const std::string photo = Photo(3 * kChunk);
  ASSERT_TRUE(Add(Form(photo), photo).ok());
  AnswerProgress(0);
  for (int i = 0; i < 3; ++i) {
    office_.Advance(Outbox::kMaxFlight - absl::Seconds(1));
    EXPECT_THAT(office_.link.asked_uploads, IsEmpty());
    ASSERT_TRUE(office_.link.uploads[0].read(i * kChunk).ok());
    office_.On([] {});
  }
  office_.Advance(Outbox::kMaxFlight);
  EXPECT_THAT(office_.link.asked_uploads, SizeIs(1));
}

TEST_F(DocumentDeskTest, ARefusalNeedsAttentionAndHoldsUpNothing) {
  office_.Accept(/*matters=*/2);
  const std::string photo = Photo(10);
  ASSERT_TRUE(Add(Form(photo), photo).ok());
  AnswerProgress(0);
  EndUpload(
      WithReason(absl::InvalidArgumentError("this exchange carries text/plain"),
                 "ATTACHMENT_TYPE"));
  const auto refused = Refused();
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0].sender_reference(), "S-1");
  EXPECT_EQ(refused[0].kind(), v1::MESSAGE_KIND_ATTACHMENT);
  EXPECT_THAT(refused[0].reason(), HasSubstr("carries text/plain"));
  EXPECT_EQ(refused[0].blocked_messages(), 0);
  EXPECT_EQ(Rows(), 2u);  // Still there to be sent again.

  // What is said about the case goes on.
  v1::ActOnMatterRequest withdraw;
  withdraw.set_request_id("w-1");
  withdraw.set_matter_id("c-1.1");
  *withdraw.mutable_actor() = Teacher();
  withdraw.mutable_withdrawal()->set_reason("another child was meant");
  ASSERT_TRUE(
      office_
          .Call<v1::ActOnMatterResponse>([&](Instant now) {
            return CaseDesk(office_.office.get(), {}).Act(withdraw, now);
          })
          .ok());
  EXPECT_EQ(office_.TakePublished().kind(), v1::MESSAGE_KIND_WITHDRAWAL);

  v1::ResolveRefusedRequest resolve;
  resolve.set_request_id("res-1");
  resolve.set_outbox_id(refused[0].outbox_id());
  resolve.set_resolution(v1::RESOLUTION_RESEND);
  *resolve.mutable_actor() = Teacher();
  const auto resolved = [&] {
    return office_.Call<std::optional<v1::CaseRecord>>([&](Instant now) {
      return office_.office->cases()->Resolve(resolve, now);
    });
  };
  ASSERT_TRUE(resolved().ok());
  AnswerProgress(absl::NotFoundError("no conversation of this agency"));
  ASSERT_THAT(Refused(), SizeIs(1));
  resolve.set_resolution(v1::RESOLUTION_WITHDRAW);
  resolve.set_reason("handed over on paper");
  ASSERT_TRUE(resolved().ok());
  EXPECT_THAT(Refused(), IsEmpty());
  EXPECT_EQ(Rows(), 0u);
}

TEST_F(DocumentDeskTest, GoesWithACaseThatIsWithdrawn) {
  const std::string photo = Photo(10);
  ASSERT_TRUE(Add(Form(photo), photo).ok());
  office_.Answer(absl::PermissionDeniedError("no rule"));
  v1::ResolveRefusedRequest resolve;
  resolve.set_request_id("res-1");
  resolve.set_outbox_id(Refused()[0].outbox_id());
  resolve.set_resolution(v1::RESOLUTION_WITHDRAW);
  resolve.set_reason("raised by mistake");
  *resolve.mutable_actor() = Teacher();
  ASSERT_TRUE(office_
                  .Call<std::optional<v1::CaseRecord>>([&](Instant now) {
                    return office_.office->cases()->Resolve(resolve, now);
                  })
                  .ok());
  EXPECT_EQ(Rows(), 0u);
  EXPECT_EQ(StateOf(Form(photo)), v1::OUTBOX_STATE_WITHDRAWN);
  v1::DocumentForm later = Form(photo);
  later.set_request_id("add-2");
  EXPECT_EQ(Begin(later).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(DocumentDeskTest, BytesThatAreNotWhatWasDeclaredLeaveNothing) {
  const std::string photo = Photo(2 * kChunk);
  v1::DocumentForm form = Form(photo);
  form.set_sha256(std::string(32, 'x'));
  EXPECT_EQ(ReasonOf(Add(form, photo).status()), "ATTACHMENT_DIGEST");
  EXPECT_EQ(Rows(), 0u);

  EXPECT_EQ(ReasonOf(Add(Form("MZ" + photo), "MZ" + photo).status()),
            "ATTACHMENT_TYPE");
  EXPECT_EQ(Rows(), 0u);

  form = Form(photo);
  form.set_size_bytes(form.size_bytes() - 1);
  EXPECT_THAT(std::string(Add(form, photo).status().message()),
              HasSubstr("longer than its size_bytes"));
  EXPECT_EQ(Rows(), 0u);
  // And the request id is free again.
  EXPECT_TRUE(Add(Form(photo), photo).ok());
}

TEST_F(DocumentDeskTest, ARepeatIsAnsweredAtOnce) {
  const std::string photo = Photo(10);
  ASSERT_TRUE(Add(Form(photo), photo).ok());
  EXPECT_EQ(StateOf(Form(photo)), v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(Rows(), 2u);
  v1::DocumentForm other = Form(photo);
  other.set_title("something else");
  EXPECT_EQ(ReasonOf(Begin(other).status()), "REQUEST_ID_REUSED");

  // Two streams of one request at once: one document.
  v1::DocumentForm twice = Form(photo);
  twice.set_request_id("add-2");
  const auto first = Begin(twice);
  const auto second = Begin(twice);
  ASSERT_TRUE(first.ok() && second.ok());
  ASSERT_TRUE(AddBytes(first->number, twice, photo).ok());
  ASSERT_TRUE(AddBytes(second->number, twice, photo).ok());
  EXPECT_EQ(Rows(), 4u);
}

TEST_F(DocumentDeskTest, WhatHadNotAllArrivedIsGivenUp) {
  const std::string photo = Photo(2 * kChunk);
  const v1::DocumentForm form = Form(photo);
  auto begun = Begin(form);
  ASSERT_TRUE(AddBytes(begun->number, form, photo.substr(0, kChunk)).ok());
  EXPECT_EQ(Rows(), 2u);
  office_.Advance(DocumentShelf::kMaxPause);
  EXPECT_EQ(Rows(), 0u);
  EXPECT_EQ(AddBytes(begun->number, form, photo.substr(kChunk)).status().code(),
            absl::StatusCode::kAborted);

  begun = Begin(form);
  ASSERT_TRUE(AddBytes(begun->number, form, photo.substr(0, kChunk)).ok());
  office_.Restart();
  office_.On([] {});
  EXPECT_EQ(Rows(), 0u);
  EXPECT_TRUE(Add(form, photo).ok());
}

TEST_F(DocumentDeskTest, RoomIsBoundedAsDeclared) {
  office_.document_limits.max_document_bytes = 1000;
  office_.document_limits.max_held_bytes = 1500;
  office_.Restart();
  EXPECT_THAT(std::string(Begin(Form(Photo(1001))).status().message()),
              HasSubstr("must be 1 to 1000"));
  const std::string photo = Photo(1000);
  ASSERT_TRUE(Add(Form(photo), photo).ok());
  v1::DocumentForm second = Form(Photo(501));
  second.set_request_id("add-2");
  EXPECT_TRUE(absl::IsResourceExhausted(Begin(second).status()));
  office_.Restart();
  EXPECT_TRUE(absl::IsResourceExhausted(Begin(second).status()));
  second = Form(Photo(500));
  second.set_request_id("add-3");
  EXPECT_TRUE(Begin(second).ok());
}

TEST_F(DocumentDeskTest, OnlyAFewArriveAtOnce) {
  v1::DocumentForm form = Form(Photo(10));
  for (size_t i = 0; i < DocumentShelf::kMaxArriving; ++i) {
    form.set_request_id(absl::StrCat("add-", i));
    ASSERT_TRUE(Begin(form).ok());
  }
  form.set_request_id("one-more");
  EXPECT_TRUE(absl::IsResourceExhausted(Begin(form).status()));
}

TEST_F(DocumentDeskTest, AFormListsAllItsFaults) {
  v1::DocumentForm form;
  form.set_matter_id("the younger one");
  form.set_child(1);
  form.set_title(std::string(201, 't'));
  form.set_media_type("text/html");
  form.set_sha256("short");
  const std::string faults(Begin(form).status().message());
  for (const char* field : {"request_id", "matter_id", "child", "title",
                            "media_type", "size_bytes", "sha256", "actor"}) {
    EXPECT_THAT(faults, HasSubstr(field));
  }
  EXPECT_EQ(Rows(), 0u);
  form = Form(Photo(10));
  form.set_sender_reference("S-2");
  EXPECT_TRUE(absl::IsNotFound(Begin(form).status()));
}

// A council with a contact from that school.
class ReceivedDocumentTest : public testing::Test {
 protected:
  ReceivedDocumentTest() {
    v1::Message contact = From(1, v1::MESSAGE_KIND_CONTACT);
    for (const char* matter : {"c-1.1", "c-1.2"})
      contact.add_matter_ids(matter);
    office_.Deliver(contact);
    v1::Message message = From(2, v1::MESSAGE_KIND_ATTACHMENT);
    message.add_matter_ids("c-1.1");
    message.add_matter_ids("c-1.2");
    v1::Attachment& attachment = *message.add_attachments();
    attachment.set_matter_id("c-1.2");
    attachment.set_sha256(std::string(32, '\xab'));
    office_.Deliver(message);
  }
  static v1::Message From(int number, v1::MessageKind kind) {
    v1::Message message;
    message.set_message_id(absl::StrCat("m-", number));
    message.set_conversation_id("c-1");
    message.set_kind(kind);
    message.set_priority(v1::PRIORITY_IMMEDIATE_DANGER);
    *message.mutable_sender() = ParseAgency("school/123401").value();
    v1::Recipient& recipient = *message.add_recipients();
    *recipient.mutable_address() =
        ParseQueueName("council/E06000018/intake").value();
    recipient.set_role(v1::RECIPIENT_ROLE_ACTION);
    return message;
  }
  absl::StatusOr<DocumentDesk::Found> Find(const std::string& matter_id,
                                           const std::string& name) {
    v1::FetchDocumentRequest request;
    request.set_matter_id(matter_id);
    request.set_document(name);
    request.mutable_actor()->set_name("A. Fenwick");
    return office_.Call<DocumentDesk::Found>([&](Instant now) {
      return office_.office->documents()->Find(request, now);
    });
  }

  OfficeFixture office_{"council/E06000018"};
};

TEST_F(ReceivedDocumentTest, IsFoundByNameAndCountsAsOpened) {
  EXPECT_TRUE(absl::IsNotFound(Find("c-1.2", "abababac").status()));
  EXPECT_TRUE(absl::IsNotFound(Find("c-1.1", "abababab").status()));
  EXPECT_FALSE(office_.office->intake()->Find("c-1.2")->opened());
  const auto found = Find("c-1.2", "ABababab");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->request.message_id(), "m-2");
  EXPECT_EQ(found->request.matter_id(), "c-1.2");
  EXPECT_EQ(found->request.sha256(), std::string(32, '\xab'));
  EXPECT_TRUE(office_.office->intake()->Find("c-1.2")->opened());
  EXPECT_EQ(Find("c-1.2", "ab*").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ReceivedDocumentTest, OneOfOursGoesToWhoOpenedTheMatterAndNeverAlarms) {
  v1::DocumentForm form;
  form.set_request_id("add-1");
  form.set_matter_id("c-1.2");
  form.set_media_type("text/plain");
  form.set_size_bytes(5);
  form.set_sha256(std::string(AsBytes(Sha256("plan."))));
  form.mutable_actor()->set_name("A. Fenwick");
  const auto answer = office_.Call<std::optional<v1::AddDocumentResponse>>(
      [&](Instant now)
          -> absl::StatusOr<std::optional<v1::AddDocumentResponse>> {
        const auto begun = office_.office->documents()->Begin(form, now);
        if (!begun.ok()) return begun.status();
        return office_.office->documents()->Add(begun->number, form, "plan.",
                                                now);
      });
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ((*answer)->item().matter_id(), "c-1.2");
  ASSERT_THAT(office_.link.asked_uploads, SizeIs(1));  // Its conversation is.
  auto asked = std::move(office_.link.asked_uploads.front());
  v1::GetUploadResponse complete;
  complete.set_complete(true);
  office_.On([&] { asked.done(complete); });
  const v1::Message message = office_.TakePublished();
  EXPECT_EQ(message.conversation_id(), "c-1");
  EXPECT_EQ(message.priority(), v1::PRIORITY_URGENT);
  ASSERT_EQ(message.recipients_size(), 1);
  EXPECT_EQ(AgencyName(message.recipients(0).address().agency()),
            "school/123401");
  EXPECT_THAT(message.attachments(0).matter_id(), "c-1.2");
}

}  // namespace
}  // namespace baton
