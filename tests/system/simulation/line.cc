#include "tests/system/simulation/line.h"

#include <algorithm>
#include <utility>

namespace baton::sim {
namespace {

constexpr int kLossPercent = 3;
constexpr int kSlowPercent = 5;
constexpr absl::Duration kFast = absl::Milliseconds(2);
constexpr absl::Duration kUsual = absl::Milliseconds(80);
// Longer than the deadline of a call: some arrive after the caller gave up.
constexpr absl::Duration kSlow = absl::Seconds(25);

}  // namespace

Line::Line(World* world, std::string name)
    : world_(world), name_(std::move(name)) {}

absl::Duration Line::Latency() {
  return !calm_ && world_->Chance(kSlowPercent)
             ? world_->Between(kUsual, kSlow)
             : world_->Between(kFast, kUsual);
}

void Line::Carry(World::Event arrive) {
  const absl::Duration latency = Latency();
  if (!up_) return;
  if (lose_calls_ || (!calm_ && world_->Chance(kLossPercent))) {
    world_->Note(name_, "loses a call or an answer");
    return;
  }
  world_->After(latency, [this, epoch = epoch_, arrive = std::move(arrive)] {
    if (epoch == epoch_) arrive();
  });
}

void Line::CarryInOrder(absl::Duration* previous, World::Event arrive) {
  if (!up_) return;
  const absl::Duration at = std::max(world_->now() + Latency(), *previous);
  *previous = at;
  world_->After(at - world_->now(),
                [this, epoch = epoch_, arrive = std::move(arrive)] {
                  if (epoch == epoch_) arrive();
                });
}

void Line::Break() {
  if (!up_) return;
  world_->Note(name_, "breaks");
  up_ = false;
  ++epoch_;
}

void Line::Mend() {
  if (up_) return;
  world_->Note(name_, "is mended");
  up_ = true;
  ++epoch_;
}

void Line::Calm() {
  calm_ = true;
  Mend();
}

}  // namespace baton::sim
