#include "services/broker/custody.h"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "baton/v1/contact.pb.h"
#include "baton/v1/homeless.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/broker/duties.h"
#include "services/broker/sealed_records.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr char kHousing[] = "housing/E07000172/options";
constexpr char kPolice[] = "police/E23000019/replies";

Identity HousingCaller() {
  return {.agency = AddressOf(kHousing).agency(), .key_id = "12345678"};
}

// A city where everybody may say everything for safeguarding: what is refused
// is refused by custody.
class CustodyTest : public testing::Test {
 protected:
  void SetUp() override {
    v1::AgencyConfig* const housing = exchange_.config.add_agencies();
    *housing->mutable_agency() = HousingCaller().agency;
    housing->add_desks()->set_name("options");
    v1::AccessRule* const rule = exchange_.policy.add_rules();
    rule->set_name("everything");
    rule->add_purposes(v1::PURPOSE_SAFEGUARDING);
    for (int i = 1; i < v1::AgencyClass_ARRAYSIZE; ++i) {
      rule->add_sender_classes(static_cast<v1::AgencyClass>(i));
      rule->add_recipient_classes(static_cast<v1::AgencyClass>(i));
    }
    for (int i = 1; i < v1::MessageKind_ARRAYSIZE; ++i) {
      rule->add_kinds(static_cast<v1::MessageKind>(i));
    }
    exchange_.Start();
  }

  // Opens one matter per name, held by the city's intake.
  void Flag(const std::vector<std::string>& names,
            const std::vector<std::string>& copies = {}) {
    v1::Message message = FlagMessage(names);
    for (const std::string& queue : copies) {
      *message.add_recipients() = RecipientOf(queue, v1::RECIPIENT_ROLE_COPY);
    }
    opened_ = exchange_.Accept(HospitalCaller(), message);
  }
  // A homeless young person: the city holds, housing has a joint duty.
  void Homeless() {
    v1::Message message =
        Envelope(v1::MESSAGE_KIND_HOMELESS_PRESENTATION, kIntake);
    *message.add_recipients() = RecipientOf(kHousing, v1::RECIPIENT_ROLE_JOINT);
    v1::HomelessPresentation presentation;
    presentation.mutable_child()->add_names()->set_given("Hanif");
    AddPart("#1", presentation, &message);
    opened_ = exchange_.Accept(CouncilCaller(), message);
  }

  template <typename Content>
  v1::Message About(v1::MessageKind kind, Content content, int matter = 0) {
    return Say(kind, opened_.conversation_id(), opened_.matter_ids(matter),
               std::move(content));
  }
  v1::Message Taken(const std::string& name = "Wilhelmina Worker",
                    int matter = 0) {
    v1::Message message =
        TakenMessage(opened_.conversation_id(), opened_.matter_ids(matter));
    return With<v1::Taken>(message, [&](v1::Taken* taken) {
      *taken->mutable_worker() = TestWorker(name);
    });
  }
  v1::Message Decided(v1::Outcome outcome, int matter = 0) {
    return DecisionMessage(opened_.conversation_id(),
                           opened_.matter_ids(matter), outcome, "as agreed");
  }
  v1::Message Offer(const std::string& to, int matter = 0) {
    v1::TransferOffer offer;
    const std::vector<std::string> parts = absl::StrSplit(to, '/');
    *offer.mutable_offered_to()->mutable_agency() =
        ParseAgency(absl::StrCat(parts[0], "/", parts[1])).value();
    if (parts.size() > 2) offer.mutable_offered_to()->set_desk(parts[2]);
    offer.set_ground(v1::TRANSFER_GROUND_WRONG_AUTHORITY);
    offer.set_why("the family lives in Arnold");
    return About(v1::MESSAGE_KIND_TRANSFER_OFFER, offer, matter);
  }
  v1::Message Accepted(const std::string& name = "Constance County",
                       int matter = 0) {
    v1::TransferAccepted accepted;
    *accepted.mutable_worker() = TestWorker(name);
    return About(v1::MESSAGE_KIND_TRANSFER_ACCEPTED, accepted, matter);
  }
  v1::Message Declined(int matter = 0) {
    v1::TransferDeclined declined;
    declined.set_reason("not our street");
    return About(v1::MESSAGE_KIND_TRANSFER_DECLINED, declined, matter);
  }
  v1::Message Milestone(v1::MilestoneCode code) {
    v1::Milestone milestone;
    milestone.set_code(code);
    *milestone.mutable_time() = ToProto(Now());
    return About(v1::MESSAGE_KIND_MILESTONE, milestone);
  }
  v1::Message Recall(const std::string& message_id, int matter = 0) {
    v1::Recall recall;
    recall.set_message_id(message_id);
    recall.set_reason("two children of one name");
    *recall.mutable_noticed_time() = ToProto(Now());
    return About(v1::MESSAGE_KIND_RECALL, recall, matter);
  }
  v1::Message Withdrawal(const std::string& message_id, int matter = 0) {
    v1::Withdrawal withdrawal;
    withdrawal.set_message_id(message_id);
    withdrawal.set_reason("flagged by mistake");
    return About(v1::MESSAGE_KIND_WITHDRAWAL, withdrawal, matter);
  }
  v1::Message Correction(const std::string& message_id, int matter = 0) {
    v1::WaitingFlag flag;
    flag.set_sender_reference("encounter-0");
    flag.mutable_child()->add_names()->set_given("Anna");
    v1::Correction correction;
    correction.set_corrects_message_id(message_id);
    correction.set_reason("her name is Anna");
    correction.set_type("baton.v1.WaitingFlag");
    correction.set_content(flag.SerializeAsString());
    return About(v1::MESSAGE_KIND_CORRECTION, correction, matter);
  }
  v1::Message HomelessDecision() {
    v1::Message message = Decided(v1::OUTCOME_REFERRAL_SECTION_17);
    return With<v1::Decision>(message, [](v1::Decision* decision) {
      decision->mutable_homeless()->mutable_sleeps_tonight()->set_value(
          "a foyer in Sneinton");
      decision->mutable_homeless()->set_accommodation(
          v1::ACCOMMODATION_ANSWER_ACCEPTED);
    });
  }

  // `message` with its first part's content changed.
  template <typename Content, typename Change>
  v1::Message With(v1::Message message, Change change) {
    Content content;
    EXPECT_TRUE(content.ParseFromString(message.payload(0).content()));
    change(&content);
    message.mutable_payload(0)->set_content(content.SerializeAsString());
    return message;
  }
  v1::PublishReceipt Accept(const Identity& sender, const v1::Message& said) {
    return exchange_.Accept(sender, said);
  }
  // The reason of a refusal, after a check that it changed nothing.
  std::string Refused(const Identity& sender, const v1::Message& said,
                      absl::StatusCode code) {
    const std::string before = OnDisk().SerializeAsString();
    const absl::Status status = exchange_.Publish(sender, said).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(OnDisk().SerializeAsString(), before);
    return ReasonOf(status).empty() ? std::string(status.message())
                                    : ReasonOf(status);
  }
  v1::Matter Matter(int matter = 0) {
    return exchange_.Conversation(opened_.conversation_id()).matters(matter);
  }
  v1::ConversationRecord OnDisk() {
    return exchange_
        .Read<v1::ConversationRecord>(ConversationKey(
            ParseConversationId(opened_.conversation_id()).value()))
        .value();
  }
  std::optional<std::string> StoredMessage(const std::string& message_id) {
    return exchange_.ReadBytes(MessageKey(ParseMessageId(message_id).value()));
  }
  std::string Holder(int matter = 0) {
    return QueueName(Matter(matter).holder());
  }
  absl::Time Now() { return exchange_.clock().Now().wall; }
  // What has come to a queue since the last look.
  std::vector<v1::MessageKind> Arrived(const std::string& queue) {
    std::vector<v1::MessageKind> kinds;
    const auto consumer = exchange_.Consume(queue);
    for (const v1::ReceivedMessage& received : consumer->TakeAll()) {
      kinds.push_back(received.message().kind());
      EXPECT_TRUE(
          exchange_
              .Ack(received, queue,
                   {.agency = AddressOf(queue).agency(), .key_id = "12345678"})
              .ok());
    }
    exchange_.Unsubscribe(*consumer);
    return kinds;
  }
  v1::AuditEntry LastLeaf(v1::AuditType type) {
    const auto leaves = exchange_.Leaves(type);
    EXPECT_THAT(leaves, Not(IsEmpty()));
    return leaves.empty() ? v1::AuditEntry() : leaves.back();
  }

  ExchangeFixture exchange_;
  v1::PublishReceipt opened_;
};

// --- Rule 1: a contact is not a referral.

TEST_F(CustodyTest, Rule1EveryOutcomeOfAContactIsADecision) {
  std::vector<std::string> codes;
  for (int i = 1; i < v1::Outcome_ARRAYSIZE; ++i) {
    const auto outcome = static_cast<v1::Outcome>(i);
    Flag({"Ann"});
    EXPECT_FALSE(Matter().has_decided()) << "arriving is no outcome";
    Accept(CouncilCaller(), Decided(outcome));
    EXPECT_EQ(Matter().decision().outcome(), outcome);
    EXPECT_EQ(Holder(), kIntake) << "an outcome moves no custody";
    codes.push_back(LastLeaf(v1::AUDIT_TYPE_DECIDED).code());
  }
  EXPECT_THAT(codes, SizeIs(7));
  EXPECT_THAT(codes, testing::Contains("OUTCOME_REFERRAL_SECTION_17"));
}

TEST_F(CustodyTest, Rule1NotActingIsRecordedWithItsReason) {
  Flag({"Ann"});
  const v1::Message message = With<v1::Decision>(
      Decided(v1::OUTCOME_NO_FURTHER_ACTION),
      [](v1::Decision* decision) { decision->clear_reason(); });
  EXPECT_THAT(
      Refused(CouncilCaller(), message, absl::StatusCode::kInvalidArgument),
      HasSubstr("messages[0].payload[0].content.reason"));
}

// --- Rule 2: three receipts, not one.

TEST_F(CustodyTest, Rule2ThreeReceiptsAndTheFirstReadAreSeparate) {
  Flag({"Ann"});
  Accept(CouncilCaller(), Taken());
  EXPECT_FALSE(Matter().has_delivered()) << "taken by telephone";
  EXPECT_FALSE(Matter().has_first_read()) << "taken but never opened";
  Arrived(kIntake);
  EXPECT_TRUE(Matter().has_delivered());
  EXPECT_FALSE(Matter().has_first_read());
  ASSERT_TRUE(
      exchange_.FirstRead(CouncilCaller(), opened_.matter_ids(0), "Rosamund")
          .ok());
  Accept(CouncilCaller(), Decided(v1::OUTCOME_EARLY_HELP));
  const v1::Matter matter = Matter();
  std::set<int64_t> leaves;
  for (const v1::Receipt& receipt : {matter.delivered(), matter.first_read(),
                                     matter.taken(), matter.decided()}) {
    leaves.insert(receipt.audit_index());
  }
  EXPECT_THAT(leaves, SizeIs(4));
  EXPECT_EQ(matter.taken().actor().asserted_by().code(), "E06000018");
}

// --- Rule 5: everything is per child.

TEST_F(CustodyTest, Rule5OneSiblingMovesAndTheOthersKeepTheirBytes) {
  Flag({"Ann", "Ben", "Cat"}, {kPolice});
  Arrived(kIntake);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        exchange_.FirstRead(CouncilCaller(), opened_.matter_ids(i), "Rosamund")
            .ok());
    Accept(CouncilCaller(), Taken("Wilhelmina Worker", i));
  }
  exchange_.Restart();
  const v1::ConversationRecord before = OnDisk();
  std::string ben = before.matters(1).SerializeAsString();
  const auto others_stay = [&](const char* what) {
    const v1::ConversationRecord after = OnDisk();
    for (const int other : {0, 2}) {
      EXPECT_THAT(before.matters(other).sealed_details(), Not(IsEmpty()));
      EXPECT_EQ(after.matters(other).SerializeAsString(),
                before.matters(other).SerializeAsString())
          << what;
    }
    EXPECT_NE(after.matters(1).SerializeAsString(), ben) << what;
    ben = after.matters(1).SerializeAsString();
  };
  v1::Triage triage;
  triage.set_grade(v1::TRIAGE_GRADE_RED);
  Accept(CouncilCaller(), About(v1::MESSAGE_KIND_TRIAGE, triage, 1));
  others_stay("triaged");
  Accept(CouncilCaller(), Decided(v1::OUTCOME_EARLY_HELP, 1));
  others_stay("decided");
  Accept(HospitalCaller(), Correction(opened_.message_id(), 1));
  others_stay("corrected");
  Accept(CouncilCaller(), Offer(kCounty, 1));
  others_stay("offered");
  Accept(CountyCaller(), Accepted("Constance County", 1));
  others_stay("moved");
  Accept(HospitalCaller(), Withdrawal(opened_.message_id(), 1));
  others_stay("withdrawn");
  Accept(HospitalCaller(), Recall(opened_.message_id(), 1));
  others_stay("recalled");
  EXPECT_EQ(Holder(0), kIntake);
  EXPECT_EQ(Holder(1), kCounty);
  EXPECT_EQ(Holder(2), kIntake);
}

TEST_F(CustodyTest, Rule5EachSiblingsNamesAreSealedUnderItsOwnKey) {
  Flag({"Ann", "Ben"});
  for (int i = 0; i < 2; ++i) {
    Accept(CouncilCaller(), Taken("Wilhelmina Worker", i));
    Accept(CouncilCaller(), Offer(kCounty, i));
    Accept(CountyCaller(), Accepted("Constance County", i));
  }
  ASSERT_TRUE(exchange_.vault().Erase(OnDisk().matters(0).key_slot()).ok());
  EXPECT_TRUE(Matter(0).taken().actor().name().empty());
  EXPECT_TRUE(Matter(0).past_custodies(0).has_taken());
  EXPECT_TRUE(Matter(0).past_custodies(0).taken().actor().name().empty());
  EXPECT_EQ(Matter(1).taken().actor().name(), "Constance County");
  EXPECT_EQ(Matter(1).past_custodies(0).taken().actor().name(),
            "Wilhelmina Worker");
}

// --- Rule 6: the holder owes the next action.

TEST_F(CustodyTest, Rule6UntilItIsAcceptedTheOffererHolds) {
  Flag({"Ann"});
  Arrived(kIntake);
  EXPECT_EQ(Refused(CountyCaller(), Taken(), absl::StatusCode::kNotFound),
            absl::StrCat("no conversation ", opened_.conversation_id(),
                         " of this agency"));
  const v1::PublishReceipt offered = Accept(CouncilCaller(), Offer(kCounty));
  EXPECT_EQ(Holder(), kIntake);
  EXPECT_EQ(QueueName(Matter().offer().offered_to()), kCounty);
  EXPECT_EQ(Matter().offer().ground(), v1::TRANSFER_GROUND_WRONG_AUTHORITY);
  EXPECT_FALSE(Matter().offer().off_exchange());
  EXPECT_EQ(Matter().offer().offered().actor().name(), "Wilhelmina Worker");
  EXPECT_EQ(Matter().offer().offered().message_id(), offered.message_id());
  EXPECT_EQ(exchange_.Leaves()[Matter().offer().offered().audit_index()].type(),
            v1::AUDIT_TYPE_OFFERED);
  EXPECT_EQ(
      Refused(CountyCaller(), Taken(), absl::StatusCode::kFailedPrecondition),
      "NOT_HOLDER");
  Accept(CouncilCaller(), Taken());
  EXPECT_THAT(Arrived(kCounty), ElementsAre(v1::MESSAGE_KIND_TRANSFER_OFFER));
}

TEST_F(CustodyTest, Rule6AcceptanceMovesTheHolderAndNotTheReceivedTime) {
  Flag({"Ann"});
  const absl::Time received = Now();
  Arrived(kIntake);
  ASSERT_TRUE(
      exchange_.FirstRead(CouncilCaller(), opened_.matter_ids(0), "Rosamund")
          .ok());
  v1::Triage triage;
  triage.set_grade(v1::TRIAGE_GRADE_AMBER);
  Accept(CouncilCaller(), About(v1::MESSAGE_KIND_TRIAGE, triage));
  Accept(CouncilCaller(), Taken());
  Accept(CouncilCaller(), Decided(v1::OUTCOME_NOT_OURS_TRANSFER_OFFERED));
  Accept(CouncilCaller(), Milestone(v1::MILESTONE_CODE_CHILD_SEEN));
  exchange_.Advance(absl::Hours(3));
  Accept(CouncilCaller(), Offer(kCounty));
  exchange_.Advance(absl::Hours(1));
  const v1::Matter old = Matter();
  const v1::PublishReceipt accepted = Accept(CountyCaller(), Accepted());

  exchange_.Restart();
  const v1::Matter matter = Matter();
  EXPECT_EQ(QueueName(matter.holder()), kCounty);
  EXPECT_EQ(FromProto(matter.holder_time()), Now());
  EXPECT_EQ(FromProto(matter.received_time()), received);
  EXPECT_FALSE(matter.has_offer());
  EXPECT_EQ(matter.version(), old.version() + 1);
  // Acceptance counts as delivered and taken; nobody there opened it yet.
  EXPECT_EQ(matter.state(), v1::MATTER_STATE_TAKEN);
  EXPECT_EQ(matter.delivered().message_id(), accepted.message_id());
  EXPECT_EQ(matter.taken().actor().name(), "Constance County");
  EXPECT_EQ(matter.taken().agency().code(), "E10000024");
  EXPECT_FALSE(matter.has_first_read());
  EXPECT_FALSE(matter.has_decided());
  EXPECT_FALSE(matter.has_triaged());
  EXPECT_EQ(matter.triage_grade(), v1::TRIAGE_GRADE_UNSPECIFIED);
  EXPECT_EQ(matter.milestones_size(), 1) << "they are the child's";
  // What the old holder did is kept as it was.
  ASSERT_EQ(matter.past_custodies_size(), 1);
  const v1::PastCustody& past = matter.past_custodies(0);
  EXPECT_EQ(QueueName(past.holder()), kIntake);
  EXPECT_EQ(FromProto(past.holder_time()), received);
  EXPECT_EQ(FromProto(past.end_time()), Now());
  EXPECT_EQ(past.delivered().SerializeAsString(),
            old.delivered().SerializeAsString());
  EXPECT_EQ(past.first_read().SerializeAsString(),
            old.first_read().SerializeAsString());
  EXPECT_EQ(past.taken().SerializeAsString(), old.taken().SerializeAsString());
  EXPECT_EQ(past.decided().SerializeAsString(),
            old.decided().SerializeAsString());
  EXPECT_EQ(past.decision().outcome(), v1::OUTCOME_NOT_OURS_TRANSFER_OFFERED);
  EXPECT_EQ(past.first_read().actor().name(), "Rosamund");
  const v1::AuditEntry leaf = exchange_.Leaves()[matter.taken().audit_index()];
  EXPECT_EQ(leaf.type(), v1::AUDIT_TYPE_HOLDER_CHANGED);
  EXPECT_EQ(QueueName(leaf.holder()), kCounty);
  EXPECT_EQ(leaf.matter_version(), matter.version());
  EXPECT_THAT(leaf.details_commitment(), SizeIs(32));
  EXPECT_THAT(Arrived(kIntake),
              testing::Contains(v1::MESSAGE_KIND_TRANSFER_ACCEPTED));
}

TEST_F(CustodyTest, Rule6TheNewHolderActsAndTheOldOneNoLonger) {
  Flag({"Ann"});
  Accept(CouncilCaller(), Offer(kCounty));
  Accept(CountyCaller(), Accepted());
  EXPECT_EQ(Refused(CouncilCaller(), Decided(v1::OUTCOME_EARLY_HELP),
                    absl::StatusCode::kFailedPrecondition),
            "NOT_HOLDER");
  Accept(CountyCaller(), Decided(v1::OUTCOME_EARLY_HELP));
  EXPECT_EQ(Matter().state(), v1::MATTER_STATE_DECIDED);
  // The old holder's late acknowledgement delivers nothing to the new one.
  const std::string delivered = Matter().delivered().SerializeAsString();
  Arrived(kIntake);
  EXPECT_EQ(Matter().delivered().SerializeAsString(), delivered);
  // And back again.
  Accept(CountyCaller(), Offer(kIntake));
  Accept(CouncilCaller(), Accepted("Wilhelmina Worker"));
  EXPECT_EQ(Holder(), kIntake);
  EXPECT_EQ(Matter().past_custodies_size(), 2);
  EXPECT_EQ(Matter().past_custodies(1).taken().actor().name(),
            "Constance County");
}

TEST_F(CustodyTest, Rule6ADeclinedOfferLeavesCustody) {
  Flag({"Ann"});
  Accept(CouncilCaller(), Taken());
  Accept(CouncilCaller(), Offer(kCounty));
  const int64_t version = Matter().version();
  Accept(CountyCaller(), Declined());
  EXPECT_FALSE(Matter().has_offer());
  EXPECT_EQ(Holder(), kIntake);
  EXPECT_TRUE(Matter().has_taken());
  EXPECT_EQ(Matter().version(), version + 1);
  EXPECT_THAT(LastLeaf(v1::AUDIT_TYPE_DECLINED).queues(), ElementsAre(kCounty));
  EXPECT_EQ(Refused(CountyCaller(), Accepted(),
                    absl::StatusCode::kFailedPrecondition),
            "NO_OFFER");
  EXPECT_THAT(Arrived(kIntake),
              testing::Contains(v1::MESSAGE_KIND_TRANSFER_DECLINED));
}

TEST_F(CustodyTest, Rule6TheHolderTakesBackAnOfferThatNobodyAnswers) {
  Flag({"Ann"});
  Accept(CouncilCaller(), Offer(kCounty));
  Accept(CouncilCaller(), Declined());
  EXPECT_FALSE(Matter().has_offer());
  Accept(CouncilCaller(), Offer(kPolice));
}

TEST_F(CustodyTest, OnlyTheHolderOffersAndOneBodyAtATime) {
  Flag({"Ann"}, {kPolice});
  EXPECT_EQ(Refused(PoliceCaller(), Offer(kCounty),
                    absl::StatusCode::kFailedPrecondition),
            "NOT_HOLDER");
  Accept(CouncilCaller(), Offer(kCounty));
  EXPECT_EQ(Refused(CouncilCaller(), Offer(kPolice),
                    absl::StatusCode::kFailedPrecondition),
            "OFFER_OPEN");
}

TEST_F(CustodyTest, OnlyWhoItIsOfferedToAccepts) {
  Flag({"Ann"}, {kPolice});
  EXPECT_EQ(Refused(PoliceCaller(), Accepted(),
                    absl::StatusCode::kFailedPrecondition),
            "NO_OFFER");
  Accept(CouncilCaller(), Offer(kCounty));
  for (const auto& message : {Accepted(), Declined()}) {
    EXPECT_EQ(
        Refused(PoliceCaller(), message, absl::StatusCode::kFailedPrecondition),
        "NOT_OFFERED");
  }
  EXPECT_EQ(Refused(CouncilCaller(), Accepted(),
                    absl::StatusCode::kFailedPrecondition),
            "NOT_OFFERED");
  v1::Message evidence = With<v1::TransferAccepted>(
      Accepted(), [&](v1::TransferAccepted* accepted) {
        accepted->mutable_off_exchange()->set_accepted_by("Somebody");
        *accepted->mutable_off_exchange()->mutable_accepted_time() =
            ToProto(Now());
        accepted->mutable_off_exchange()->set_evidence("a call");
      });
  EXPECT_THAT(
      Refused(CountyCaller(), evidence, absl::StatusCode::kInvalidArgument),
      HasSubstr("off_exchange"));
}

TEST_F(CustodyTest, TransfersMindTheVersion) {
  Flag({"Ann"});
  EXPECT_EQ(Refused(CouncilCaller(),
                    With<v1::TransferOffer>(
                        Offer(kCounty),
                        [](auto* offer) { offer->set_expected_version(7); }),
                    absl::StatusCode::kAborted),
            "VERSION_MOVED");
  Accept(CouncilCaller(),
         With<v1::TransferOffer>(Offer(kCounty), [](auto* offer) {
           offer->set_expected_version(1);
         }));
  EXPECT_EQ(Refused(CountyCaller(),
                    With<v1::TransferAccepted>(
                        Accepted(),
                        [](auto* said) { said->set_expected_version(1); }),
                    absl::StatusCode::kAborted),
            "VERSION_MOVED");
}

TEST_F(CustodyTest, AnOfferNamesABodyThatCanTakeIt) {
  Flag({"Ann", "Ben"});
  EXPECT_THAT(Refused(CouncilCaller(), Offer(kIntake),
                      absl::StatusCode::kInvalidArgument),
              HasSubstr("holds the matter already"));
  EXPECT_THAT(Refused(CouncilCaller(), Offer("council/E10000024/attic"),
                      absl::StatusCode::kInvalidArgument),
              HasSubstr("has no desk attic"));
  v1::Message two = Offer(kCounty);
  *two.add_payload() = Offer(kPolice, 1).payload(0);
  EXPECT_THAT(Refused(CouncilCaller(), two, absl::StatusCode::kInvalidArgument),
              HasSubstr("payload[1].content.offered_to"));
  *two.mutable_payload(1) = Offer("council/E10000024", 1).payload(0);
  Accept(CouncilCaller(), two);
  EXPECT_EQ(QueueName(Matter(1).offer().offered_to()), kCounty)
      << "an empty desk is the agency's default one";
  EXPECT_THAT(Arrived(kCounty), SizeIs(1));
}

TEST_F(CustodyTest, AnotherDeskOfTheHolderIsOfferedToAsWell) {
  Flag({"Ann"});
  Accept(CouncilCaller(), Offer(kDuty));
  Accept(CouncilCaller(), Accepted("Desmond Duty"));
  EXPECT_EQ(Holder(), kDuty);
}

TEST_F(CustodyTest, AMatterMovesThirtyTwoTimesAndNoMore) {
  Flag({"Ann"});
  for (int i = 0; i < kMaxPastCustodies; ++i) {
    const bool there = i % 2 == 0;
    Accept(there ? CouncilCaller() : CountyCaller(),
           Offer(there ? kCounty : kIntake));
    Accept(there ? CountyCaller() : CouncilCaller(), Accepted());
  }
  EXPECT_EQ(Matter().past_custodies_size(), kMaxPastCustodies);
  Refused(CouncilCaller(), Offer(kCounty),
          absl::StatusCode::kResourceExhausted);
}

TEST_F(CustodyTest, ARequestThatMovesAMatterSaysNothingElseAboutIt) {
  Flag({"Ann", "Ben"});
  const auto publish = [&](const v1::Message& first,
                           const v1::Message& second) {
    v1::PublishRequest request;
    *request.add_messages() = first;
    *request.add_messages() = second;
    return exchange_.Publish(CouncilCaller(), request).status();
  };
  EXPECT_EQ(publish(Offer(kCounty), Offer(kPolice)).code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(publish(Taken(), Offer(kCounty)).code(),
            absl::StatusCode::kAborted);
  EXPECT_FALSE(Matter().has_offer());
  EXPECT_TRUE(publish(Offer(kCounty), Taken("Wilhelmina Worker", 1)).ok());
}

// --- Rule 23: bodies that are never on the exchange.

TEST_F(CustodyTest, Rule23ABodyOffTheExchangeIsOfferedToOnPaper) {
  for (const char* body :
       {"council/S12000033", "council/W06000015", "council/N09000003",
        "housing/E07000171", "council/E08000025"}) {
    Flag({"Ann"});
    Arrived(kUnknownDesk);
    Accept(CouncilCaller(), Offer(body));
    EXPECT_TRUE(Matter().offer().off_exchange()) << body;
    EXPECT_EQ(Holder(), kIntake) << "holds until it is accepted";
    EXPECT_THAT(Arrived(kUnknownDesk), IsEmpty()) << "printed or phoned";
  }
  Flag({"Ann"});
  Accept(CouncilCaller(), Offer("housing/E07000172"));
  EXPECT_FALSE(Matter().offer().off_exchange()) << "a district with a service";
}

TEST_F(CustodyTest, Rule23ACodeThatIsNeverOnTheExchangeStaysOffIt) {
  v1::AgencyConfig* const agency = exchange_.config.add_agencies();
  *agency->mutable_agency() = ParseAgency("council/S12000033").value();
  agency->set_off_exchange(true);
  agency->set_phone("0131 496 0000");
  exchange_.Restart();
  Flag({"Ann"});
  Accept(CouncilCaller(), Offer("council/S12000033"));
  EXPECT_TRUE(Matter().offer().off_exchange());
}

TEST_F(CustodyTest, Rule6TheOffererRecordsWhoAcceptedOffTheExchange) {
  Flag({"Ann"}, {kPolice});
  Accept(CouncilCaller(), Offer("council/S12000033"));
  EXPECT_THAT(
      Refused(CouncilCaller(), Accepted(), absl::StatusCode::kInvalidArgument),
      HasSubstr("off_exchange"));
  v1::TransferAccepted accepted;
  accepted.mutable_off_exchange()->set_accepted_by("Morag Munro, team manager");
  *accepted.mutable_off_exchange()->mutable_accepted_time() = ToProto(Now());
  accepted.mutable_off_exchange()->set_evidence("letter of 1 January");
  const v1::Message message =
      About(v1::MESSAGE_KIND_TRANSFER_ACCEPTED, accepted);
  EXPECT_EQ(
      Refused(PoliceCaller(), message, absl::StatusCode::kFailedPrecondition),
      "NOT_OFFERED");
  Accept(CouncilCaller(), message);
  EXPECT_EQ(Matter().holder().agency().code(), "S12000033");
  EXPECT_EQ(Matter().state(), v1::MATTER_STATE_TAKEN);
  EXPECT_EQ(Matter().taken().actor().name(), "Morag Munro, team manager");
  EXPECT_EQ(Matter().taken().actor().asserted_by().code(), "E06000018")
      << "the word of who recorded it";
  exchange_.Stop();
  EXPECT_FALSE(exchange_.DiskHolds("Morag"));
  EXPECT_FALSE(exchange_.DiskHolds("letter of"));
}

TEST_F(CustodyTest, ABodyOffTheExchangeDeclinesThroughTheOfferer) {
  Flag({"Ann"});
  Accept(CouncilCaller(), Offer("council/S12000033"));
  Accept(CouncilCaller(), Declined());
  EXPECT_FALSE(Matter().has_offer());
}

// --- The work on a matter.

TEST_F(CustodyTest, TriageAndAllocationAreTheHolders) {
  Flag({"Ann"}, {kCounty});
  v1::Triage triage;
  triage.set_grade(v1::TRIAGE_GRADE_RED);
  v1::Allocation allocation;
  *allocation.mutable_worker() = TestWorker("Alma Allocated");
  for (const auto& message : {About(v1::MESSAGE_KIND_TRIAGE, triage),
                              About(v1::MESSAGE_KIND_ALLOCATION, allocation)}) {
    EXPECT_EQ(
        Refused(CountyCaller(), message, absl::StatusCode::kFailedPrecondition),
        "NOT_HOLDER");
    Accept(CouncilCaller(), message);
  }
  EXPECT_EQ(Matter().triage_grade(), v1::TRIAGE_GRADE_RED);
  EXPECT_EQ(Matter().triaged().actor().name(), "Wilhelmina Worker");
  EXPECT_EQ(LastLeaf(v1::AUDIT_TYPE_TRIAGED).code(), "TRIAGE_GRADE_RED");
  EXPECT_EQ(Matter().allocated().actor().name(), "Alma Allocated");
  EXPECT_EQ(LastLeaf(v1::AUDIT_TYPE_ALLOCATED).matter_version(),
            Matter().version());
  EXPECT_EQ(Holder(), kIntake) << "an allocation moves no custody";
  triage.set_grade(v1::TRIAGE_GRADE_GREEN);
  Accept(CouncilCaller(), About(v1::MESSAGE_KIND_TRIAGE, triage));
  EXPECT_EQ(Matter().triage_grade(), v1::TRIAGE_GRADE_GREEN);
}

TEST_F(CustodyTest, HolderPoliceAndCouncilsRecordMilestones) {
  Flag({"Ann"}, {kPolice, kCounty});
  EXPECT_EQ(Refused(HospitalCaller(), Milestone(v1::MILESTONE_CODE_CHILD_SEEN),
                    absl::StatusCode::kFailedPrecondition),
            "NOT_HOLDER");
  Accept(PoliceCaller(), Milestone(v1::MILESTONE_CODE_POLICE_PROTECTION_START));
  Accept(CountyCaller(), Milestone(v1::MILESTONE_CODE_STRATEGY_DISCUSSION));
  Accept(CouncilCaller(), Milestone(v1::MILESTONE_CODE_CHILD_SEEN));
  ASSERT_EQ(Matter().milestones_size(), 3);
  EXPECT_EQ(Matter().milestones(0).code(),
            v1::MILESTONE_CODE_POLICE_PROTECTION_START);
  EXPECT_EQ(FromProto(Matter().milestones(0).time()), Now());
  EXPECT_EQ(Matter().milestones(0).receipt().agency().code(), "E23000019");
  EXPECT_EQ(Matter().milestones(2).receipt().actor().name(),
            "Wilhelmina Worker");
  EXPECT_EQ(LastLeaf(v1::AUDIT_TYPE_MILESTONE).code(),
            "MILESTONE_CODE_CHILD_SEEN");
  EXPECT_THAT(Arrived(kIntake),
              testing::Contains(v1::MESSAGE_KIND_MILESTONE).Times(2))
      << "the holder is told what others reached";
}

TEST_F(CustodyTest, BeyondSixtyFourMilestonesTheOldestRepeatGoes) {
  Flag({"Ann"});
  Accept(CouncilCaller(), Milestone(v1::MILESTONE_CODE_SECTION_47_STARTED));
  const std::string first =
      Accept(CouncilCaller(), Milestone(v1::MILESTONE_CODE_CHILD_SEEN))
          .message_id();
  const std::string oldest_repeat =
      Accept(CouncilCaller(), Milestone(v1::MILESTONE_CODE_CHILD_SEEN))
          .message_id();
  for (int i = 3; i < kMaxMilestones + 1; ++i) {
    Accept(CouncilCaller(), Milestone(v1::MILESTONE_CODE_CHILD_SEEN));
  }
  const v1::Matter matter = Matter();
  ASSERT_EQ(matter.milestones_size(), kMaxMilestones);
  EXPECT_EQ(matter.milestones(0).code(), v1::MILESTONE_CODE_SECTION_47_STARTED);
  EXPECT_EQ(matter.milestones(1).receipt().message_id(), first);
  for (const v1::MilestoneSummary& kept : matter.milestones()) {
    EXPECT_NE(kept.receipt().message_id(), oldest_repeat);
    EXPECT_EQ(kept.receipt().actor().name(), "Wilhelmina Worker");
  }
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_MILESTONE),
              SizeIs(kMaxMilestones + 1));
}

// A receipt that was replaced leaves no name behind.
TEST_F(CustodyTest, NamesAreKeptAsLongAsTheirReceipts) {
  Flag({"Ann"});
  v1::Triage triage;
  triage.set_grade(v1::TRIAGE_GRADE_RED);
  for (const char* name : {"Flora First", "Selma Second"}) {
    *triage.mutable_worker() = TestWorker(name);
    Accept(CouncilCaller(), About(v1::MESSAGE_KIND_TRIAGE, triage));
  }
  const auto record = exchange_.Read<v1::ConversationRecord>(
      ConversationKey(ParseConversationId(opened_.conversation_id()).value()));
  const auto opened = OpenConversationRecord(*record, exchange_.vault());
  ASSERT_TRUE(opened.ok());
  ASSERT_EQ(opened->details[0].actors_size(), 1);
  EXPECT_EQ(opened->details[0].actors(0).actor().name(), "Selma Second");
}

// --- What a sender says about what it said.

TEST_F(CustodyTest, ACorrectionIsTheAuthorsAndTheOriginalStays) {
  Flag({"Ann", "Ben"}, {kPolice});
  Arrived(kIntake);
  Arrived(kPolice);
  EXPECT_EQ(Refused(PoliceCaller(), Correction(opened_.message_id()),
                    absl::StatusCode::kFailedPrecondition),
            "NOT_AUTHOR");
  const auto original = StoredMessage(opened_.message_id());
  Accept(HospitalCaller(), Correction(opened_.message_id()));
  EXPECT_EQ(StoredMessage(opened_.message_id()), original);
  EXPECT_EQ(Matter(0).corrected().actor().name(), "Wilhelmina Worker");
  EXPECT_FALSE(Matter(1).has_corrected());
  for (const char* queue : {kIntake, kPolice}) {
    EXPECT_THAT(Arrived(queue), ElementsAre(v1::MESSAGE_KIND_CORRECTION));
  }
}

TEST_F(CustodyTest, ACorrectionReplacesAPartOfTheMessageItNames) {
  Flag({"Ann"});
  EXPECT_THAT(
      Refused(HospitalCaller(),
              With<v1::Correction>(Correction(opened_.message_id()),
                                   [](v1::Correction* correction) {
                                     correction->set_type("baton.v1.Contact");
                                     correction->clear_content();
                                   }),
              absl::StatusCode::kInvalidArgument),
      HasSubstr("payload[0].content.type"));
  EXPECT_THAT(Refused(HospitalCaller(), Correction("m-zzz"),
                      absl::StatusCode::kInvalidArgument),
              HasSubstr("corrects_message_id"));
  const std::string first = opened_.message_id();
  Flag({"Zoe"});
  EXPECT_THAT(Refused(HospitalCaller(), Correction(first),
                      absl::StatusCode::kInvalidArgument),
              HasSubstr("corrects_message_id"))
      << "of another conversation";
}

TEST_F(CustodyTest, ACorrectionOfWhatIsSharedConcernsEveryChild) {
  v1::Message message = FlagMessage({"Ann", "Ben"});
  v1::WaitingIncident incident;
  AddPart("", incident, &message);
  opened_ = exchange_.Accept(HospitalCaller(), message);
  v1::Message correction = With<v1::Correction>(
      Correction(opened_.message_id()), [](v1::Correction* said) {
        said->set_type("baton.v1.WaitingIncident");
        said->clear_content();
      });
  correction.mutable_payload(0)->clear_matter_id();
  Accept(HospitalCaller(), correction);
  EXPECT_TRUE(Matter(0).has_corrected());
  EXPECT_TRUE(Matter(1).has_corrected());
  EXPECT_NE(Matter(0).corrected().audit_index(),
            Matter(1).corrected().audit_index());
}

// --- Rule 15: the wrong child.

TEST_F(CustodyTest, Rule15ARecallGoesToEveryoneWhoGotACopyAndEachTakesIt) {
  Flag({"Ann"}, {kPolice, kDuty});
  Accept(CouncilCaller(), Taken());
  Accept(CouncilCaller(), Offer(kCounty));
  Accept(CountyCaller(), Accepted());
  for (const char* queue : {kIntake, kPolice, kDuty, kCounty}) Arrived(queue);
  const v1::Matter before = Matter();
  EXPECT_EQ(Refused(PoliceCaller(), Recall(opened_.message_id()),
                    absl::StatusCode::kFailedPrecondition),
            "NOT_AUTHOR");
  const std::string recall =
      Accept(HospitalCaller(), Recall(opened_.message_id())).message_id();
  for (const char* queue : {kIntake, kPolice, kDuty, kCounty}) {
    EXPECT_THAT(Arrived(queue), ElementsAre(v1::MESSAGE_KIND_RECALL)) << queue;
  }
  std::vector<std::string> owed;
  const v1::Matter recalled = Matter();
  for (const v1::Duty& duty : recalled.duties()) {
    EXPECT_EQ(duty.code(), v1::DUTY_CODE_RECALL);
    EXPECT_EQ(duty.message_id(), recall);
    EXPECT_EQ(FromProto(duty.start_time()), Now());
    EXPECT_FALSE(duty.has_taken());
    owed.push_back(QueueName(duty.address()));
  }
  EXPECT_THAT(owed, UnorderedElementsAre(kIntake, kPolice, kDuty, kCounty));
  EXPECT_EQ(Matter().recalled().message_id(), recall);
  EXPECT_EQ(Matter().recalled().actor().name(), "Wilhelmina Worker");
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DUTY), SizeIs(4));

  // Each takes it by name; the holder's own receipt stays what it was.
  for (const auto& [caller, name] :
       std::vector<std::pair<Identity, std::string>>{
           {PoliceCaller(), "Percy Police"},
           {CouncilCaller(), "Wilhelmina Worker"},
           {CouncilCaller(), "Desmond Duty"},
           {CountyCaller(), "Clara County"}}) {
    v1::Message taken = Taken(name);
    taken.set_in_reply_to(recall);
    Accept(caller, taken);
  }
  std::vector<std::string> names;
  const v1::Matter after = Matter();
  for (const v1::Duty& duty : after.duties()) {
    names.push_back(duty.taken().actor().name());
  }
  EXPECT_THAT(names, UnorderedElementsAre("Percy Police", "Wilhelmina Worker",
                                          "Desmond Duty", "Clara County"));
  EXPECT_EQ(Matter().taken().SerializeAsString(),
            before.taken().SerializeAsString());
  EXPECT_EQ(LastLeaf(v1::AUDIT_TYPE_DUTY).code(), "DUTY_CODE_RECALL/TAKEN");
  EXPECT_EQ(Holder(), kCounty) << "a recall closes and moves nothing";
}

TEST_F(CustodyTest, Rule15AWithdrawalAlwaysArrivesAndClosesNothing) {
  Flag({"Ann"}, {kPolice});
  Arrived(kIntake);
  Arrived(kPolice);
  Accept(CouncilCaller(), Taken());
  const v1::Matter before = Matter();
  Accept(HospitalCaller(), Withdrawal(opened_.message_id()));
  for (const char* queue : {kIntake, kPolice}) {
    EXPECT_THAT(Arrived(queue), ElementsAre(v1::MESSAGE_KIND_WITHDRAWAL));
  }
  EXPECT_EQ(Matter().withdrawn().actor().name(), "Wilhelmina Worker");
  EXPECT_EQ(Matter().state(), before.state());
  EXPECT_EQ(Matter().taken().SerializeAsString(),
            before.taken().SerializeAsString());
  EXPECT_EQ(Holder(), kIntake);
  const v1::Receipt first = Matter().withdrawn();
  Accept(HospitalCaller(), Withdrawal(""));
  EXPECT_EQ(Matter().withdrawn().SerializeAsString(),
            first.SerializeAsString());
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_WITHDRAWN), SizeIs(2));
}

TEST_F(CustodyTest, WithdrawingAllThatWasSaidReachesEveryoneItWasSaidTo) {
  Flag({"Ann", "Ben"});
  v1::Message update = Envelope(v1::MESSAGE_KIND_WAITING_UPDATE, kPolice);
  update.set_conversation_id(opened_.conversation_id());
  AddPart(opened_.matter_ids(0), v1::WaitingUpdate(), &update);
  Accept(HospitalCaller(), update);
  *update.mutable_recipients(0) = RecipientOf(kCounty, v1::RECIPIENT_ROLE_COPY);
  update.set_idempotency_key("about-ben");
  update.mutable_payload(0)->set_matter_id(opened_.matter_ids(1));
  Accept(HospitalCaller(), update);
  for (const char* queue : {kIntake, kPolice, kCounty}) Arrived(queue);
  Accept(HospitalCaller(), Withdrawal(""));
  EXPECT_THAT(Arrived(kIntake), SizeIs(1));
  EXPECT_THAT(Arrived(kPolice), SizeIs(1));
  EXPECT_THAT(Arrived(kCounty), IsEmpty()) << "got something about Ben only";
  EXPECT_EQ(Refused(PoliceCaller(), Withdrawal(""),
                    absl::StatusCode::kFailedPrecondition),
            "NOT_AUTHOR");
}

TEST_F(CustodyTest, ALongConversationIsWithdrawnMessageByMessage) {
  Flag({"Ann"});
  for (int i = 1; i < 65; ++i) {
    v1::Message update = TextMessage(absl::StrCat("update ", i));
    update.set_conversation_id(opened_.conversation_id());
    Accept(HospitalCaller(), update);
  }
  EXPECT_THAT(Refused(HospitalCaller(), Withdrawal(""),
                      absl::StatusCode::kInvalidArgument),
              HasSubstr("payload[0].content.message_id"));
  Accept(HospitalCaller(), Withdrawal(opened_.message_id()));
}

// Only whoever raised a matter takes the matter back.
TEST_F(CustodyTest, WithdrawingAnAnswerMarksNoMatter) {
  Flag({"Ann"});
  const std::string taken = Accept(CouncilCaller(), Taken()).message_id();
  Accept(CouncilCaller(), Withdrawal(taken));
  EXPECT_FALSE(Matter().has_withdrawn());
  EXPECT_TRUE(Matter().has_taken());
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_WITHDRAWN), SizeIs(1));
}

TEST_F(CustodyTest, AddedRecipientsCountAndThoseNamedAreTooMany) {
  exchange_.config.mutable_limits()->set_max_recipients(3);
  exchange_.Restart();
  Flag({"Ann"}, {kPolice, kDuty});
  v1::Message recall = Recall(opened_.message_id());
  *recall.add_recipients() = RecipientOf(kCounty, v1::RECIPIENT_ROLE_COPY);
  EXPECT_THAT(
      Refused(HospitalCaller(), recall, absl::StatusCode::kInvalidArgument),
      HasSubstr("recipients"));
  recall.clear_recipients();
  Accept(HospitalCaller(), recall);
}

TEST_F(CustodyTest, SixtyFourDutiesAndNoMoreUnlessOneIsMet) {
  Flag({"Ann"}, {kPolice, kDuty, kCounty});
  std::vector<std::string> recalls;
  for (int i = 0; i < kMaxDuties / 4; ++i) {
    recalls.push_back(
        Accept(HospitalCaller(), Recall(opened_.message_id())).message_id());
  }
  EXPECT_EQ(Matter().duties_size(), kMaxDuties);
  Refused(HospitalCaller(), Recall(opened_.message_id()),
          absl::StatusCode::kResourceExhausted);
  for (const Identity& caller :
       {PoliceCaller(), CouncilCaller(), CouncilCaller(), CountyCaller()}) {
    v1::Message taken = Taken();
    taken.set_in_reply_to(recalls[0]);
    Accept(caller, taken);
  }
  Accept(HospitalCaller(), Recall(opened_.message_id()));
  EXPECT_EQ(Matter().duties_size(), kMaxDuties);
  EXPECT_EQ(Matter().duties(0).message_id(), recalls[1]);
}

// --- Rule 20: homeless 16- and 17-year-olds.

TEST_F(CustodyTest, Rule20HousingHasADutyOfItsOwnBesideTheHolder) {
  Homeless();
  ASSERT_EQ(Matter().duties_size(), 1);
  EXPECT_EQ(Matter().duties(0).code(), v1::DUTY_CODE_HOMELESS);
  EXPECT_EQ(QueueName(Matter().duties(0).address()), kHousing);
  EXPECT_EQ(Matter().duties(0).message_id(), opened_.message_id());
  EXPECT_EQ(Holder(), kIntake);
  EXPECT_EQ(LastLeaf(v1::AUDIT_TYPE_DUTY).code(), "DUTY_CODE_HOMELESS");
  EXPECT_EQ(LastLeaf(v1::AUDIT_TYPE_DUTY).matter_version(), Matter().version());
  EXPECT_THAT(Arrived(kHousing),
              ElementsAre(v1::MESSAGE_KIND_HOMELESS_PRESENTATION));
  EXPECT_FALSE(Matter().has_delivered());

  Accept(HousingCaller(), Taken("Horace Housing"));
  EXPECT_FALSE(Matter().has_taken());
  EXPECT_EQ(Matter().duties(0).taken().actor().name(), "Horace Housing");
  Accept(HousingCaller(), HomelessDecision());
  EXPECT_FALSE(Matter().has_decided());
  EXPECT_EQ(Matter().duties(0).answered().agency().agency_class(),
            v1::AGENCY_CLASS_HOUSING);
  Accept(CouncilCaller(), Taken());
  Accept(CouncilCaller(), HomelessDecision());
  EXPECT_TRUE(Matter().has_decided());
}

TEST_F(CustodyTest, Rule20ItClosesOnlyOnWhereTheySleepAndAccommodation) {
  Homeless();
  const v1::Message bare = Decided(v1::OUTCOME_REFERRAL_SECTION_17);
  for (const Identity& caller : {CouncilCaller(), HousingCaller()}) {
    const std::string faults =
        Refused(caller, bare, absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(faults, HasSubstr("homeless.sleeps_tonight"));
    EXPECT_THAT(faults, HasSubstr("homeless.accommodation"));
  }
  const v1::Message unknown =
      With<v1::Decision>(HomelessDecision(), [](v1::Decision* decision) {
        decision->mutable_homeless()->mutable_sleeps_tonight()->set_absence(
            v1::ABSENCE_UNKNOWN);
      });
  Refused(CouncilCaller(), unknown, absl::StatusCode::kInvalidArgument);
  Accept(CouncilCaller(),
         With<v1::Decision>(HomelessDecision(), [](v1::Decision* decision) {
           decision->mutable_homeless()->set_accommodation(
               v1::ACCOMMODATION_ANSWER_REFUSED);
         }));
}

TEST_F(CustodyTest, Rule20NoTransferEndsTheDutyOfHousing) {
  Homeless();
  Accept(CouncilCaller(), Offer(kCounty));
  Accept(CountyCaller(), Accepted());
  ASSERT_EQ(Matter().duties_size(), 1);
  EXPECT_FALSE(Matter().duties(0).has_answered());
  Accept(HousingCaller(), HomelessDecision());
  EXPECT_TRUE(Matter().duties(0).has_answered());
}

TEST_F(CustodyTest, Rule20TheDeskTellsAJointDutyOfTheSameCouncil) {
  v1::Message message =
      Envelope(v1::MESSAGE_KIND_HOMELESS_PRESENTATION, kIntake);
  *message.add_recipients() = RecipientOf(kDuty, v1::RECIPIENT_ROLE_JOINT);
  AddPart("#1", v1::HomelessPresentation(), &message);
  opened_ = exchange_.Accept(CouncilCaller(), message);
  const auto at_desk = [&](const std::string& desk) {
    return With<v1::Taken>(Taken(),
                           [&](v1::Taken* taken) { taken->set_desk(desk); });
  };
  EXPECT_EQ(Refused(CouncilCaller(), at_desk("attic"),
                    absl::StatusCode::kFailedPrecondition),
            "NO_DUTY");
  Accept(CouncilCaller(), at_desk("duty"));
  EXPECT_TRUE(Matter().duties(0).has_taken());
  EXPECT_FALSE(Matter().has_taken());
  Accept(CouncilCaller(), at_desk(""));
  EXPECT_TRUE(Matter().has_taken());
}

TEST_F(CustodyTest, Rule20AWaitThatProvesHomelessGetsTheDutyToo) {
  Flag({"Hanif", "Ida"});
  v1::Message message =
      Envelope(v1::MESSAGE_KIND_HOMELESS_PRESENTATION, kIntake);
  message.set_conversation_id(opened_.conversation_id());
  *message.add_recipients() = RecipientOf(kHousing, v1::RECIPIENT_ROLE_JOINT);
  AddPart(opened_.matter_ids(0), v1::HomelessPresentation(), &message);
  Accept(CouncilCaller(), message);
  EXPECT_EQ(Matter(0).duties_size(), 1);
  EXPECT_EQ(Matter(1).duties_size(), 0);
  message.set_idempotency_key("again");
  Accept(CouncilCaller(), message);
  EXPECT_EQ(Matter(0).duties_size(), 1) << "the same duty, still open";
  Refused(CouncilCaller(), Decided(v1::OUTCOME_EARLY_HELP),
          absl::StatusCode::kInvalidArgument);
  Accept(CouncilCaller(), Decided(v1::OUTCOME_EARLY_HELP, 1));
}

// --- Questions between agencies.

TEST_F(CustodyTest, AParticipantAsksAndTheAnswerNamesTheQuestion) {
  Flag({"Ann"}, {kPolice});
  v1::InformationRequest question;
  question.set_question("Is the father known to you?");
  *question.mutable_deadline() = ToProto(Now() + absl::Hours(4));
  v1::Message ask = About(v1::MESSAGE_KIND_INFORMATION_REQUEST, question);
  *ask.add_recipients() = RecipientOf(kPolice, v1::RECIPIENT_ROLE_ACTION);
  const std::string before = Matter().SerializeAsString();
  const std::string asked = Accept(CouncilCaller(), ask).message_id();
  v1::InformationResponse known;
  known.set_answer(v1::INFORMATION_ANSWER_NOT_KNOWN);
  v1::Message answer = About(v1::MESSAGE_KIND_INFORMATION_RESPONSE, known);
  *answer.add_recipients() = RecipientOf(kIntake, v1::RECIPIENT_ROLE_ACTION);
  EXPECT_THAT(
      Refused(PoliceCaller(), answer, absl::StatusCode::kInvalidArgument),
      HasSubstr("in_reply_to"));
  answer.set_in_reply_to(opened_.message_id());
  EXPECT_THAT(
      Refused(PoliceCaller(), answer, absl::StatusCode::kInvalidArgument),
      HasSubstr("INFORMATION_REQUEST"));
  answer.set_in_reply_to(asked);
  Refused(CountyCaller(), answer, absl::StatusCode::kNotFound);
  Accept(PoliceCaller(), answer);
  EXPECT_EQ(Matter().SerializeAsString(), before) << "no custody in it";
}

TEST_F(CustodyTest, AChallengeIsAnswered) {
  Flag({"Ann"});
  Accept(CouncilCaller(), Decided(v1::OUTCOME_NO_FURTHER_ACTION));
  v1::Challenge challenge;
  challenge.set_stage(1);
  challenge.set_disagreement("she cannot go home tonight");
  v1::Message said = About(v1::MESSAGE_KIND_CHALLENGE, challenge);
  *said.add_recipients() = RecipientOf(kIntake, v1::RECIPIENT_ROLE_ACTION);
  const std::string challenged = Accept(HospitalCaller(), said).message_id();
  v1::ChallengeResponse response;
  response.set_stage(1);
  response.set_answer(v1::CHALLENGE_ANSWER_CHANGED);
  response.set_reason("seen again");
  v1::Message answer = About(v1::MESSAGE_KIND_CHALLENGE_RESPONSE, response);
  *answer.add_recipients() =
      RecipientOf(kHospitalDesk, v1::RECIPIENT_ROLE_ACTION);
  answer.set_in_reply_to(challenged);
  Accept(CouncilCaller(), answer);
  EXPECT_EQ(Matter().decision().outcome(), v1::OUTCOME_NO_FURTHER_ACTION)
      << "a new decision follows";
}

// --- A call that is written down later.

TEST_F(CustodyTest, TheWrittenFormJoinsTheCall) {
  v1::Message call = Envelope(v1::MESSAGE_KIND_PHONE_CONTACT, kIntake);
  *call.add_recipients() = RecipientOf(kHospitalDesk, v1::RECIPIENT_ROLE_COPY);
  AddPart("#1", v1::PhoneContact(), &call);
  opened_ = exchange_.Accept(CouncilCaller(), call);
  EXPECT_EQ(Holder(), kIntake);
  v1::Message form = Envelope(v1::MESSAGE_KIND_CONTACT, kIntake);
  form.set_conversation_id(opened_.conversation_id());
  AddPart(opened_.matter_ids(0), v1::Contact(), &form);
  Refused(CountyCaller(), form, absl::StatusCode::kNotFound);
  Accept(HospitalCaller(), form);
  const v1::Conversation conversation =
      exchange_.Conversation(opened_.conversation_id());
  EXPECT_EQ(conversation.matters_size(), 1);
  EXPECT_EQ(conversation.message_count(), 2);
  EXPECT_EQ(FromProto(Matter().received_time()),
            FromProto(opened_.publish_time()))
      << "the clock started at the call";
}

// --- Rule 8: three vocabularies of "missing".

TEST_F(CustodyTest, Rule8OneEpisodeCarriesAllVocabularies) {
  v1::MissingReport report;
  report.set_episode_reference("NOTTS-1");
  report.mutable_risk()->set_grade(v1::RISK_GRADE_NO_APPARENT_RISK);
  report.set_ssda_type(v1::SSDA_TYPE_AWAY);
  v1::Message message = Envelope(v1::MESSAGE_KIND_MISSING_REPORT, kIntake);
  AddPart("#1", report, &message);
  opened_ = exchange_.Accept(PoliceCaller(), message);
  v1::MissingUpdate counted;  // The council counts it in its own words.
  counted.set_annex_a_count(v1::ANNEX_A_COUNT_ABSENT);
  v1::Message update = Envelope(v1::MESSAGE_KIND_MISSING_UPDATE, kPolice);
  update.set_conversation_id(opened_.conversation_id());
  AddPart(opened_.matter_ids(0), counted, &update);
  Accept(CouncilCaller(), update);

  v1::MissingReport got;
  ASSERT_TRUE(got.ParseFromString(
      exchange_.Consume(kIntake)->Next().message().payload(0).content()));
  EXPECT_EQ(got.SerializeAsString(), report.SerializeAsString());
  v1::MissingUpdate told;
  ASSERT_TRUE(told.ParseFromString(
      exchange_.Consume(kPolice)->Next().message().payload(0).content()));
  EXPECT_EQ(told.annex_a_count(), v1::ANNEX_A_COUNT_ABSENT);
}

// --- What only the exchange says; links and releases.

TEST_F(CustodyTest, OnlyTheExchangeAlertsAndEscalates) {
  for (const v1::MessageKind kind :
       {v1::MESSAGE_KIND_ALERT, v1::MESSAGE_KIND_ESCALATION}) {
    const absl::Status status =
        exchange_.Publish(CouncilCaller(), Envelope(kind, kIntake)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_EQ(LastLeaf(v1::AUDIT_TYPE_DENIED).code(),
              "PERMISSION_DENIED/Publish");
  }
}

TEST_F(CustodyTest, OnlyTheHolderReleasesAndOnlyWhatIsRestricted) {
  Flag({"Ann"}, {kPolice});
  v1::Release release;
  release.set_reason("checked with the adoption team");
  const v1::Message message = About(v1::MESSAGE_KIND_RELEASE, release);
  EXPECT_EQ(
      Refused(PoliceCaller(), message, absl::StatusCode::kFailedPrecondition),
      "NOT_HOLDER");
  EXPECT_THAT(
      Refused(CouncilCaller(), message, absl::StatusCode::kInvalidArgument),
      HasSubstr("is not restricted"));
}

TEST_F(CustodyTest, WhatIsNotLinkedIsNotUnlinked) {
  Flag({"Ann"});
  v1::Unlink unlink;
  unlink.set_other_matter_id("c-zzz.1");
  unlink.set_reason("another child");
  EXPECT_THAT(Refused(CouncilCaller(), About(v1::MESSAGE_KIND_UNLINK, unlink),
                      absl::StatusCode::kInvalidArgument),
              HasSubstr("other_matter_id"));
}

TEST(CustodyRecordTest, AnUndoneLinkStaysAsUndone) {
  Conversation conversation;
  v1::Matter* const matter =
      conversation.record.add_matters()->mutable_matter();
  matter->set_version(3);
  matter->add_links()->set_matter_id("c-2.1");
  matter->add_links()->set_matter_id("c-3.1");
  conversation.details.resize(1);
  v1::Receipt receipt;
  receipt.set_message_id("m-9");
  receipt.set_audit_index(17);
  EXPECT_TRUE(RecordUnlinked(receipt, TestWorker(), "c-3.1", 0, &conversation));
  EXPECT_FALSE(
      RecordUnlinked(receipt, TestWorker(), "c-3.1", 0, &conversation));
  EXPECT_FALSE(
      RecordUnlinked(receipt, TestWorker(), "c-4.1", 0, &conversation));
  EXPECT_EQ(matter->version(), 4);
  const v1::Matter shown = ToPublic(conversation).matters(0);
  EXPECT_FALSE(shown.links(0).has_undone());
  EXPECT_EQ(shown.links(1).undone().actor().name(), "Wilhelmina Worker");
}

// --- Nothing personal outside the seals.

TEST_F(CustodyTest, NamesAndWordsRestSealedAndLeaveNoTraceInTheAuditLog) {
  Flag({"Ann"});
  v1::Triage triage;
  triage.set_grade(v1::TRIAGE_GRADE_RED);
  triage.set_reason("bruises like buttons");
  Accept(CouncilCaller(), About(v1::MESSAGE_KIND_TRIAGE, triage));
  Accept(CouncilCaller(), Taken());
  Accept(CouncilCaller(), Offer(kCounty));
  Accept(CountyCaller(), Accepted());
  Accept(HospitalCaller(), Recall(opened_.message_id()));
  for (const v1::AuditEntry& entry : exchange_.Leaves()) {
    for (const char* secret :
         {"Wilhelmina", "Constance", "buttons", "Arnold", "one name", "0115"}) {
      EXPECT_THAT(entry.SerializeAsString(), Not(HasSubstr(secret)));
    }
  }
  exchange_.Stop();
  for (const char* secret :
       {"Wilhelmina", "Constance", "buttons", "Arnold", "one name"}) {
    EXPECT_FALSE(exchange_.DiskHolds(secret)) << secret;
  }
}

TEST_F(CustodyTest, ARepeatedOfferGetsTheFirstReceipt) {
  Flag({"Ann"});
  const v1::Message offer = Offer(kCounty);
  const v1::PublishReceipt first = Accept(CouncilCaller(), offer);
  const v1::PublishReceipt again = Accept(CouncilCaller(), offer);
  EXPECT_TRUE(again.repeat());
  EXPECT_EQ(again.message_id(), first.message_id());
}

}  // namespace
}  // namespace baton
