#include "services/broker/settled_copies.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

// Pages one range of 256 sequences can have: one for each, and as many again
// for what was redriven.
constexpr size_t kMaxPages = 512;
constexpr size_t kPagesAtOnce = 64;

// Fills one page after the other.
class PageWriter {
 public:
  void Add(uint64_t sequence, const Settled& settled) {
    page_.add_sequences(static_cast<int64_t>(sequence - sequence_));
    page_.add_times_micros(settled.time_micros - micros_);
    page_.add_delivery_attempts(static_cast<uint32_t>(settled.attempt));
    page_.add_states(settled.state);
    page_.add_consumers(PlaceOf(settled.consumer));
    sequence_ = sequence;
    micros_ = settled.time_micros;
    usual_attempts_ &= settled.attempt == 1;
    usual_states_ &= settled.state == v1::DELIVERY_STATE_ACKNOWLEDGED;
  }

  std::string Finish() {
    if (usual_attempts_) page_.clear_delivery_attempts();
    if (usual_states_) page_.clear_states();
    if (page_.names_size() == 1) page_.clear_consumers();
    std::string bytes = page_.SerializeAsString();
    *this = PageWriter();
    return bytes;
  }

 private:
  uint32_t PlaceOf(const std::string& name) {
    for (int i = page_.names_size() - 1; i >= 0; --i) {
      if (page_.names(i) == name) return static_cast<uint32_t>(i);
    }
    page_.add_names(name);
    return static_cast<uint32_t>(page_.names_size() - 1);
  }

  v1::SettledPage page_;
  uint64_t sequence_ = 0;
  int64_t micros_ = 0;
  bool usual_attempts_ = true;
  bool usual_states_ = true;
};

// Columns that may be left out are as long as the others or empty.
bool IsWhole(const v1::SettledPage& page) {
  const int size = page.sequences_size();
  const auto fits = [size](int column) {
    return column == 0 || column == size;
  };
  if (page.times_micros_size() != size || page.names().empty() ||
      !fits(page.delivery_attempts_size()) || !fits(page.states_size()) ||
      !fits(page.consumers_size())) {
    return false;
  }
  for (const uint32_t place : page.consumers()) {
    if (place >= static_cast<uint32_t>(page.names_size())) return false;
  }
  return true;
}

v1::DeliveryState StateAt(const v1::SettledPage& page, int i) {
  return page.states().empty() ? v1::DELIVERY_STATE_ACKNOWLEDGED
                               : static_cast<v1::DeliveryState>(page.states(i));
}

absl::Status DamagedPage(const std::string& queue) {
  return absl::DataLossError(
      absl::StrCat("a page of settled copies of ", queue, " is damaged"));
}

std::optional<v1::DeliveryRecord> FindIn(const v1::SettledPage& page,
                                         uint64_t sequence) {
  uint64_t at = 0;
  uint64_t micros = 0;
  for (int i = 0; i < page.sequences_size(); ++i) {
    at += static_cast<uint64_t>(page.sequences(i));
    micros += static_cast<uint64_t>(page.times_micros(i));
    if (at != sequence) continue;
    v1::DeliveryRecord found;
    found.set_state(StateAt(page, i));
    found.set_delivery_attempt(
        page.delivery_attempts().empty()
            ? 1
            : static_cast<int32_t>(page.delivery_attempts(i)));
    found.set_consumer(page.names(
        page.consumers().empty() ? 0 : static_cast<int>(page.consumers(i))));
    found.set_state_time_micros(static_cast<int64_t>(micros));
    return found;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<v1::DeliveryRecord>> ReadRecord(
    const Reader& reader, const std::string& key) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes, reader.Get(key));
  if (!bytes.has_value()) return std::optional<v1::DeliveryRecord>();
  v1::DeliveryRecord record;
  if (!record.ParseFromString(*bytes)) {
    return absl::DataLossError("a delivery record is damaged");
  }
  return std::optional<v1::DeliveryRecord>(std::move(record));
}

// What only dead letters, and copies that came back or were cancelled, have. A
// copy that is no dead letter any more has none as one.
absl::StatusOr<std::optional<v1::DeliveryRecord>> ReadOwnRecord(
    const Reader& reader, const std::string& queue, uint64_t sequence) {
  ASSIGN_OR_RETURN(std::optional<v1::DeliveryRecord> dead,
                   ReadRecord(reader, DeadLetterKey(queue, sequence)));
  if (dead.has_value()) return dead;
  return ReadRecord(reader, DeliveryKey(sequence, queue));
}

}  // namespace

void SettledCopies::Add(uint64_t sequence, Settled settled) {
  copies_.insert_or_assign(copies_.end(), sequence, std::move(settled));
}

const Settled* SettledCopies::Find(uint64_t sequence) const {
  const auto it = copies_.find(sequence);
  return it == copies_.end() ? nullptr : &it->second;
}

std::vector<uint64_t> SettledCopies::After(uint64_t after, size_t limit) const {
  std::vector<uint64_t> found;
  for (auto it = copies_.upper_bound(after);
       it != copies_.end() && found.size() < limit; ++it) {
    if (it->second.state != v1::DELIVERY_STATE_CANCELLED) {
      found.push_back(it->first);
    }
  }
  return found;
}

void SettledCopies::Fold(const std::string& queue, uint64_t commit,
                         Batch* batch) {
  PageWriter writer;
  for (auto it = copies_.begin(); it != copies_.end();) {
    const std::string key = SettledPageKey(queue, it->first, commit);
    const uint64_t range = it->first >> 8;
    for (; it != copies_.end() && it->first >> 8 == range; ++it) {
      writer.Add(it->first, it->second);
    }
    batch->Put(key, writer.Finish());
  }
  copies_.clear();
}

absl::StatusOr<std::optional<v1::DeliveryRecord>> ReadSettled(
    const Reader& reader, const std::string& queue, uint64_t sequence) {
  // The newest wins: what was sent again is settled again.
  ASSIGN_OR_RETURN(const std::vector<KeyValue> pages,
                   reader.Scan(SettledPages(queue, sequence), kMaxPages,
                               ScanOrder::kDescending));
  for (const KeyValue& pair : pages) {
    v1::SettledPage page;
    if (!page.ParseFromString(pair.value) || !IsWhole(page)) {
      return DamagedPage(queue);
    }
    std::optional<v1::DeliveryRecord> found = FindIn(page, sequence);
    if (!found.has_value()) continue;
    if (found->state() == v1::DELIVERY_STATE_ACKNOWLEDGED &&
        found->delivery_attempt() == 1) {
      return found;
    }
    // A page may tell of a dead letter that came back since.
    ASSIGN_OR_RETURN(std::optional<v1::DeliveryRecord> record,
                     ReadOwnRecord(reader, queue, sequence));
    return record.has_value() ? record : found;
  }
  return ReadOwnRecord(reader, queue, sequence);
}

absl::StatusOr<std::vector<uint64_t>> ReadSettledAfter(const Reader& reader,
                                                       const std::string& queue,
                                                       uint64_t after,
                                                       size_t limit) {
  std::set<uint64_t> found;  // What was sent again is in several pages.
  KeyRange range = SettledPagesFrom(queue, after);
  std::string last_range;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<KeyValue> pages,
                     reader.Scan(range, kPagesAtOnce));
    for (const KeyValue& pair : pages) {
      const std::string in_range = pair.key.substr(0, pair.key.size() - 8);
      if (found.size() >= limit && in_range != last_range) break;
      last_range = in_range;
      v1::SettledPage page;
      if (!page.ParseFromString(pair.value) || !IsWhole(page)) {
        return DamagedPage(queue);
      }
      uint64_t sequence = 0;
      for (int i = 0; i < page.sequences_size(); ++i) {
        sequence += static_cast<uint64_t>(page.sequences(i));
        if (sequence > after &&
            StateAt(page, i) != v1::DELIVERY_STATE_CANCELLED) {
          found.insert(sequence);
        }
      }
    }
    if (found.size() >= limit || pages.size() < kPagesAtOnce) break;
    range.begin = pages.back().key + '\0';
  }
  std::vector<uint64_t> sequences(found.begin(), found.end());
  if (sequences.size() > limit) sequences.resize(limit);
  return sequences;
}

}  // namespace baton
