#include "tests/system/simulation/simulation.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "services/common/agency.h"

namespace baton::sim {
namespace {

constexpr absl::Duration kEvening = absl::Hours(4);
constexpr absl::Duration kLongestEnd = absl::Hours(6);
constexpr absl::Duration kLook = absl::Minutes(5);

constexpr char kIntake[] = "council/E10000024/intake";
constexpr char kUnclaimed[] = "council/E10000024/unclaimed";
constexpr char kReplies[] = "emergency/RX1RA/replies";
constexpr char kPoliceReplies[] = "police/E23000019/replies";

void AddQueue(const std::string& queue, v1::BrokerConfig* config) {
  const v1::Address address = ParseQueueName(queue).value();
  v1::AgencyConfig* agency = nullptr;
  for (v1::AgencyConfig& known : *config->mutable_agencies()) {
    if (SameAgency(known.agency(), address.agency())) agency = &known;
  }
  if (agency == nullptr) agency = config->add_agencies();
  *agency->mutable_agency() = address.agency();
  agency->add_desks()->set_name(address.desk());
}

// Short logs, so that they are shortened all the time.
v1::BrokerConfig ExchangeConfig(World* world) {
  v1::BrokerConfig config;
  config.set_environment(v1::ENVIRONMENT_TRAINING);
  for (const char* queue : {kIntake, kUnclaimed, kReplies, kPoliceReplies}) {
    AddQueue(queue, &config);
  }
  *config.mutable_unknown_recipient_desk() = ParseQueueName(kUnclaimed).value();
  config.mutable_limits()->set_max_log_records(
      static_cast<int>(2 + world->Random(14)));
  return config;
}

v1::EmergencyConfig HospitalConfig() {
  v1::EmergencyConfig config;
  *config.mutable_service()->mutable_agency() = HospitalAgency();
  config.mutable_service()->set_environment(v1::ENVIRONMENT_TRAINING);
  *config.mutable_default_recipient()->mutable_agency() = CouncilAgency();
  config.set_phone(kPhone);
  v1::PhoneConfig* const phone = config.add_phones();
  phone->set_code(CouncilAgency().code());
  phone->set_phone(kDutyPhone);
  return config;
}

}  // namespace

Simulation::Simulation(uint64_t seed)
    : world_(seed),
      broker_(&world_, ExchangeConfig(&world_),
              [this](uint64_t size, const std::string& root) {
                oracle_.SawCheckpoint(size, root);
              }),
      emergency_({.world = &world_,
                  .broker = &broker_,
                  .agency = HospitalAgency(),
                  .owner = "emergency",
                  .queues = {kReplies},
                  .on_conversation =
                      [this](const v1::Conversation& conversation) {
                        world_.Note("emergency",
                                    absl::StrCat(
                                        "sees ", conversation.conversation_id(),
                                        " at commit ", conversation.commit()));
                        oracle_.SawConversation(conversation);
                      }},
                 HospitalConfig(),
                 [this](const v1::WaitingStatus& status) {
                   oracle_.SawStatus(status);
                   if (on_status) on_status(status);
                 }),
      council_({.world = &world_,
                .broker = &broker_,
                .agency = CouncilAgency(),
                .owner = "council",
                .queues = {kIntake, kUnclaimed},
                .on_conversation =
                    [this](const v1::Conversation& conversation) {
                      oracle_.SawConversation(conversation);
                    }}),
      hospital_(&world_, &emergency_, &oracle_),
      duty_team_(&world_, &council_, &oracle_),
      police_(&world_, &broker_, &oracle_) {}

void Simulation::Start() {
  broker_.Boot();
  emergency_.Boot();
  council_.Boot();
}

void Simulation::Evening() {
  duty_team_.GoOnDuty();
  hospital_.Admit(static_cast<int>(8 + world_.Random(12)), kEvening);
  police_.Report(static_cast<int>(2 + world_.Random(4)), kEvening);
  PlanTrouble(kEvening);
  for (absl::Duration left = kEvening; left > absl::ZeroDuration();
       left -= absl::Minutes(30)) {
    world_.RunFor(absl::Minutes(30));
    if (!broker_.up()) continue;
    oracle_.CheckAudit(broker_);
    // Equal histories have equal bytes.
    world_.Note("broker",
                absl::StrCat("has the root ",
                             absl::BytesToHexString(broker_.Head().root())));
  }
}

void Simulation::PlanTrouble(absl::Duration span) {
  const auto sometime = [this, span] {
    return world_.Between(absl::ZeroDuration(), span);
  };
  for (Machine* const machine :
       std::initializer_list<Machine*>{&broker_, &emergency_, &council_}) {
    for (uint64_t i = 1 + world_.Random(2); i > 0; --i) {
      world_.After(sometime(), [this, machine] { CrashSomehow(machine); });
    }
    if (world_.Chance(50)) {
      world_.After(sometime(), [this, machine] {
        world_.Note(machine->name(), "sets its clock back");
        machine->clock().SetBack(
            world_.Between(absl::Milliseconds(1), absl::Seconds(5)));
      });
    }
  }
  for (Line* const line :
       {&emergency_.line(), &council_.line(), &police_.line()}) {
    for (uint64_t i = world_.Random(2); i > 0; --i) {
      const absl::Duration gone =
          world_.Chance(50) ? world_.Between(absl::Seconds(1), absl::Minutes(5))
                            : world_.Between(absl::Minutes(5), absl::Hours(2));
      world_.After(sometime(), [this, line, gone] {
        line->Break();
        world_.After(gone, [line] { line->Mend(); });
      });
    }
  }
}

void Simulation::CrashSomehow(Machine* machine) {
  const absl::Duration off =
      world_.Chance(70) ? world_.Between(absl::Seconds(1), absl::Minutes(2))
                        : world_.Between(absl::Minutes(2), absl::Hours(1));
  switch (world_.Random(2)) {
    case 0:
      machine->Crash(off);
      break;
    case 1:
      machine->CrashWithinCalls(static_cast<int>(world_.Random(12)), off);
      break;
    default:
      machine->CrashBeforeTelling(off);
  }
}

bool Simulation::IsIdle() const {
  return broker_.up() && emergency_.up() && council_.up() && hospital_.idle() &&
         duty_team_.idle() && police_.idle();
}

void Simulation::Calm() {
  for (Machine* const machine :
       std::initializer_list<Machine*>{&broker_, &emergency_, &council_}) {
    machine->Calm();
  }
  for (Line* const line :
       {&emergency_.line(), &council_.line(), &police_.line(),
        &hospital_.line(), &duty_team_.line()}) {
    line->Calm();
  }
}

void Simulation::ExpectEverythingArrives() {
  Calm();
  std::vector<std::string> complaints = {"people are still at work"};
  for (absl::Duration left = kLongestEnd;
       left > absl::ZeroDuration() && !complaints.empty() &&
       !testing::Test::HasFailure();
       left -= kLook) {
    world_.RunFor(kLook);
    if (IsIdle()) {
      complaints = oracle_.Complaints(&broker_, &emergency_, &council_);
    }
  }
  EXPECT_TRUE(complaints.empty()) << absl::StrJoin(complaints, "\n");
}

}  // namespace baton::sim
