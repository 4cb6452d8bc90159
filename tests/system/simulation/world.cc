#include "tests/system/simulation/world.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace baton::sim {
namespace {

constexpr int64_t kBeginning = 1767291600;  // 2026-01-01, 18:20 UTC.

}  // namespace

World::World(uint64_t seed)
    : random_(seed), trace_(std::getenv("BATON_TRACE") != nullptr) {}

absl::Time World::time() const {
  return absl::FromUnixSeconds(kBeginning) + now_;
}

void World::After(absl::Duration delay, Event event) {
  events_.emplace(std::make_pair(now_ + delay, ++last_event_),
                  std::move(event));
}

void World::RunFor(absl::Duration span) {
  const absl::Duration end = now_ + span;
  while (!events_.empty() && events_.begin()->first.first <= end) {
    auto node = events_.extract(events_.begin());
    now_ = node.key().first;
    node.mapped()();
  }
  now_ = end;
}

// Not a distribution of the library's: those differ between libraries.
uint64_t World::Random(uint64_t most) {
  return most == UINT64_MAX ? random_() : random_() % (most + 1);
}

absl::Duration World::Between(absl::Duration least, absl::Duration most) {
  return least + absl::Microseconds(Random(static_cast<uint64_t>(
                     absl::ToInt64Microseconds(most - least))));
}

void World::Note(absl::string_view who, absl::string_view what) {
  const std::string line =
      absl::StrCat(absl::FormatTime("%H:%M:%E6S", time(), absl::UTCTimeZone()),
                   " ", who, " ", what);
  for (const char c : line) {
    digest_ = (digest_ ^ static_cast<uint8_t>(c)) * 1099511628211ULL;
  }
  if (trace_) std::fprintf(stderr, "%s\n", line.c_str());
}

std::string SeededRandom::Bytes(size_t count) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random_());
  return bytes;
}

}  // namespace baton::sim
