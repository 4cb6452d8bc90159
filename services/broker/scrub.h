#ifndef BATON_SERVICES_BROKER_SCRUB_H_
#define BATON_SERVICES_BROKER_SCRUB_H_

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "storage/mutex.h"
#include "storage/rocksdb_store.h"

namespace baton {

// Reads the whole database once after a start, on a thread of its own and at a
// pace that leaves the disk to the work: how long a start takes does not grow
// with what is stored. What is read for the work is checked anyway, block by
// block; this finds damage in what nobody asks for.
//
// Thread-safe.
class Scrub {
 public:
  // `store` must outlive the scrub.
  explicit Scrub(const RocksDbStore* store);
  // Gives up what is left.
  ~Scrub();

  // OK until damage is found. Then the process must stop: a database with a
  // hole in it is not served.
  absl::Status status() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run(const RocksDbStore* store) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits a little; false when stopping.
  bool Proceed() ABSL_LOCKS_EXCLUDED(mu_);

  mutable Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);

  std::thread thread_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_SCRUB_H_
