#ifndef BATON_TESTS_SYSTEM_SIMULATION_WORLD_H_
#define BATON_TESTS_SYSTEM_SIMULATION_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/common/clock.h"
#include "storage/random.h"

namespace baton::sim {

// Simulated time and chance: events in the order of their moments, one at a
// time, everything from one seed. No thread, no waiting.
class World {
 public:
  using Event = std::function<void()>;

  // With BATON_TRACE in the environment the history is printed.
  explicit World(uint64_t seed);

  // Since the beginning.
  absl::Duration now() const { return now_; }
  absl::Time time() const;

  void After(absl::Duration delay, Event event);
  // Runs what happens within `span`; the clock then stands at its end.
  void RunFor(absl::Duration span);

  // 0 to `most`, both included.
  uint64_t Random(uint64_t most);
  bool Chance(int percent) {
    return Random(99) < static_cast<uint64_t>(percent);
  }
  absl::Duration Between(absl::Duration least, absl::Duration most);

  // Notes a line of the history. Equal seeds give equal digests.
  void Note(absl::string_view who, absl::string_view what);
  uint64_t digest() const { return digest_; }

 private:
  std::mt19937_64 random_;
  const bool trace_;
  absl::Duration now_;
  uint64_t last_event_ = 0;
  std::map<std::pair<absl::Duration, uint64_t>, Event> events_;
  uint64_t digest_ = 14695981039346656037ULL;  // FNV-1a.
};

// The clock of one machine. Its steady time begins anew when the machine
// boots; its wall clock is set back now and then.
class MachineClock final : public Clock {
 public:
  explicit MachineClock(const World* world) : world_(world) {}

  Instant Now() const override {
    return {.wall = world_->time() + wall_offset_,
            .steady = world_->now() - boot_};
  }
  void Boot() { boot_ = world_->now() - absl::Seconds(20); }
  void SetBack(absl::Duration by) { wall_offset_ -= by; }

 private:
  const World* const world_;
  absl::Duration boot_;
  absl::Duration wall_offset_;
};

// Keys and nonces from the seed.
class SeededRandom final : public RandomSource {
 public:
  explicit SeededRandom(uint64_t seed) : random_(seed) {}
  std::string Bytes(size_t count) override;

 private:
  std::mt19937_64 random_;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_WORLD_H_
