#include "services/common/stream_registry.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/agency.h"
#include "services/common/faults.h"

namespace baton {
namespace {

constexpr absl::Duration kRetryAfter = absl::Seconds(5);

}  // namespace

absl::StatusOr<uint64_t> StreamRegistry::Add(const v1::Agency& agency,
                                             std::shared_ptr<OpenStream> stream,
                                             std::function<void()> heartbeat) {
  const std::string name = AgencyName(agency);
  MutexLock lock(&mu_);
  if (ended_) return absl::UnavailableError("the service is stopping");
  const std::string limit = absl::StrCat("max_", counted_);
  if (static_cast<int>(streams_.size()) >= max_) {
    return LimitReached(limit, absl::StrCat(max_, " are open"), kRetryAfter);
  }
  if (per_agency_[name] >= max_per_agency_) {
    return LimitReached(absl::StrCat(limit, "_per_agency"),
                        absl::StrCat(name, " has ", max_per_agency_, " open"),
                        kRetryAfter);
  }
  ++per_agency_[name];
  streams_[++last_id_] = {name, std::move(stream), std::move(heartbeat)};
  return last_id_;
}

void StreamRegistry::Remove(uint64_t id) {
  MutexLock lock(&mu_);
  const auto it = streams_.find(id);
  if (it == streams_.end()) return;
  const auto count = per_agency_.find(it->second.agency);
  if (--count->second == 0) per_agency_.erase(count);
  streams_.erase(it);
  removed_.SignalAll();
}

void StreamRegistry::AwaitNone(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  MutexLock lock(&mu_);
  while (!streams_.empty() && absl::Now() < deadline) {
    removed_.WaitWithTimeout(&mu_, deadline - absl::Now());
  }
}

void StreamRegistry::Heartbeat() {
  std::vector<Entry> open;
  {
    MutexLock lock(&mu_);
    for (const auto& [id, entry] : streams_) open.push_back(entry);
  }
  for (const Entry& entry : open) {
    entry.stream->Beat();
    entry.heartbeat();
  }
}

void StreamRegistry::EndAgency(const v1::Agency& agency,
                               const absl::Status& status) {
  const std::string name = AgencyName(agency);
  std::vector<std::shared_ptr<OpenStream>> streams;
  {
    MutexLock lock(&mu_);
    for (const auto& [id, entry] : streams_) {
      if (entry.agency == name) streams.push_back(entry.stream);
    }
  }
  for (const std::shared_ptr<OpenStream>& stream : streams) {
    stream->End(status);
  }
}

size_t StreamRegistry::size() {
  MutexLock lock(&mu_);
  return streams_.size();
}

void StreamRegistry::DrainAll(const absl::Status& status) {
  std::vector<std::shared_ptr<OpenStream>> streams;
  {
    MutexLock lock(&mu_);
    ended_ = true;
    for (const auto& [id, entry] : streams_) streams.push_back(entry.stream);
  }
  for (const std::shared_ptr<OpenStream>& stream : streams) {
    stream->Drain(status);
  }
}

}  // namespace baton
