#ifndef BATON_TESTS_SYSTEM_SIMULATION_MACHINE_H_
#define BATON_TESTS_SYSTEM_SIMULATION_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/temp_dir.h"
#include "tests/system/simulation/world.h"

namespace baton::sim {

// A machine with a disk that runs one process, and loses its power now and
// then: un-synced bytes are gone, memory is gone, and what the process was
// about to tell is never told.
class Machine {
 public:
  Machine(World* world, std::string name);
  virtual ~Machine() = default;

  // Starts the process from the disk. When the power goes while it starts, it
  // starts again later; any other failure fails the test.
  void Boot();
  // The power goes now, and comes back after `off`.
  void Crash(absl::Duration off);
  // The power goes at one of the next calls to the disk.
  void CrashWithinCalls(int calls, absl::Duration off);
  // The power goes after the next step's commit, before anybody is told of it.
  void CrashBeforeTelling(absl::Duration off);

  bool up() const { return up_; }
  // Differs between one life of the process and the next.
  uint64_t life() const { return life_; }
  const std::string& name() const { return name_; }
  MachineClock& clock() { return clock_; }
  const MachineClock& clock() const { return clock_; }
  // From now on the power stays.
  void Calm();
  int crashes() const { return crashes_; }

 protected:
  virtual absl::Status Open() = 0;
  virtual void Close() = 0;

  // Runs `step` unless the process is gone by then.
  void After(absl::Duration delay, World::Event event);
  // A step failed: the power must be gone.
  void Died(const absl::Status& why);
  // True from the commit on, when nobody is to be told of it.
  bool silent() const { return silent_ || file_system_->is_cut(); }
  // To be called after every step; false: the process is no more.
  bool SurvivedStep(const absl::Status& step);
  void BeginStep() { silent_ = crash_before_telling_; }

  World* const world_;
  const std::string name_;
  MachineClock clock_;
  TempDir disk_;
  std::shared_ptr<FaultFileSystem> file_system_;
  SeededRandom random_;

 private:
  bool up_ = false;
  bool calm_ = false;
  bool silent_ = false;
  bool crash_before_telling_ = false;
  uint64_t life_ = 0;
  int crashes_ = 0;
  absl::Duration off_ = absl::Seconds(10);
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_MACHINE_H_
