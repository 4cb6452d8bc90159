#include "services/broker/dispatch_order.h"

#include <algorithm>

namespace baton {

DispatchOrder::Level& DispatchOrder::LevelOf(const Candidate& candidate) {
  return levels_[candidate.level == v1::PRIORITY_UNSPECIFIED
                     ? v1::PRIORITY_ROUTINE
                     : candidate.level];
}

void DispatchOrder::Add(const Candidate& candidate) {
  Level& level = LevelOf(candidate);
  const Due due{candidate.due_micros, candidate.sequence};
  absl::btree_set<Due>& own = level.senders[candidate.sender];
  if (own.empty() || due < *own.begin()) {
    if (!own.empty()) level.firsts.erase(*own.begin());
    level.firsts.insert(due);
  }
  own.insert(due);
}

void DispatchOrder::Remove(const Candidate& candidate) {
  Level& level = LevelOf(candidate);
  const auto sender = level.senders.find(candidate.sender);
  if (sender == level.senders.end()) return;
  absl::btree_set<Due>& own = sender->second;
  const Due due{candidate.due_micros, candidate.sequence};
  const bool was_first = *own.begin() == due;
  if (own.erase(due) == 0) return;
  if (was_first) level.firsts.erase(due);
  if (own.empty()) {
    level.senders.erase(sender);
  } else if (was_first) {
    level.firsts.insert(*own.begin());
  }
}

const DispatchOrder::Level* DispatchOrder::Highest() const {
  const auto level =
      std::find_if(levels_.rbegin(), levels_.rend(),
                   [](const Level& each) { return !each.senders.empty(); });
  return level == levels_.rend() ? nullptr : &*level;
}

bool DispatchOrder::empty() const { return Highest() == nullptr; }

bool DispatchOrder::IsAgedTurn() const {
  return turns_ >= kAgedShare - 1 &&
         levels_[v1::PRIORITY_IMMEDIATE_DANGER].senders.empty();
}

std::optional<uint64_t> DispatchOrder::Aged(absl::Time now,
                                            absl::Duration aging) const {
  std::optional<Due> oldest;
  for (const Level& level : levels_) {
    if (level.firsts.empty()) continue;
    oldest =
        std::min(oldest.value_or(*level.firsts.begin()), *level.firsts.begin());
  }
  if (!oldest.has_value() || oldest->first > absl::ToUnixMicros(now - aging)) {
    return std::nullopt;
  }
  return oldest->second;
}

int64_t DispatchOrder::OldestDueMicros() const {
  int64_t oldest = INT64_MAX;
  for (const Level& level : levels_) {
    if (level.firsts.empty()) continue;
    oldest = std::min(oldest, level.firsts.begin()->first);
  }
  return oldest;
}

std::optional<uint64_t> DispatchOrder::Next(absl::Time now,
                                            absl::Duration aging) const {
  if (IsAgedTurn()) {
    if (const auto aged = Aged(now, aging); aged.has_value()) return aged;
  }
  const Level* const level = Highest();
  if (level == nullptr) return std::nullopt;
  auto sender = level->senders.upper_bound(level->last_served);
  if (sender == level->senders.end()) sender = level->senders.begin();
  return sender->second.begin()->second;
}

void DispatchOrder::Serve(const Candidate& candidate, absl::Time now,
                          absl::Duration aging) {
  const bool aged =
      IsAgedTurn() && Aged(now, aging) == std::optional(candidate.sequence);
  turns_ = aged ? 0 : std::min(turns_ + 1, kAgedShare - 1);
  // A turn out of turn does not cost the sender its own.
  if (!aged) LevelOf(candidate).last_served = candidate.sender;
  Remove(candidate);
}

}  // namespace baton
