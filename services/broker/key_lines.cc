#include "services/broker/key_lines.h"

#include <algorithm>
#include <utility>

namespace baton {

void KeyLines::AddTo(Line* line, uint64_t sequence, v1::Priority priority) {
  line->all.insert(sequence);
  if (priority == v1::PRIORITY_IMMEDIATE_DANGER) line->danger.insert(sequence);
  ++line->count[priority];
}

void KeyLines::Add(uint64_t key, uint64_t sequence, v1::Priority priority) {
  if (key == 0) return;
  const auto line = lines_.find(key);
  if (line != lines_.end())
    return AddTo(line->second.get(), sequence, priority);
  const auto [alone, inserted] =
      alone_.try_emplace(key, Alone{sequence, priority});
  if (inserted) return;
  auto both = std::make_unique<Line>();
  AddTo(both.get(), alone->second.sequence, alone->second.priority);
  AddTo(both.get(), sequence, priority);
  alone_.erase(alone);
  lines_.emplace(key, std::move(both));
}

void KeyLines::Remove(uint64_t key, uint64_t sequence, v1::Priority priority) {
  const auto it = lines_.find(key);
  if (it == lines_.end()) {
    alone_.erase(key);
    return;
  }
  Line& line = *it->second;
  line.all.erase(sequence);
  line.danger.erase(sequence);
  --line.count[priority];
  if (line.all.size() > 1) return;
  const auto left = std::find_if(line.count.begin(), line.count.end(),
                                 [](uint32_t count) { return count > 0; });
  alone_.emplace(key, Alone{*line.all.begin(), static_cast<v1::Priority>(
                                                   left - line.count.begin())});
  lines_.erase(it);
}

uint64_t KeyLines::First(uint64_t key) const {
  const auto line = lines_.find(key);
  if (line != lines_.end()) return *line->second->all.begin();
  const auto alone = alone_.find(key);
  return alone == alone_.end() ? 0 : alone->second.sequence;
}

uint64_t KeyLines::FirstDanger(uint64_t key) const {
  const auto line = lines_.find(key);
  if (line != lines_.end()) {
    const auto& danger = line->second->danger;
    return danger.empty() ? 0 : *danger.begin();
  }
  const auto alone = alone_.find(key);
  return alone != alone_.end() &&
                 alone->second.priority == v1::PRIORITY_IMMEDIATE_DANGER
             ? alone->second.sequence
             : 0;
}

v1::Priority KeyLines::Lends(uint64_t key) const {
  for (const v1::Priority priority : {v1::PRIORITY_URGENT, v1::PRIORITY_HIGH}) {
    const auto line = lines_.find(key);
    if (line != lines_.end()) {
      if (line->second->count[priority] > 0) return priority;
      continue;
    }
    const auto alone = alone_.find(key);
    if (alone != alone_.end() && alone->second.priority == priority) {
      return priority;
    }
  }
  return v1::PRIORITY_UNSPECIFIED;
}

}  // namespace baton
