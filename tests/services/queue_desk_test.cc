#include "services/broker/queue_desk.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/broker/queue_pages.h"
#include "services/broker/settled_copies.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/limit_of.h"

namespace baton {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

uint64_t SequenceOf(const v1::PublishReceipt& receipt) {
  return ParseMessageId(receipt.message_id()).value();
}

bool HasMark(const v1::Message& message, v1::MarkCode code) {
  for (const v1::Mark& mark : message.marks()) {
    if (mark.code() == code) return true;
  }
  return false;
}

class QueueDeskTest : public testing::Test {
 protected:
  void SetUp() override { exchange_.Start(); }

  v1::DeskConfig* IntakeDesk() {
    return exchange_.config.mutable_agencies(0)->mutable_desks(0);
  }

  // Publishes and rejects `count` messages.
  std::vector<v1::PublishReceipt> MakeDeadLetters(int count) {
    std::vector<v1::PublishReceipt> receipts;
    const auto consumer = exchange_.Consume(kIntake);
    for (int i = 0; i < count; ++i) {
      receipts.push_back(exchange_.Publish(absl::StrCat(i)));
      EXPECT_TRUE(exchange_.Reject(consumer->Next(), "no such child").ok());
    }
    exchange_.Unsubscribe(*consumer);
    return receipts;
  }

  static v1::RedriveMessagesRequest RedriveAll(
      const std::string& request_id = "r-1") {
    v1::RedriveMessagesRequest request;
    request.set_queue(kIntake);
    request.set_request_id(request_id);
    return request;
  }
  absl::StatusOr<v1::Job> Redrive(const v1::RedriveMessagesRequest& request) {
    return exchange_.Do(CouncilCaller(), StartRedrive{.request = request});
  }
  v1::Job JobNow(const v1::Job& job) {
    const auto found = exchange_.Do(
        CouncilCaller(), FindJobs{.job_id = job.job_id(), .queue = {}});
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? found->at(0) : v1::Job();
  }
  absl::StatusOr<v1::PreparePurgeResponse> PreparePurge() {
    return exchange_.Do(CouncilCaller(), CountPurge{.queue = kIntake});
  }
  absl::StatusOr<v1::Job> Purge(const std::string& confirmation) {
    v1::PurgeQueueRequest request;
    request.set_queue(kIntake);
    request.set_confirmation(confirmation);
    request.set_reason("the wrong desk");
    request.set_request_id("p-1");
    return exchange_.Do(CouncilCaller(), StartPurge{.request = request});
  }
  v1::Queue Intake() {
    const auto found =
        exchange_.Do(CouncilCaller(), DescribeQueues{.queues = {kIntake}});
    EXPECT_TRUE(found.ok()) << found.status();
    return found->at(0);
  }
  absl::Status SetTo(v1::QueueMode mode) {
    v1::SetQueueModeRequest request;
    request.set_queue(kIntake);
    request.set_mode(mode);
    request.set_reason("import is broken");
    return exchange_.Do(CouncilCaller(), SetMode{.request = request}).status();
  }
  v1::PublishReceipt PublishAt(absl::Time time, const std::string& text) {
    v1::Message message = TextMessage(text);
    *message.mutable_deliver_time() = ToProto(time);
    return exchange_.Accept(HospitalCaller(), message);
  }
  absl::StatusOr<absl::Time> Cancel(const v1::PublishReceipt& receipt,
                                    std::vector<std::string> queues = {
                                        kIntake}) {
    return exchange_.Do(HospitalCaller(),
                        CancelCopies{.sequence = SequenceOf(receipt),
                                     .queues = std::move(queues)});
  }
  absl::Time Now() { return exchange_.clock().Now().wall; }

  ExchangeFixture exchange_;
};

// --- Redrive.

TEST_F(QueueDeskTest, ADeadLetterComesBackMarkedAndIsOneNoMore) {
  const auto receipts = MakeDeadLetters(1);
  const absl::StatusOr<v1::Job> job = Redrive(RedriveAll());
  ASSERT_TRUE(job.ok()) << job.status();
  const auto consumer = exchange_.Consume(kIntake);
  const v1::ReceivedMessage back = consumer->Next();
  EXPECT_EQ(back.message().message_id(), receipts[0].message_id());
  EXPECT_EQ(back.delivery_attempt(), 2);
  EXPECT_TRUE(HasMark(back.message(), v1::MARK_CODE_CAME_BACK));
  EXPECT_THAT(exchange_.Scan(DeadLetters(kIntake, 0)), IsEmpty());
  EXPECT_EQ(Intake().dead_letters(), 0);
  EXPECT_EQ(JobNow(*job).state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(JobNow(*job).changed_messages(), 1);
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_REDRIVEN), SizeIs(1));
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_JOB), SizeIs(2));

  EXPECT_TRUE(exchange_.Ack(back).ok());
  exchange_.Restart();
  const v1::DeliveryRecord settled = exchange_.CopyOnDisk(kIntake, receipts[0]);
  EXPECT_EQ(settled.state(), v1::DELIVERY_STATE_ACKNOWLEDGED);
  EXPECT_EQ(settled.attempts(0).reason(), "no such child");
}

// What the page says of the dead letter is so no more.
TEST_F(QueueDeskTest, ADeadLetterOfLongAgoThatCameBackIsSeenAsItIs) {
  exchange_.config.mutable_limits()->set_max_log_records(2);
  exchange_.Restart();
  const v1::PublishReceipt dead = MakeDeadLetters(1)[0];
  const auto consumer = exchange_.Consume(kIntake);
  for (int i = 0; i < 40; ++i) {
    exchange_.Publish("a");
    EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  }
  ASSERT_FALSE(exchange_.Scan(SettledPages(kIntake, SequenceOf(dead))).empty());
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  EXPECT_EQ(exchange_.Copy(kIntake, dead).state(),
            v1::DELIVERY_STATE_ACKNOWLEDGED);
}

TEST_F(QueueDeskTest, WhatWasNotDueYetComesBackToWaitForItsTime) {
  v1::Message later = TextMessage("later");
  later.set_ordering_key("key");
  *later.mutable_deliver_time() = ToProto(Now() + absl::Hours(2));
  exchange_.Accept(HospitalCaller(), later);
  ASSERT_TRUE(Purge(PreparePurge()->confirmation()).ok());
  exchange_.Publish("now", "key");
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  EXPECT_EQ(Intake().delayed_messages(), 1);
  const auto consumer = exchange_.Consume(kIntake);
  const v1::ReceivedMessage now = consumer->Next();
  EXPECT_EQ(TextOf(now.message()), "now") << "and nobody waits for it";
  EXPECT_TRUE(exchange_.Ack(now).ok());
  exchange_.Restart();
  const auto next = exchange_.Consume(kIntake);
  exchange_.Advance(absl::Hours(2) - absl::Seconds(1));
  EXPECT_THAT(next->TakeAll(), IsEmpty());
  exchange_.Advance(absl::Seconds(1));
  const v1::ReceivedMessage back = next->Next();
  EXPECT_EQ(TextOf(back.message()), "later");
  EXPECT_TRUE(HasMark(back.message(), v1::MARK_CODE_CAME_BACK));
}

TEST_F(QueueDeskTest, RedriveKeepsTheOrderOfItsKey) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("first", "key");
  exchange_.Publish("second", "key");
  exchange_.Publish("third", "key");
  EXPECT_TRUE(exchange_.Reject(consumer->Next(), "no").ok());
  const v1::ReceivedMessage second = consumer->Next();
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  // One of a key at a time, also now.
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(second).ok());
  const v1::ReceivedMessage first = consumer->Next();
  EXPECT_EQ(TextOf(first.message()), "first");
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(first).ok());
  EXPECT_EQ(TextOf(consumer->Next().message()), "third");
}

TEST_F(QueueDeskTest, WhatCameBackGoesBeforeWhatIsReady) {
  const auto consumer = exchange_.Consume(kIntake, {.credit = 1});
  for (const char* text : {"first", "second"}) exchange_.Publish(text, "key");
  EXPECT_TRUE(SetTo(v1::QUEUE_MODE_PAUSED).ok());
  EXPECT_TRUE(exchange_.Reject(consumer->Next(), "no").ok());
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  exchange_.Unsubscribe(*consumer);
  EXPECT_TRUE(SetTo(v1::QUEUE_MODE_SERVING).ok());
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeTexts(), ElementsAre("first"));
}

TEST_F(QueueDeskTest, WhatCameBackWaitsForALeaseAlsoAfterARestart) {
  auto consumer = exchange_.Consume(kIntake, {.name = "a"});
  exchange_.Publish("first", "key");
  exchange_.Publish("second", "key");
  EXPECT_TRUE(exchange_.Reject(consumer->Next(), "no").ok());
  const v1::ReceivedMessage second = consumer->Next();
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  exchange_.Restart();
  consumer = exchange_.Consume(kIntake, {.name = "b"});
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  EXPECT_TRUE(exchange_.Ack(second).ok());
  EXPECT_EQ(TextOf(consumer->Next().message()), "first");
}

TEST_F(QueueDeskTest, WhatCameBackGoesFirstWhenTheLeaseItWaitsForRunsOut) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("first", "key");
  exchange_.Publish("second", "key");
  EXPECT_TRUE(exchange_.Reject(consumer->Next(), "no").ok());
  consumer->Next();
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  exchange_.Advance(absl::Seconds(60));
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("first"));
}

TEST_F(QueueDeskTest, AttemptsAreCountedOnAndLimitedAnew) {
  IntakeDesk()->set_max_delivery_attempts(2);
  exchange_.Restart();
  const v1::PublishReceipt receipt = exchange_.Publish("a");
  const auto consumer = exchange_.Consume(kIntake);
  for (const int attempt : {1, 2}) {
    const v1::ReceivedMessage message = consumer->Next();
    EXPECT_EQ(message.delivery_attempt(), attempt);
    EXPECT_TRUE(exchange_.Nack(message, "no", absl::ZeroDuration()).ok());
  }
  ASSERT_TRUE(Redrive(RedriveAll("1")).ok());
  for (const int attempt : {3, 4}) {
    const v1::ReceivedMessage message = consumer->Next();
    EXPECT_EQ(message.delivery_attempt(), attempt);
    EXPECT_TRUE(exchange_.Nack(message, "no", absl::ZeroDuration()).ok());
  }
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  const v1::DeliveryRecord dead = exchange_.CopyOnDisk(kIntake, receipt);
  EXPECT_EQ(dead.state(), v1::DELIVERY_STATE_DEAD_LETTERED);
  EXPECT_EQ(dead.delivery_attempt(), 4);
  EXPECT_EQ(dead.redrives(), 1);
  EXPECT_THAT(dead.attempts(), SizeIs(4));
}

TEST_F(QueueDeskTest, AnExpiredMessageIsDeliveredWhenItComesBack) {
  v1::Message message = TextMessage("a");
  *message.mutable_expire_time() = ToProto(Now() + absl::Seconds(5));
  exchange_.Accept(HospitalCaller(), message);
  exchange_.Advance(absl::Seconds(6));
  EXPECT_EQ(Intake().dead_letters(), 1);
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  exchange_.Advance(absl::Seconds(6));
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeTexts(), ElementsAre("a"));
}

TEST_F(QueueDeskTest, AnOpeningThatCameBackIsItsMattersReceipt) {
  const v1::PublishReceipt flag =
      exchange_.Accept(HospitalCaller(), FlagMessage({"Ann Example"}));
  const auto consumer = exchange_.Consume(kIntake);
  EXPECT_TRUE(exchange_.Reject(consumer->Next(), "cannot be read").ok());
  EXPECT_FALSE(exchange_.Conversation(flag.conversation_id())
                   .matters(0)
                   .has_delivered());
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  EXPECT_TRUE(exchange_.Conversation(flag.conversation_id())
                  .matters(0)
                  .has_delivered());
}

TEST_F(QueueDeskTest, ADryRunCountsAndChangesNothing) {
  MakeDeadLetters(3);
  v1::RedriveMessagesRequest request = RedriveAll();
  request.set_dry_run(true);
  const absl::StatusOr<v1::Job> job = Redrive(request);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(JobNow(*job).changed_messages(), 3);
  EXPECT_EQ(Intake().dead_letters(), 3);
  EXPECT_EQ(Intake().ready_messages(), 0);
}

TEST_F(QueueDeskTest, OnlyWhatTheFilterNamesComesBack) {
  const auto receipts = MakeDeadLetters(5);
  v1::RedriveMessagesRequest request = RedriveAll();
  request.mutable_filter()->add_message_ids(receipts[1].message_id());
  request.mutable_filter()->add_message_ids(receipts[3].message_id());
  const absl::StatusOr<v1::Job> job = Redrive(request);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeTexts(), ElementsAre("1", "3"));
  EXPECT_EQ(Intake().dead_letters(), 3);
  EXPECT_LE(JobNow(*job).scanned_messages(), 3);
}

TEST_F(QueueDeskTest, ARateIsKept) {
  MakeDeadLetters(60);
  v1::RedriveMessagesRequest request = RedriveAll();
  request.set_max_per_second(20);
  const absl::StatusOr<v1::Job> job = Redrive(request);
  ASSERT_TRUE(job.ok()) << job.status();
  for (int i = 0; i < 10; ++i) exchange_.Advance(absl::Milliseconds(100));
  EXPECT_GE(JobNow(*job).changed_messages(), 18);
  EXPECT_LE(JobNow(*job).changed_messages(), 24);
  for (int i = 0; i < 30; ++i) exchange_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(JobNow(*job).state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(JobNow(*job).changed_messages(), 60);
}

TEST_F(QueueDeskTest, AJobGoesOnAfterARestartAndDoesNothingTwice) {
  MakeDeadLetters(200);
  std::vector<Command> commands;
  v1::Job job;
  commands.push_back(QueueCommand<StartRedrive>{
      .caller = CouncilCaller(),
      .act = {.request = RedriveAll()},
      .done = [&job](absl::StatusOr<v1::Job> begun) { job = *begun; }});
  ASSERT_TRUE(exchange_.StepOnce(std::move(commands)).ok());
  ASSERT_TRUE(exchange_.StepOnce({}).ok());
  EXPECT_EQ(exchange_.Scan(DeadLetters(kIntake, 0)).size(), 200 - 128u);
  exchange_.Restart();
  exchange_.Step();
  EXPECT_EQ(JobNow(job).state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(JobNow(job).changed_messages(), 200);
  EXPECT_EQ(Intake().ready_messages(), 200);
  EXPECT_EQ(Intake().dead_letters(), 0);
}

TEST_F(QueueDeskTest, ARestartMakesNoJobCountAnythingTwice) {
  MakeDeadLetters(200);
  v1::RedriveMessagesRequest request = RedriveAll();
  request.set_dry_run(true);
  std::vector<Command> commands;
  v1::Job job;
  commands.push_back(QueueCommand<StartRedrive>{
      .caller = CouncilCaller(),
      .act = {.request = std::move(request)},
      .done = [&job](absl::StatusOr<v1::Job> begun) { job = *begun; }});
  ASSERT_TRUE(exchange_.StepOnce(std::move(commands)).ok());
  ASSERT_TRUE(exchange_.StepOnce({}).ok());
  exchange_.Restart();
  exchange_.Step();
  EXPECT_EQ(JobNow(job).state(), v1::JOB_STATE_DONE);
  EXPECT_EQ(JobNow(job).scanned_messages(), 200);
  EXPECT_EQ(JobNow(job).changed_messages(), 200);
}

TEST_F(QueueDeskTest, ACancelledJobStopsWhereItIs) {
  MakeDeadLetters(60);
  v1::RedriveMessagesRequest request = RedriveAll();
  request.set_max_per_second(10);
  const absl::StatusOr<v1::Job> job = Redrive(request);
  ASSERT_TRUE(job.ok()) << job.status();
  const auto stopped =
      exchange_.Do(CouncilCaller(), StopJob{.job_id = job->job_id()});
  ASSERT_TRUE(stopped.ok()) << stopped.status();
  EXPECT_EQ(stopped->state(), v1::JOB_STATE_CANCELLED);
  const int64_t before = Intake().dead_letters();
  EXPECT_GT(before, 0);
  exchange_.Advance(absl::Seconds(10));
  EXPECT_EQ(Intake().dead_letters(), before);
  exchange_.Restart();
  exchange_.Advance(absl::Seconds(10));
  EXPECT_EQ(Intake().dead_letters(), before);
}

TEST_F(QueueDeskTest, ARedriveWaitsForRoomInTheQueue) {
  MakeDeadLetters(3);
  IntakeDesk()->set_max_messages(2);
  exchange_.Restart();
  const absl::StatusOr<v1::Job> job = Redrive(RedriveAll());
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(JobNow(*job).state(), v1::JOB_STATE_RUNNING);
  EXPECT_EQ(Intake().ready_messages(), 2);
  const auto consumer = exchange_.Consume(kIntake);
  for (const v1::ReceivedMessage& message : consumer->TakeAll()) {
    EXPECT_TRUE(exchange_.Ack(message).ok());
  }
  exchange_.Advance(Jobs::kRoomInterval);
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("2"));
  EXPECT_EQ(JobNow(*job).state(), v1::JOB_STATE_DONE);
}

TEST_F(QueueDeskTest, ARepeatedRequestIsAnsweredWithItsJob) {
  MakeDeadLetters(2);
  const absl::StatusOr<v1::Job> first = Redrive(RedriveAll());
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::StatusOr<v1::Job> repeat = Redrive(RedriveAll());
  ASSERT_TRUE(repeat.ok()) << repeat.status();
  EXPECT_EQ(repeat->job_id(), first->job_id());
  EXPECT_EQ(repeat->state(), v1::JOB_STATE_DONE);
  v1::RedriveMessagesRequest other = RedriveAll();
  other.set_dry_run(true);
  EXPECT_EQ(ReasonOf(Redrive(other).status()), "REQUEST_ID_REUSED");
}

TEST_F(QueueDeskTest, OneJobWorksOnAQueueAtATime) {
  MakeDeadLetters(20);
  v1::RedriveMessagesRequest slow = RedriveAll("1");
  slow.set_max_per_second(1);
  ASSERT_TRUE(Redrive(slow).ok());
  EXPECT_EQ(ReasonOf(Redrive(RedriveAll("2")).status()), "JOB_RUNNING");
}

TEST_F(QueueDeskTest, OldJobsOfAQueueAreForgotten) {
  std::string first;
  for (size_t i = 0; i <= Jobs::kMaxPerQueue; ++i) {
    const auto job = Redrive(RedriveAll(absl::StrCat(i)));
    ASSERT_TRUE(job.ok()) << job.status();
    if (i == 0) first = job->job_id();
  }
  EXPECT_THAT(exchange_.Scan(JobKeys()), SizeIs(Jobs::kMaxPerQueue));
  EXPECT_TRUE(absl::IsNotFound(
      exchange_.Do(CouncilCaller(), FindJobs{.job_id = first, .queue = {}})
          .status()));
}

TEST_F(QueueDeskTest, AJobOfOthersIsNotFound) {
  const auto job = Redrive(RedriveAll());
  ASSERT_TRUE(job.ok());
  for (const Identity& other : {HospitalCaller(), CountyCaller()}) {
    EXPECT_TRUE(absl::IsNotFound(
        exchange_.Do(other, FindJobs{.job_id = job->job_id(), .queue = {}})
            .status()));
    EXPECT_TRUE(absl::IsNotFound(
        exchange_.Do(other, StopJob{.job_id = job->job_id()}).status()));
  }
  EXPECT_TRUE(
      exchange_.Do(OperatorCaller(), StopJob{.job_id = job->job_id()}).ok());
}

TEST_F(QueueDeskTest, ADamagedJobIsDataLoss) {
  const auto job = Redrive(RedriveAll());
  exchange_.Damage(JobKey(ParseJobId(job->job_id()).value()), "\xff");
  EXPECT_EQ(exchange_.Reopen().code(), absl::StatusCode::kDataLoss);
}

// --- Purge.

TEST_F(QueueDeskTest, APurgeMakesDeadLettersThatCanComeBack) {
  exchange_.Publish("a");
  exchange_.Publish("b");
  const auto prepared = PreparePurge();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->messages(), 2);
  const v1::PublishReceipt later = exchange_.Publish("later");
  const auto job = Purge(prepared->confirmation());
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(JobNow(*job).changed_messages(), 2);
  EXPECT_EQ(Intake().dead_letters(), 2);
  const auto consumer = exchange_.Consume(kIntake);
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("later"));
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_DEAD_LETTERED).at(0).code(),
              "PURGED");
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("a", "b"));
}

TEST_F(QueueDeskTest, APurgeLeavesDangerAndWhatConsumersHold) {
  const auto consumer = exchange_.Consume(kIntake, {.credit = 1});
  exchange_.Publish("held");
  const v1::ReceivedMessage held = consumer->Next();
  v1::Message danger = TextMessage("danger");
  danger.set_priority(v1::PRIORITY_IMMEDIATE_DANGER);
  exchange_.Accept(HospitalCaller(), danger);
  exchange_.Publish("plain");
  const auto prepared = PreparePurge();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->messages(), 1);
  EXPECT_EQ(prepared->left_messages(), 2);
  ASSERT_TRUE(Purge(prepared->confirmation()).ok());
  EXPECT_TRUE(exchange_.Ack(held).ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("danger"));
}

TEST_F(QueueDeskTest, APurgeNeedsItsOwnFreshConfirmation) {
  exchange_.Publish("a");
  const std::string word = PreparePurge()->confirmation();
  EXPECT_EQ(ReasonOf(Purge("1-2-abc").status()), "NOT_CONFIRMED");
  EXPECT_EQ(ReasonOf(Purge("").status()), "NOT_CONFIRMED");
  const auto of_another =
      exchange_.Do(CountyCaller(), CountPurge{.queue = kCounty});
  EXPECT_EQ(ReasonOf(Purge(of_another->confirmation()).status()),
            "NOT_CONFIRMED");
  exchange_.Advance(QueueDesk::kConfirmWithin);
  EXPECT_EQ(ReasonOf(Purge(word).status()), "NOT_CONFIRMED");
  EXPECT_EQ(Intake().ready_messages(), 1);
}

// --- Modes.

TEST_F(QueueDeskTest, APausedQueueTakesAndSettlesButHandsOutNothing) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("held");
  const v1::ReceivedMessage held = consumer->Next();
  ASSERT_TRUE(SetTo(v1::QUEUE_MODE_PAUSED).ok());
  exchange_.Publish("waits");
  EXPECT_TRUE(exchange_.Ack(held).ok());
  EXPECT_THAT(consumer->TakeAll(), IsEmpty());
  exchange_.Restart();
  EXPECT_EQ(Intake().mode(), v1::QUEUE_MODE_PAUSED);
  EXPECT_EQ(Intake().mode_reason(), "import is broken");
  EXPECT_TRUE(Intake().has_mode_time());
  const auto next = exchange_.Consume(kIntake);
  EXPECT_THAT(next->TakeAll(), IsEmpty());
  ASSERT_TRUE(SetTo(v1::QUEUE_MODE_SERVING).ok());
  EXPECT_THAT(next->TakeTexts(), ElementsAre("waits"));
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_QUEUE_MODE_CHANGED), SizeIs(2));
}

TEST_F(QueueDeskTest, ADrainingQueueHandsOutAndTakesOnlyDanger) {
  exchange_.Publish("a");
  ASSERT_TRUE(SetTo(v1::QUEUE_MODE_DRAINING).ok());
  exchange_.Restart();
  const auto refused =
      exchange_.Publish(HospitalCaller(), TextMessage("refused"));
  EXPECT_EQ(LimitOf(refused.status()), "queue_mode");
  EXPECT_THAT(refused.status().message(), HasSubstr("draining"));
  v1::Message danger = TextMessage("danger");
  danger.set_priority(v1::PRIORITY_IMMEDIATE_DANGER);
  exchange_.Accept(HospitalCaller(), danger);
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeTexts(),
              ElementsAre("danger", "a"));
}

TEST_F(QueueDeskTest, AFullQueueHasRoomForDanger) {
  IntakeDesk()->set_max_messages(1);
  exchange_.Restart();
  exchange_.Publish("a");
  EXPECT_EQ(
      LimitOf(exchange_.Publish(HospitalCaller(), TextMessage("b")).status()),
      "max_messages");
  v1::Message danger = TextMessage("danger");
  danger.set_priority(v1::PRIORITY_IMMEDIATE_DANGER);
  EXPECT_TRUE(exchange_.Publish(HospitalCaller(), danger).ok());
}

// --- Cancelling.

TEST_F(QueueDeskTest, ACancelledMessageIsNeverDelivered) {
  const v1::PublishReceipt receipt = PublishAt(Now() + absl::Hours(1), "a");
  const absl::StatusOr<absl::Time> cancelled = Cancel(receipt);
  ASSERT_TRUE(cancelled.ok()) << cancelled.status();
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_CANCELLED), SizeIs(1));
  exchange_.Advance(absl::Hours(2));
  EXPECT_THAT(exchange_.Consume(kIntake)->TakeAll(), IsEmpty());
  EXPECT_EQ(Intake().dead_letters(), 0);
  exchange_.Restart();
  EXPECT_EQ(exchange_.CopyOnDisk(kIntake, receipt).state(),
            v1::DELIVERY_STATE_CANCELLED);
  const absl::StatusOr<absl::Time> again = Cancel(receipt);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *cancelled);
  EXPECT_THAT(exchange_.Leaves(v1::AUDIT_TYPE_CANCELLED), SizeIs(1));
}

TEST_F(QueueDeskTest, WhatIsDueCannotBeCancelled) {
  const v1::PublishReceipt receipt = PublishAt(Now() + absl::Hours(1), "a");
  exchange_.Advance(absl::Hours(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(Cancel(receipt).status()));
  const auto consumer = exchange_.Consume(kIntake);
  const v1::ReceivedMessage message = consumer->Next();
  EXPECT_TRUE(exchange_.Nack(message, "later", absl::Hours(1)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Cancel(receipt).status()));
  exchange_.Advance(absl::Hours(1));
  EXPECT_TRUE(exchange_.Ack(consumer->Next()).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Cancel(receipt).status()));
}

// A purge takes one of two copies; then neither can be cancelled.
TEST_F(QueueDeskTest, EveryCopyIsCancelledOrNone) {
  v1::Message message = TextMessage("a");
  *message.add_recipients() = RecipientOf(kDuty, v1::RECIPIENT_ROLE_COPY);
  *message.mutable_deliver_time() = ToProto(Now() + absl::Hours(1));
  const auto receipt = exchange_.Accept(HospitalCaller(), message);
  ASSERT_TRUE(Purge(PreparePurge()->confirmation()).ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(Cancel(receipt, {kDuty, kIntake}).status()));
  exchange_.Advance(absl::Hours(1));
  EXPECT_THAT(exchange_.Consume(kDuty)->TakeTexts(), ElementsAre("a"));
}

// --- Looking.

TEST_F(QueueDeskTest, AQueueIsDescribed) {
  MakeDeadLetters(1);
  const auto consumer =
      exchange_.Consume(kIntake, {.name = "robot", .credit = 1});
  exchange_.Publish("leased");
  consumer->Next();
  exchange_.Publish("ready");
  PublishAt(Now() + absl::Hours(1), "delayed");
  v1::Message urgent = TextMessage("urgent");
  urgent.set_priority(v1::PRIORITY_URGENT);
  const absl::Time published = Now();
  exchange_.Accept(HospitalCaller(), urgent);
  exchange_.Advance(absl::Seconds(7));
  const v1::Queue queue = Intake();
  EXPECT_EQ(queue.ready_messages(), 2);
  EXPECT_EQ(queue.leased_messages(), 1);
  EXPECT_EQ(queue.delayed_messages(), 1);
  EXPECT_EQ(queue.dead_letters(), 1);
  EXPECT_GT(queue.unsettled_bytes(), 0);
  EXPECT_EQ(FromProto(queue.oldest_urgent_due_time()), published);
  EXPECT_LE(FromProto(queue.oldest_due_time()), published);
  ASSERT_THAT(queue.consumers(), SizeIs(1));
  EXPECT_EQ(queue.consumers(0).consumer(), "robot");
  EXPECT_EQ(queue.consumers(0).outstanding_messages(), 1);
  exchange_.Restart();
  EXPECT_EQ(Intake().dead_letters(), 1);
  EXPECT_EQ(FromProto(Intake().oldest_urgent_due_time()), published);
}

TEST_F(QueueDeskTest, WhatIsNotDueIsNotOld) {
  v1::Message urgent = TextMessage("urgent");
  urgent.set_priority(v1::PRIORITY_URGENT);
  *urgent.mutable_deliver_time() = ToProto(Now() + absl::Hours(1));
  exchange_.Accept(HospitalCaller(), urgent);
  EXPECT_FALSE(Intake().has_oldest_urgent_due_time());
  EXPECT_FALSE(Intake().has_oldest_due_time());
  exchange_.Advance(absl::Hours(1));
  EXPECT_TRUE(Intake().has_oldest_urgent_due_time());
  EXPECT_TRUE(Intake().has_oldest_due_time());
}

// Settled long ago, settled lately, waiting; but nothing that was cancelled.
TEST_F(QueueDeskTest, WhateverCameIsFoundOnceWhereverItIs) {
  exchange_.config.mutable_limits()->set_max_log_records(2);
  exchange_.Restart();
  std::vector<uint64_t> came;
  const auto consumer = exchange_.Consume(kIntake);
  for (int i = 0; i < 40; ++i) {
    came.push_back(SequenceOf(exchange_.Publish(absl::StrCat(i))));
    const v1::ReceivedMessage message = consumer->Next();
    EXPECT_TRUE(
        (i % 3 == 0 ? exchange_.Reject(message, "no") : exchange_.Ack(message))
            .ok());
  }
  exchange_.Unsubscribe(*consumer);
  ASSERT_TRUE(Redrive(RedriveAll()).ok());
  ASSERT_TRUE(Cancel(PublishAt(Now() + absl::Hours(1), "cancelled")).ok());
  came.push_back(SequenceOf(exchange_.Publish("waits")));
  for (const uint64_t after : {uint64_t{0}, came[5], came.back()}) {
    const auto lately = exchange_.Do(
        CouncilCaller(),
        FindArrived{.queue = kIntake, .after = after, .limit = 1000});
    ASSERT_TRUE(lately.ok()) << lately.status();
    const auto pages =
        ReadSettledAfter(exchange_.store(), kIntake, after, 1000);
    ASSERT_TRUE(pages.ok()) << pages.status();
    EXPECT_EQ(pages->empty(), after == came.back());
    std::set<uint64_t> found(lately->begin(), lately->end());
    found.insert(pages->begin(), pages->end());
    const std::set<uint64_t> expected(
        std::upper_bound(came.begin(), came.end(), after), came.end());
    EXPECT_EQ(found, expected);
  }
  const auto few = ReadSettledAfter(exchange_.store(), kIntake, 0, 3);
  ASSERT_TRUE(few.ok()) << few.status();
  EXPECT_THAT(*few, ElementsAre(came[0], came[1], came[2]));
}

TEST_F(QueueDeskTest, MessagesAreFoundByWhenTheyWerePublished) {
  std::vector<uint64_t> sequences;
  std::vector<absl::Time> times;
  for (int i = 0; i < 20; ++i) {
    times.push_back(Now());
    sequences.push_back(SequenceOf(exchange_.Publish(absl::StrCat(i))));
    exchange_.Advance(absl::Seconds(10));
  }
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(FirstPublishedAt(exchange_.store(), times[i]).value(),
              sequences[i]);
    EXPECT_EQ(FirstPublishedAt(exchange_.store(), times[i] - absl::Seconds(5))
                  .value(),
              sequences[i]);
  }
  EXPECT_GT(FirstPublishedAt(exchange_.store(), Now()).value(),
            sequences.back());
}

}  // namespace
}  // namespace baton
