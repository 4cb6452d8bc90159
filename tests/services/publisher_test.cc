#include "services/broker/publisher.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "baton/v1/test_message.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/broker/sealed_records.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/limit_of.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PublisherTest : public testing::Test {
 protected:
  void SetUp() override { exchange_.Start(); }

  // The refusal's code, after a check that it left its leaf and nothing else.
  absl::Status Refused(const Identity& sender, v1::PublishRequest request) {
    exchange_.Step();
    const v1::HeadRecord before = exchange_.Head();
    const v1::QueueRecord queue = exchange_.QueueOnDisk(kIntake);
    const absl::Status status =
        exchange_.Publish(sender, std::move(request)).status();
    EXPECT_FALSE(status.ok());
    const v1::HeadRecord after = exchange_.Head();
    EXPECT_EQ(after.tree_size(), before.tree_size() + 1);
    EXPECT_EQ(after.last_sequence(), before.last_sequence());
    EXPECT_EQ(after.last_key_slot(), before.last_key_slot());
    EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(),
              queue.message_count());
    const v1::AuditEntry leaf = exchange_.Leaves().back();
    EXPECT_EQ(leaf.type(), v1::AUDIT_TYPE_DENIED);
    EXPECT_EQ(leaf.actor().code(), sender.agency.code());
    EXPECT_THAT(leaf.message_ids(), IsEmpty());
    leaf_code_ = leaf.code();
    return status;
  }
  absl::Status Refused(const Identity& sender, v1::Message message) {
    v1::PublishRequest request;
    *request.add_messages() = std::move(message);
    return Refused(sender, std::move(request));
  }

  static bool IsRedirected(const v1::PublishReceipt& receipt) {
    return std::any_of(receipt.marks().begin(), receipt.marks().end(),
                       [](const v1::Mark& mark) {
                         return mark.code() == v1::MARK_CODE_UNKNOWN_RECIPIENT;
                       });
  }

  ExchangeFixture exchange_;
  std::string leaf_code_;
};

// --- Idempotency.

TEST_F(PublisherTest, ARepeatGetsTheFirstReceipt) {
  const auto consumer = exchange_.Consume(kIntake);
  v1::Message message = FlagMessage({"Ann", "Ben"});
  message.clear_legal_basis();  // Marked.
  const v1::PublishReceipt first = exchange_.Accept(HospitalCaller(), message);
  exchange_.Advance(absl::Hours(1));
  v1::PublishReceipt repeat = exchange_.Accept(HospitalCaller(), message);
  EXPECT_TRUE(repeat.repeat());
  repeat.clear_repeat();
  EXPECT_EQ(repeat.SerializeAsString(), first.SerializeAsString());
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 1u);
}

TEST_F(PublisherTest, ARepeatAfterARestartGetsTheFirstReceipt) {
  const v1::Message message = FlagMessage({"Ann"});
  const v1::PublishReceipt first = exchange_.Accept(HospitalCaller(), message);
  exchange_.Restart();
  v1::PublishReceipt repeat = exchange_.Accept(HospitalCaller(), message);
  EXPECT_TRUE(repeat.repeat());
  repeat.clear_repeat();
  EXPECT_EQ(repeat.SerializeAsString(), first.SerializeAsString());
}

TEST_F(PublisherTest, ARepeatInTheSameStepGetsTheFirstReceipt) {
  v1::PublishRequest request;
  *request.add_messages() = TextMessage("a");
  std::vector<v1::PublishReceipt> receipts;
  std::vector<Command> commands;
  for (int i = 0; i < 2; ++i) {
    commands.push_back(
        PublishCommand{HospitalCaller(), request, [&](const auto& response) {
                         ASSERT_TRUE(response.ok()) << response.status();
                         receipts.push_back(response->receipts(0));
                       }});
  }
  exchange_.Step(std::move(commands));
  ASSERT_THAT(receipts, SizeIs(2));
  EXPECT_FALSE(receipts[0].repeat());
  EXPECT_TRUE(receipts[1].repeat());
  EXPECT_EQ(receipts[0].message_id(), receipts[1].message_id());
}

TEST_F(PublisherTest, RepeatsAreKnownHoweverTheyAreSent) {
  v1::PublishRequest request;
  *request.add_messages() = TextMessage("a");
  *request.add_messages() = TextMessage("b");
  v1::PublishResponse first;
  std::vector<Command> commands;
  commands.push_back(
      PublishCommand{HospitalCaller(), request,
                     [&](const auto& response) { first = *response; }});
  exchange_.Step(std::move(commands));
  ASSERT_THAT(first.receipts(), SizeIs(2));

  v1::StreamingPublishRequest stream;
  *stream.add_messages() = TextMessage("c");
  stream.mutable_messages()->MergeFrom(request.messages());
  *stream.add_messages() = TextMessage("d");
  v1::StreamingPublishResponse second;
  commands.clear();
  commands.push_back(
      PublishEachCommand{HospitalCaller(),
                         stream,
                         {absl::InvalidArgumentError("no"), absl::OkStatus(),
                          absl::OkStatus(), absl::OkStatus()},
                         [&](const auto& response) { second = *response; }});
  exchange_.Step(std::move(commands));
  ASSERT_THAT(second.results(), SizeIs(4));
  EXPECT_TRUE(second.results(0).has_refusal());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(second.results(i + 1).receipt().repeat());
    EXPECT_EQ(second.results(i + 1).receipt().message_id(),
              first.receipts(i).message_id());
  }
  EXPECT_FALSE(second.results(3).receipt().repeat());
}

TEST_F(PublisherTest, ARepeatAfterItsExpireTimeGetsTheFirstReceipt) {
  v1::Message message = TextMessage("a");
  *message.mutable_expire_time() =
      ToProto(exchange_.clock().Now().wall + absl::Minutes(1));
  const v1::PublishReceipt first = exchange_.Accept(HospitalCaller(), message);
  exchange_.Advance(absl::Minutes(2));
  EXPECT_EQ(exchange_.Accept(HospitalCaller(), message).message_id(),
            first.message_id());
}

TEST_F(PublisherTest, AMessageThatExpiredBeforeItCameIsRefused) {
  v1::Message message = TextMessage("a");
  *message.mutable_expire_time() = ToProto(exchange_.clock().Now().wall);
  EXPECT_EQ(Refused(HospitalCaller(), message).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(PublisherTest, AKeyWithOtherContentIsRefused) {
  v1::Message message = TextMessage("a");
  exchange_.Accept(HospitalCaller(), message);
  message.mutable_payload(0)->set_content("b");
  const absl::Status status = Refused(HospitalCaller(), message);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(status), "IDEMPOTENCY_KEY_REUSED");
  EXPECT_EQ(leaf_code_, "ALREADY_EXISTS/Publish/IDEMPOTENCY_KEY_REUSED");
}

TEST_F(PublisherTest, AKeyBelongsToItsSender) {
  v1::Message message = TextMessage("a");
  const v1::PublishReceipt first = exchange_.Accept(HospitalCaller(), message);
  const v1::PublishReceipt other = exchange_.Accept(PoliceCaller(), message);
  EXPECT_FALSE(other.repeat());
  EXPECT_NE(other.message_id(), first.message_id());
}

TEST_F(PublisherTest, AKeyOlderThanNinetyDaysIsRefused) {
  v1::Message message = TextMessage("a");
  const absl::Time now = exchange_.clock().Now().wall;
  *message.mutable_idempotency_time() = ToProto(now - absl::Hours(24 * 90));
  exchange_.Accept(HospitalCaller(), message);
  message = TextMessage("b");
  *message.mutable_idempotency_time() =
      ToProto(now - absl::Hours(24 * 90) - absl::Seconds(1));
  const absl::Status status = Refused(HospitalCaller(), message);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "IDEMPOTENCY_KEY_TOO_OLD");
}

TEST_F(PublisherTest, ARepeatOlderThanNinetyDaysIsRefused) {
  const v1::Message message = TextMessage("a");
  const v1::PublishReceipt first = exchange_.Accept(HospitalCaller(), message);
  exchange_.Advance(absl::Hours(24 * 90));
  EXPECT_EQ(exchange_.Accept(HospitalCaller(), message).message_id(),
            first.message_id());
  exchange_.Advance(absl::Seconds(1));
  const absl::Status status = Refused(HospitalCaller(), message);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "IDEMPOTENCY_KEY_TOO_OLD");
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeAll(), SizeIs(1));
}

// A map has no order of its own, on the wire neither.
TEST_F(PublisherTest, TheOrderOfAttributesMakesNoDifference) {
  v1::Message message = TextMessage("a");
  message.clear_legal_basis();  // Marked, each time again.
  for (int i = 0; i < 16; ++i) {
    (*message.mutable_attributes())[absl::StrCat("key", i)] = "v";
  }
  exchange_.Accept(HospitalCaller(), message);
  for (int i = 0; i < 8; ++i) {
    v1::Message again = message;
    again.clear_attributes();
    for (int k = 0; k < 16; ++k) {
      (*again.mutable_attributes())[absl::StrCat("key", (k * 7 + i) % 16)] =
          "v";
    }
    EXPECT_TRUE(exchange_.Accept(HospitalCaller(), again).repeat());
  }
  (*message.mutable_attributes())["key3"] = "w";
  EXPECT_EQ(Refused(HospitalCaller(), message).code(),
            absl::StatusCode::kAlreadyExists);
}

// --- All or none.

TEST_F(PublisherTest, PublishesABatchInOneCommitAndInOrder) {
  exchange_.Step();
  const uint64_t before = exchange_.Head().commit();
  v1::PublishRequest request;
  for (const char* text : {"a", "b", "c"}) {
    *request.add_messages() = TextMessage(text);
  }
  const auto response = exchange_.Publish(HospitalCaller(), request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->receipts_size(), 3);
  EXPECT_EQ(exchange_.Head().commit(), before + 1);
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeTexts(),
              ElementsAre("a", "b", "c"));
}

TEST_F(PublisherTest, OneRefusedMessageRefusesTheBatch) {
  v1::PublishRequest request;
  *request.add_messages() = TextMessage("a");
  *request.add_messages() = TextMessage("b");
  request.mutable_messages(1)->set_kind(v1::MESSAGE_KIND_PLACEMENT_NOTICE);
  EXPECT_EQ(Refused(HospitalCaller(), request).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeAll(), IsEmpty());
  request.mutable_messages(1)->set_kind(v1::MESSAGE_KIND_CONTACT);
  EXPECT_TRUE(exchange_.Publish(HospitalCaller(), request).ok())
      << "the keys were not used up";
}

TEST_F(PublisherTest, ABatchMayMixRepeatsAndNewMessages) {
  v1::PublishRequest request;
  *request.add_messages() = TextMessage("a");
  exchange_.Accept(HospitalCaller(), request.messages(0));
  *request.add_messages() = TextMessage("b");
  const auto response = exchange_.Publish(HospitalCaller(), request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->receipts(0).repeat());
  EXPECT_FALSE(response->receipts(1).repeat());
}

// --- Routes.

TEST_F(PublisherTest, WithoutARuleNothingIsPublished) {
  const absl::Status status = Refused(SchoolCaller(), TextMessage("a"));
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(leaf_code_, "PERMISSION_DENIED/Publish");
}

TEST_F(PublisherTest, OneForbiddenRecipientForbidsTheMessage) {
  v1::Message message = TextMessage("a");
  v1::Recipient* const copy = message.add_recipients();
  *copy->mutable_address() = AddressOf("school/123456/office");
  copy->set_role(v1::RECIPIENT_ROLE_COPY);
  EXPECT_EQ(Refused(HospitalCaller(), message).code(),
            absl::StatusCode::kPermissionDenied);
}

TEST_F(PublisherTest, AnUnknownRecipientsMessageGoesToTheDeskThatOwnsThem) {
  v1::Message message = FlagMessage({"Ann"});
  *message.mutable_recipients(0)->mutable_address() =
      AddressOf("council/E09000001/intake");
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  ASSERT_EQ(receipt.marks_size(), 1);
  EXPECT_EQ(receipt.marks(0).code(), v1::MARK_CODE_UNKNOWN_RECIPIENT);
  EXPECT_EQ(receipt.marks(0).field(), "recipients[0]");
  const v1::ReceivedMessage got = exchange_.Consume(kUnknownDesk)->Next();
  EXPECT_EQ(got.message().recipients(0).address().agency().code(), "E09000001");
  EXPECT_EQ(got.message().recipients(0).redirected_to().desk(), "unknown");
  const v1::Conversation conversation =
      exchange_.Conversation(receipt.conversation_id());
  EXPECT_EQ(conversation.matters(0).holder().agency().code(), "OPS");
}

TEST_F(PublisherTest, AnUnknownDeskOfAKnownAgencyIsMarkedAndStaysWithIt) {
  v1::Message message = TextMessage("a");
  message.mutable_recipients(0)->mutable_address()->set_desk("attic");
  EXPECT_TRUE(IsRedirected(exchange_.Accept(HospitalCaller(), message)));
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeTexts(), ElementsAre("a"));
}

// An operator's desk owns it, and rings the sender: it reads no payloads.
TEST_F(PublisherTest, TheDeskForUnknownRecipientsReadsNothing) {
  v1::Message message = TextMessage("a");
  *message.mutable_recipients(0)->mutable_address() =
      AddressOf("council/E09000001/intake");
  EXPECT_TRUE(IsRedirected(exchange_.Accept(HospitalCaller(), message)));
  EXPECT_THAT(exchange_.Consume(kUnknownDesk)->TakeTexts(), ElementsAre(""));
}

TEST_F(PublisherTest, AnEmptyDeskIsTheAgencysFirst) {
  v1::Message message = TextMessage("a");
  message.mutable_recipients(0)->mutable_address()->clear_desk();
  EXPECT_FALSE(IsRedirected(exchange_.Accept(HospitalCaller(), message)));
  const v1::ReceivedMessage got = exchange_.Consume(kIntake)->Next();
  EXPECT_EQ(got.message().recipients(0).address().desk(), "intake");
}

TEST_F(PublisherTest, EachQueueGetsOneCopy) {
  v1::Message message = TextMessage("a");
  for (const char* queue : {kDuty, kCounty, "council/E09000001/intake",
                            "council/E09000002/intake"}) {
    v1::Recipient* const copy = message.add_recipients();
    *copy->mutable_address() = AddressOf(queue);
    copy->set_role(v1::RECIPIENT_ROLE_COPY);
  }
  v1::Recipient* const same = message.add_recipients();
  *same->mutable_address() = AddressOf(kIntake);
  same->mutable_address()->clear_desk();
  same->set_role(v1::RECIPIENT_ROLE_COPY);
  exchange_.Accept(HospitalCaller(), message);
  for (const char* queue : {kIntake, kDuty, kCounty, kUnknownDesk}) {
    EXPECT_THAT(exchange_.Consume(queue)->TakeAll(), SizeIs(1)) << queue;
  }
}

TEST_F(PublisherTest, SetsTheFieldsThatAreTheExchanges) {
  v1::Message message = TextMessage("a");
  message.mutable_actor()->set_name("Nora Nurse");
  message.mutable_actor()->mutable_asserted_by()->set_code("RX9");
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  exchange_.Restart();  // So that it comes from the disk.
  const v1::Message got = exchange_.Consume(kIntake)->Next().message();
  EXPECT_EQ(got.message_id(), receipt.message_id());
  EXPECT_EQ(got.sender().code(), "RX1RA");
  EXPECT_EQ(FromProto(got.publish_time()), exchange_.clock().Now().wall);
  EXPECT_EQ(got.actor().name(), "Nora Nurse");
  EXPECT_EQ(got.actor().asserted_by().code(), "RX1RA");
}

TEST_F(PublisherTest, APublishTimeNeverGoesBack) {
  const v1::PublishReceipt first = exchange_.Publish("a");
  exchange_.clock().Advance(-absl::Minutes(5));
  const v1::PublishReceipt second = exchange_.Publish("b");
  EXPECT_EQ(FromProto(second.publish_time()), FromProto(first.publish_time()));
}

// --- Conversations.

TEST_F(PublisherTest, EachMessageWithoutAConversationOpensOne) {
  const v1::PublishReceipt a = exchange_.Publish("a");
  const v1::PublishReceipt b = exchange_.Publish("b");
  EXPECT_NE(a.conversation_id(), b.conversation_id());
  v1::Message reply = TextMessage("c");
  reply.set_conversation_id(a.conversation_id());
  EXPECT_EQ(exchange_.Accept(HospitalCaller(), reply).conversation_id(),
            a.conversation_id());
  EXPECT_EQ(exchange_.Conversation(a.conversation_id()).message_count(), 2);
}

TEST_F(PublisherTest, AConversationOfOthersIsLikeOneThatIsNotThere) {
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  v1::Message message = TextMessage("b");
  message.set_conversation_id(receipt.conversation_id());
  const absl::Status others = Refused(PoliceCaller(), message);
  EXPECT_EQ(others.code(), absl::StatusCode::kNotFound);
  message.set_conversation_id("c-zzz");
  const absl::Status none = Refused(PoliceCaller(), message);
  EXPECT_EQ(none.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(none.message(),
            absl::StrCat("no conversation c-zzz of this agency"));
  EXPECT_EQ(others.message(),
            absl::StrCat("no conversation ", receipt.conversation_id(),
                         " of this agency"));
}

TEST_F(PublisherTest, APartAboutAMatterOfAnotherConversationIsRefused) {
  const v1::PublishReceipt one =
      exchange_.Accept(HospitalCaller(), FlagMessage({"Ann"}));
  const v1::PublishReceipt two =
      exchange_.Accept(HospitalCaller(), FlagMessage({"Ben"}));
  v1::Message message = TextMessage("b");
  message.set_conversation_id(one.conversation_id());
  message.mutable_payload(0)->set_matter_id(two.matter_ids(0));
  EXPECT_EQ(Refused(HospitalCaller(), message).code(),
            absl::StatusCode::kInvalidArgument);
  message.clear_conversation_id();
  EXPECT_EQ(Refused(HospitalCaller(), message).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(PublisherTest, AConversationHoldsALimitedNumberOfMessages) {
  exchange_.config.mutable_limits()->set_max_conversation_messages(2);
  exchange_.Restart();
  v1::Message message = TextMessage("b");
  message.set_conversation_id(exchange_.Publish("a").conversation_id());
  exchange_.Accept(HospitalCaller(), message);
  message.set_idempotency_key("another");
  EXPECT_EQ(LimitOf(Refused(HospitalCaller(), message)),
            "max_conversation_messages");
}

TEST_F(PublisherTest, ABatchCannotPassTheLimitOfAConversation) {
  exchange_.config.mutable_limits()->set_max_conversation_messages(2);
  exchange_.Restart();
  const std::string id = exchange_.Publish("a").conversation_id();
  v1::PublishRequest request;
  for (const char* text : {"b", "c"}) {
    *request.add_messages() = TextMessage(text);
    request.mutable_messages(request.messages_size() - 1)
        ->set_conversation_id(id);
  }
  EXPECT_EQ(LimitOf(Refused(HospitalCaller(), request)),
            "max_conversation_messages");
}

// --- What rests on the disk.

TEST_F(PublisherTest, NothingPersonalRestsInPlainText) {
  const auto consumer = exchange_.Consume(kIntake);
  v1::Message message = FlagMessage({"Persephone", "Thaddeus"});
  v1::PayloadPart* const common = message.add_payload();
  common->set_type("test.Text");
  common->set_content("the household in Wollaton");
  message.mutable_actor()->set_name("Nora Nightingale");
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  exchange_.Accept(CouncilCaller(), TakenMessage(receipt.conversation_id(),
                                                 receipt.matter_ids(0)));
  exchange_.Accept(
      CouncilCaller(),
      DecisionMessage(receipt.conversation_id(), receipt.matter_ids(1),
                      v1::OUTCOME_NO_FURTHER_ACTION, "known to Hyacinth team"));
  ASSERT_TRUE(
      exchange_
          .FirstRead(CouncilCaller(), receipt.matter_ids(0), "Rosamund Reader")
          .ok());
  ASSERT_TRUE(exchange_.DiskHolds("baton.v1.WaitingFlag"));  // It can look.
  for (const char* secret :
       {"Persephone", "Thaddeus", "Wollaton", "Nightingale", "9990000018",
        "Wilhelmina", "0115 496", "Thursday", "Hyacinth", "Rosamund"}) {
    EXPECT_FALSE(exchange_.DiskHolds(secret)) << secret;
  }
  exchange_.Stop();
  for (const char* secret : {"Persephone", "Wilhelmina", "Hyacinth"}) {
    EXPECT_FALSE(exchange_.DiskHolds(secret)) << secret;
  }
}

TEST_F(PublisherTest, TheAuditLogHoldsNothingPersonal) {
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), FlagMessage({"Persephone"}));
  exchange_.Accept(CouncilCaller(), TakenMessage(receipt.conversation_id(),
                                                 receipt.matter_ids(0)));
  ASSERT_TRUE(
      exchange_
          .FirstRead(CouncilCaller(), receipt.matter_ids(0), "Rosamund Reader")
          .ok());
  for (const v1::AuditEntry& entry : exchange_.Leaves()) {
    for (const char* secret :
         {"Persephone", "9990000018", "Wilhelmina", "0115", "Rosamund"}) {
      EXPECT_THAT(entry.SerializeAsString(),
                  testing::Not(HasSubstr(std::string(secret))));
    }
  }
}

TEST_F(PublisherTest, EveryEffectHasItsLeaf) {
  const auto consumer = exchange_.Consume(kIntake);
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), FlagMessage({"Ann", "Ben"}));
  EXPECT_TRUE(exchange_.Nack(consumer->Next(), "", absl::ZeroDuration()).ok());
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  exchange_.Accept(CouncilCaller(), TakenMessage(receipt.conversation_id(),
                                                 receipt.matter_ids(0)));
  exchange_.Accept(
      CouncilCaller(),
      DecisionMessage(receipt.conversation_id(), receipt.matter_ids(0),
                      v1::OUTCOME_EARLY_HELP, ""));
  std::vector<v1::AuditType> types;
  for (const v1::AuditEntry& entry : exchange_.Leaves()) {
    types.push_back(entry.type());
    EXPECT_EQ(entry.format_version(), 1);
    EXPECT_TRUE(entry.has_time());
  }
  EXPECT_THAT(
      types,
      ElementsAre(v1::AUDIT_TYPE_STARTED, v1::AUDIT_TYPE_PUBLISHED,
                  v1::AUDIT_TYPE_HOLDER_CHANGED, v1::AUDIT_TYPE_HOLDER_CHANGED,
                  v1::AUDIT_TYPE_LEASED, v1::AUDIT_TYPE_NACKED,
                  v1::AUDIT_TYPE_LEASED, v1::AUDIT_TYPE_DELIVERED,
                  v1::AUDIT_TYPE_PUBLISHED, v1::AUDIT_TYPE_TAKEN,
                  v1::AUDIT_TYPE_PUBLISHED, v1::AUDIT_TYPE_DECIDED));
  const v1::AuditEntry published = exchange_.Leaves()[receipt.audit_index()];
  EXPECT_THAT(published.message_ids(), ElementsAre(receipt.message_id()));
  EXPECT_EQ(published.actor().code(), "RX1RA");
  EXPECT_EQ(published.actor_key_id(), "12345678");
  EXPECT_THAT(published.queues(), ElementsAre(kIntake));
  const auto record = exchange_.Read<v1::MessageRecord>(
      MessageKey(ParseMessageId(receipt.message_id()).value()));
  EXPECT_EQ(published.ciphertext_sha256(), CiphertextDigest(*record));
  EXPECT_EQ(exchange_.Leaves(v1::AUDIT_TYPE_DECIDED)[0].code(),
            "OUTCOME_EARLY_HELP");
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_TAKEN)[0].details_commitment(),
              SizeIs(32));
}

TEST_F(PublisherTest, EachMatterIsSealedUnderAKeyOfItsOwn) {
  v1::Message message = FlagMessage({"Ann", "Ben", "Cat"});
  v1::PayloadPart* const common = message.add_payload();
  common->set_type("test.Text");
  common->set_content("common");
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  EXPECT_THAT(receipt.matter_ids(),
              ElementsAre(receipt.conversation_id() + ".1",
                          receipt.conversation_id() + ".2",
                          receipt.conversation_id() + ".3"));
  const uint64_t sequence = ParseMessageId(receipt.message_id()).value();
  const auto record = exchange_.Read<v1::MessageRecord>(MessageKey(sequence));
  ASSERT_EQ(record->parts_size(), 4);
  std::set<uint64_t> slots;
  for (const v1::SealedPart& part : record->parts()) {
    slots.insert(part.key_slot());
  }
  EXPECT_THAT(slots, SizeIs(4));

  ASSERT_TRUE(exchange_.vault().Erase(record->parts(1).key_slot()).ok());
  const auto opened = OpenMessage(*record, exchange_.vault());
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_EQ(opened->payload_size(), 3);
  EXPECT_EQ(opened->payload(0).content(), message.payload(0).content());
  EXPECT_EQ(opened->payload(1).matter_id(), receipt.matter_ids(2));
  EXPECT_EQ(opened->payload(2).content(), "common");
}

TEST_F(PublisherTest, AnAttachmentIsInTheConversationBeforeItIsNamed) {
  v1::Message message = FlagMessage({"Ann"});
  v1::Attachment attachment;
  attachment.set_matter_id("#1");
  attachment.set_sha256(std::string(32, 's'));
  attachment.set_media_type("image/jpeg");
  *message.add_attachments() = attachment;
  EXPECT_EQ(ReasonOf(Refused(HospitalCaller(), message)), "ATTACHMENT_MISSING");
  message.clear_attachments();
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);
  message = TextMessage("b");
  message.set_conversation_id(receipt.conversation_id());
  *message.add_attachments() = attachment;
  message.mutable_attachments(0)->set_matter_id("c-zzz.1");
  EXPECT_EQ(Refused(HospitalCaller(), message).code(),
            absl::StatusCode::kInvalidArgument);
}

// --- Test messages.

v1::Message TestMessageTo(const std::string& queue) {
  v1::Message message = Envelope(v1::MESSAGE_KIND_TEST_MESSAGE, queue);
  message.mutable_recipients(0)->set_role(v1::RECIPIENT_ROLE_COPY);
  message.set_purpose(v1::PURPOSE_OPERATION);
  v1::TestMessage test;
  test.set_request_id("r-1");
  AddPart("", test, &message);
  return message;
}

// A school, which no rule lets send anything.
TEST_F(PublisherTest, ATestMessageComesBackWhateverThePolicySays) {
  const auto consumer = exchange_.Consume("school/123456/office");
  exchange_.Accept(SchoolCaller(), TestMessageTo("school/123456/office"));
  const v1::Message message = consumer->Next().message();
  EXPECT_EQ(message.kind(), v1::MESSAGE_KIND_TEST_MESSAGE);
  EXPECT_EQ(message.sender().code(), "123456");
  EXPECT_THAT(message.matter_ids(), IsEmpty());
  v1::TestMessage test;
  EXPECT_TRUE(test.ParseFromString(message.payload(0).content()));
  EXPECT_EQ(test.request_id(), "r-1");
  EXPECT_THAT(exchange_.Conversation(message.conversation_id()).matters(),
              IsEmpty());
}

TEST_F(PublisherTest, ATestMessageGoesToNobodyElse) {
  EXPECT_EQ(Refused(HospitalCaller(), TestMessageTo(kIntake)).code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Refused(CountyCaller(), TestMessageTo(kIntake)).code(),
            absl::StatusCode::kPermissionDenied);
}

// A message would be redirected; a test must find that.
TEST_F(PublisherTest, ATestMessageToADeskThatIsNotThereIsRefused) {
  const absl::Status status =
      Refused(HospitalCaller(), TestMessageTo("emergency/RX1RA/nights"));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("RX1RA/nights"));
}

}  // namespace
}  // namespace baton
