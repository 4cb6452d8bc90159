#ifndef BATON_TESTS_SYSTEM_SIMULATION_LINE_H_
#define BATON_TESTS_SYSTEM_SIMULATION_LINE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "tests/system/simulation/world.h"

namespace baton::sim {

// The network between an agency and the exchange, or between people and their
// own service: delays, losses, and breaks that last until it is mended.
class Line {
 public:
  Line(World* world, std::string name);

  // Something that arrives later, out of order with others, or never.
  void Carry(World::Event arrive);
  // Something of a stream: arrives after `*previous`, which it replaces,
  // unless the line breaks in between.
  void CarryInOrder(absl::Duration* previous, World::Event arrive);

  void Break();
  void Mend();
  bool up() const { return up_; }
  // Differs before and after a break: streams do not survive one.
  uint64_t epoch() const { return epoch_; }

  // While set, calls and answers get lost; streams go on.
  void LoseCalls(bool lose) { lose_calls_ = lose; }

  // From now on fast and without losses.
  void Calm();
  bool calm() const { return calm_; }

 private:
  absl::Duration Latency();

  World* const world_;
  const std::string name_;
  bool up_ = true;
  bool calm_ = false;
  bool lose_calls_ = false;
  uint64_t epoch_ = 1;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_LINE_H_
