#ifndef BATON_TESTS_SYSTEM_SIMULATION_QUEUE_LAB_H_
#define BATON_TESTS_SYSTEM_SIMULATION_QUEUE_LAB_H_

#include <cstdint>
#include <map>
#include <string>

#include "tests/system/simulation/lab.h"
#include "tests/system/simulation/lab_consumers.h"
#include "tests/system/simulation/lab_operator.h"
#include "tests/system/simulation/lab_senders.h"

namespace baton::sim {

// Everything that can be done with queues, at random, to an exchange that loses
// its power. What was answered must hold; what was not answered is asked again.
//
//   LabSenders, LabConsumers, LabOperator   ask and are told
//   Letters                                 knows what must follow from it
class QueueLab {
 public:
  explicit QueueLab(uint64_t seed)
      : lab_(seed),
        senders_(&lab_),
        consumers_(&lab_, &senders_),
        operator_(&lab_) {}

  // Two hours of it; then all is calm, everything is taken, and nothing may be
  // missing.
  void Run();

  // How often each thing was done, and answered: a run in which something never
  // happened says nothing about it.
  const std::map<std::string, int>& done() const { return lab_.done; }
  uint64_t digest() const { return lab_.world.digest(); }

 private:
  void PlanTrouble();
  void ExpectNothingMissing();
  // How it still stands; empty: it is settled, as everybody was told.
  std::string StillWaits(const Letter& letter);

  Lab lab_;
  LabSenders senders_;
  LabConsumers consumers_;
  LabOperator operator_;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_QUEUE_LAB_H_
