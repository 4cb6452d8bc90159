#include "tests/system/simulation/queue_lab.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "services/broker/settled_copies.h"
#include "services/common/agency.h"

namespace baton::sim {
namespace {

constexpr absl::Duration kSpan = absl::Hours(2);
constexpr absl::Duration kLook = absl::Minutes(5);
constexpr int kLooks = 60;
constexpr int kTroubles = 6;

v1::BrokerConfig ConfigFor(World* world) {
  v1::BrokerConfig config;
  config.set_environment(v1::ENVIRONMENT_TRAINING);
  v1::AgencyConfig* const hospital = config.add_agencies();
  *hospital->mutable_agency() = HospitalAgency();
  hospital->add_desks()->set_name("replies");
  v1::AgencyConfig* const police = config.add_agencies();
  *police->mutable_agency() = PoliceAgency();
  police->add_desks()->set_name("replies");
  // Half a flood at once; more than that is still to be taken.
  police->mutable_sender_quota()->set_max_messages_per_second(3);
  police->mutable_sender_quota()->set_max_unsettled_messages(60);
  v1::AgencyConfig* const council = config.add_agencies();
  *council->mutable_agency() = CouncilAgency();
  for (const char* name : {"intake", "duty"}) {
    v1::DeskConfig* const desk = council->add_desks();
    desk->set_name(name);
    desk->set_max_delivery_attempts(kMaxAttempts);
  }
  council->mutable_desks(1)->set_max_messages(40);
  *config.mutable_unknown_recipient_desk() = ParseQueueName(kDuty).value();
  config.mutable_limits()->set_max_log_records(
      static_cast<int>(2 + world->Random(14)));
  return config;
}

}  // namespace

Lab::Lab(uint64_t seed)
    : world(seed),
      broker(&world, ConfigFor(&world),
             [this](uint64_t size, const std::string& root) {
               oracle.SawCheckpoint(size, root);
             }),
      letters(&world, &broker) {}

void QueueLab::Run() {
  lab_.broker.Boot();
  consumers_.Start();
  senders_.Start();
  operator_.Start();
  PlanTrouble();
  lab_.world.RunFor(kSpan);
  lab_.calm = true;
  lab_.broker.Calm();
  ExpectNothingMissing();
}

void QueueLab::PlanTrouble() {
  World& world = lab_.world;
  for (int i = 0; i < kTroubles; ++i) {
    world.After(world.Between(absl::ZeroDuration(), kSpan), [this, &world] {
      const absl::Duration off =
          world.Between(absl::Seconds(1), absl::Minutes(2));
      switch (world.Random(3)) {
        case 0:
          return lab_.broker.Crash(off);
        case 1:
          return lab_.broker.CrashWithinCalls(
              static_cast<int>(world.Random(12)), off);
        case 2:
          return lab_.broker.CrashBeforeTelling(off);
        default:
          return lab_.broker.clock().SetBack(off);
      }
    });
  }
}

void QueueLab::ExpectNothingMissing() {
  std::vector<std::string> waiting = {"everything"};
  for (int look = 0;
       look < kLooks && !waiting.empty() && !testing::Test::HasFailure();
       ++look) {
    lab_.world.RunFor(kLook);
    if (!lab_.broker.up()) continue;
    operator_.Tidy();
    lab_.world.RunFor(kLook);
    waiting.clear();
    for (const auto& [marker, letter] : lab_.letters.all()) {
      const std::string how = StillWaits(letter);
      if (!how.empty()) waiting.push_back(absl::StrCat(marker, ": ", how));
    }
  }
  EXPECT_TRUE(waiting.empty()) << absl::StrJoin(waiting, "\n");
  lab_.oracle.CheckAudit(lab_.broker);
}

std::string QueueLab::StillWaits(const Letter& letter) {
  if (!letter.answered) return letter.hopeless ? "" : "is not published";
  FindCopiesCommand command;
  for (const auto& [queue, copy] : letter.copies) {
    command.copies.push_back({.queue = queue, .sequence = letter.sequence});
  }
  std::string waits;
  command.done =
      [this, &letter, &waits, copies = command.copies](
          const absl::StatusOr<std::vector<std::optional<v1::DeliveryRecord>>>&
              found) {
        ASSERT_TRUE(found.ok()) << found.status();
        for (size_t i = 0; i < copies.size(); ++i) {
          std::optional<v1::DeliveryRecord> record = found->at(i);
          if (!record.has_value()) {
            record = ReadSettled(lab_.broker.store(), copies[i].queue,
                                 letter.sequence)
                         .value();
          }
          ASSERT_TRUE(record.has_value())
              << letter.marker << " is lost in " << copies[i].queue;
          const std::string how =
              lab_.letters.CompareEnd(letter, copies[i].queue, *record);
          if (waits.empty()) waits = how;
        }
      };
  lab_.broker.Do(std::move(command));
  lab_.world.RunFor(absl::Milliseconds(10));
  return waits;
}

}  // namespace baton::sim
