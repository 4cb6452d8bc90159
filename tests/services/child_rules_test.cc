#include "services/broker/child_rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "baton/v1/alert.pb.h"
#include "baton/v1/amendment.pb.h"
#include "baton/v1/contact.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/police.pb.h"
#include "baton/v1/waiting.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/broker/links.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "tests/support/child_messages.h"
#include "tests/support/exchange_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class ChildRulesTest : public testing::Test {
 protected:
  void SetUp() override {
    exchange_.config = ChildRulesConfig();
    exchange_.policy = OpenAccessPolicy();
    exchange_.Start();
  }

  v1::PublishReceipt Accept(const Identity& sender, v1::Message message) {
    *message.mutable_idempotency_time() = ToProto(exchange_.clock().Now().wall);
    return exchange_.Accept(sender, std::move(message));
  }
  v1::PublishReceipt Wait(const v1::Child& child) {
    return Accept(HospitalCaller(), WaitMessage(child));
  }
  v1::PublishReceipt Missing(const v1::Child& child, bool restricted = false) {
    return Accept(PoliceCaller(), MissingMessage(child, restricted));
  }
  v1::PublishReceipt Found(const v1::PublishReceipt& missing) {
    return Accept(PoliceCaller(), FoundMessage(missing.conversation_id(),
                                               missing.matter_ids(0)));
  }
  v1::PublishReceipt Release(const v1::PublishReceipt& receipt) {
    return Accept(CouncilCaller(), ReleaseMessage(receipt.conversation_id(),
                                                  receipt.matter_ids(0)));
  }
  v1::PublishReceipt Decide(const v1::PublishReceipt& receipt) {
    return Accept(CouncilCaller(), DecisionMessage(receipt.conversation_id(),
                                                   receipt.matter_ids(0),
                                                   v1::OUTCOME_EARLY_HELP, ""));
  }
  std::string Refused(const Identity& sender, v1::Message message,
                      absl::StatusCode code) {
    const absl::Status status =
        exchange_.Publish(sender, std::move(message)).status();
    EXPECT_EQ(status.code(), code) << status;
    return std::string(status.message());
  }

  v1::Matter MatterOf(const v1::PublishReceipt& receipt, int index = 0) {
    return exchange_.Conversation(receipt.conversation_id()).matters(index);
  }
  std::vector<std::string> LinksOf(const v1::PublishReceipt& receipt,
                                   int index = 0) {
    std::vector<std::string> linked;
    const v1::Matter matter = MatterOf(receipt, index);
    for (const v1::Link& link : matter.links()) {
      if (!link.has_undone()) linked.push_back(link.matter_id());
    }
    return linked;
  }
  // What the school finds in its queue now.
  std::vector<v1::AlertCode> Alerts() {
    std::vector<v1::AlertCode> codes;
    const auto office = exchange_.Consume(kSchoolOffice);
    for (const v1::ReceivedMessage& received : office->TakeAll()) {
      EXPECT_EQ(received.message().kind(), v1::MESSAGE_KIND_ALERT);
      codes.push_back(PartOf<v1::Alert>(received.message()).code());
      EXPECT_TRUE(exchange_.Ack(received, kSchoolOffice, SchoolCaller()).ok());
    }
    exchange_.Unsubscribe(*office);
    return codes;
  }
  static std::vector<v1::MarkCode> MarksOf(const v1::PublishReceipt& receipt) {
    std::vector<v1::MarkCode> codes;
    for (const v1::Mark& mark : receipt.marks()) codes.push_back(mark.code());
    return codes;
  }

  ExchangeFixture exchange_;
};

// --- Rule 14: links.

TEST_F(ChildRulesTest, Rule14AnOpenMissingEpisodeAndANewWaitAreLinked) {
  const v1::PublishReceipt missing = Missing(Persephone());
  const v1::PublishReceipt wait = Wait(Persephone());
  ASSERT_THAT(LinksOf(wait), ElementsAre(missing.matter_ids(0)));
  ASSERT_THAT(LinksOf(missing), ElementsAre(wait.matter_ids(0)));
  const v1::Link link = MatterOf(missing).links(0);
  EXPECT_EQ(link.kind(), v1::MESSAGE_KIND_WAITING_FLAG);
  EXPECT_EQ(QueueName(link.holder()), kIntake);
  EXPECT_EQ(link.reason(), v1::LINK_REASON_NHS_NUMBER);
  EXPECT_EQ(MatterOf(wait).links(0).kind(), v1::MESSAGE_KIND_MISSING_REPORT);

  const auto leaves = exchange_.Leaves(v1::AUDIT_TYPE_LINKED);
  ASSERT_THAT(leaves, SizeIs(1));
  EXPECT_EQ(leaves[0].matter_id(), wait.matter_ids(0));
  EXPECT_EQ(leaves[0].other_matter_id(), missing.matter_ids(0));
  EXPECT_EQ(leaves[0].code(), "LINK_REASON_NHS_NUMBER");
  EXPECT_EQ(leaves[0].actor().agency_class(), v1::AGENCY_CLASS_EXCHANGE);
}

TEST_F(ChildRulesTest, Rule14BothSidesAreToldAtOnce) {
  const v1::PublishReceipt missing = Missing(Persephone());
  v1::PublishRequest request;
  *request.add_messages() = WaitMessage(Persephone());
  std::vector<Command> commands;
  commands.push_back(
      PublishCommand{HospitalCaller(), request, [](const auto&) {}});
  const absl::StatusOr<StepResult> result =
      exchange_.StepOnce(std::move(commands));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(std::any_of(result->changed.begin(), result->changed.end(),
                          [&](const v1::Conversation& conversation) {
                            return conversation.conversation_id() ==
                                       missing.conversation_id() &&
                                   conversation.matters(0).links_size() == 1;
                          }));
}

TEST_F(ChildRulesTest, Rule14LinksOutliveARestartAndAreFoundAfterIt) {
  const v1::PublishReceipt missing = Missing(Persephone());
  exchange_.Restart();
  const v1::PublishReceipt wait = Wait(Persephone());
  exchange_.Restart();
  EXPECT_THAT(LinksOf(wait), ElementsAre(missing.matter_ids(0)));
  EXPECT_THAT(LinksOf(missing), ElementsAre(wait.matter_ids(0)));
}

TEST_F(ChildRulesTest, Rule14MessagesOfOneStepAreLinked) {
  v1::PublishRequest request;
  *request.add_messages() = WaitMessage(Persephone());
  *request.add_messages() = WaitMessage(Persephone());
  const auto response = exchange_.Publish(HospitalCaller(), request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(LinksOf(response->receipts(0)),
              ElementsAre(response->receipts(1).matter_ids(0)));
}

TEST_F(ChildRulesTest, Rule14ALinkNeverBlocks) {
  const v1::PublishReceipt missing = Missing(Persephone());
  const int64_t version = MatterOf(missing).version();
  Wait(Persephone());
  EXPECT_EQ(MatterOf(missing).version(), version);
  // What was decided on before the link came is decided.
  Accept(CouncilCaller(), TakenMessage(missing.conversation_id(),
                                       missing.matter_ids(0), version));
  EXPECT_THAT(LinksOf(missing), SizeIs(1));
}

TEST_F(ChildRulesTest, Rule14SiblingsOfOneMessageAreNotLinked) {
  v1::Message message = NoticeMessage(Persephone(), false);
  v1::PoliceNotice brother;
  *brother.mutable_child() = OtherChild("Wollaton");
  const v1::PublishReceipt first =
      Accept(PoliceCaller(), With(message, "#2", brother));
  EXPECT_THAT(LinksOf(first), IsEmpty());
  // The same incident told again is linked, each child with each.
  const v1::PublishReceipt second =
      Accept(PoliceCaller(), NoticeMessage(OtherChild("Radford"), false));
  EXPECT_THAT(LinksOf(second),
              UnorderedElementsAre(first.matter_ids(0), first.matter_ids(1)));
  EXPECT_EQ(MatterOf(second).links(0).reason(), v1::LINK_REASON_INCIDENT);
}

TEST_F(ChildRulesTest, Rule14ADecidedMatterIsLinkedForAYear) {
  const v1::PublishReceipt old = Wait(Persephone());
  Decide(old);
  exchange_.Advance(kLinkHorizon);
  const v1::PublishReceipt within = Wait(Persephone());
  EXPECT_THAT(LinksOf(within), ElementsAre(old.matter_ids(0)));
  exchange_.Advance(absl::Seconds(1));
  const v1::PublishReceipt after = Wait(Persephone());
  EXPECT_THAT(LinksOf(after), ElementsAre(within.matter_ids(0)));
}

TEST_F(ChildRulesTest, Rule14ThreeNoticesInThreeMonthsAreAPattern) {
  const auto notice = [this](const v1::Child& child) {
    return MatterOf(Accept(PoliceCaller(), NoticeMessage(child, false)))
        .notices_in_three_months();
  };
  EXPECT_EQ(notice(Persephone()), 0);
  exchange_.Advance(absl::Hours(24));
  EXPECT_EQ(notice(Persephone()), 0);
  // The brother's, of the same incident, is not about this child.
  EXPECT_EQ(notice(OtherChild("Radford")), 0);
  exchange_.Advance(kNoticePeriod - absl::Hours(24));
  EXPECT_EQ(notice(Persephone()), 3);
  // The first is three months ago now.
  exchange_.Advance(absl::Hours(1));
  EXPECT_EQ(notice(Persephone()), 3);
  Wait(Persephone());
  EXPECT_EQ(notice(Persephone()), 4);
}

TEST_F(ChildRulesTest, Rule14AFoundChildsEpisodeIsLinkedForAYear) {
  const v1::PublishReceipt missing = Missing(Persephone());
  Found(missing);
  exchange_.Advance(kLinkHorizon + absl::Seconds(1));
  EXPECT_THAT(LinksOf(Wait(Persephone())), IsEmpty());
}

TEST_F(ChildRulesTest, Rule19WhoLeftUnexpectedlyStillWaits) {
  const auto end_as = [this](v1::WaitingEndReason reason) {
    const v1::PublishReceipt wait = Wait(Persephone());
    v1::WaitingEnd end;
    end.set_end_reason(reason);
    Accept(HospitalCaller(), With(FollowUp(v1::MESSAGE_KIND_WAITING_END,
                                           kIntake, wait.conversation_id()),
                                  wait.matter_ids(0), end));
    return wait;
  };
  const auto left = end_as(v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY);
  end_as(v1::WAITING_END_REASON_DISCHARGED);
  exchange_.Advance(kLinkHorizon + absl::Seconds(1));
  EXPECT_THAT(LinksOf(Wait(Persephone())), ElementsAre(left.matter_ids(0)));
}

TEST_F(ChildRulesTest, Rule14TheStrongestLinksComeFirstThenTheNewest) {
  v1::Child by_name = Persephone();
  by_name.clear_nhs_number();
  by_name.clear_pupil_number();
  const v1::PublishReceipt a = Wait(Persephone());
  const v1::PublishReceipt b = Wait(Persephone());
  const v1::PublishReceipt c = Wait(by_name);
  const v1::PublishReceipt d = Wait(Persephone());
  EXPECT_THAT(LinksOf(d),
              ElementsAre(b.matter_ids(0), a.matter_ids(0), c.matter_ids(0)));
  EXPECT_EQ(MatterOf(d).links(2).reason(), v1::LINK_REASON_NAME_AND_BIRTH_DATE);
}

TEST_F(ChildRulesTest, Rule14AMatterHasItsNewestLinks) {
  std::vector<v1::PublishReceipt> waits;
  for (int i = 0; i < kMaxLinks + 2; ++i) waits.push_back(Wait(Persephone()));
  for (const v1::PublishReceipt& wait : waits) {
    EXPECT_LE(LinksOf(wait).size(), static_cast<size_t>(kMaxLinks));
  }
  EXPECT_THAT(LinksOf(waits[0]), SizeIs(kMaxLinks));
  // The first went out of the index when as many had come after it.
  EXPECT_EQ(LinksOf(waits[0])[0], waits[kMaxLinks].matter_ids(0));
  EXPECT_EQ(LinksOf(waits.back())[0], waits[kMaxLinks].matter_ids(0));
}

TEST_F(ChildRulesTest, AMessageMakesBoundedLinks) {
  for (int i = 0; i < kMaxMatched; ++i) {
    Accept(PoliceCaller(),
           NoticeMessage(OtherChild(std::string(i + 1, 'x')), false));
  }
  v1::Message message = NoticeMessage(OtherChild("Radford"), false);
  for (int i = 2; i <= 4; ++i) {
    v1::PoliceNotice sibling;
    *sibling.mutable_child() = OtherChild(absl::StrCat("Radford", i));
    message = With(message, absl::StrCat("#", i), sibling);
  }
  const size_t before = exchange_.Leaves(v1::AUDIT_TYPE_LINKED).size();
  const v1::PublishReceipt receipt = Accept(PoliceCaller(), message);
  EXPECT_EQ(exchange_.Leaves(v1::AUDIT_TYPE_LINKED).size() - before,
            static_cast<size_t>(ChildRules::kMaxLinksOfMessage));
  EXPECT_THAT(LinksOf(receipt, 0), SizeIs(kMaxLinks));
  EXPECT_THAT(LinksOf(receipt, 3), IsEmpty());
}

TEST_F(ChildRulesTest, ACommitMakesBoundedLinks) {
  constexpr int kWaits = 70;
  std::vector<Command> commands;
  for (int i = 0; i < kWaits; ++i) {
    v1::PublishRequest request;
    *request.add_messages() = WaitMessage(Persephone());
    commands.push_back(
        PublishCommand{HospitalCaller(), request, [](const auto& response) {
                         EXPECT_TRUE(response.ok()) << response.status();
                       }});
  }
  ASSERT_TRUE(exchange_.StepOnce(std::move(commands)).ok());
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_LINKED),
              SizeIs(ChildRules::kMaxLinksOfCommit));
  // The last is in the index all the same; the next commit links again.
  EXPECT_THAT(LinksOf(Wait(Persephone())), SizeIs(kMaxLinks));
}

TEST_F(ChildRulesTest, Rule14ALinkIsUndoneOnBothSides) {
  const v1::PublishReceipt missing = Missing(Persephone());
  const v1::PublishReceipt wait = Wait(Persephone());
  const v1::PublishReceipt unlink =
      Accept(CouncilCaller(),
             UnlinkMessage(missing.conversation_id(), missing.matter_ids(0),
                           wait.matter_ids(0)));
  exchange_.Restart();
  for (const v1::PublishReceipt& side : {missing, wait}) {
    const v1::Matter matter = MatterOf(side);
    ASSERT_EQ(matter.links_size(), 1);
    EXPECT_EQ(matter.links(0).undone().message_id(), unlink.message_id());
    EXPECT_EQ(matter.links(0).undone().agency().code(), "E06000018");
  }
  auto leaves = exchange_.Leaves(v1::AUDIT_TYPE_UNLINKED);
  ASSERT_THAT(leaves, SizeIs(1));
  EXPECT_EQ(leaves[0].matter_id(), missing.matter_ids(0));
  EXPECT_EQ(leaves[0].other_matter_id(), wait.matter_ids(0));
  EXPECT_THAT(leaves[0].details_commitment(), SizeIs(32));
  // Said again, from the other side: nothing is left to undo.
  Accept(CouncilCaller(),
         UnlinkMessage(wait.conversation_id(), wait.matter_ids(0),
                       missing.matter_ids(0)));
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_UNLINKED), SizeIs(1));
  EXPECT_EQ(MatterOf(wait).links(0).undone().message_id(), unlink.message_id());
}

TEST_F(ChildRulesTest, Rule14OnlyTheHolderUndoesALinkThatIsThere) {
  const v1::PublishReceipt missing = Missing(Persephone());
  const v1::PublishReceipt wait = Wait(Persephone());
  const v1::Message unlink = UnlinkMessage(
      missing.conversation_id(), missing.matter_ids(0), wait.matter_ids(0));
  EXPECT_THAT(
      Refused(PoliceCaller(), unlink, absl::StatusCode::kFailedPrecondition),
      HasSubstr("council/E06000018"));
  v1::Message nothing =
      FollowUp(v1::MESSAGE_KIND_UNLINK, kPoliceDesk, missing.conversation_id());
  v1::Unlink empty;
  empty.set_matter_id(missing.matter_ids(0));
  empty.set_other_matter_id("c-9.1");
  const std::string faults =
      Refused(CouncilCaller(), With(nothing, missing.matter_ids(0), empty),
              absl::StatusCode::kInvalidArgument);
  for (const char* field : {"reason", "worker"}) {
    EXPECT_THAT(faults, HasSubstr(field));
  }
  empty.set_reason("not the same child");
  *empty.mutable_worker() = TestWorker();
  EXPECT_THAT(
      Refused(CouncilCaller(), With(nothing, missing.matter_ids(0), empty),
              absl::StatusCode::kInvalidArgument),
      HasSubstr("other_matter_id"));
  Refused(CouncilCaller(), nothing, absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(LinksOf(wait), SizeIs(1));
}

TEST_F(ChildRulesTest, Rule15ARecallUndoesTheLinks) {
  const v1::PublishReceipt missing = Missing(Persephone());
  const v1::PublishReceipt wait = Wait(Persephone());
  v1::Recall recall;
  recall.set_matter_id(wait.matter_ids(0));
  recall.set_message_id(wait.message_id());
  recall.set_reason("another child's wristband");
  *recall.mutable_noticed_time() = ToProto(exchange_.clock().Now().wall);
  recall.mutable_worker()->set_name("Nora Nurse");
  recall.mutable_worker()->set_role("charge nurse");
  Accept(HospitalCaller(), With(FollowUp(v1::MESSAGE_KIND_RECALL, kIntake,
                                         wait.conversation_id()),
                                wait.matter_ids(0), recall));
  EXPECT_THAT(LinksOf(wait), IsEmpty());
  EXPECT_THAT(LinksOf(missing), IsEmpty());
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_UNLINKED), SizeIs(1));
}

TEST_F(ChildRulesTest, TheIndexHoldsNothingPersonal) {
  Missing(Persephone());
  Wait(Persephone());
  exchange_.Stop();
  for (const char* secret : {"9990000018", "Q892201700123", "persephone",
                             "Persephone", "wollaton", "MFH26000123"}) {
    EXPECT_FALSE(exchange_.DiskHolds(secret)) << secret;
  }
}

// --- Rule 11: a typo must not lose a child.

TEST_F(ChildRulesTest, Rule11AFailedCheckIsMarkedAndNeverMatched) {
  v1::Child child = Persephone();
  child.clear_names();
  child.clear_pupil_number();
  child.mutable_nhs_number()->set_value("9990000001");
  const v1::PublishReceipt first = Wait(child);
  ASSERT_THAT(MarksOf(first), ElementsAre(v1::MARK_CODE_FAILED_CHECK));
  EXPECT_EQ(first.marks(0).field(), "payload[0].child.nhs_number");
  EXPECT_THAT(LinksOf(Wait(child)), IsEmpty());
  const auto kept =
      PartOf<v1::WaitingFlag>(exchange_.Consume(kIntake)->Next().message());
  EXPECT_EQ(kept.child().nhs_number().value(), "9990000001");

  child.mutable_nhs_number()->set_value("9990000018");
  child.mutable_pupil_number()->set_value("Q892201700124");
  const v1::PublishReceipt pupil = Wait(child);
  ASSERT_THAT(MarksOf(pupil), ElementsAre(v1::MARK_CODE_FAILED_CHECK));
  EXPECT_EQ(pupil.marks(0).field(), "payload[0].child.pupil_number");
}

TEST_F(ChildRulesTest, Rule11WhatTheSenderMarkedIsMarkedOnce) {
  v1::Child child;
  child.mutable_nhs_number()->set_value("9990000001");
  v1::Message message = WaitMessage(child);
  v1::Mark* const mark = message.add_marks();
  mark->set_code(v1::MARK_CODE_FAILED_CHECK);
  mark->set_field("flag.child.nhs_number");
  EXPECT_THAT(MarksOf(Accept(HospitalCaller(), message)), SizeIs(1));
}

// --- Rule 12: alerts.

TEST_F(ChildRulesTest, Rule12TheSchoolIsToldInTheCommitOfTheCause) {
  const uint64_t before = exchange_.Head().commit();
  const v1::PublishReceipt missing = Missing(Persephone());
  EXPECT_EQ(exchange_.Head().commit(), before + 1);
  EXPECT_EQ(exchange_.QueueOnDisk(kSchoolOffice).message_count(), 1u);

  const v1::ReceivedMessage got = exchange_.Consume(kSchoolOffice)->Next();
  const v1::Message& alert = got.message();
  EXPECT_EQ(AgencyName(alert.sender()), "exchange/BATON");
  EXPECT_EQ(PartOf<v1::Alert>(alert).code(), v1::ALERT_CODE_MISSING);
  EXPECT_NE(alert.conversation_id(), missing.conversation_id());
  const v1::Conversation own = exchange_.Conversation(alert.conversation_id());
  ASSERT_EQ(own.matters_size(), 1);
  EXPECT_EQ(QueueName(own.matters(0).holder()), kSchoolOffice);
  EXPECT_THAT(own.matters(0).links(), IsEmpty());
  // The school has no part in the cause's.
  const v1::Conversation causes =
      exchange_.Conversation(missing.conversation_id());
  for (const v1::Agency& participant : causes.participants()) {
    EXPECT_NE(participant.agency_class(), v1::AGENCY_CLASS_SCHOOL);
  }
  // And takes its own as any other matter.
  EXPECT_TRUE(exchange_.Ack(got, kSchoolOffice, SchoolCaller()).ok());
  EXPECT_TRUE(exchange_.Conversation(alert.conversation_id())
                  .matters(0)
                  .has_delivered());
}

TEST_F(ChildRulesTest, Rule12ARepeatOfTheCauseAlertsNobodyAgain) {
  const v1::Message cause = MissingMessage(Persephone());
  const v1::PublishReceipt first = exchange_.Accept(PoliceCaller(), cause);
  EXPECT_TRUE(exchange_.Accept(PoliceCaller(), cause).repeat());
  exchange_.Restart();
  EXPECT_EQ(exchange_.Accept(PoliceCaller(), cause).message_id(),
            first.message_id());
  EXPECT_THAT(Alerts(), ElementsAre(v1::ALERT_CODE_MISSING));
}

TEST_F(ChildRulesTest, Rule12TheSendersReceiptsAreItsOwn) {
  v1::PublishRequest request;
  *request.add_messages() = WaitMessage(Persephone());
  *request.add_messages() = WaitMessage(Persephone());
  const auto response = exchange_.Publish(HospitalCaller(), request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->receipts_size(), 2);
  EXPECT_THAT(Alerts(), SizeIs(2));
}

TEST_F(ChildRulesTest, Rule12EachSiblingsSchoolIsToldAboutItsOwnPupil) {
  v1::PoliceNotice brother;
  *brother.mutable_child() = OtherChild("Wollaton");
  brother.mutable_child()->mutable_bodies()->mutable_school()->set_code(
      "123456");
  Accept(PoliceCaller(),
         With(NoticeMessage(Persephone(), true), "#2", brother));
  const auto office = exchange_.Consume(kSchoolOffice);
  std::set<std::string> given;
  for (const v1::ReceivedMessage& received : office->TakeAll()) {
    given.insert(
        PartOf<v1::Alert>(received.message()).child().names(0).given());
  }
  EXPECT_THAT(given, ElementsAre("Persephone Ann", "Thaddeus"));
}

TEST_F(ChildRulesTest, Rule12AFindIsToldAboutTheChildOfTheReport) {
  const v1::PublishReceipt missing = Missing(Persephone());
  EXPECT_THAT(Alerts(), ElementsAre(v1::ALERT_CODE_MISSING));
  exchange_.Restart();
  Found(missing);
  const v1::ReceivedMessage got = exchange_.Consume(kSchoolOffice)->Next();
  const auto alert = PartOf<v1::Alert>(got.message());
  EXPECT_EQ(alert.code(), v1::ALERT_CODE_FOUND);
  EXPECT_EQ(alert.child().names(0).given(), "Persephone Ann");
}

TEST_F(ChildRulesTest, Rule12AReportAndItsFindOfOneRequestAreBothTold) {
  const v1::PublishReceipt missing = Missing(OtherChild("Wollaton"));
  v1::PublishRequest request;
  *request.add_messages() = MissingMessage(Persephone());
  *request.add_messages() =
      FoundMessage(missing.conversation_id(), missing.matter_ids(0));
  ASSERT_TRUE(exchange_.Publish(PoliceCaller(), request).ok());
  EXPECT_THAT(Alerts(), ElementsAre(v1::ALERT_CODE_MISSING));
}

TEST_F(ChildRulesTest, AFullSchoolKeepsNothingFromTheCouncil) {
  for (v1::AgencyConfig& agency : *exchange_.config.mutable_agencies()) {
    if (agency.agency().agency_class() == v1::AGENCY_CLASS_SCHOOL) {
      agency.mutable_desks(0)->set_max_messages(1);
    }
  }
  exchange_.Restart();
  for (int i = 0; i < 3; ++i) Wait(Persephone());
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 3u);
  EXPECT_THAT(Alerts(), SizeIs(3));
}

TEST_F(ChildRulesTest, Rule3ASchoolThatCannotBeToldIsMarked) {
  v1::Child child = Persephone();
  child.mutable_bodies()->mutable_school()->set_code("999999");
  const v1::PublishReceipt receipt = Missing(child);
  ASSERT_THAT(MarksOf(receipt), ElementsAre(v1::MARK_CODE_UNKNOWN_RECIPIENT));
  EXPECT_EQ(receipt.marks(0).field(), "payload[0].child.bodies.school");
  EXPECT_THAT(MarksOf(Accept(PoliceCaller(), ContactMessage(child))),
              IsEmpty());
}

// --- Rule 9: one child, several bodies.

TEST_F(ChildRulesTest, Rule9BodiesStaySeparateAndMayBeUnknown) {
  v1::Child child = Persephone();
  child.mutable_bodies()->mutable_responsible_authority()->set_code(
      "E10000024");
  Missing(child);
  const v1::Child seen =
      PartOf<v1::MissingReport>(exchange_.Consume(kIntake)->Next().message())
          .child();
  EXPECT_EQ(seen.bodies().responsible_authority().code(), "E10000024");
  EXPECT_EQ(seen.bodies().host_authority().absence(), v1::ABSENCE_UNKNOWN);
  EXPECT_FALSE(seen.bodies().has_found_authority());
  // Naming a body sends it nothing, a school apart.
  EXPECT_EQ(exchange_.QueueOnDisk(kCounty).message_count(), 0u);
  EXPECT_THAT(Alerts(), SizeIs(1));
}

// --- Rule 10: consent is not the legal basis.

TEST_F(ChildRulesTest, Rule10ConsentIsRecordedAndIsNoLegalBasis) {
  v1::ContactIncident incident;
  incident.mutable_consent()->mutable_sought()->set_value(true);
  incident.mutable_consent()->set_given_by("her mother");
  v1::Message message = With(ContactMessage(Persephone()), "", incident);
  message.clear_legal_basis();
  EXPECT_THAT(MarksOf(Accept(PoliceCaller(), message)),
              ElementsAre(v1::MARK_CODE_NO_LEGAL_BASIS));
  const v1::Message got = exchange_.Consume(kIntake)->Next().message();
  EXPECT_EQ(PartOf<v1::ContactIncident>(got, 1).consent().given_by(),
            "her mother");
}

// --- Rule 13: restricted matters.

TEST_F(ChildRulesTest, Rule13ARestrictedChildIsNeitherMatchedNorAlerted) {
  const v1::PublishReceipt before = Wait(Persephone());
  EXPECT_THAT(Alerts(), SizeIs(1));
  const v1::PublishReceipt restricted = Missing(Persephone(), true);
  const v1::PublishReceipt after = Wait(Persephone());
  EXPECT_TRUE(MatterOf(restricted).restricted());
  EXPECT_THAT(LinksOf(restricted), IsEmpty());
  EXPECT_THAT(LinksOf(after), ElementsAre(before.matter_ids(0)));
  Found(restricted);
  EXPECT_THAT(Alerts(), ElementsAre(v1::ALERT_CODE_EMERGENCY_DEPARTMENT));
}

TEST_F(ChildRulesTest, Rule13AReleaseMatchesAndSendsWhatWasHeldBack) {
  const v1::PublishReceipt wait = Wait(Persephone());
  const v1::PublishReceipt restricted = Missing(Persephone(), true);
  Found(restricted);
  EXPECT_THAT(Alerts(), SizeIs(1));
  exchange_.Restart();
  const int64_t version = MatterOf(restricted).version();

  const v1::PublishReceipt release = Release(restricted);
  EXPECT_THAT(Alerts(),
              ElementsAre(v1::ALERT_CODE_MISSING, v1::ALERT_CODE_FOUND));
  EXPECT_THAT(LinksOf(restricted), ElementsAre(wait.matter_ids(0)));
  const v1::Matter matter = MatterOf(restricted);
  EXPECT_TRUE(matter.restricted());
  EXPECT_EQ(matter.released().message_id(), release.message_id());
  EXPECT_EQ(matter.version(), version + 1);
  const auto leaves = exchange_.Leaves(v1::AUDIT_TYPE_RELEASED);
  ASSERT_THAT(leaves, SizeIs(1));
  EXPECT_EQ(leaves[0].matter_id(), restricted.matter_ids(0));
  EXPECT_EQ(leaves[0].matter_version(), version + 1);

  // Once is enough; from now on it is a matter like any other.
  Release(restricted);
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_RELEASED), SizeIs(1));
  EXPECT_THAT(Alerts(), IsEmpty());
  EXPECT_THAT(LinksOf(Wait(Persephone())), SizeIs(2));
}

TEST_F(ChildRulesTest, Rule13OnlyTheHolderReleasesWhatIsRestricted) {
  const v1::PublishReceipt restricted = Missing(Persephone(), true);
  const v1::Message release =
      ReleaseMessage(restricted.conversation_id(), restricted.matter_ids(0));
  Refused(PoliceCaller(), release, absl::StatusCode::kFailedPrecondition);
  const v1::PublishReceipt open = Missing(Persephone());
  EXPECT_THAT(
      Refused(CouncilCaller(),
              ReleaseMessage(open.conversation_id(), open.matter_ids(0)),
              absl::StatusCode::kInvalidArgument),
      HasSubstr("is not restricted"));
  v1::Message nameless = FollowUp(v1::MESSAGE_KIND_RELEASE, kPoliceDesk,
                                  restricted.conversation_id());
  v1::Release empty;
  empty.set_matter_id(restricted.matter_ids(0));
  EXPECT_THAT(
      Refused(CouncilCaller(), With(nameless, restricted.matter_ids(0), empty),
              absl::StatusCode::kInvalidArgument),
      HasSubstr("worker"));
  EXPECT_FALSE(MatterOf(restricted).has_released());
}

TEST_F(ChildRulesTest, Rule13OneSiblingIsReleasedAlone) {
  v1::MissingReport brother;
  *brother.mutable_child() = OtherChild("Wollaton");
  brother.mutable_child()->mutable_bodies()->mutable_school()->set_code(
      "123456");
  brother.set_restricted(true);
  const v1::PublishReceipt both = Accept(
      PoliceCaller(), With(MissingMessage(Persephone(), true), "#2", brother));
  EXPECT_THAT(Alerts(), IsEmpty());
  Release(both);
  EXPECT_THAT(Alerts(), SizeIs(1));
  EXPECT_FALSE(MatterOf(both, 1).has_released());
}

TEST_F(ChildRulesTest, Rule13TheNewestAlertsAreHeldBack) {
  const v1::PublishReceipt restricted = Missing(Persephone(), true);
  for (int i = 0; i < ChildRules::kMaxHeldAlerts; ++i) Found(restricted);
  Release(restricted);
  const std::vector<v1::AlertCode> alerts = Alerts();
  EXPECT_THAT(alerts, SizeIs(ChildRules::kMaxHeldAlerts));
  EXPECT_THAT(alerts, testing::Each(v1::ALERT_CODE_FOUND));
}

TEST_F(ChildRulesTest, Rule13AWrittenFormMayRestrictWhatACallDidNot) {
  v1::PhoneContact call;
  *call.mutable_child() = OtherChild("Wollaton");
  const v1::PublishReceipt opened = Accept(
      CouncilCaller(),
      With(EmptyMessage(v1::MESSAGE_KIND_PHONE_CONTACT, kIntake), "#1", call));
  v1::Contact contact;
  *contact.mutable_child() = Persephone();
  contact.set_restricted(true);
  Accept(CouncilCaller(), With(FollowUp(v1::MESSAGE_KIND_CONTACT, kIntake,
                                        opened.conversation_id()),
                               opened.matter_ids(0), contact));
  EXPECT_TRUE(MatterOf(opened).restricted());
  EXPECT_THAT(LinksOf(Wait(Persephone())), IsEmpty());
}

TEST_F(ChildRulesTest, Rule14AWrittenFormIsMatchedByWhatItAdds) {
  const v1::PublishReceipt wait = Wait(Persephone());
  v1::PhoneContact call;
  call.mutable_child()->add_names()->set_given("Persephone");
  const v1::PublishReceipt opened = Accept(
      CouncilCaller(),
      With(EmptyMessage(v1::MESSAGE_KIND_PHONE_CONTACT, kIntake), "#1", call));
  EXPECT_THAT(LinksOf(opened), IsEmpty());
  v1::Contact contact;
  *contact.mutable_child() = Persephone();
  Accept(CouncilCaller(), With(FollowUp(v1::MESSAGE_KIND_CONTACT, kIntake,
                                        opened.conversation_id()),
                               opened.matter_ids(0), contact));
  EXPECT_THAT(LinksOf(opened), ElementsAre(wait.matter_ids(0)));
}

// --- Rule 13: allegations against staff.

TEST_F(ChildRulesTest, Rule13AnAllegationGoesToTheDesignatedOfficerOnly) {
  v1::Message message = AllegationMessage(Persephone());
  v1::Recipient* const copy = message.add_recipients();
  *copy->mutable_address() = AddressOf(kSchoolOffice);
  copy->set_role(v1::RECIPIENT_ROLE_COPY);
  const v1::PublishReceipt receipt = Accept(PoliceCaller(), message);
  EXPECT_THAT(MarksOf(receipt), ElementsAre(v1::MARK_CODE_ALLEGATION_ROUTE));
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 0u);
  EXPECT_EQ(exchange_.QueueOnDisk(kSchoolOffice).message_count(), 0u);
  const v1::Message got = exchange_.Consume(kOfficer)->Next().message();
  ASSERT_EQ(got.recipients_size(), 1);
  EXPECT_EQ(QueueName(got.recipients(0).address()), kIntake);
  EXPECT_EQ(QueueName(got.recipients(0).redirected_to()), kOfficer);
  EXPECT_EQ(QueueName(MatterOf(receipt).holder()), kOfficer);
  EXPECT_THAT(exchange_.Conversation(receipt.conversation_id()).participants(),
              SizeIs(2));
}

TEST_F(ChildRulesTest, Rule13AnAllegationNamedRightIsNotRedirected) {
  v1::Message message = AllegationMessage(Persephone());
  *message.mutable_recipients(0)->mutable_address() = AddressOf(kOfficer);
  Accept(PoliceCaller(), message);
  const v1::Message got = exchange_.Consume(kOfficer)->Next().message();
  EXPECT_FALSE(got.recipients(0).has_redirected_to());
}

TEST_F(ChildRulesTest, Rule13WithoutAnOfficerTheUnknownDeskOwnsIt) {
  v1::Message message = AllegationMessage(Persephone());
  *message.mutable_recipients(0)->mutable_address() = AddressOf(kCounty);
  const v1::PublishReceipt receipt = Accept(PoliceCaller(), message);
  EXPECT_EQ(exchange_.QueueOnDisk(kCounty).message_count(), 0u);
  EXPECT_EQ(QueueName(MatterOf(receipt).holder()), kUnknownDesk);
  EXPECT_EQ(exchange_.QueueOnDisk(kUnknownDesk).message_count(), 1u);
}

TEST_F(ChildRulesTest, Rule13WhatFollowsAnAllegationGoesTheSameWay) {
  const v1::PublishReceipt receipt =
      Accept(PoliceCaller(), AllegationMessage(Persephone()));
  exchange_.Restart();
  // More from who raised it, to the desk it knows.
  Accept(PoliceCaller(), With(FollowUp(v1::MESSAGE_KIND_CONTACT, kIntake,
                                       receipt.conversation_id()),
                              receipt.matter_ids(0), v1::Contact()));
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 0u);
  EXPECT_EQ(exchange_.QueueOnDisk(kOfficer).message_count(), 2u);
  // The answer, with a copy to somebody else.
  v1::Message taken =
      TakenMessage(receipt.conversation_id(), receipt.matter_ids(0));
  *taken.mutable_recipients(0)->mutable_address() = AddressOf(kPoliceDesk);
  v1::Recipient* const copy = taken.add_recipients();
  *copy->mutable_address() = AddressOf(kHospitalDesk);
  copy->set_role(v1::RECIPIENT_ROLE_COPY);
  Accept(CouncilCaller(), taken);
  EXPECT_EQ(exchange_.QueueOnDisk(kPoliceDesk).message_count(), 1u);
  EXPECT_EQ(exchange_.QueueOnDisk(kHospitalDesk).message_count(), 0u);
  // Nobody is left to get it.
  *copy = taken.recipients(1);
  v1::Message nobody =
      TakenMessage(receipt.conversation_id(), receipt.matter_ids(0));
  nobody.mutable_recipients(0)->set_role(v1::RECIPIENT_ROLE_COPY);
  EXPECT_THAT(
      Refused(CouncilCaller(), nobody, absl::StatusCode::kInvalidArgument),
      HasSubstr("designated officer"));
}

TEST_F(ChildRulesTest, Rule13AnAllegationIsNeverMatched) {
  Wait(Persephone());
  const v1::PublishReceipt receipt =
      Accept(PoliceCaller(), AllegationMessage(Persephone()));
  EXPECT_THAT(LinksOf(receipt), IsEmpty());
  EXPECT_THAT(LinksOf(Wait(Persephone())), SizeIs(1));
}

TEST_F(ChildRulesTest, Rule13OneAllegationMakesTheWholeMessageOne) {
  v1::Contact sister;
  *sister.mutable_child() = OtherChild("Wollaton");
  const v1::PublishReceipt receipt = Accept(
      PoliceCaller(), With(AllegationMessage(Persephone()), "#2", sister));
  EXPECT_EQ(QueueName(MatterOf(receipt, 1).holder()), kOfficer);
  EXPECT_THAT(
      LinksOf(Accept(PoliceCaller(), ContactMessage(OtherChild("Wollaton")))),
      IsEmpty());
}

// --- Rule 22: unborn children and anonymous referrers.

TEST_F(ChildRulesTest, Rule22AnUnbornChildIsReferredAndItsBirthLinksIt) {
  v1::Child unborn;
  unborn.add_names()->set_family("Wollaton");
  unborn.mutable_expected_birth_date()->set_value("2026-08-01");
  const v1::PublishReceipt referred =
      Accept(HospitalCaller(), ContactMessage(unborn));
  EXPECT_THAT(MarksOf(referred), IsEmpty());
  v1::Child born = OtherChild("Wollaton");
  born.mutable_expected_birth_date()->set_value("2026-08-01");
  const v1::PublishReceipt wait = Wait(born);
  EXPECT_THAT(LinksOf(wait), ElementsAre(referred.matter_ids(0)));
  EXPECT_EQ(MatterOf(wait).links(0).reason(), v1::LINK_REASON_BIRTH);
}

TEST_F(ChildRulesTest, Rule22ProfessionalsAreNotAnonymous) {
  v1::ContactIncident incident;
  incident.mutable_referrer()->set_anonymous(true);
  const v1::Message message = With(ContactMessage(Persephone()), "", incident);
  for (const Identity& sender : {PoliceCaller(), HospitalCaller()}) {
    const std::string refusal =
        Refused(sender, message, absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(refusal, HasSubstr("payload[1].referrer.anonymous"));
    EXPECT_THAT(refusal, HasSubstr("professionals are not anonymous"));
  }
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 0u);
}

TEST_F(ChildRulesTest, Rule22ThePublicAndCouncilsMayLeaveTheReferrerUnnamed) {
  v1::ContactIncident incident;
  incident.mutable_referrer()->set_anonymous(true);
  for (const Identity& sender : {PublicCaller(), CouncilCaller()}) {
    Accept(sender, With(ContactMessage(Persephone()), "", incident));
  }
  EXPECT_EQ(exchange_.QueueOnDisk(kIntake).message_count(), 2u);
}

}  // namespace
}  // namespace baton
