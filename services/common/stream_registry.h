#ifndef BATON_SERVICES_COMMON_STREAM_REGISTRY_H_
#define BATON_SERVICES_COMMON_STREAM_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/agency.pb.h"
#include "storage/mutex.h"

namespace baton {

// A stream a server has open. Thread-safe.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  virtual void End(absl::Status status) = 0;
  // The same when the server stops: what was taken is answered first.
  virtual void Drain(absl::Status status) { End(std::move(status)); }
  // Some seconds went by.
  virtual void Beat() {}
};

// The open streams of a server: bounded, in all and per agency; reminded to
// send heartbeats; ended at shutdown. Thread-safe.
class StreamRegistry {
 public:
  // A limit is named after what is `counted`: of "streams" they are
  // max_streams and max_streams_per_agency.
  StreamRegistry(std::string counted, int max, int max_per_agency)
      : counted_(std::move(counted)),
        max_(max),
        max_per_agency_(max_per_agency) {}

  // Registers a stream of `agency`; `heartbeat` is called with each beat, from
  // the thread that calls Heartbeat(). RESOURCE_EXHAUSTED names the limit
  // reached; UNAVAILABLE after DrainAll().
  absl::StatusOr<uint64_t> Add(const v1::Agency& agency,
                               std::shared_ptr<OpenStream> stream,
                               std::function<void()> heartbeat)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(uint64_t id) ABSL_LOCKS_EXCLUDED(mu_);

  // Beats for every stream, and reminds it. Call every few seconds, from one
  // thread that serves no calls.
  void Heartbeat() ABSL_LOCKS_EXCLUDED(mu_);

  // Ends every stream of `agency` with `status`; it may open new ones.
  void EndAgency(const v1::Agency& agency, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends every stream with `status`, once it has answered what it took, and
  // refuses new ones.
  void DrainAll(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  // Waits until every stream is over, at most for `patience`.
  void AwaitNone(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mu_);

  size_t size() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    std::string agency;
    std::shared_ptr<OpenStream> stream;
    std::function<void()> heartbeat;
  };

  const std::string counted_;
  const int max_;
  const int max_per_agency_;

  Mutex mu_;
  CondVar removed_;
  std::map<uint64_t, Entry> streams_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, int> per_agency_ ABSL_GUARDED_BY(mu_);
  uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_STREAM_REGISTRY_H_
