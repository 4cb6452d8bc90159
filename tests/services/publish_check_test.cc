#include "services/broker/publish_check.h"

#include <functional>

#include "absl/strings/str_cat.h"
#include "baton/v1/test_message.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "services/common/proto_time.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kNhsNumber[] = "999 000 0018";

absl::Time Now() { return FakeClock().Now().wall; }

// The paths of all faults, in the order they were found.
std::vector<std::string> FaultsOf(v1::PublishRequest request,
                                  PublishLimits limits = TestPublishLimits()) {
  Faults faults;
  CheckPublish(limits, Now(), &request, &faults);
  google::rpc::BadRequest details;
  const absl::optional<absl::Cord> payload =
      faults.ToStatus().GetPayload("type.googleapis.com/google.rpc.BadRequest");
  if (payload.has_value()) details.ParseFromString(std::string(*payload));
  std::vector<std::string> fields;
  for (const auto& violation : details.field_violations()) {
    fields.push_back(violation.field());
    EXPECT_FALSE(violation.description().empty());
    EXPECT_EQ(violation.description().find("999"), std::string::npos)
        << "repeats what may be personal: " << violation.description();
  }
  return fields;
}

v1::PublishRequest RequestOf(const v1::Message& message) {
  v1::PublishRequest request;
  *request.add_messages() = message;
  return request;
}

std::vector<std::string> FaultsOf(const v1::Message& message,
                                  PublishLimits limits = TestPublishLimits()) {
  return FaultsOf(RequestOf(message), limits);
}

std::vector<v1::MarkCode> MarksOf(const v1::Message& message) {
  v1::PublishRequest request = RequestOf(message);
  Faults faults;
  CheckPublish(TestPublishLimits(), Now(), &request, &faults);
  EXPECT_TRUE(faults.empty()) << faults.ToStatus();
  std::vector<v1::MarkCode> codes;
  for (const v1::Mark& mark : request.messages(0).marks()) {
    codes.push_back(mark.code());
  }
  return codes;
}

v1::Recipient RecipientAt(const std::string& queue, v1::RecipientRole role) {
  v1::Recipient recipient;
  *recipient.mutable_address() = AddressOf(queue);
  recipient.set_role(role);
  return recipient;
}

v1::Attachment Photo() {
  v1::Attachment attachment;
  attachment.set_sha256(std::string(32, 's'));
  attachment.set_size_bytes(20 << 20);
  attachment.set_media_type("image/jpeg");
  return attachment;
}

TEST(PublishCheckTest, AWholeMessagePasses) {
  v1::Message message = FlagMessage({"Ann", "Ben"});
  message.set_ordering_key("wait-1");
  message.set_priority(v1::PRIORITY_URGENT);
  (*message.mutable_attributes())["site"] = "RX1RA";
  *message.add_attachments() = Photo();
  message.mutable_actor()->set_name("Nora Nurse");
  *message.mutable_deliver_time() =
      ToProto(Now() + PublishLimits::kDefaultDeliverAhead);
  EXPECT_THAT(FaultsOf(message), IsEmpty());
  EXPECT_THAT(MarksOf(message), IsEmpty());
}

// --- Each fault.

struct FaultCase {
  const char* name;
  std::function<void(v1::Message*)> spoil;
  const char* field;
};

class PublishFaultTest : public testing::TestWithParam<FaultCase> {};

TEST_P(PublishFaultTest, IsReportedAlone) {
  v1::Message message = FlagMessage({"Ann"});
  GetParam().spoil(&message);
  EXPECT_THAT(FaultsOf(message),
              ElementsAre(absl::StrCat("messages[0].", GetParam().field)));
}

const FaultCase kFaults[] = {
    {"MessageId", [](auto* m) { m->set_message_id("m-1"); }, "message_id"},
    {"Sender", [](auto* m) { m->mutable_sender()->set_code("X"); },
     "message_id"},
    {"PublishTime", [](auto* m) { m->mutable_publish_time(); }, "message_id"},
    {"MatterIds", [](auto* m) { m->add_matter_ids("c-1.1"); }, "message_id"},
    {"TooManyMarks",
     [](auto* m) {
       for (int i = 0; i < 65; ++i) m->add_marks();
     },
     "marks"},
    {"LongMark",
     [](auto* m) { m->add_marks()->set_field(std::string(257, 'f')); },
     "marks"},
    {"NoKind", [](auto* m) { m->clear_kind(); }, "kind"},
    {"UnknownKind",
     [](auto* m) { m->set_kind(static_cast<v1::MessageKind>(999)); }, "kind"},
    {"NoPurpose", [](auto* m) { m->clear_purpose(); }, "purpose"},
    {"OtherEnvironment",
     [](auto* m) { m->set_environment(v1::ENVIRONMENT_LIVE); }, "environment"},
    {"NoEnvironment", [](auto* m) { m->clear_environment(); }, "environment"},
    {"UnknownPriority",
     [](auto* m) { m->set_priority(static_cast<v1::Priority>(99)); },
     "priority"},
    {"OtherFormat", [](auto* m) { m->set_format_version(2); },
     "format_version"},
    {"NoRecipient", [](auto* m) { m->clear_recipients(); }, "recipients"},
    {"NoActionRecipient",
     [](auto* m) {
       m->mutable_recipients(0)->set_role(v1::RECIPIENT_ROLE_COPY);
     },
     "recipients"},
    {"TwoActionRecipients",
     [](auto* m) {
       *m->add_recipients() = RecipientAt(kDuty, v1::RECIPIENT_ROLE_ACTION);
     },
     "recipients"},
    {"SameRecipientTwice",
     [](auto* m) {
       *m->add_recipients() = RecipientAt(kIntake, v1::RECIPIENT_ROLE_COPY);
     },
     "recipients[1]"},
    {"NoRole",
     [](auto* m) {
       *m->add_recipients() =
           RecipientAt(kDuty, v1::RECIPIENT_ROLE_UNSPECIFIED);
     },
     "recipients[1].role"},
    {"Redirected",
     [](auto* m) { m->mutable_recipients(0)->mutable_redirected_to(); },
     "recipients[0].redirected_to"},
    {"BadCode",
     [](auto* m) {
       m->mutable_recipients(0)->mutable_address()->mutable_agency()->set_code(
           "e06");
     },
     "recipients[0].address.agency"},
    {"BadDesk",
     [](auto* m) {
       m->mutable_recipients(0)->mutable_address()->set_desk("In Tray");
     },
     "recipients[0].address.desk"},
    {"NoKey", [](auto* m) { m->clear_idempotency_key(); }, "idempotency_key"},
    {"LongKey", [](auto* m) { m->set_idempotency_key(std::string(129, 'k')); },
     "idempotency_key"},
    {"KeyWithSpace", [](auto* m) { m->set_idempotency_key("a b"); },
     "idempotency_key"},
    {"LongOrderingKey",
     [](auto* m) { m->set_ordering_key(std::string(129, 'k')); },
     "ordering_key"},
    {"BadTraceparent", [](auto* m) { m->set_traceparent("00-Ann-00-00"); },
     "traceparent"},
    {"BadInReplyTo", [](auto* m) { m->set_in_reply_to("m-il"); },
     "in_reply_to"},
    {"NegativeSenderSequence", [](auto* m) { m->set_sender_sequence(-1); },
     "sender_sequence"},
    {"NoIdempotencyTime", [](auto* m) { m->clear_idempotency_time(); },
     "idempotency_time"},
    {"FutureIdempotencyTime",
     [](auto* m) {
       *m->mutable_idempotency_time() =
           ToProto(Now() + absl::Hours(24) + absl::Seconds(1));
     },
     "idempotency_time"},
    {"FarDeliverTime",
     [](auto* m) {
       *m->mutable_deliver_time() = ToProto(
           Now() + PublishLimits::kDefaultDeliverAhead + absl::Seconds(1));
     },
     "deliver_time"},
    {"ExpiresBeforeItIsDue",
     [](auto* m) {
       *m->mutable_deliver_time() = ToProto(Now() + absl::Hours(2));
       *m->mutable_expire_time() = m->deliver_time();
     },
     "expire_time"},
    {"TooManyAttributes",
     [](auto* m) {
       for (int i = 0; i < 17; ++i) {
         (*m->mutable_attributes())[absl::StrCat("k", i)] = "v";
       }
     },
     "attributes"},
    {"LongAttributeKey",
     [](auto* m) { (*m->mutable_attributes())[std::string(65, 'k')] = "v"; },
     "attributes"},
    {"LongAttributeValue",
     [](auto* m) { (*m->mutable_attributes())["k"] = std::string(257, 'v'); },
     "attributes"},
    {"LongActorName",
     [](auto* m) { m->mutable_actor()->set_name(std::string(129, 'n')); },
     "actor"},
    {"LongActorPhone",
     [](auto* m) { m->mutable_actor()->set_phone(std::string(33, '1')); },
     "actor.phone"},
    {"LongActorEmail",
     [](auto* m) {
       m->mutable_actor()->set_secure_email(std::string(255, 'e'));
     },
     "actor.secure_email"},
    {"MattersOutOfOrder",
     [](auto* m) { m->mutable_payload(0)->set_matter_id("#2"); },
     "payload[0].matter_id"},
    {"MatterTwice",
     [](auto* m) {
       m->mutable_payload()->Add()->set_type("test.Text");
       m->mutable_payload()->Add()->set_type("test.Text");
     },
     "payload[2].matter_id"},
    {"NoPartType", [](auto* m) { m->mutable_payload(0)->clear_type(); },
     "payload[0].type"},
    {"CutShort",
     [](auto* m) { m->mutable_payload(0)->mutable_content()->pop_back(); },
     "payload[0].content"},
    {"BadUtf8",
     [](auto* m) {
       m->mutable_payload(0)->set_content(std::string("\x0a\x02\xc3\x28", 4));
     },
     "payload[0].content"},
    {"NewMatterInAConversation", [](auto* m) { m->set_conversation_id("c-1"); },
     "payload"},
    {"ShortAttachmentDigest",
     [](auto* m) {
       *m->add_attachments() = Photo();
       m->mutable_attachments(0)->set_sha256("short");
     },
     "attachments"},
    {"LargeAttachment",
     [](auto* m) {
       *m->add_attachments() = Photo();
       m->mutable_attachments(0)->set_size_bytes((20 << 20) + 1);
     },
     "attachments"},
    {"NoMediaType",
     [](auto* m) {
       *m->add_attachments() = Photo();
       m->mutable_attachments(0)->clear_media_type();
     },
     "attachments"},
    {"AttachmentOfNoMatter",
     [](auto* m) {
       *m->add_attachments() = Photo();
       m->mutable_attachments(0)->set_matter_id("the younger one");
     },
     "attachments"},
};

INSTANTIATE_TEST_SUITE_P(Each, PublishFaultTest, testing::ValuesIn(kFaults),
                         [](const auto& info) { return info.param.name; });

TEST(PublishCheckTest, ReportsAllFaultsAtOnce) {
  v1::PublishRequest request = RequestOf(FlagMessage({"Ann"}));
  *request.add_messages() = TextMessage("a");
  request.mutable_messages(0)->clear_purpose();
  request.mutable_messages(0)->clear_idempotency_time();
  request.mutable_messages(1)->clear_kind();
  request.mutable_messages(1)->mutable_payload(0)->clear_type();
  EXPECT_THAT(FaultsOf(request),
              ElementsAre("messages[0].purpose", "messages[0].idempotency_time",
                          "messages[1].kind", "messages[1].payload[0].type"));
}

TEST(PublishCheckTest, HowFarAheadIsConfigured) {
  PublishLimits limits = TestPublishLimits();
  limits.max_deliver_ahead = absl::Hours(48);
  v1::Message message = FlagMessage({"Ann"});
  *message.mutable_deliver_time() = ToProto(Now() + absl::Hours(48));
  EXPECT_THAT(FaultsOf(message, limits), IsEmpty());
  *message.mutable_deliver_time() =
      ToProto(Now() + absl::Hours(48) + absl::Seconds(1));
  EXPECT_THAT(FaultsOf(message, limits),
              ElementsAre("messages[0].deliver_time"));
}

TEST(PublishCheckTest, TwoMessagesCannotShareAKey) {
  v1::PublishRequest request = RequestOf(TextMessage("a"));
  *request.add_messages() = request.messages(0);
  EXPECT_THAT(FaultsOf(request), ElementsAre("messages[1].idempotency_key"));
}

TEST(PublishCheckTest, BadConversationIdIsNamed) {
  v1::Message message = TextMessage("a");
  message.set_conversation_id("wait 7");
  EXPECT_THAT(FaultsOf(message), ElementsAre("messages[0].conversation_id"));
  message.set_conversation_id("c-007");  // c-7 is its only name.
  EXPECT_THAT(FaultsOf(message), ElementsAre("messages[0].conversation_id"));
}

TEST(PublishCheckTest, BadMatterIdIsNamed) {
  v1::Message message = TextMessage("a");
  message.set_conversation_id("c-7");
  message.mutable_payload(0)->set_matter_id("Ann");
  EXPECT_THAT(FaultsOf(message),
              ElementsAre("messages[0].payload[0].matter_id"));
}

// --- Nothing personal outside the payload.

struct PersonalCase {
  const char* name;
  std::function<void(v1::Message*, const std::string&)> put;
};

class PublishPersonalTest : public testing::TestWithParam<PersonalCase> {};

TEST_P(PublishPersonalTest, NhsNumbersAreRefused) {
  for (const char* shape : {"9990000018", "999-000-0018", "x:9990000018"}) {
    v1::Message message = FlagMessage({"Ann"});
    GetParam().put(&message, shape);
    EXPECT_THAT(FaultsOf(message), testing::Not(IsEmpty())) << shape;
  }
}

const PersonalCase kPersonal[] = {
    {"IdempotencyKey",
     [](auto* m, const auto& text) { m->set_idempotency_key(text); }},
    {"OrderingKey",
     [](auto* m, const auto& text) { m->set_ordering_key(text); }},
    {"Traceparent",
     [](auto* m, const auto& text) { m->set_traceparent(text); }},
    {"ConversationId",
     [](auto* m, const auto& text) {
       m->mutable_payload(0)->clear_matter_id();
       m->set_conversation_id(absl::StrCat("c-", text));
     }},
    {"InReplyTo",
     [](auto* m, const auto& text) {
       m->set_in_reply_to(absl::StrCat("m-", text));
     }},
    {"AttributeKey",
     [](auto* m, const auto& text) { (*m->mutable_attributes())[text] = "v"; }},
    {"AttributeValue",
     [](auto* m, const auto& text) { (*m->mutable_attributes())["k"] = text; }},
    {"Mark",
     [](auto* m, const auto& text) { m->add_marks()->set_field(text); }},
    {"PartType",
     [](auto* m, const auto& text) { m->mutable_payload(0)->set_type(text); }},
    {"PartMatter",
     [](auto* m, const auto& text) {
       m->set_conversation_id("c-7");
       m->mutable_payload(0)->set_matter_id(absl::StrCat("c-", text, ".1"));
     }},
    {"MediaType",
     [](auto* m, const auto& text) {
       *m->add_attachments() = Photo();
       m->mutable_attachments(0)->set_media_type(text);
     }},
    {"AttachmentMatter",
     [](auto* m, const auto& text) {
       *m->add_attachments() = Photo();
       m->mutable_attachments(0)->set_matter_id(absl::StrCat("c-", text, ".1"));
     }},
    {"AgencyCode",
     [](auto* m, const auto& text) {
       m->mutable_recipients(0)->mutable_address()->mutable_agency()->set_code(
           text);
     }},
    {"Desk",
     [](auto* m, const auto& text) {
       m->mutable_recipients(0)->mutable_address()->set_desk(text);
     }},
};

INSTANTIATE_TEST_SUITE_P(Each, PublishPersonalTest,
                         testing::ValuesIn(kPersonal),
                         [](const auto& info) { return info.param.name; });

TEST(PublishCheckTest, NhsNumbersInPayloadAndActorPass) {
  v1::Message message = TextMessage(kNhsNumber);
  message.mutable_actor()->set_phone("0115 496 00");  // Sealed too.
  EXPECT_THAT(FaultsOf(message), IsEmpty());
}

TEST(PublishCheckTest, ATraceIdMayHoldTenDigits) {
  v1::Message message = TextMessage("a");
  message.set_traceparent(
      "00-a1234567890bcdefa1234567890bcdef-a1234567890bcdef-01");
  EXPECT_THAT(FaultsOf(message), IsEmpty());
}

// --- Limits at the edge.

TEST(PublishCheckTest, TakesSixtyFourMessagesAndNoMore) {
  v1::PublishRequest request;
  EXPECT_THAT(FaultsOf(request), ElementsAre("messages"));
  for (int i = 0; i < 64; ++i) *request.add_messages() = TextMessage("a");
  EXPECT_THAT(FaultsOf(request), IsEmpty());
  *request.add_messages() = TextMessage("a");
  EXPECT_THAT(FaultsOf(request), ElementsAre("messages"));
}

TEST(PublishCheckTest, TakesHalfAMebibyteAndNoMore) {
  v1::PublishRequest request;
  for (int i = 0; i < 3; ++i) {
    *request.add_messages() = TextMessage(std::string(150 << 10, 'x'));
  }
  std::string* const last =
      request.mutable_messages(0)->mutable_payload(0)->mutable_content();
  last->append(PublishLimits::kMaxPublishBytes - request.ByteSizeLong(), 'x');
  ASSERT_EQ(request.ByteSizeLong(), PublishLimits::kMaxPublishBytes);
  EXPECT_THAT(FaultsOf(request), IsEmpty());
  last->push_back('x');
  EXPECT_THAT(FaultsOf(request), ElementsAre("messages"));
}

TEST(PublishCheckTest, TakesAQuarterMebibyteOfPayloadAndNoMore) {
  v1::Message message = TextMessage(std::string(256 << 10, 'x'));
  EXPECT_THAT(FaultsOf(message), IsEmpty());
  message.mutable_payload(0)->mutable_content()->push_back('x');
  EXPECT_THAT(FaultsOf(message), ElementsAre("messages[0].payload"));
}

TEST(PublishCheckTest, TakesThirtyTwoRecipientsAndNoMore) {
  v1::Message message = TextMessage("a");
  for (int i = 1; i < 32; ++i) {
    *message.add_recipients() = RecipientAt(
        absl::StrCat("council/E", i, "/intake"), v1::RECIPIENT_ROLE_COPY);
  }
  EXPECT_THAT(FaultsOf(message), IsEmpty());
  *message.add_recipients() =
      RecipientAt("council/E99/intake", v1::RECIPIENT_ROLE_COPY);
  EXPECT_THAT(FaultsOf(message), ElementsAre("messages[0].recipients"));
}

TEST(PublishCheckTest, OpensFifteenMattersAndNoMore) {
  std::vector<std::string> names(15, "Ann");
  EXPECT_THAT(FaultsOf(FlagMessage(names)), IsEmpty());
  names.push_back("Ben");
  EXPECT_THAT(FaultsOf(FlagMessage(names)), ElementsAre("messages[0].payload"));
}

TEST(PublishCheckTest, TakesSixteenPartsAndNoMore) {
  v1::Message message = FlagMessage(std::vector<std::string>(15, "Ann"));
  message.add_payload()->set_type("test.Text");
  EXPECT_THAT(FaultsOf(message), IsEmpty());
  message.add_payload()->set_type("test.Text");
  EXPECT_THAT(FaultsOf(message), ElementsAre("messages[0].payload"));
}

TEST(PublishCheckTest, TakesSixteenAttachmentsAndNoMore) {
  v1::Message message = TextMessage("a");
  for (int i = 0; i < 16; ++i) *message.add_attachments() = Photo();
  EXPECT_THAT(FaultsOf(message), IsEmpty());
  *message.add_attachments() = Photo();
  EXPECT_THAT(FaultsOf(message), ElementsAre("messages[0].attachments"));
}

TEST(PublishCheckTest, TakesTheLongestOfEverything) {
  v1::Message message = TextMessage("a");
  message.set_idempotency_key(std::string(128, 'k'));
  message.set_ordering_key(std::string(128, 'k'));
  for (int i = 0; i < 16; ++i) {
    (*message
          .mutable_attributes())[absl::StrCat(std::string(62, 'k'), 10 + i)] =
        std::string(256, 'v');
  }
  message.mutable_actor()->set_name(std::string(128, 'n'));
  message.mutable_actor()->set_phone(std::string(32, '1'));
  message.mutable_actor()->set_secure_email(std::string(254, 'e'));
  *message.mutable_idempotency_time() = ToProto(Now() + absl::Hours(24));
  for (int i = 0; i < 64; ++i) {
    message.add_marks()->set_field(std::string(256, 'f'));
  }
  EXPECT_THAT(FaultsOf(message), IsEmpty());
}

// --- Marks.

TEST(PublishCheckTest, MarksWhatIsOddAndTakesIt) {
  v1::Message message = FlagMessage({"Ann"});
  message.clear_legal_basis();
  EXPECT_THAT(MarksOf(message), ElementsAre(v1::MARK_CODE_NO_LEGAL_BASIS));
  EXPECT_THAT(MarksOf(TextMessage("a")),
              ElementsAre(v1::MARK_CODE_UNKNOWN_VALUE));
}

TEST(PublishCheckTest, UnknownTypesMayHoldAnyBytes) {
  EXPECT_THAT(FaultsOf(TextMessage("\xc3\x28\xff")), IsEmpty());
}

// What passes the access policy unasked carries nothing.
TEST(PublishCheckTest, ATestMessageIsForOneselfAndAboutNobody) {
  v1::Message message = Envelope(v1::MESSAGE_KIND_TEST_MESSAGE, kHospitalDesk);
  message.set_purpose(v1::PURPOSE_OPERATION);
  AddPart("", v1::TestMessage(), &message);
  EXPECT_THAT(FaultsOf(message), IsEmpty());

  v1::Message more = message;
  *more.add_recipients() = RecipientAt(kIntake, v1::RECIPIENT_ROLE_COPY);
  EXPECT_THAT(FaultsOf(more), ElementsAre("messages[0].recipients"));
  more = message;
  more.clear_recipients();
  EXPECT_THAT(FaultsOf(more), Contains("messages[0].recipients"));
  more = message;
  more.set_conversation_id("c-7");
  EXPECT_THAT(FaultsOf(more), ElementsAre("messages[0].conversation_id"));
  more = message;
  more.mutable_payload(0)->set_matter_id("#1");
  EXPECT_THAT(FaultsOf(more), Contains("messages[0].payload"));
  more = message;
  more.clear_payload();
  EXPECT_THAT(FaultsOf(more), ElementsAre("messages[0].payload"));
  more = message;
  AddPart("#1", v1::WaitingFlag(), &more);
  EXPECT_THAT(FaultsOf(more), Contains("messages[0].payload"));
  more = message;
  more.clear_payload();
  AddPart("", v1::WaitingFlag(), &more);
  EXPECT_THAT(FaultsOf(more), ElementsAre("messages[0].payload"));
  more = message;
  v1::Attachment* const attachment = more.add_attachments();
  attachment->set_sha256(std::string(32, 'h'));
  attachment->set_media_type("image/png");
  EXPECT_THAT(FaultsOf(more), ElementsAre("messages[0].attachments"));
}

}  // namespace
}  // namespace baton
