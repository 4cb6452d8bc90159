#include "services/broker/sequencer.h"

#include <atomic>
#include <memory>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/keys.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/limit_of.h"

namespace baton {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Holds up commits until it is opened. Thread-safe.
class Gate {
 public:
  void Close() {
    MutexLock lock(&mu_);
    open_ = false;
  }
  void Open() {
    MutexLock lock(&mu_);
    open_ = true;
    changed_.SignalAll();
  }
  void Pass() {
    MutexLock lock(&mu_);
    ++waiting_;
    changed_.SignalAll();
    while (!open_) changed_.Wait(&mu_);
    --waiting_;
  }
  // Whether so many stand before the closed gate within `wait`.
  bool AwaitCrowd(int crowd, absl::Duration wait) {
    const absl::Time until = absl::Now() + wait;
    MutexLock lock(&mu_);
    while (waiting_ < crowd && absl::Now() < until) {
      changed_.WaitWithTimeout(&mu_, until - absl::Now());
    }
    return waiting_ >= crowd;
  }
  // Until somebody stands before the closed gate.
  void AwaitSomebody() {
    MutexLock lock(&mu_);
    while (waiting_ == 0) changed_.Wait(&mu_);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool open_ = true;
  int waiting_ = 0;
};

// What was told, in order. Thread-safe.
class Told {
 public:
  void Add(std::string what) {
    MutexLock lock(&mu_);
    all_.push_back(std::move(what));
    changed_.SignalAll();
  }
  // Waits until `count` things were told, and returns all of them.
  std::vector<std::string> Await(size_t count) {
    MutexLock lock(&mu_);
    while (all_.size() < count) changed_.Wait(&mu_);
    return all_;
  }
  std::vector<std::string> Now() { return Await(0); }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<std::string> all_;
};

class SequencerTest : public testing::Test {
 protected:
  void SetUp() override {
    exchange_.Start();
    exchange_.Step();
    exchange_.store().on_commit =
        [this](const Batch&) -> std::optional<CommitResult> {
      ++commits_;
      gate_.Pass();
      if (!fail_) return std::nullopt;
      return CommitResult{CommitOutcome::kUnknown,
                          absl::UnavailableError("the disk is gone")};
    };
  }

  void TearDown() override {
    gate_.Open();
    if (run_.joinable()) {
      EXPECT_TRUE(End().ok());
    }
  }

  void Begin(size_t max_pending = 4096) {
    Make(max_pending);
    Run();
  }
  void Make(size_t max_pending) {
    sequencer_.emplace(
        &exchange_.exchange(), &exchange_.clock(),
        Sequencer::Options{.max_pending = max_pending,
                           .upkeep = [this] { return upkeep_; },
                           .upkeep_interval = upkeep_interval_,
                           .lone_step = [this] { ++lone_steps_; },
                           .deliver =
                               [this](StepResult::Delivery delivery) {
                                 exchange_.Deliver(std::move(delivery));
                               },
                           .changed =
                               [this](const v1::Conversation& conversation) {
                                 changed_.Add(conversation.conversation_id());
                               }});
  }
  void Run() {
    run_ = std::thread([this] { ended_ = sequencer_->Run(); });
    finish_ = std::thread([this] { sequencer_->Finish(); });
  }
  absl::Status End() {
    if (sequencer_.has_value()) sequencer_->Stop();
    return Join();
  }
  absl::Status Join() {
    if (run_.joinable()) run_.join();
    if (finish_.joinable()) finish_.join();
    return ended_;
  }

  Command PublishOf(const std::string& text) {
    v1::PublishRequest request;
    *request.add_messages() = TextMessage(text);
    return PublishCommand{
        HospitalCaller(), request,
        [this, text](const absl::StatusOr<v1::PublishResponse>& response) {
          EXPECT_TRUE(response.ok());
          told_by_ = std::this_thread::get_id();
          replies_.Add(text);
        }};
  }
  Command PublishToDuty(const std::string& text) {
    Command command = PublishOf(text);
    *std::get<PublishCommand>(command)
         .request.mutable_messages(0)
         ->mutable_recipients(0)
         ->mutable_address() = AddressOf(kDuty);
    return command;
  }
  // Its answer is told when `reader` lets it pass.
  static void ReadSlowly(Gate* reader, Command* publish) {
    auto& done = std::get<PublishCommand>(*publish).done;
    done = [reader, tell = done](const auto& response) {
      reader->Pass();
      tell(response);
    };
  }
  Command AckOf(const std::string& ack_id) {
    return SettleCommand{.caller = CouncilCaller(),
                         .kind = SettleKind::kAcknowledge,
                         .queue = kIntake,
                         .ack_ids = {ack_id},
                         .reason = "",
                         .duration = std::nullopt,
                         .done = [this](const auto&) { replies_.Add("ack"); }};
  }
  Command AckAndPublishOf(const std::string& ack_id, const std::string& text) {
    AcknowledgeAndPublishCommand command;
    command.caller = CouncilCaller();
    command.queue = kIntake;
    command.ack_ids = {ack_id};
    *command.request.add_messages() = TextMessage(text);
    command.done = [this, text](const auto& result) {
      EXPECT_TRUE(result->published.ok());
      replies_.Add(text);
    };
    return command;
  }

  // Commands come one by one until who brings one steps it. Returns how many.
  size_t AwaitQuiet() {
    for (size_t i = 1; i < 10'000; ++i) {
      EXPECT_TRUE(sequencer_->SubmitAndStep(PublishOf("quiet")).ok());
      replies_.Await(i);
      if (told_by_.load() == std::this_thread::get_id()) return i;
      std::this_thread::yield();  // To the commit thread, which goes to rest.
    }
    ADD_FAILURE() << "nobody steps what he brings";
    return 0;
  }

  ExchangeFixture exchange_;
  Gate gate_;
  std::atomic<bool> fail_ = false;
  std::atomic<int> commits_ = 0;
  std::atomic<int> lone_steps_ = 0;
  absl::Status upkeep_;
  absl::Duration upkeep_interval_ = absl::Seconds(1);
  Told replies_;
  Told changed_;
  std::atomic<std::thread::id> told_by_;  // Who told a reply last.
  std::optional<Sequencer> sequencer_;
  std::thread run_;
  std::thread finish_;
  absl::Status ended_;
};

TEST_F(SequencerTest, WhatArrivesDuringOneSyncSharesTheNext) {
  gate_.Close();
  Begin();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("first")).ok());
  gate_.AwaitSomebody();
  std::vector<std::string> expected = {"first"};
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(sequencer_->Submit(PublishOf(absl::StrCat(i))).ok());
    expected.push_back(absl::StrCat(i));
  }
  gate_.Open();
  EXPECT_EQ(replies_.Await(51), expected) << "in the order they came";
  EXPECT_EQ(commits_, 2);
  EXPECT_THAT(changed_.Await(51), SizeIs(51));
}

TEST_F(SequencerTest, RepliesComeAfterTheCommit) {
  gate_.Close();
  Begin();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("a")).ok());
  gate_.AwaitSomebody();
  EXPECT_THAT(replies_.Now(), IsEmpty());
  gate_.Open();
  EXPECT_THAT(replies_.Await(1), ElementsAre("a"));
}

// The commit thread may tell a lone reply itself, but not before what is still
// being told.
TEST_F(SequencerTest, ALoneReplyDoesNotOvertake) {
  Gate slow_reader;
  slow_reader.Close();
  gate_.Close();
  Begin();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("first")).ok());
  gate_.AwaitSomebody();
  Command slow = PublishOf("slow");
  ReadSlowly(&slow_reader, &slow);
  ASSERT_TRUE(sequencer_->Submit(std::move(slow)).ok());
  ASSERT_TRUE(sequencer_->Submit(PublishOf("beside")).ok());
  gate_.Open();
  slow_reader.AwaitSomebody();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("lone")).ok());
  while (commits_ < 3) std::this_thread::yield();
  sequencer_->Stop();
  run_.join();
  EXPECT_THAT(replies_.Now(), ElementsAre("first"));
  slow_reader.Open();
  EXPECT_TRUE(Join().ok());
  EXPECT_THAT(replies_.Now(), ElementsAre("first", "slow", "beside", "lone"));
}

TEST_F(SequencerTest, AFailedCommitTellsNobodyAndEndsTheRun) {
  fail_ = true;
  Begin();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("a")).ok());
  const absl::Status ended = Join();
  EXPECT_EQ(ended.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(replies_.Now(), IsEmpty());
  EXPECT_THAT(changed_.Now(), IsEmpty());
  EXPECT_EQ(sequencer_->Submit(PublishOf("b")).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(SequencerTest, WhoBringsALoneCommandStepsIt) {
  Begin();
  const size_t quiet = AwaitQuiet();
  EXPECT_GT(quiet, Sequencer::kCallsOneByOne);
  const int commits = commits_;
  const int lone_steps = lone_steps_;
  ASSERT_TRUE(sequencer_->SubmitAndStep(PublishOf("lone")).ok());
  EXPECT_EQ(commits_, commits + 1) << "before the call returned";
  EXPECT_THAT(replies_.Now(), SizeIs(quiet + 1));
  EXPECT_THAT(changed_.Now(), SizeIs(quiet + 1));
  EXPECT_EQ(lone_steps_, lone_steps + 1) << "it is told when one begins";
  ASSERT_TRUE(sequencer_->Submit(PublishOf("other")).ok());
  replies_.Await(quiet + 2);
  EXPECT_EQ(lone_steps_, lone_steps + 1) << "not the commit thread's";
}

TEST_F(SequencerTest, WhatComesDuringALoneStepIsTheNextStep) {
  Begin();
  const size_t quiet = AwaitQuiet();
  const int commits = commits_;
  gate_.Close();
  std::thread lone([this] {
    EXPECT_TRUE(sequencer_->SubmitAndStep(PublishOf("lone")).ok());
  });
  gate_.AwaitSomebody();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("a")).ok());
  ASSERT_TRUE(sequencer_->SubmitAndStep(PublishOf("b")).ok());
  EXPECT_THAT(replies_.Now(), SizeIs(quiet)) << "told before it is on disk";
  gate_.Open();
  lone.join();
  std::vector<std::string> told = replies_.Await(quiet + 3);
  told.erase(told.begin(), told.begin() + static_cast<int64_t>(quiet));
  EXPECT_THAT(told, ElementsAre("lone", "a", "b"));
  EXPECT_EQ(commits_, commits + 2);
}

TEST_F(SequencerTest, ALoneStepThatFailsTellsNobodyAndEndsTheRun) {
  Begin();
  const size_t quiet = AwaitQuiet();
  fail_ = true;
  ASSERT_TRUE(sequencer_->SubmitAndStep(PublishOf("a")).ok());
  EXPECT_EQ(Join().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(replies_.Now(), SizeIs(quiet));
  EXPECT_EQ(sequencer_->SubmitAndStep(PublishOf("b")).code(),
            absl::StatusCode::kUnavailable);
}

// It is woken by Stop(), and must not step what came since.
TEST_F(SequencerTest, TheCommitThreadWaitsForALoneStep) {
  Begin();
  const size_t quiet = AwaitQuiet();
  gate_.Close();
  std::thread lone([this] {
    EXPECT_TRUE(sequencer_->SubmitAndStep(PublishOf("lone")).ok());
  });
  gate_.AwaitSomebody();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("next")).ok());
  sequencer_->Stop();
  EXPECT_FALSE(gate_.AwaitCrowd(2, absl::Milliseconds(100)));
  gate_.Open();
  EXPECT_TRUE(Join().ok());
  lone.join();
  EXPECT_THAT(replies_.Now(), SizeIs(quiet + 2));
}

TEST_F(SequencerTest, ALoneStepLeavesDeliveriesToTheFinisher) {
  const auto consumer = exchange_.Consume(kDuty);
  Begin();
  const size_t quiet = AwaitQuiet();
  const int commits = commits_;
  ASSERT_TRUE(sequencer_->SubmitAndStep(PublishToDuty("lone")).ok());
  EXPECT_EQ(commits_, commits + 1);
  replies_.Await(quiet + 1);
  EXPECT_NE(told_by_.load(), std::this_thread::get_id());
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("lone"));
}

// Which rests until what it knows of, here for an hour.
TEST_F(SequencerTest, ALoneStepTellsTheCommitThreadWhatIsDueSooner) {
  upkeep_interval_ = absl::Hours(1);
  const auto consumer = exchange_.Consume(kDuty);
  Begin();
  AwaitQuiet();
  const int commits = commits_;
  constexpr absl::Duration kDelay = absl::Milliseconds(20);
  Command later = PublishToDuty("later");
  *std::get<PublishCommand>(later)
       .request.mutable_messages(0)
       ->mutable_deliver_time() =
      ToProto(exchange_.clock().Now().wall + kDelay);
  ASSERT_TRUE(sequencer_->SubmitAndStep(std::move(later)).ok());
  ASSERT_EQ(commits_, commits + 1) << "before the call returned";
  gate_.Close();
  exchange_.clock().Advance(kDelay);
  EXPECT_TRUE(gate_.AwaitCrowd(1, absl::Seconds(10))) << "nobody hands it out";
  gate_.Open();
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("later"));
}

TEST_F(SequencerTest, ALoneStepDoesNotOvertakeTheFinisher) {
  const auto consumer = exchange_.Consume(kDuty);
  Gate slow_reader;
  Begin();
  const size_t quiet = AwaitQuiet();
  slow_reader.Close();
  Command slow = PublishToDuty("slow");
  ReadSlowly(&slow_reader, &slow);
  ASSERT_TRUE(sequencer_->SubmitAndStep(std::move(slow)).ok());
  slow_reader.AwaitSomebody();
  ASSERT_TRUE(sequencer_->SubmitAndStep(PublishOf("lone")).ok());
  EXPECT_THAT(replies_.Now(), SizeIs(quiet));
  slow_reader.Open();
  EXPECT_EQ(replies_.Await(quiet + 2).back(), "lone");
  EXPECT_TRUE(End().ok());
}

// Otherwise they pile up: who steps leaves that to the finisher.
TEST_F(SequencerTest, WhatLoneStepsLeaveIsTakenApart) {
  Begin();
  size_t told = AwaitQuiet();
  const auto kept = std::make_shared<int>();
  for (size_t i = 0; i < 3 * Sequencer::kMaxTold; ++i) {
    Command command = PublishOf("lone");
    auto& done = std::get<PublishCommand>(command).done;
    done = [kept, tell = done](const auto& response) { tell(response); };
    ASSERT_TRUE(sequencer_->SubmitAndStep(std::move(command)).ok());
    replies_.Await(++told);
  }
  const auto most = static_cast<int64_t>(Sequencer::kMaxTold);
  const absl::Time give_up = absl::Now() + absl::Seconds(20);
  while (kept.use_count() > most && absl::Now() < give_up) {
    std::this_thread::yield();
  }
  EXPECT_LE(kept.use_count(), most);
}

TEST_F(SequencerTest, EveryCallIsAnsweredOnceWhoeverSteps) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 100;
  Begin();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kCalls; ++i) {
        Gate answered;
        answered.Close();
        const std::string text = absl::StrCat(t, "-", i);
        Command command = PublishOf(text);
        auto& done = std::get<PublishCommand>(command).done;
        done = [&answered, tell = done](const auto& response) {
          tell(response);
          answered.Open();
        };
        ASSERT_TRUE(sequencer_->SubmitAndStep(std::move(command)).ok());
        answered.Pass();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(End().ok());
  const std::vector<std::string> told = replies_.Now();
  EXPECT_THAT(told, SizeIs(kThreads * kCalls));
  EXPECT_THAT(std::set<std::string>(told.begin(), told.end()),
              SizeIs(kThreads * kCalls));
}

TEST_F(SequencerTest, RefusesMessagesBeforeSettlements) {
  Make(/*max_pending=*/3);  // Nobody takes anything yet.
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(sequencer_->Submit(PublishOf("a")).ok());
  }
  EXPECT_EQ(LimitOf(sequencer_->Submit(PublishOf("b"))),
            "max_pending_commands");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(sequencer_->Submit(AckOf("a-zz-1")).ok());
  }
  EXPECT_EQ(LimitOf(sequencer_->Submit(AckOf("a-zz-1"))),
            "max_pending_commands");
  Run();
  EXPECT_THAT(replies_.Await(6),
              ElementsAre("a", "a", "a", "ack", "ack", "ack"));
  EXPECT_TRUE(sequencer_->Submit(PublishOf("c")).ok());
  EXPECT_EQ(replies_.Await(7).back(), "c");
}

// A consumer that is gone must not keep its queue.
TEST_F(SequencerTest, NeverRefusesAnUnsubscribeForRoom) {
  const auto gone = exchange_.Consume(kIntake);
  Make(/*max_pending=*/1);
  ASSERT_TRUE(sequencer_->Submit(PublishOf("a")).ok());
  ASSERT_TRUE(sequencer_->Submit(AckOf("a-zz-1")).ok());
  ASSERT_EQ(sequencer_->Submit(GrantCommand{kIntake, gone->id, 1, 1}).code(),
            absl::StatusCode::kResourceExhausted);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(sequencer_->Submit(UnsubscribeCommand{kIntake, gone->id}).ok());
  }
  Run();
  EXPECT_THAT(replies_.Await(2), ElementsAre("a", "ack"));
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(gone->TakeAll(), IsEmpty());
}

TEST_F(SequencerTest, RefusesMessagesWhileTheDiskIsLow) {
  Begin();
  sequencer_->RefusePublish(absl::ResourceExhaustedError("the disk is low"),
                            /*danger_too=*/false);
  EXPECT_EQ(sequencer_->Submit(PublishOf("a")).message(), "the disk is low");
  EXPECT_TRUE(sequencer_->Submit(AckOf("a-zz-1")).ok());
  sequencer_->RefusePublish(absl::OkStatus(), /*danger_too=*/false);
  EXPECT_TRUE(sequencer_->Submit(PublishOf("a")).ok());
  EXPECT_THAT(replies_.Await(2), ElementsAre("ack", "a"));
}

TEST_F(SequencerTest, ImmediateDangerMayUseWhatALowDiskHas) {
  Begin();
  const absl::Status low = absl::ResourceExhaustedError("the disk is low");
  const auto danger = [this](const std::string& text) {
    Command command = PublishOf(text);
    std::get<PublishCommand>(command).request.mutable_messages(0)->set_priority(
        v1::PRIORITY_IMMEDIATE_DANGER);
    return command;
  };
  sequencer_->RefusePublish(low, /*danger_too=*/false);
  EXPECT_TRUE(sequencer_->Submit(danger("a")).ok());
  Command mixed = danger("b");
  *std::get<PublishCommand>(mixed).request.add_messages() = TextMessage("c");
  EXPECT_EQ(sequencer_->Submit(std::move(mixed)), low);
  sequencer_->RefusePublish(low, /*danger_too=*/true);
  EXPECT_EQ(sequencer_->Submit(danger("d")), low);
  EXPECT_THAT(replies_.Await(1), ElementsAre("a"));
}

// It brings a message, though it settles others.
TEST_F(SequencerTest, RefusesToAcknowledgeAndPublishWhileTheDiskIsLow) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("question");
  const std::string lease = consumer->Next().ack_id();
  Begin();
  sequencer_->RefusePublish(absl::ResourceExhaustedError("the disk is low"),
                            /*danger_too=*/false);
  EXPECT_EQ(sequencer_->Submit(AckAndPublishOf(lease, "answer")).message(),
            "the disk is low");
  sequencer_->RefusePublish(absl::OkStatus(), /*danger_too=*/false);
  EXPECT_TRUE(sequencer_->Submit(AckAndPublishOf(lease, "answer")).ok());
  EXPECT_THAT(replies_.Await(1), ElementsAre("answer"));
}

TEST_F(SequencerTest, RefusesToAcknowledgeAndPublishAsEarlyAsToPublish) {
  Make(/*max_pending=*/1);
  ASSERT_TRUE(sequencer_->Submit(AckOf("a-zz-1")).ok());
  EXPECT_EQ(sequencer_->Submit(AckAndPublishOf("a-zz-1", "answer")).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(sequencer_->Submit(AckOf("a-zz-1")).ok());
}

TEST_F(SequencerTest, RefusesUploadsAndNotDownloadsWhileTheDiskIsLow) {
  Begin();
  sequencer_->RefusePublish(absl::ResourceExhaustedError("the disk is low"),
                            /*danger_too=*/false);
  const auto ask = [&](AttachmentAct act) {
    return sequencer_->Submit(AttachmentCommand{
        .caller = HospitalCaller(),
        .act = std::move(act),
        .done = [](const absl::StatusOr<v1::AttachmentRecord>&) {}});
  };
  EXPECT_EQ(ask(BeginUpload()).message(), "the disk is low");
  EXPECT_EQ(ask(AddChunk()).message(), "the disk is low");
  EXPECT_TRUE(ask(HandOutDocument()).ok());
}

TEST_F(SequencerTest, StopsAfterWhatItTook) {
  gate_.Close();
  Begin();
  for (const char* text : {"a", "b", "c"}) {
    ASSERT_TRUE(sequencer_->Submit(PublishOf(text)).ok());
  }
  sequencer_->Stop();
  EXPECT_EQ(sequencer_->Submit(PublishOf("d")).code(),
            absl::StatusCode::kUnavailable);
  gate_.Open();
  EXPECT_TRUE(Join().ok());
  EXPECT_THAT(replies_.Now(), ElementsAre("a", "b", "c"));
}

TEST_F(SequencerTest, StopsWhenIdle) {
  Begin();
  EXPECT_TRUE(End().ok());
}

TEST_F(SequencerTest, AnErrorOfTheUpkeepEndsTheRun) {
  upkeep_ = absl::DataLossError("the mark is behind");
  Begin();
  EXPECT_EQ(Join().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SequencerTest, WritesNothingWhenIdle) {
  Begin();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("a")).ok());
  replies_.Await(1);
  const int commits = commits_;
  for (int i = 0; i < 5; ++i) {
    exchange_.clock().Advance(absl::Seconds(1));
    ASSERT_TRUE(
        sequencer_->Submit(GrantCommand{kIntake, 99, 1, 1}).ok());  // Wakes it.
  }
  EXPECT_TRUE(End().ok());
  EXPECT_EQ(commits_, commits);
}

TEST_F(SequencerTest, DeliversWhatWasLeased) {
  Begin();
  const auto consumer = std::make_shared<TestConsumer>(1, kIntake);
  ASSERT_TRUE(sequencer_
                  ->Submit(SubscribeCommand{
                      .caller = CouncilCaller(),
                      .queue = kIntake,
                      .consumer = {.id = 1,
                                   .max_messages = 10,
                                   .max_bytes = 1 << 20,
                                   .ack_deadline = absl::Seconds(60)},
                      .sink = consumer})
                  .ok());
  ASSERT_TRUE(sequencer_->Submit(PublishOf("a")).ok());
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("a"));
}

// A consumer whose messages wait behind all receipts falls behind.
TEST_F(SequencerTest, MessagesGoOutAheadOfReceipts) {
  const auto consumer = exchange_.Consume(kIntake);
  gate_.Close();
  Begin();
  Command first = PublishOf("first");
  std::vector<std::string> seen;
  std::get<PublishCommand>(first).done = [&](const auto&) {
    seen = consumer->TakeTexts();
    replies_.Add("first");
  };
  ASSERT_TRUE(sequencer_->Submit(std::move(first)).ok());
  ASSERT_TRUE(sequencer_->Submit(PublishOf("second")).ok());
  gate_.Open();
  replies_.Await(2);
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(seen, Contains("first"));
}

TEST_F(SequencerTest, EndsLeasesWithoutACommand) {
  const auto consumer = exchange_.Consume(kIntake);
  exchange_.Publish("a");
  consumer->TakeAll();
  exchange_.clock().Advance(absl::Seconds(60));
  Begin();
  ASSERT_TRUE(sequencer_->Submit(PublishOf("b")).ok());
  replies_.Await(1);
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(consumer->TakeTexts(), ElementsAre("a", "b"));
}

// A step of many small messages must stay within what a store commits at once.
TEST_F(SequencerTest, OneStepTakesNoMoreThanTheStoreCommits) {
  size_t most = 0;
  exchange_.store().on_commit =
      [&most](const Batch& batch) -> std::optional<CommitResult> {
    most = std::max(most, batch.operations());
    return std::nullopt;
  };
  Make(/*max_pending=*/4096);
  constexpr int kCommands = 90;
  for (int i = 0; i < kCommands; ++i) {
    v1::PublishRequest request;
    for (int k = 0; k < 64; ++k) {
      v1::Message& message = *request.add_messages();
      message = TextMessage("a");
      for (const char* queue : {kDuty, kCounty, kHospitalDesk}) {
        v1::Recipient* const copy = message.add_recipients();
        *copy->mutable_address() = AddressOf(queue);
        copy->set_role(v1::RECIPIENT_ROLE_COPY);
      }
    }
    ASSERT_TRUE(sequencer_
                    ->Submit(PublishCommand{
                        HospitalCaller(), request,
                        [this](const auto&) { replies_.Add("done"); }})
                    .ok());
  }
  Run();
  EXPECT_THAT(replies_.Await(kCommands), SizeIs(kCommands));
  EXPECT_TRUE(End().ok());
  EXPECT_LE(most, Sequencer::kMaxStepOperations + 100);
  EXPECT_LE(most, exchange_.store().limits().max_operations);
}

}  // namespace
}  // namespace baton
