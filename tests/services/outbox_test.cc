#include "services/agency/outbox.h"

#include "absl/strings/str_cat.h"
#include "baton/v1/decision.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/faults.h"
#include "tests/support/agency_fixture.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() { Open(); }

  void Open() {
    Outbox::Options options;
    options.sender.set_agency_class(v1::AGENCY_CLASS_EMERGENCY);
    options.sender.set_code("RX1RA");
    options.max_held = 5;
    auto opened = Outbox::Open(disk_.store.get(), options, disk_.now);
    ASSERT_TRUE(opened.ok()) << opened.status();
    outbox_ = *std::move(opened);
  }

  void Restart() {
    outbox_.reset();
    disk_.Reopen();
    Open();
  }

  static v1::Taken Request(const std::string& text) {
    v1::Taken request;
    request.set_matter_id(text);
    return request;
  }

  // Holds and commits; the text doubles as request and content.
  uint64_t Hold(const std::string& text, const std::string& thread = "t",
                v1::Priority priority = v1::PRIORITY_URGENT) {
    v1::Message message;
    message.set_kind(v1::MESSAGE_KIND_WAITING_FLAG);
    message.set_priority(priority);
    v1::PayloadPart* const part = message.add_payload();
    part->set_matter_id("#1");
    part->set_content(text);
    const auto id = outbox_->Hold(text, Request(text), thread,
                                  std::move(message), disk_.now);
    EXPECT_TRUE(id.ok()) << id.status();
    disk_.Commit();
    return id.value_or(0);
  }

  // What would be sent now, as the contents of the messages.
  std::vector<std::string> Due() {
    last_due_ = outbox_->TakeDue(disk_.now).value();
    std::vector<std::string> contents;
    for (const Outbox::Outgoing& outgoing : last_due_) {
      contents.push_back(outgoing.message.payload(0).content());
    }
    return contents;
  }

  static v1::PublishReceipt Receipt() {
    v1::PublishReceipt receipt;
    receipt.set_message_id("m-7");
    receipt.set_conversation_id("c-7");
    receipt.add_matter_ids("c-7.1");
    return receipt;
  }

  void Accept(uint64_t id) {
    ASSERT_TRUE(outbox_->OnAccepted(id, Receipt(), disk_.now).ok());
    disk_.Commit();
  }
  void Fail(uint64_t id, const absl::Status& error) {
    ASSERT_TRUE(outbox_->OnFailed(id, error, disk_.now).ok());
    disk_.Commit();
  }
  v1::OutboxState State(uint64_t id) { return outbox_->Read(id)->state(); }

  AgencyDisk disk_;
  std::unique_ptr<Outbox> outbox_;
  std::vector<Outbox::Outgoing> last_due_;
};

TEST_F(OutboxTest, SendsOneMessageOfAThreadAtATimeInOrder) {
  const uint64_t first = Hold("first");
  Hold("second");
  Hold("other", "u");
  EXPECT_THAT(Due(), ElementsAre("first", "other"));
  EXPECT_THAT(Due(), IsEmpty());  // Under way.
  Accept(first);
  EXPECT_EQ(State(first), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_THAT(Due(), ElementsAre("second"));
}

TEST_F(OutboxTest, FillsInTheIdsThatTheFirstReceiptGave) {
  const uint64_t first = Hold("first");
  Hold("second");
  ASSERT_THAT(Due(), SizeIs(1));
  EXPECT_EQ(last_due_[0].message.conversation_id(), "");
  EXPECT_EQ(last_due_[0].message.payload(0).matter_id(), "#1");
  Accept(first);
  Restart();
  ASSERT_THAT(Due(), ElementsAre("second"));
  EXPECT_EQ(last_due_[0].message.conversation_id(), "c-7");
  EXPECT_EQ(last_due_[0].message.payload(0).matter_id(), "c-7.1");
}

TEST_F(OutboxTest, HeldMessagesSurviveARestartWithTheSameIdempotencyKey) {
  Hold("first");
  ASSERT_THAT(Due(), SizeIs(1));
  const v1::Message before = last_due_[0].message;
  Restart();
  ASSERT_THAT(Due(), ElementsAre("first"));
  EXPECT_EQ(last_due_[0].message.SerializeAsString(),
            before.SerializeAsString());
  EXPECT_EQ(before.idempotency_key().size(), 32u);
}

TEST_F(OutboxTest, AMessageThatWasNotCommittedIsNotThere) {
  v1::Message message;
  message.add_payload();
  ASSERT_TRUE(outbox_->Hold("r", Request("r"), "t", message, disk_.now).ok());
  Restart();
  EXPECT_THAT(Due(), IsEmpty());
  EXPECT_EQ(outbox_->FindRequest("r", Request("r")).value(), 0u);
}

TEST_F(OutboxTest, RepeatsOfARequestAreFoundAlsoAfterARestart) {
  const uint64_t id = Hold("first");
  Restart();
  EXPECT_EQ(outbox_->FindRequest("first", Request("first")).value(), id);
  EXPECT_EQ(outbox_->FindRequest("second", Request("second")).value(), 0u);
}

TEST_F(OutboxTest, ARequestIdUsedForSomethingElseIsRefused) {
  Hold("first");
  const auto found = outbox_->FindRequest("first", Request("changed"));
  EXPECT_TRUE(absl::IsAlreadyExists(found.status())) << found.status();
  EXPECT_EQ(ReasonOf(found.status()), "REQUEST_ID_REUSED");
}

TEST_F(OutboxTest, TriesAgainWithAGrowingDelayWhileTheExchangeIsAway) {
  const uint64_t id = Hold("first");
  ASSERT_THAT(Due(), SizeIs(1));
  Fail(id, absl::UnavailableError("away"));
  EXPECT_THAT(Due(), IsEmpty());
  disk_.Advance(absl::Seconds(1));
  EXPECT_THAT(Due(), SizeIs(1));
  Fail(id, absl::UnavailableError("away"));
  disk_.Advance(absl::Seconds(1));
  EXPECT_THAT(Due(), IsEmpty());
  disk_.Advance(absl::Seconds(1));
  EXPECT_THAT(Due(), SizeIs(1));
  Fail(id, absl::UnavailableError("away"));
  outbox_->RetryNow(disk_.now);  // The exchange was heard.
  EXPECT_THAT(Due(), SizeIs(1));
  EXPECT_EQ(State(id), v1::OUTBOX_STATE_HELD);
}

TEST_F(OutboxTest, AnAnswerThatNeverComesCountsAsLost) {
  Hold("first");
  ASSERT_THAT(Due(), SizeIs(1));
  outbox_->RetryNow(disk_.now);
  EXPECT_THAT(Due(), IsEmpty());
  disk_.Advance(Outbox::kMaxFlight);
  EXPECT_THAT(Due(), ElementsAre("first"));
}

TEST_F(OutboxTest, ARefusalNeedsAttentionAndBlocksOnlyItsThread) {
  const uint64_t refused = Hold("first");
  Hold("second");
  ASSERT_THAT(Due(), SizeIs(1));
  Fail(refused, absl::PermissionDeniedError("no rule"));
  Hold("other", "u");
  EXPECT_THAT(Due(), ElementsAre("other"));
  Restart();
  EXPECT_THAT(outbox_->Refused(), ElementsAre(refused));
  EXPECT_THAT(outbox_->Read(refused)->refusal(), HasSubstr("no rule"));
  EXPECT_THAT(Due(), ElementsAre("other"));
}

TEST_F(OutboxTest, ARefusedMessageCanBeSentAgain) {
  const uint64_t id = Hold("first");
  ASSERT_THAT(Due(), SizeIs(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(outbox_->Resend(id, disk_.now)));
  Fail(id, absl::InvalidArgumentError("bad"));
  ASSERT_TRUE(outbox_->Resend(id, disk_.now).ok());
  disk_.Commit();
  EXPECT_EQ(State(id), v1::OUTBOX_STATE_HELD);
  EXPECT_THAT(Due(), ElementsAre("first"));
}

TEST_F(OutboxTest, WithdrawingAThreadsFirstMessageWithdrawsWhatIsBehind) {
  const uint64_t first = Hold("first");
  const uint64_t second = Hold("second");
  ASSERT_THAT(Due(), SizeIs(1));
  Fail(first, absl::InvalidArgumentError("bad"));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      outbox_->Withdraw(second, v1::Actor(), "why", disk_.now)));
  ASSERT_TRUE(outbox_->Withdraw(first, v1::Actor(), "why", disk_.now).ok());
  disk_.Commit();
  EXPECT_EQ(State(first), v1::OUTBOX_STATE_WITHDRAWN);
  EXPECT_EQ(State(second), v1::OUTBOX_STATE_WITHDRAWN);
  EXPECT_THAT(outbox_->Waiting("t"), IsEmpty());
}

TEST_F(OutboxTest, WithdrawingALaterMessageLetsTheOthersGo) {
  const uint64_t first = Hold("first");
  ASSERT_THAT(Due(), SizeIs(1));
  Accept(first);
  const uint64_t second = Hold("second");
  Hold("third");
  ASSERT_THAT(Due(), SizeIs(1));
  Fail(second, absl::InvalidArgumentError("bad"));
  ASSERT_TRUE(outbox_->Withdraw(second, v1::Actor(), "why", disk_.now).ok());
  EXPECT_THAT(Due(), ElementsAre("third"));
}

TEST_F(OutboxTest, ImmediateDangerHeldForTwoMinutesAlarmsOnce) {
  const uint64_t id = Hold("danger", "t", v1::PRIORITY_IMMEDIATE_DANGER);
  Hold("urgent", "u");
  const absl::Duration delay = absl::Seconds(120);
  disk_.Advance(absl::Seconds(119));
  EXPECT_FALSE(outbox_->IsDangerHeld("t", delay, disk_.now));
  EXPECT_THAT(outbox_->TakeNewAlarms(delay, disk_.now), IsEmpty());
  EXPECT_EQ(outbox_->NextAlarm(delay, disk_.now),
            disk_.now.steady + absl::Seconds(1));
  disk_.Advance(absl::Seconds(1));
  EXPECT_TRUE(outbox_->IsDangerHeld("t", delay, disk_.now));
  EXPECT_FALSE(outbox_->IsDangerHeld("u", delay, disk_.now));
  EXPECT_THAT(outbox_->TakeNewAlarms(delay, disk_.now), ElementsAre(id));
  EXPECT_THAT(outbox_->TakeNewAlarms(delay, disk_.now), IsEmpty());
  EXPECT_TRUE(outbox_->IsDangerHeld("t", delay, disk_.now));
}

TEST_F(OutboxTest, RefusesToHoldMoreThanItsLimit) {
  for (int i = 0; i < 5; ++i) Hold(absl::StrCat(i), absl::StrCat(i));
  const auto sixth =
      outbox_->Hold("5", Request("5"), "5", v1::Message(), disk_.now);
  EXPECT_TRUE(absl::IsResourceExhausted(sixth.status())) << sixth.status();
  EXPECT_THAT(sixth.status().message(), HasSubstr("max_held_messages"));
}

TEST_F(OutboxTest, SentBytesAreKeptForTheRetentionAndNoLonger) {
  const uint64_t id = Hold("first");
  ASSERT_THAT(Due(), SizeIs(1));
  Accept(id);
  disk_.Advance(absl::Hours(24 * 13));
  ASSERT_TRUE(outbox_->Sweep(disk_.now).ok());
  disk_.Commit();
  EXPECT_NE(outbox_->Read(id)->sealed_message(), "");
  disk_.Advance(absl::Hours(24 * 2));
  ASSERT_TRUE(outbox_->Sweep(disk_.now).ok());
  disk_.Commit();
  EXPECT_EQ(outbox_->Read(id)->sealed_message(), "");
  EXPECT_EQ(outbox_->Read(id)->receipt().message_id(), "m-7");
}

TEST_F(OutboxTest, NothingHeldIsEverSwept) {
  const uint64_t id = Hold("first");
  disk_.Advance(absl::Hours(24 * 365));
  ASSERT_TRUE(outbox_->Sweep(disk_.now).ok());
  disk_.Commit();
  EXPECT_NE(outbox_->Read(id)->sealed_message(), "");
}

TEST(MayPassTest, TellsErrorsThatPassFromRefusals) {
  EXPECT_TRUE(MayPass(absl::UnavailableError("")));
  EXPECT_TRUE(MayPass(absl::DeadlineExceededError("")));
  EXPECT_TRUE(MayPass(absl::ResourceExhaustedError("")));
  EXPECT_TRUE(MayPass(absl::UnauthenticatedError("")));
  EXPECT_FALSE(MayPass(absl::PermissionDeniedError("")));
  EXPECT_FALSE(MayPass(absl::InvalidArgumentError("")));
  EXPECT_FALSE(MayPass(absl::AbortedError("")));
}

}  // namespace
}  // namespace baton
