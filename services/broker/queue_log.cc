#include "services/broker/queue_log.h"

#include <cassert>
#include <utility>

#include "storage/keys.h"

namespace baton {
namespace {

// Up to this many are deleted one by one, more as a range.
constexpr size_t kFewRecords = 16;

int64_t Difference(uint64_t sequence, uint64_t* last) {
  return static_cast<int64_t>(sequence - std::exchange(*last, sequence));
}

}  // namespace

uint32_t QueueLog::PlaceOf(absl::string_view name) {
  const auto [it, added] =
      places_.try_emplace(name, static_cast<uint32_t>(places_.size()));
  if (added) changes_.add_names(it->first);
  return it->second;
}

QueueLog::Home QueueLog::Added(const FreshCopy& copy,
                               absl::string_view sender) {
  told_ = true;
  changes_.add_added_sequences(Difference(copy.sequence, &last_added_));
  changes_.add_added_key_hashes(copy.ordering_key_hash);
  changes_.add_added_sizes(copy.size_bytes);
  changes_.add_added_senders(PlaceOf(sender));
  changes_.add_added_traits(copy.priority |
                            (copy.opens_matters ? kOpensMattersTrait : 0));
  open_.sequences.push_back(copy.sequence);
  ++open_.live;
  return Next();
}

QueueLog::Home QueueLog::Changed(uint64_t sequence, Home old) {
  told_ = true;
  whole_.insert(sequence);
  if (old == Next()) return old;
  if (old != 0) Leave(old);
  open_.sequences.push_back(sequence);
  ++open_.live;
  return Next();
}

void QueueLog::Leased(uint64_t sequence, absl::string_view consumer) {
  told_ = true;
  changes_.add_leased_sequences(Difference(sequence, &last_leased_));
  changes_.add_leased_consumers(PlaceOf(consumer));
}

void QueueLog::Settled(uint64_t sequence, v1::DeliveryState state, Home home,
                       const std::function<v1::QueueEntry()>& entry) {
  told_ = true;
  if (home == Next()) {
    whole_.erase(sequence);
    v1::QueueCopy* const copy = changes_.add_whole();
    copy->set_sequence(sequence);
    *copy->mutable_entry() = entry();
  }
  changes_.add_settled_sequences(Difference(sequence, &last_settled_));
  changes_.add_settled_states(state);
  Leave(home);
}

void QueueLog::Leave(Home home) {
  Record& record = home == Next() ? open_ : records_[home - first_];
  assert(record.live > 0);
  --record.live;
  if (home != Next()) --live_;
}

void QueueLog::Write(
    uint64_t commit, int64_t time_micros,
    const std::function<v1::QueueEntry(uint64_t sequence)>& entry_of,
    Batch* batch) {
  if (!told_) return;
  changes_.set_time_micros(time_micros);
  for (const uint64_t sequence : whole_) {
    v1::QueueCopy* const copy = changes_.add_whole();
    copy->set_sequence(sequence);
    *copy->mutable_entry() = entry_of(sequence);
  }
  bool acknowledged = true;
  for (const uint32_t state : changes_.settled_states()) {
    acknowledged &= state == v1::DELIVERY_STATE_ACKNOWLEDGED;
  }
  if (acknowledged) changes_.clear_settled_states();
  batch->Put(QueueChangesKey(queue_, commit), changes_.SerializeAsString());
  open_.commit = commit;
  live_ += open_.live;
  records_.push_back(std::exchange(open_, Record()));
  Reset();
}

void QueueLog::Reset() {
  told_ = false;
  changes_.Clear();
  last_added_ = last_leased_ = last_settled_ = 0;
  places_.clear();
  whole_.clear();
}

uint64_t QueueLog::Trim(uint64_t commit, Batch* batch) {
  size_t dead = 0;
  while (dead < records_.size() && records_[dead].live == 0) ++dead;
  const uint64_t first =
      dead == records_.size() ? commit : records_[dead].commit;
  if (dead > kFewRecords) {
    const KeyRange range =
        QueueChangesBetween(queue_, records_.front().commit, first);
    batch->DeleteRange(range.begin, range.end);
  } else {
    for (size_t i = 0; i < dead; ++i) {
      batch->Delete(QueueChangesKey(queue_, records_[i].commit));
    }
  }
  records_.erase(records_.begin(),
                 records_.begin() + static_cast<std::ptrdiff_t>(dead));
  first_ += dead;
  return first;
}

std::vector<uint64_t> QueueLog::Stale(Home* below) const {
  std::vector<uint64_t> stale;
  size_t rewritten = 0;
  size_t i = 0;
  for (; i < records_.size(); ++i) {
    if (i > 0 && rewritten + records_[i].live > kMaxRewritten) break;
    rewritten += records_[i].live;
    if (records_[i].live == 0) continue;
    stale.insert(stale.end(), records_[i].sequences.begin(),
                 records_[i].sequences.end());
  }
  *below = first_ + i;
  return stale;
}

void QueueLog::Replay(uint64_t commit) {
  records_.push_back({.commit = commit});
}

QueueLog::Home QueueLog::Replayed(uint64_t sequence, Home old) {
  if (old == Next() - 1) return old;
  if (old != 0) Leave(old);
  records_.back().sequences.push_back(sequence);
  ++records_.back().live;
  ++live_;
  return Next() - 1;
}

}  // namespace baton
