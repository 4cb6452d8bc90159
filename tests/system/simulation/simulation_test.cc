#include "tests/system/simulation/simulation.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/common/proto_time.h"
#include "tests/system/simulation/queue_lab.h"

namespace baton::sim {
namespace {

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  uint64_t number = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &number)) {
    ADD_FAILURE() << variable << " is not a number: " << text;
  }
  return number;
}

uint64_t RunSeed(uint64_t seed) {
  Simulation simulation(seed);
  simulation.Start();
  simulation.Evening();
  simulation.ExpectEverythingArrives();
  return simulation.world().digest();
}

// BATON_SEEDS seeds from BATON_SEED on; by default those of this shard.
TEST(SimulationTest, Seeds) {
  const uint64_t first = NumberFrom("BATON_SEED", 1);
  const uint64_t count =
      NumberFrom("BATON_SEEDS", std::getenv("BATON_SEED") != nullptr ? 1 : 200);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RunSeed(seed);
    if (HasFailure()) {
      std::fprintf(stderr,
                   "\nseed %llu failed; once more, with its history:\n"
                   "BATON_TRACE=1 BATON_SEED=%llu build/release/bin/"
                   "simulation_test --gtest_filter=SimulationTest.Seeds\n\n",
                   static_cast<unsigned long long>(seed),
                   static_cast<unsigned long long>(seed));
      return;
    }
  }
}

TEST(SimulationTest, EqualSeedsGiveEqualHistories) {
  for (const uint64_t seed : {7001, 7002, 7003, 7004}) {
    EXPECT_EQ(RunSeed(seed), RunSeed(seed)) << "seed " << seed;
  }
}

// Like SimulationTest.Seeds.
TEST(QueueLabTest, Seeds) {
  const uint64_t first = NumberFrom("BATON_SEED", 1);
  const uint64_t count =
      NumberFrom("BATON_SEEDS", std::getenv("BATON_SEED") != nullptr ? 1 : 100);
  std::map<std::string, int> done;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    QueueLab lab(seed);
    lab.Run();
    for (const auto& [what, times] : lab.done()) done[what] += times;
    if (HasFailure()) {
      std::fprintf(stderr, "\nseed %llu failed\n",
                   static_cast<unsigned long long>(seed));
      return;
    }
  }
  if (count < 20) return;
  for (const char* what : {"publish",
                           "stream",
                           "repeat",
                           "repeat: too late",
                           "publish: too late",
                           "IDEMPOTENCY_KEY_REUSED",
                           "limit: max_messages",
                           "limit: queue_mode",
                           "limit: sender_quota.max_messages_per_second",
                           "limit: sender_quota.max_unsettled_messages",
                           "acknowledge",
                           "nack",
                           "reject",
                           "extend",
                           "late",
                           "answer",
                           "overtook",
                           "grant",
                           "leave",
                           "QUEUE_IN_USE",
                           "CONSUMER_REPLACED",
                           "CONSUMER_STALLED",
                           "NOTICE_CODE_LEASES_EXPIRED",
                           "QUEUE_MODE_PAUSED",
                           "QUEUE_MODE_DRAINING",
                           "cancel",
                           "redrive",
                           "redrive: dry run",
                           "came back",
                           "delivered later",
                           "expired, and came back",
                           "two queues",
                           "JOB_STATE_CANCELLED",
                           "jobs",
                           "purge",
                           "purge: not confirmed",
                           "browse",
                           "replay"}) {
    EXPECT_GT(done[what], 0) << what << " never happened";
  }
}

TEST(QueueLabTest, EqualSeedsGiveEqualHistories) {
  const auto digest = [] {
    QueueLab lab(8001);
    lab.Run();
    return lab.digest();
  };
  EXPECT_EQ(digest(), digest());
}

// The exchange is away from 18:20 until 23:20; the emergency service itself
// starts anew twice in between.
class EveningWithoutTheBroker : public testing::Test {
 protected:
  EveningWithoutTheBroker() {
    simulation_.on_status = [this](const v1::WaitingStatus& status) {
      told_[status.sender_reference()] = status;
      if (status.alarm()) {
        alarm_time_.emplace(status.sender_reference(),
                            simulation_.world().time());
      }
    };
    simulation_.Start();
    // What fails in a story is what the story says.
    simulation_.Calm();
    simulation_.world().RunFor(absl::Minutes(5));
  }

  void Flag(const Hospital::Child& child) {
    children_.push_back(child);
    simulation_.hospital().Flag(
        child, [this, child](const absl::StatusOr<v1::WaitingStatus>& status) {
          ASSERT_TRUE(status.ok()) << status.status();
          ExpectHeld(*status);
          flagged_time_[child.reference] = simulation_.world().time();
        });
    simulation_.world().RunFor(absl::Minutes(1));
  }

  void ExpectHeld(const v1::WaitingStatus& status) {
    EXPECT_EQ(status.outbox_state(), v1::OUTBOX_STATE_HELD);
    EXPECT_TRUE(absl::StartsWith(
        status.headline(), absl::StrCat("NOT SENT, ring ", status.phone())))
        << status.headline();
  }

  std::map<std::string, v1::WaitingStatus> List() {
    std::map<std::string, v1::WaitingStatus> listed;
    v1::ListWaitingRequest request;
    request.set_page_size(500);
    EmergencyMachine& emergency = simulation_.emergency();
    EXPECT_TRUE(emergency.up());
    const auto list =
        emergency.the_desk().List(request, emergency.clock().Now());
    EXPECT_TRUE(list.ok()) << list.status();
    for (const v1::WaitingStatus& status : list->statuses()) {
      listed[status.sender_reference()] = status;
    }
    return listed;
  }

  // The disk has all of it: nothing in memory survives this.
  void RestartEmergencyService() {
    simulation_.emergency().Crash(absl::Seconds(30));
    EXPECT_FALSE(simulation_.emergency().up());
    simulation_.world().RunFor(absl::Minutes(3));
    ASSERT_TRUE(simulation_.emergency().up());
  }

  void ExpectAllHeld() {
    const std::map<std::string, v1::WaitingStatus> listed = List();
    EXPECT_EQ(listed.size(), children_.size());
    for (const Hospital::Child& child : children_) {
      SCOPED_TRACE(child.reference);
      ASSERT_EQ(listed.count(child.reference), 1u);
      const v1::WaitingStatus& status = listed.at(child.reference);
      ExpectHeld(status);
      EXPECT_EQ(status.alarm(), child.immediate_danger);
    }
  }

  Simulation simulation_{NumberFrom("BATON_SEED", 42)};
  std::vector<Hospital::Child> children_;
  std::map<std::string, v1::WaitingStatus> told_;  // To watchers, last.
  std::map<std::string, absl::Time> flagged_time_;
  std::map<std::string, absl::Time> alarm_time_;  // First.
};

TEST_F(EveningWithoutTheBroker, EverythingIsHeldAndArrivesAfterwards) {
  simulation_.broker().Crash(absl::Hours(5));

  for (int i = 1; i <= 10; ++i) {
    Flag({.reference = absl::StrCat("early-", i), .immediate_danger = i == 4});
  }
  simulation_.hospital().Update(children_[0], [](const auto&) {});
  simulation_.world().RunFor(absl::Minutes(1));
  simulation_.hospital().Move(children_[0], [](const auto&) {});
  simulation_.world().RunFor(absl::Minutes(30));
  ExpectAllHeld();

  RestartEmergencyService();
  ExpectAllHeld();

  for (int i = 1; i <= 10; ++i) {
    Flag({.reference = absl::StrCat("late-", i), .immediate_danger = i == 7});
  }
  simulation_.hospital().Update(children_[0], [](const auto&) {});
  simulation_.world().RunFor(absl::Hours(1));
  ExpectAllHeld();
  EXPECT_EQ(List().at("early-1").held_messages(), 4);

  RestartEmergencyService();
  ExpectAllHeld();

  simulation_.world().RunFor(absl::Hours(2));
  EXPECT_FALSE(simulation_.broker().up());
  ExpectAllHeld();

  simulation_.duty_team().GoOnDuty();
  simulation_.world().RunFor(absl::Hours(2));
  ASSERT_TRUE(simulation_.broker().up());
  simulation_.ExpectEverythingArrives();
  for (const auto& [reference, status] : List()) {
    EXPECT_EQ(status.outbox_state(), v1::OUTBOX_STATE_ACCEPTED) << reference;
    EXPECT_FALSE(status.alarm()) << reference;
    EXPECT_EQ(status.held_messages(), 0) << reference;
    EXPECT_TRUE(status.matter().has_delivered()) << reference;
  }
}

TEST_F(EveningWithoutTheBroker, DangerAlarmsAfterTwoMinutesWithTheNumber) {
  simulation_.broker().Crash(absl::Hours(5));
  Flag({.reference = "calm"});
  Flag({.reference = "danger", .immediate_danger = true});
  simulation_.world().RunFor(absl::Minutes(4));

  EXPECT_EQ(alarm_time_.count("calm"), 0u);
  ASSERT_EQ(alarm_time_.count("danger"), 1u);
  const v1::WaitingStatus& status = told_.at("danger");
  const absl::Duration after =
      alarm_time_.at("danger") - FromProto(status.held_time());
  EXPECT_GE(after, absl::Minutes(2));
  EXPECT_LE(after, absl::Minutes(2) + absl::Seconds(1));
  EXPECT_EQ(status.phone(), kDutyPhone);
  EXPECT_EQ(status.headline(), absl::StrCat("NOT SENT, ring ", kDutyPhone,
                                            " NOW: immediate danger"));
}

TEST_F(EveningWithoutTheBroker, TheAlarmOutlivesTheServiceThatWasToRaiseIt) {
  simulation_.broker().Crash(absl::Hours(5));
  Flag({.reference = "danger", .immediate_danger = true});
  EXPECT_EQ(alarm_time_.count("danger"), 0u);
  // Down while the two minutes pass.
  simulation_.emergency().Crash(absl::Minutes(3));
  simulation_.world().RunFor(absl::Minutes(2));
  EXPECT_EQ(alarm_time_.count("danger"), 0u);
  simulation_.world().RunFor(absl::Minutes(1) + absl::Seconds(1));
  EXPECT_EQ(alarm_time_.count("danger"), 1u);
  EXPECT_TRUE(List().at("danger").alarm());
}

// Found by the simulation: the flag and the end of an earlier wait were still
// HELD when its reference was used again, and were forgotten with the restart;
// and the earlier wait's receipts were shown for the new one.
TEST_F(EveningWithoutTheBroker,
       AReferenceUsedAgainLosesNothingOfTheEarlierWait) {
  simulation_.broker().Crash(absl::Minutes(30));
  const Hospital::Child child = {.reference = "again",
                                 .immediate_danger = true};
  Flag(child);
  simulation_.hospital().End(child, [](const auto&) {});
  simulation_.world().RunFor(absl::Minutes(1));
  Flag(child);
  RestartEmergencyService();
  simulation_.world().RunFor(absl::Hours(1));
  simulation_.ExpectEverythingArrives();

  const v1::WaitingStatus now = List().at("again");
  EXPECT_FALSE(now.ended());
  EXPECT_EQ(now.outbox_state(), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_EQ(told_.at("again").conversation_id(), now.conversation_id())
      << "watchers of the reference were told of the earlier wait last";
}

// Found by the simulation: refused, immediate danger only said "ring".
TEST_F(EveningWithoutTheBroker, RefusedDangerSaysToRingNow) {
  simulation_.hospital().Flag({.reference = "refused",
                               .immediate_danger = true,
                               .forbidden_recipient = true},
                              [](const auto&) {});
  simulation_.world().RunFor(absl::Minutes(4));
  EXPECT_EQ(List().at("refused").headline(),
            absl::StrCat("NOT SENT, refused by the exchange, ring ", kPhone,
                         " NOW: immediate danger"));
}

// Found by the simulation: nobody looked again, and the hospital never heard.
// No answer of the council comes to its help.
TEST_F(EveningWithoutTheBroker, ALookUpThatGetsLostIsRepeated) {
  simulation_.council().Crash(absl::Minutes(30));
  Flag({.reference = "lost"});
  EmergencyMachine& emergency = simulation_.emergency();
  emergency.Crash(absl::Hours(1));
  simulation_.world().RunFor(absl::Minutes(58));
  emergency.line().LoseCalls(true);
  simulation_.world().RunFor(absl::Minutes(3));
  ASSERT_EQ(List().at("lost").outbox_state(), v1::OUTBOX_STATE_ACCEPTED);
  EXPECT_FALSE(List().at("lost").matter().has_delivered());
  emergency.line().LoseCalls(false);
  simulation_.world().RunFor(absl::Minutes(1));
  EXPECT_TRUE(List().at("lost").matter().has_delivered())
      << List().at("lost").headline();
}

}  // namespace
}  // namespace baton::sim
