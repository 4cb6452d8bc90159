#ifndef BATON_TESTS_SYSTEM_SIMULATION_LAB_H_
#define BATON_TESTS_SYSTEM_SIMULATION_LAB_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "services/broker/command.h"
#include "services/common/identity.h"
#include "tests/system/simulation/broker_machine.h"
#include "tests/system/simulation/letters.h"
#include "tests/system/simulation/oracle.h"
#include "tests/system/simulation/people.h"
#include "tests/system/simulation/world.h"

namespace baton::sim {

inline constexpr char kIntake[] = "council/E10000024/intake";
inline constexpr char kDuty[] = "council/E10000024/duty";  // A small one.

inline Identity HospitalCaller() {
  return {.agency = HospitalAgency(), .key_id = "hospital"};
}
inline Identity PoliceCaller() {
  return {.agency = PoliceAgency(), .key_id = "police"};
}
inline Identity CouncilCaller() {
  return {.agency = CouncilAgency(), .key_id = "council"};
}

// What everybody in the queue laboratory shares.
struct Lab {
  explicit Lab(uint64_t seed);

  void Did(const std::string& what) { ++done[what]; }
  // Asks as the council. What the caller never hears, because the power went,
  // he asks again later or never: `done` is not called.
  template <typename Act>
  void Ask(Act act, Done<typename Act::Answer> then) {
    if (!broker.up()) return;
    broker.Do(QueueCommand<Act>{.caller = CouncilCaller(),
                                .act = std::move(act),
                                .done = std::move(then)});
  }

  World world;
  Oracle oracle;
  BrokerMachine broker;
  Letters letters;
  bool calm = false;  // Nobody does anything surprising any more.
  std::map<std::string, int> done;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_LAB_H_
