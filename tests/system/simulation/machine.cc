#include "tests/system/simulation/machine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rocksdb/file_system.h"

namespace baton::sim {

Machine::Machine(World* world, std::string name)
    : world_(world),
      name_(std::move(name)),
      clock_(world),
      file_system_(std::make_shared<FaultFileSystem>(
          rocksdb::FileSystem::Default(), world->Random(UINT64_MAX))),
      random_(world->Random(UINT64_MAX)) {}

void Machine::Boot() {
  clock_.Boot();
  ++life_;
  up_ = true;
  // The power may go again before the process has found its feet.
  if (!calm_ && crashes_ > 0 && world_->Chance(20)) {
    file_system_->CutAfter(static_cast<int>(world_->Random(60)));
  }
  world_->Note(name_, "boots");
  if (const absl::Status opened = Open(); !opened.ok()) Died(opened);
}

void Machine::Crash(absl::Duration off) {
  if (!up_) return;
  world_->Note(name_, "loses its power");
  file_system_->Cut();
  up_ = false;
  ++life_;
  ++crashes_;
  silent_ = crash_before_telling_ = false;
  Close();
  file_system_->Restore();
  world_->After(off, [this] { Boot(); });
}

void Machine::CrashWithinCalls(int calls, absl::Duration off) {
  if (!up_ || calm_) return;
  off_ = off;
  file_system_->CutAfter(calls);
}

void Machine::CrashBeforeTelling(absl::Duration off) {
  if (!up_ || calm_) return;
  off_ = off;
  crash_before_telling_ = true;
}

void Machine::Calm() {
  calm_ = true;
  crash_before_telling_ = false;
  if (!file_system_->is_cut()) file_system_->CutAfter(-1);
}

void Machine::After(absl::Duration delay, World::Event event) {
  world_->After(delay, [this, life = life_, event = std::move(event)] {
    if (up_ && life == life_) event();
  });
}

void Machine::Died(const absl::Status& why) {
  if (!file_system_->is_cut()) {
    ADD_FAILURE() << name_ << " stopped although its disk is fine: " << why;
  }
  Crash(off_);
}

bool Machine::SurvivedStep(const absl::Status& step) {
  if (step.ok() && !silent()) return true;
  step.ok() ? Crash(off_) : Died(step);
  return false;
}

}  // namespace baton::sim
