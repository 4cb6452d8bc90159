#include "services/broker/conversation.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Custody, as the exchange decides it.
class ConversationTest : public testing::Test {
 protected:
  void SetUp() override {
    exchange_.Start();
    intake_ = exchange_.Consume(kIntake);
  }

  // Opens one matter per name and returns the receipt.
  v1::PublishReceipt Flag(const std::vector<std::string>& names) {
    return exchange_.Accept(HospitalCaller(), FlagMessage(names));
  }
  v1::Matter Matter(const v1::PublishReceipt& receipt, int index = 0) {
    return exchange_.Conversation(receipt.conversation_id()).matters(index);
  }
  v1::Message Taken(const v1::PublishReceipt& receipt, int64_t version = 0) {
    return TakenMessage(receipt.conversation_id(), receipt.matter_ids(0),
                        version);
  }
  v1::Message Decision(const v1::PublishReceipt& receipt, v1::Outcome outcome,
                       const std::string& reason) {
    return DecisionMessage(receipt.conversation_id(), receipt.matter_ids(0),
                           outcome, reason);
  }
  // Changes the Decision or Taken a message carries.
  template <typename Content, typename Change>
  v1::Message Changed(v1::Message message, Change change) {
    Content content;
    EXPECT_TRUE(content.ParseFromString(message.payload(0).content()));
    change(&content);
    message.mutable_payload(0)->set_content(content.SerializeAsString());
    return message;
  }
  absl::Status Refused(const Identity& sender, const v1::Message& message) {
    return exchange_.Publish(sender, message).status();
  }
  v1::ConversationRecord OnDisk(const v1::PublishReceipt& receipt) {
    return exchange_
        .Read<v1::ConversationRecord>(ConversationKey(
            ParseConversationId(receipt.conversation_id()).value()))
        .value();
  }
  absl::Time Now() { return exchange_.clock().Now().wall; }

  ExchangeFixture exchange_;
  std::shared_ptr<TestConsumer> intake_;
};

TEST_F(ConversationTest, TheActionRecipientHoldsWhatIsOpened) {
  const v1::PublishReceipt receipt = Flag({"Ann", "Ben"});
  const v1::Conversation conversation =
      exchange_.Conversation(receipt.conversation_id());
  ASSERT_EQ(conversation.matters_size(), 2);
  for (const v1::Matter& matter : conversation.matters()) {
    EXPECT_EQ(matter.version(), 1);
    EXPECT_EQ(matter.state(), v1::MATTER_STATE_PUBLISHED);
    EXPECT_EQ(matter.holder().agency().code(), "E06000018");
    EXPECT_EQ(FromProto(matter.holder_time()), Now());
    EXPECT_EQ(FromProto(matter.received_time()), Now());
    EXPECT_FALSE(matter.has_delivered());
  }
  EXPECT_EQ(conversation.participants_size(), 2);
  EXPECT_EQ(conversation.opened_by().code(), "RX1RA");
}

TEST_F(ConversationTest, DeliveredIsSetByTheActionRecipientsAcknowledgement) {
  v1::Message message = FlagMessage({"Ann", "Ben"});
  v1::Recipient* const copy = message.add_recipients();
  *copy->mutable_address() = AddressOf(kCounty);
  copy->set_role(v1::RECIPIENT_ROLE_COPY);
  const v1::PublishReceipt receipt =
      exchange_.Accept(HospitalCaller(), message);

  const auto county = exchange_.Consume(kCounty);
  EXPECT_TRUE(exchange_.Ack(county->Next(), kCounty, CountyCaller()).ok());
  EXPECT_FALSE(Matter(receipt).has_delivered());

  exchange_.Advance(absl::Seconds(5));
  EXPECT_TRUE(exchange_.Ack(intake_->Next()).ok());
  for (int i = 0; i < 2; ++i) {
    const v1::Matter matter = Matter(receipt, i);
    EXPECT_EQ(FromProto(matter.delivered().time()), Now());
    EXPECT_EQ(matter.delivered().agency().code(), "E06000018");
    EXPECT_EQ(matter.state(), v1::MATTER_STATE_DELIVERED);
    EXPECT_EQ(matter.version(), 2);
    EXPECT_EQ(exchange_.Leaves()[matter.delivered().audit_index()].type(),
              v1::AUDIT_TYPE_DELIVERED);
  }
}

TEST_F(ConversationTest, ALaterMessageDeliversNothing) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  EXPECT_TRUE(exchange_.Nack(intake_->Next(), "", absl::Hours(1)).ok());
  v1::Message update = TextMessage("update");
  update.set_conversation_id(receipt.conversation_id());
  exchange_.Accept(HospitalCaller(), update);
  EXPECT_TRUE(exchange_.Ack(intake_->Next()).ok());
  EXPECT_FALSE(Matter(receipt).has_delivered());
}

TEST_F(ConversationTest, ADeadLetterIsNotDelivered) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  EXPECT_TRUE(exchange_.Reject(intake_->Next(), "unreadable").ok());
  EXPECT_FALSE(Matter(receipt).has_delivered());
}

TEST_F(ConversationTest, EachReceiptSaysWhenAndWho) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  const absl::Time start = Now();
  exchange_.Advance(absl::Seconds(2));
  EXPECT_TRUE(exchange_.Ack(intake_->Next()).ok());
  exchange_.Advance(absl::Minutes(3));
  const auto read =
      exchange_.FirstRead(CouncilCaller(), receipt.matter_ids(0), "Rosamund");
  ASSERT_TRUE(read.ok()) << read.status();
  exchange_.Advance(absl::Minutes(4));
  const v1::PublishReceipt taken =
      exchange_.Accept(CouncilCaller(), Taken(receipt));
  exchange_.Advance(absl::Hours(5));
  exchange_.Accept(CouncilCaller(),
                   Decision(receipt, v1::OUTCOME_EARLY_HELP, ""));

  exchange_.Restart();
  const v1::Matter matter = Matter(receipt);
  EXPECT_EQ(FromProto(matter.delivered().time()) - start, absl::Seconds(2));
  EXPECT_EQ(FromProto(matter.first_read().time()) -
                FromProto(matter.delivered().time()),
            absl::Minutes(3));
  EXPECT_EQ(
      FromProto(matter.taken().time()) - FromProto(matter.first_read().time()),
      absl::Minutes(4));
  EXPECT_EQ(
      FromProto(matter.decided().time()) - FromProto(matter.taken().time()),
      absl::Hours(5));
  EXPECT_EQ(matter.first_read().actor().name(), "Rosamund");
  EXPECT_EQ(matter.taken().actor().name(), "Wilhelmina Worker");
  EXPECT_EQ(matter.taken().actor().asserted_by().code(), "E06000018");
  EXPECT_EQ(matter.taken().message_id(), taken.message_id());
  EXPECT_EQ(matter.decided().actor().name(), "Wilhelmina Worker");
  EXPECT_EQ(matter.decision().outcome(), v1::OUTCOME_EARLY_HELP);
  EXPECT_EQ(matter.decision().next_step(), "We visit on Thursday.");
  EXPECT_EQ(matter.state(), v1::MATTER_STATE_DECIDED);
  EXPECT_EQ(matter.version(), 5);
  EXPECT_EQ(FromProto(matter.received_time()), start);
}

TEST_F(ConversationTest, TheAnswerReachesTheSender) {
  const auto hospital = exchange_.Consume(kHospitalDesk);
  const v1::PublishReceipt receipt = Flag({"Ann"});
  exchange_.Accept(CouncilCaller(), Taken(receipt));
  const v1::Message got = hospital->Next().message();
  EXPECT_EQ(got.kind(), v1::MESSAGE_KIND_TAKEN);
  EXPECT_EQ(got.conversation_id(), receipt.conversation_id());
  EXPECT_EQ(got.matter_ids(0), receipt.matter_ids(0));
}

TEST_F(ConversationTest, ASecondTakenReplacesNothing) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  exchange_.Accept(CouncilCaller(), Taken(receipt));
  const v1::Matter first = Matter(receipt);
  exchange_.Advance(absl::Minutes(1));
  exchange_.Accept(CouncilCaller(),
                   Changed<v1::Taken>(Taken(receipt), [](v1::Taken* taken) {
                     taken->mutable_worker()->set_name("Somebody Else");
                   }));
  EXPECT_EQ(Matter(receipt).SerializeAsString(), first.SerializeAsString());
  const auto leaves = exchange_.Leaves(v1::AUDIT_TYPE_TAKEN);
  ASSERT_THAT(leaves, SizeIs(2));
  EXPECT_EQ(leaves[1].matter_version(), first.version());
}

TEST_F(ConversationTest, TheLatestDecisionStands) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  exchange_.Accept(CouncilCaller(),
                   Decision(receipt, v1::OUTCOME_EARLY_HELP, ""));
  exchange_.Accept(CouncilCaller(),
                   Decision(receipt, v1::OUTCOME_REFERRAL_SECTION_17, ""));
  EXPECT_EQ(Matter(receipt).decision().outcome(),
            v1::OUTCOME_REFERRAL_SECTION_17);
}

TEST_F(ConversationTest, TakingAfterDecidingDoesNotGoBack) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  exchange_.Accept(CouncilCaller(),
                   Decision(receipt, v1::OUTCOME_EARLY_HELP, ""));
  exchange_.Accept(CouncilCaller(), Taken(receipt));
  EXPECT_EQ(Matter(receipt).state(), v1::MATTER_STATE_DECIDED);
  EXPECT_TRUE(Matter(receipt).has_taken());
}

TEST_F(ConversationTest, ReasonsStayWithTheCouncil) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  exchange_.Accept(CouncilCaller(),
                   Decision(receipt, v1::OUTCOME_NO_FURTHER_ACTION,
                            "the neighbour's word only"));
  EXPECT_THAT(exchange_.Conversation(receipt.conversation_id()).DebugString(),
              Not(HasSubstr("neighbour")));
}

TEST_F(ConversationTest, TheSendersCopyOfADecisionHasNoReason) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  exchange_.Accept(
      CouncilCaller(),
      Changed<v1::Decision>(Decision(receipt, v1::OUTCOME_NO_FURTHER_ACTION,
                                     "the neighbour's word only"),
                            [](v1::Decision* decision) {
                              decision->set_open_case_reference("case 77");
                            }));
  const auto check = [&](const v1::Message& message) {
    EXPECT_THAT(message.DebugString(), Not(HasSubstr("neighbour")));
    EXPECT_THAT(message.DebugString(), Not(HasSubstr("case 77")));
    EXPECT_THAT(message.DebugString(), HasSubstr("We visit on Thursday."));
  };
  check(exchange_.Consume(kHospitalDesk)->Next().message());
  exchange_.Restart();
  exchange_.Step();
  exchange_.Advance(absl::Minutes(1));
  check(exchange_.Consume(kHospitalDesk)->Next().message());
}

TEST_F(ConversationTest, TheCouncilsOwnCopyOfADecisionIsWhole) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  v1::Message message =
      Decision(receipt, v1::OUTCOME_NO_FURTHER_ACTION, "the neighbour's word");
  *message.mutable_recipients(0)->mutable_address() = AddressOf(kDuty);
  exchange_.Accept(CouncilCaller(), message);
  EXPECT_EQ(exchange_.Consume(kDuty)->Next().message().payload(0).content(),
            message.payload(0).content());
}

TEST_F(ConversationTest, TakingOneSiblingLeavesTheOthersBytesAlone) {
  const v1::PublishReceipt receipt = Flag({"Ann", "Ben", "Cat"});
  EXPECT_TRUE(exchange_.Ack(intake_->Next()).ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        exchange_.FirstRead(CouncilCaller(), receipt.matter_ids(i), "Rosamund")
            .ok());
  }
  exchange_.Restart();
  const v1::ConversationRecord before = OnDisk(receipt);
  exchange_.Accept(CouncilCaller(), TakenMessage(receipt.conversation_id(),
                                                 receipt.matter_ids(1)));
  const v1::ConversationRecord after = OnDisk(receipt);
  EXPECT_THAT(before.matters(0).sealed_details(), Not(IsEmpty()));
  EXPECT_EQ(after.matters(0).SerializeAsString(),
            before.matters(0).SerializeAsString());
  EXPECT_EQ(after.matters(2).SerializeAsString(),
            before.matters(2).SerializeAsString());
  EXPECT_NE(after.matters(1).SerializeAsString(),
            before.matters(1).SerializeAsString());
}

// --- Who may.

TEST_F(ConversationTest, OnlyTheHolderTakes) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  v1::Message copy = TextMessage("for information");
  copy.set_conversation_id(receipt.conversation_id());
  *copy.mutable_recipients(0)->mutable_address() = AddressOf(kCounty);
  exchange_.Accept(HospitalCaller(), copy);
  const absl::Status status = Refused(CountyCaller(), Taken(receipt));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "NOT_HOLDER");
  EXPECT_THAT(std::string(status.message()), HasSubstr("council/E06000018"));
  EXPECT_FALSE(Matter(receipt).has_taken());
}

TEST_F(ConversationTest, AStrangerLearnsNothingFromTaking) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  EXPECT_EQ(Refused(CountyCaller(), Taken(receipt)).code(),
            absl::StatusCode::kNotFound);
}

// Custody goes by the kind that was checked, not by what a part looks like.
TEST_F(ConversationTest, ATakenInsideAnotherKindTakesNothing) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  v1::Message disguised = Taken(receipt);
  disguised.set_kind(v1::MESSAGE_KIND_CONTACT);
  *disguised.mutable_recipients(0)->mutable_address() = AddressOf(kIntake);
  exchange_.Accept(HospitalCaller(), disguised);
  EXPECT_FALSE(Matter(receipt).has_taken());
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_TAKEN), IsEmpty());
}

TEST_F(ConversationTest, AMovedVersionAborts) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  EXPECT_TRUE(exchange_.Ack(intake_->Next()).ok());
  const absl::Status status = Refused(CouncilCaller(), Taken(receipt, 1));
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ReasonOf(status), "VERSION_MOVED");
  exchange_.Accept(CouncilCaller(), Taken(receipt, 2));
}

TEST_F(ConversationTest, TwoDecisionsOnOneVersionCannotShareARequest) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  v1::PublishRequest request;
  for (const v1::Outcome outcome :
       {v1::OUTCOME_EARLY_HELP, v1::OUTCOME_REFERRAL_SECTION_17}) {
    *request.add_messages() = Changed<v1::Decision>(
        Decision(receipt, outcome, ""),
        [](v1::Decision* decision) { decision->set_expected_version(1); });
  }
  EXPECT_EQ(exchange_.Publish(CouncilCaller(), request).status().code(),
            absl::StatusCode::kAborted);
  EXPECT_FALSE(Matter(receipt).has_decided());
}

TEST_F(ConversationTest, AnAnswerNamesItsConversation) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  v1::Message message = Taken(receipt);
  message.clear_conversation_id();
  message.mutable_payload(0)->set_matter_id("#1");
  EXPECT_EQ(Refused(CouncilCaller(), message).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ConversationTest, AnAnswerIsAboutTheMatterItsPartNames) {
  const v1::PublishReceipt receipt = Flag({"Ann", "Ben"});
  v1::Message other = Taken(receipt);
  other.mutable_payload(0)->set_matter_id(receipt.matter_ids(1));
  EXPECT_EQ(Refused(CouncilCaller(), other).code(),
            absl::StatusCode::kInvalidArgument);
  v1::Message common = Taken(receipt);
  common.mutable_payload(0)->clear_matter_id();
  EXPECT_EQ(Refused(CouncilCaller(), common).code(),
            absl::StatusCode::kInvalidArgument);
  v1::Message none = Taken(receipt);
  none.clear_payload();
  EXPECT_EQ(Refused(CouncilCaller(), none).code(),
            absl::StatusCode::kInvalidArgument);
  v1::Message wrong_kind = Taken(receipt);
  wrong_kind.set_kind(v1::MESSAGE_KIND_DECISION);
  EXPECT_EQ(Refused(CouncilCaller(), wrong_kind).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ConversationTest, ATakenNamesAPersonWhoCanBeRung) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  const absl::Status status = Refused(
      CouncilCaller(), Changed<v1::Taken>(Taken(receipt), [](v1::Taken* taken) {
        taken->clear_worker();
      }));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* field : {"name", "role", "team", "phone"}) {
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("payload[0].content.worker.", field)));
  }
}

TEST_F(ConversationTest, ADecisionIsWhole) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  const absl::Status status = Refused(
      CouncilCaller(), Changed<v1::Decision>(
                           Decision(receipt, v1::OUTCOME_NO_FURTHER_ACTION, ""),
                           [](v1::Decision* decision) {
                             decision->clear_next_step();
                             decision->mutable_worker()->clear_name();
                           }));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* field : {"worker.name", "next_step", "reason"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(field));
  }
  EXPECT_EQ(
      Refused(CouncilCaller(), Decision(receipt, v1::OUTCOME_UNSPECIFIED, ""))
          .code(),
      absl::StatusCode::kInvalidArgument);
}

// --- First read.

TEST_F(ConversationTest, ASecondReaderGetsTheFirstReceipt) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  ASSERT_TRUE(
      exchange_.FirstRead(CouncilCaller(), receipt.matter_ids(0), "Rosamund")
          .ok());
  const auto second =
      exchange_.FirstRead(CouncilCaller(), receipt.matter_ids(0), "Roland");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->first_read().actor().name(), "Rosamund");
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_READ), SizeIs(1));
}

TEST_F(ConversationTest, OnlyTheHolderReads) {
  const v1::PublishReceipt receipt = Flag({"Ann"});
  EXPECT_EQ(exchange_.FirstRead(HospitalCaller(), receipt.matter_ids(0), "X")
                .status()
                .code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(exchange_.FirstRead(CountyCaller(), receipt.matter_ids(0), "X")
                .status()
                .code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(
      exchange_.FirstRead(CouncilCaller(), "c-zzz.1", "X").status().code(),
      absl::StatusCode::kNotFound);
  EXPECT_EQ(exchange_.FirstRead(CouncilCaller(), "c-zzz", "X").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      exchange_
          .FirstRead(CouncilCaller(), receipt.conversation_id() + ".9", "X")
          .status()
          .code(),
      absl::StatusCode::kNotFound);
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DENIED), SizeIs(5));
}

}  // namespace
}  // namespace baton
