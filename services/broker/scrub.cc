#include "services/broker/scrub.h"

#include "absl/time/clock.h"
#include "services/common/log.h"

namespace baton {
namespace {

// After each MiB: at most 100 MiB/s.
constexpr absl::Duration kPause = absl::Milliseconds(10);

}  // namespace

Scrub::Scrub(const RocksDbStore* store)
    : thread_([this, store] { Run(store); }) {}

Scrub::~Scrub() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.SignalAll();
  }
  thread_.join();
}

absl::Status Scrub::status() const {
  MutexLock lock(&mu_);
  return status_;
}

void Scrub::Run(const RocksDbStore* store) {
  const absl::Time start = absl::Now();
  const absl::Status checked = store->CheckTables([this] { return Proceed(); });
  if (absl::IsCancelled(checked)) return;
  if (checked.ok()) {
    Log(Severity::kInfo, "database read through, no damage",
        {{"seconds", absl::ToInt64Seconds(absl::Now() - start)}});
  }
  MutexLock lock(&mu_);
  status_ = checked;
}

bool Scrub::Proceed() {
  MutexLock lock(&mu_);
  if (!stopping_) changed_.WaitWithTimeout(&mu_, kPause);
  return !stopping_;
}

}  // namespace baton
