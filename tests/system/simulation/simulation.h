#ifndef BATON_TESTS_SYSTEM_SIMULATION_SIMULATION_H_
#define BATON_TESTS_SYSTEM_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <functional>
#include <string>

#include "baton/v1/emergency_service.pb.h"
#include "tests/system/simulation/agency_machine.h"
#include "tests/system/simulation/broker_machine.h"
#include "tests/system/simulation/oracle.h"
#include "tests/system/simulation/people.h"
#include "tests/system/simulation/world.h"

namespace baton::sim {

// A hospital, a police force, a council and the exchange between them, for a
// few hours that never were. See README.md.
class Simulation {
 public:
  explicit Simulation(uint64_t seed);

  // Starts all machines; nobody works with them yet.
  void Start();
  // An evening of this seed: people at work, machines and lines failing.
  void Evening();
  // From now on nothing fails by chance.
  void Calm();
  // Ends all trouble, and runs until everything that was begun has come to its
  // end everywhere; fails the test when that takes too long.
  void ExpectEverythingArrives();

  World& world() { return world_; }
  Oracle& oracle() { return oracle_; }
  BrokerMachine& broker() { return broker_; }
  EmergencyMachine& emergency() { return emergency_; }
  CouncilMachine& council() { return council_; }
  Hospital& hospital() { return hospital_; }
  Council& duty_team() { return duty_team_; }

  // Also sees each status that the hospital's watchers are told.
  std::function<void(const v1::WaitingStatus&)> on_status;

 private:
  void PlanTrouble(absl::Duration span);
  void CrashSomehow(Machine* machine);
  bool IsIdle() const;

  World world_;
  Oracle oracle_;
  BrokerMachine broker_;
  EmergencyMachine emergency_;
  CouncilMachine council_;
  Hospital hospital_;
  Council duty_team_;
  Police police_;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_SIMULATION_H_
