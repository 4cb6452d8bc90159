#include "services/emergency/emergency_desk.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/agency/recipients.h"
#include "services/common/agency.h"
#include "services/common/clock.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "tests/support/agency_fixture.h"

namespace baton {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kReference[] = "ED-1";

// A desk on a real disk, stepped by the test, with an exchange that answers
// when the test says so.
class EmergencyDeskTest : public ::testing::Test {
 protected:
  EmergencyDeskTest() {
    v1::AgencyServiceConfig& service = *config_.mutable_service();
    *service.mutable_agency() = ParseAgency("emergency/RX1RA").value();
    service.set_environment(v1::ENVIRONMENT_TRAINING);
    service.mutable_attention_owner()->set_role("nurse in charge");
    *config_.mutable_default_recipient() =
        ParseQueueName("council/E06000018/intake").value();
    config_.set_phone("0115 496 0999");
    v1::PhoneConfig* const phone = config_.add_phones();
    phone->set_code("E06000018");
    phone->set_phone("0115 496 0200");
    Open();
  }

  void Open() {
    loop_ = std::make_unique<AgencyLoop>(disk_.store.get(), &clock_);
    auto opened = Office::Open(
        {.store = disk_.store.get(), .loop = loop_.get(), .link = &link_},
        OfficeOptions(config_), disk_.now);
    ASSERT_TRUE(opened.ok()) << opened.status();
    office_ = *std::move(opened);
    desk_ = std::make_unique<EmergencyDesk>(office_.get(), config_);
    office_->cases()->AddListener(
        [this](const v1::CaseRecord& wait, Instant now) {
          loop_->Tell([this, status = desk_->StatusOf(wait, now)] {
            if (status.ok()) told_.push_back(*status);
          });
        });
    loop_->set_desk(office_.get());
  }
  void Restart() {
    desk_.reset();
    office_.reset();
    loop_.reset();
    link_.published.clear();
    link_.looked_up.clear();
    disk_.Reopen();
    Open();
  }

  void Step() {
    while (true) {
      const auto more = loop_->Step(disk_.now);
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
    }
  }

  // Runs one call of a hospital system to its answer.
  template <typename Result>
  absl::StatusOr<Result> Call(
      std::function<absl::StatusOr<Result>(Instant)> call) {
    absl::StatusOr<Result> result = absl::UnknownError("not run");
    EXPECT_TRUE(loop_->Post([&](Instant now) { result = call(now); }));
    Step();
    return result;
  }
  absl::StatusOr<v1::WaitingStatus> Flag(const v1::FlagWaitingRequest& flag) {
    return Call<v1::WaitingStatus>(
        [&](Instant now) { return desk_->Flag(flag, now); });
  }
  absl::StatusOr<v1::WaitingStatus> Status() {
    return Call<v1::WaitingStatus>(
        [&](Instant now) { return desk_->Get(kReference, now); });
  }

  static v1::FlagWaitingRequest FlagRequest() {
    v1::FlagWaitingRequest request;
    request.set_request_id("r-1");
    request.mutable_actor()->set_name("Nurse Invented");
    request.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
    v1::WaitingFlag& flag = *request.mutable_flag();
    flag.set_sender_reference(kReference);
    flag.set_reason(v1::WAITING_REASON_REFUSED_HOME);
    flag.set_blocked_by(v1::BLOCKED_BY_PLACEMENT);
    return request;
  }

  static v1::PublishResponse Accepted(int64_t number) {
    v1::PublishResponse response;
    v1::PublishReceipt& receipt = *response.add_receipts();
    receipt.set_message_id(absl::StrCat("m-", number));
    receipt.set_conversation_id("c-1");
    receipt.add_matter_ids("c-1.1");
    return response;
  }
  // The exchange answers the oldest publish.
  void Answer(absl::StatusOr<v1::PublishResponse> response) {
    ASSERT_FALSE(link_.published.empty());
    auto asked = std::move(link_.published.front());
    link_.published.erase(link_.published.begin());
    ASSERT_TRUE(
        loop_->Post([asked, response](Instant) { asked.done(response); }));
    Step();
  }

  // A conversation as the exchange tells it.
  v1::Conversation Conversation(int64_t commit) {
    v1::Conversation conversation;
    conversation.set_conversation_id("c-1");
    conversation.set_commit(commit);
    v1::Matter& matter = *conversation.add_matters();
    matter.set_matter_id("c-1.1");
    *matter.mutable_holder() = config_.default_recipient();
    *matter.mutable_received_time() = ToProto(disk_.now.wall);
    matter.set_state(v1::MATTER_STATE_PUBLISHED);
    return conversation;
  }
  void Tell(const v1::Conversation& conversation) {
    ASSERT_TRUE(loop_->Post([this, conversation](Instant) {
      office_->OnHeard();
      office_->OnConversation(conversation);
    }));
    Step();
  }
  void FlagAndAccept() {
    ASSERT_TRUE(Flag(FlagRequest()).ok());
    Answer(Accepted(1));
  }

  v1::EmergencyConfig config_;
  AgencyDisk disk_;
  SystemClock clock_;
  HeldLink link_;
  std::unique_ptr<AgencyLoop> loop_;
  std::unique_ptr<Office> office_;
  std::unique_ptr<EmergencyDesk> desk_;
  std::vector<v1::WaitingStatus> told_;
};

TEST_F(EmergencyDeskTest, HeldReadsNotSentWithTheNumberToRing) {
  const auto status = Flag(FlagRequest());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->outbox_state(), v1::OUTBOX_STATE_HELD);
  EXPECT_EQ(status->headline(), "NOT SENT, ring 0115 496 0200");
  EXPECT_FALSE(status->has_exchange_heard_time());
  ASSERT_THAT(link_.published, SizeIs(1));
  const v1::Message& message = link_.published[0].request.messages(0);
  EXPECT_EQ(message.kind(), v1::MESSAGE_KIND_WAITING_FLAG);
  EXPECT_EQ(message.recipients(0).role(), v1::RECIPIENT_ROLE_ACTION);
  EXPECT_EQ(message.environment(), v1::ENVIRONMENT_TRAINING);
}

TEST_F(EmergencyDeskTest, WhatWasFlaggedIsSentAfterARestart) {
  ASSERT_TRUE(Flag(FlagRequest()).ok());
  const std::string before = link_.published[0].request.SerializeAsString();
  Restart();
  Step();
  ASSERT_THAT(link_.published, SizeIs(1));
  EXPECT_EQ(link_.published[0].request.SerializeAsString(), before);
}

TEST_F(EmergencyDeskTest, EachReceiptIsShownInWordsThatDoNotReassure) {
  FlagAndAccept();
  v1::Conversation told = Conversation(1);
  Tell(told);
  EXPECT_THAT(Status()->headline(), HasSubstr("NOT yet in their system"));

  v1::Matter& matter = *told.mutable_matters(0);
  *matter.mutable_delivered()->mutable_time() =
      ToProto(disk_.now.wall + absl::Seconds(3));
  told.set_commit(2);
  Tell(told);
  EXPECT_EQ(Status()->headline(), "in their system; nobody has looked");
  EXPECT_EQ(FromProto(Status()->delivered_after()), absl::Seconds(3));

  matter.mutable_taken()->mutable_actor()->set_name("A. Invented");
  matter.mutable_taken()->mutable_agency()->set_code("E06000018");
  told.set_commit(3);
  Tell(told);
  EXPECT_THAT(Status()->headline(), AllOf(HasSubstr("A. Invented"),
                                          HasSubstr("asserted by E06000018"),
                                          HasSubstr("never opened")));
}

TEST_F(EmergencyDeskTest, AReceiptOnceShownIsNeverTakenBack) {
  FlagAndAccept();
  v1::Conversation told = Conversation(5);
  *told.mutable_matters(0)->mutable_delivered()->mutable_time() =
      ToProto(disk_.now.wall);
  Tell(told);
  Tell(Conversation(4));  // Late.
  EXPECT_TRUE(Status()->matter().has_delivered());
  Tell(Conversation(6));  // An exchange that forgot.
  EXPECT_TRUE(Status()->matter().has_delivered());
  Restart();
  EXPECT_TRUE(Status()->matter().has_delivered());
}

TEST_F(EmergencyDeskTest, ARepeatIsAnsweredAndSentOnce) {
  FlagAndAccept();
  const auto again = Flag(FlagRequest());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->outbox_state(), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_THAT(link_.published, IsEmpty());
}

TEST_F(EmergencyDeskTest, AnOpenReferenceCannotBeFlaggedAgain) {
  ASSERT_TRUE(Flag(FlagRequest()).ok());
  v1::FlagWaitingRequest other = FlagRequest();
  other.set_request_id("r-2");
  const auto status = Flag(other);
  EXPECT_TRUE(absl::IsAlreadyExists(status.status())) << status.status();
  EXPECT_EQ(ReasonOf(status.status()), "WAIT_IS_OPEN");
}

TEST_F(EmergencyDeskTest, AllFaultsAreListedAtOnceAndNothingIsStored) {
  v1::FlagWaitingRequest bad = FlagRequest();
  bad.clear_actor();
  bad.set_request_id("");
  bad.mutable_flag()->set_sender_reference(std::string(65, 'x'));
  const auto status = Flag(bad);
  EXPECT_TRUE(absl::IsInvalidArgument(status.status()));
  EXPECT_THAT(status.status().message(),
              AllOf(HasSubstr("actor.name"), HasSubstr("request_id"),
                    HasSubstr("flag.sender_reference")));
  EXPECT_THAT(link_.published, IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(Status().status()));
}

// Before it is HELD: the person who typed it is still there to hear so.
TEST_F(EmergencyDeskTest, ARealNhsNumberIsRefusedInTraining) {
  v1::FlagWaitingRequest real = FlagRequest();
  real.mutable_flag()->mutable_child()->mutable_nhs_number()->set_value(
      "123 456 7890");
  const auto refused = Flag(real);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("flag.child.nhs_number: this is training"));
  const auto status = Flag(FlagRequest());
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->environment(), v1::ENVIRONMENT_TRAINING);
}

// The child, above all: nobody can match, or ask about, a flag of nobody.
TEST_F(EmergencyDeskTest, WhatNobodyStatedIsMarked) {
  const auto marked = [&](const v1::FlagWaitingRequest& request) {
    const auto status = Flag(request);
    std::vector<std::string> fields;
    for (const v1::Mark& mark : status->marks()) {
      EXPECT_EQ(mark.code(), v1::MARK_CODE_BLANK_ANSWER);
      fields.push_back(mark.field());
    }
    return fields;
  };
  v1::FlagWaitingRequest request = FlagRequest();
  EXPECT_THAT(marked(request), ElementsAre("flag.child", "flag.arrived_time"));
  request.set_request_id("r-named");
  request.mutable_flag()->set_sender_reference("ED-named");
  request.mutable_flag()->mutable_child()->add_names()->set_given("Mia");
  EXPECT_THAT(marked(request), ElementsAre("flag.arrived_time"));
}

TEST_F(EmergencyDeskTest, ABirthDateOfAnotherShapeOrYetToComeIsMarked) {
  v1::FlagWaitingRequest odd = FlagRequest();
  odd.mutable_flag()->mutable_arrived_time()->set_absence(v1::ABSENCE_UNKNOWN);
  auto* const date = odd.mutable_flag()->mutable_child()->mutable_birth_date();
  const auto mark = [&](const std::string& value) {
    date->set_value(value);
    odd.set_request_id(value);
    odd.mutable_flag()->set_sender_reference(value);
    const auto status = Flag(odd);
    EXPECT_TRUE(status.ok()) << status.status();
    return status.ok() && status->marks_size() == 1 ? status->marks(0).code()
                                                    : v1::MarkCode();
  };
  EXPECT_EQ(mark("31/12/2012"), v1::MARK_CODE_UNKNOWN_VALUE);
  EXPECT_EQ(mark("2012-13"), v1::MARK_CODE_UNKNOWN_VALUE);
  EXPECT_EQ(mark("2999-01-01"), v1::MARK_CODE_ODD_TIME);
  for (const char* good : {"2012-12-31", "2012-12", "2012"}) {
    EXPECT_EQ(mark(good), v1::MARK_CODE_UNSPECIFIED) << good;
  }
}

TEST_F(EmergencyDeskTest, ATypoIsMarkedAndNeverLosesTheChild) {
  v1::FlagWaitingRequest odd = FlagRequest();
  odd.mutable_flag()->mutable_child()->mutable_nhs_number()->set_value(
      "9990000001");
  *odd.mutable_flag()->mutable_arrived_time()->mutable_value() =
      ToProto(disk_.now.wall + absl::Hours(48));
  odd.mutable_flag()->mutable_next_review_time();
  const auto status = Flag(odd);
  ASSERT_TRUE(status.ok()) << status.status();
  std::vector<std::string> marks;
  for (const v1::Mark& mark : status->marks()) {
    marks.push_back(
        absl::StrCat(v1::MarkCode_Name(mark.code()), " ", mark.field()));
  }
  EXPECT_THAT(marks, testing::UnorderedElementsAre(
                         "MARK_CODE_FAILED_CHECK flag.child.nhs_number",
                         "MARK_CODE_ODD_TIME flag.arrived_time",
                         "MARK_CODE_BLANK_ANSWER flag.next_review_time"));
  v1::WaitingFlag sent;
  ASSERT_TRUE(sent.ParseFromString(
      link_.published[0].request.messages(0).payload(0).content()));
  EXPECT_EQ(sent.child().nhs_number().value(), "9990000001");
  EXPECT_EQ(sent.child().nhs_number().check(), v1::IDENTIFIER_CHECK_FAILED);
}

TEST_F(EmergencyDeskTest, ImmediateDangerHeldForTwoMinutesAlarms) {
  v1::FlagWaitingRequest danger = FlagRequest();
  danger.mutable_flag()->mutable_immediate_danger()->set_value(true);
  ASSERT_TRUE(Flag(danger).ok());
  EXPECT_EQ(link_.published[0].request.messages(0).priority(),
            v1::PRIORITY_IMMEDIATE_DANGER);
  disk_.Advance(absl::Seconds(119));
  Step();
  EXPECT_FALSE(Status()->alarm());
  told_.clear();
  disk_.Advance(absl::Seconds(1));
  Step();
  ASSERT_THAT(told_, SizeIs(1));
  EXPECT_TRUE(told_[0].alarm());
  EXPECT_EQ(told_[0].headline(),
            "NOT SENT, ring 0115 496 0200 NOW: immediate danger");
}

TEST_F(EmergencyDeskTest, ARefusalHasAnOwnerAndCanBeSentAgainOrWithdrawn) {
  ASSERT_TRUE(Flag(FlagRequest()).ok());
  Answer(absl::PermissionDeniedError("no rule"));
  EXPECT_THAT(Status()->headline(), HasSubstr("refused by the exchange"));
  const auto items = Call<v1::ListNeedsAttentionResponse>(
      [&](Instant) { return desk_->NeedsAttention(); });
  ASSERT_THAT(items->items(), SizeIs(1));
  EXPECT_EQ(items->items(0).owner().role(), "nurse in charge");

  v1::ResolveNeedsAttentionRequest resolve;
  resolve.set_request_id("r-9");
  resolve.set_outbox_id(items->items(0).outbox_id());
  resolve.set_resolution(v1::RESOLUTION_RESEND);
  resolve.mutable_actor()->set_name("Nurse Invented");
  ASSERT_TRUE(Call<v1::WaitingStatus>([&](Instant now) {
                return desk_->Resolve(resolve, now);
              }).ok());
  Answer(absl::PermissionDeniedError("no rule"));
  resolve.set_resolution(v1::RESOLUTION_WITHDRAW);
  EXPECT_TRUE(absl::IsInvalidArgument(Call<v1::WaitingStatus>([&](Instant now) {
                                        return desk_->Resolve(resolve, now);
                                      }).status()));  // Without a reason.
  resolve.set_reason("rang instead");
  const auto withdrawn = Call<v1::WaitingStatus>(
      [&](Instant now) { return desk_->Resolve(resolve, now); });
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_TRUE(withdrawn->ended());
  EXPECT_EQ(withdrawn->outbox_state(), v1::OUTBOX_STATE_WITHDRAWN);

  // The answer was lost, and the service started anew.
  for (const bool restarted : {false, true}) {
    if (restarted) Restart();
    const auto repeated = Call<v1::WaitingStatus>(
        [&](Instant now) { return desk_->Resolve(resolve, now); });
    EXPECT_TRUE(repeated.ok()) << repeated.status();
  }
}

TEST_F(EmergencyDeskTest, LeavingUnexpectedlyNeverEndsAWait) {
  FlagAndAccept();
  v1::EndWaitingRequest end;
  end.set_request_id("r-2");
  end.set_sender_reference(kReference);
  end.mutable_actor()->set_name("Nurse Invented");
  end.mutable_end()->set_end_reason(v1::WAITING_END_REASON_LEFT_UNEXPECTEDLY);
  const auto without = Call<v1::WaitingStatus>(
      [&](Instant now) { return desk_->End(end, now); });
  EXPECT_THAT(without.status().message(), HasSubstr("police_reference"));
  end.mutable_end()->set_police_reference("NG-1");
  const auto left = Call<v1::WaitingStatus>(
      [&](Instant now) { return desk_->End(end, now); });
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_FALSE(left->ended());

  end.set_request_id("r-3");
  end.mutable_end()->set_end_reason(v1::WAITING_END_REASON_DISCHARGED);
  end.mutable_end()->mutable_destination()->set_value("aunt's home");
  end.mutable_end()->mutable_taken_by()->set_absence(v1::ABSENCE_UNKNOWN);
  const auto ended = Call<v1::WaitingStatus>(
      [&](Instant now) { return desk_->End(end, now); });
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_TRUE(ended->ended());
}

TEST_F(EmergencyDeskTest, AnEndedWaitIsListedWhileItsEndIsNotSent) {
  FlagAndAccept();
  v1::EndWaitingRequest end;
  end.set_request_id("r-2");
  end.set_sender_reference(kReference);
  end.mutable_actor()->set_name("Nurse Invented");
  end.mutable_end()->set_end_reason(v1::WAITING_END_REASON_RAISED_IN_ERROR);
  end.mutable_end()->set_reason("another child's form");
  const auto ended = Call<v1::WaitingStatus>(
      [&](Instant now) { return desk_->End(end, now); });
  ASSERT_TRUE(ended.ok()) << ended.status();
  const auto list = [&] {
    return Call<v1::ListWaitingResponse>(
        [&](Instant now) { return desk_->List({}, now); });
  };
  ASSERT_THAT(list()->statuses(), SizeIs(1));
  EXPECT_THAT(list()->statuses(0).headline(), HasSubstr("NOT SENT"));
  Answer(Accepted(2));
  EXPECT_THAT(list()->statuses(), SizeIs(0));
}

TEST_F(EmergencyDeskTest, MessagesFollowTheFlagInOrderWithItsIds) {
  ASSERT_TRUE(Flag(FlagRequest()).ok());
  v1::MoveWaitingRequest move;
  move.set_request_id("r-2");
  move.set_sender_reference(kReference);
  move.mutable_actor()->set_name("Nurse Invented");
  move.mutable_moved()->set_location("RX1RA ward D33");
  ASSERT_TRUE(Call<v1::WaitingStatus>([&](Instant now) {
                return desk_->Move(move, now);
              }).ok());
  ASSERT_THAT(link_.published, SizeIs(1));
  Answer(Accepted(1));
  ASSERT_THAT(link_.published, SizeIs(1));
  const v1::Message& moved = link_.published[0].request.messages(0);
  EXPECT_EQ(moved.kind(), v1::MESSAGE_KIND_WAITING_MOVED);
  EXPECT_EQ(moved.conversation_id(), "c-1");
  EXPECT_EQ(moved.payload(0).matter_id(), "c-1.1");
}

TEST_F(EmergencyDeskTest, AfterAConnectionOpenWaitsAreLookedUpAgain) {
  FlagAndAccept();
  link_.looked_up.clear();
  ASSERT_TRUE(loop_->Post([this](Instant) { office_->OnWatching(); }));
  Step();
  ASSERT_THAT(link_.looked_up, SizeIs(1));
  EXPECT_EQ(link_.looked_up[0].request.conversation_id(), "c-1");
}

}  // namespace
}  // namespace baton
