#include "storage/batch.h"

#include <cassert>
#include <utility>

namespace baton {
namespace {

bool Holds(const Batch::Range& range, absl::string_view key) {
  return range.begin <= key && key < range.end;
}

}  // namespace

void Batch::Put(absl::string_view key, std::string value) {
  Write& write = At(key);
  bytes_ += value.size();
  write.value = std::move(value);
}

void Batch::Delete(absl::string_view key) { At(key).value.reset(); }

void Batch::DeleteRange(absl::string_view begin, absl::string_view end) {
  assert(begin < end);
  Range range{std::string(begin), std::string(end)};
  for ([[maybe_unused]] const Write& write : writes_) {
    assert(!Holds(range, write.key));
  }
  bytes_ += begin.size() + end.size();
  ranges_.push_back(std::move(range));
}

const Batch::Write* Batch::Find(absl::string_view key) const {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &writes_[it->second];
}

// The one write of `key`, its old value taken out of bytes_.
Batch::Write& Batch::At(absl::string_view key) {
  const auto [it, inserted] = index_.try_emplace(key, writes_.size());
  if (inserted) {
    for ([[maybe_unused]] const Range& range : ranges_) {
      assert(!Holds(range, key));
    }
    writes_.push_back({std::string(key), std::nullopt});
    bytes_ += key.size();
  }
  Write& write = writes_[it->second];
  if (write.value.has_value()) bytes_ -= write.value->size();
  return write;
}

}  // namespace baton
