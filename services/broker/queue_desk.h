#ifndef BATON_SERVICES_BROKER_QUEUE_DESK_H_
#define BATON_SERVICES_BROKER_QUEUE_DESK_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/broker/access.h"
#include "services/broker/jobs.h"
#include "services/broker/ledger.h"
#include "services/broker/publisher.h"
#include "services/broker/queue_acts.h"
#include "services/common/clock.h"
#include "services/common/identity.h"

namespace baton {

// Decides what people do with queues by hand: see queue_acts.h. Refusals are
// NOT_FOUND, ALREADY_EXISTS, FAILED_PRECONDITION and PERMISSION_DENIED; any
// other code is the disk's.
//
// Not thread-safe: owned by the commit thread.
class QueueDesk {
 public:
  // A purge is confirmed within this.
  static constexpr absl::Duration kConfirmWithin = absl::Minutes(10);

  // All must outlive it. `key` signs confirmations. `touch` is called with
  // every queue that changed.
  QueueDesk(Ledger* ledger, const Queues* queues, Jobs* jobs,
            const Access* access, std::string key,
            std::function<void(Queue*)> touch)
      : ledger_(ledger),
        queues_(queues),
        jobs_(jobs),
        access_(access),
        key_(std::move(key)),
        touch_(std::move(touch)) {}

  template <typename Act>
  using Decided = absl::StatusOr<typename Act::Answer>;

  Decided<DescribeQueues> Decide(const Identity& caller, DescribeQueues act,
                                 Instant now);
  Decided<FindUnsettled> Decide(const Identity& caller, FindUnsettled act,
                                Instant now);
  Decided<FindArrived> Decide(const Identity& caller, FindArrived act,
                              Instant now);
  Decided<NoteReplay> Decide(const Identity& caller, NoteReplay act,
                             Instant now);
  Decided<SetMode> Decide(const Identity& caller, SetMode act, Instant now);
  Decided<CancelCopies> Decide(const Identity& caller, CancelCopies act,
                               Instant now);
  Decided<StartRedrive> Decide(const Identity& caller, StartRedrive act,
                               Instant now);
  Decided<CountPurge> Decide(const Identity& caller, CountPurge act,
                             Instant now);
  Decided<StartPurge> Decide(const Identity& caller, StartPurge act,
                             Instant now);
  Decided<FindJobs> Decide(const Identity& caller, FindJobs act, Instant now);
  Decided<StopJob> Decide(const Identity& caller, StopJob act, Instant now);

 private:
  absl::StatusOr<Queue*> Find(const std::string& name) const;
  // When the copy was cancelled before; nullopt: it was not.
  // FAILED_PRECONDITION when it can no longer be.
  absl::StatusOr<std::optional<absl::Time>> CheckCancel(
      uint64_t sequence, const std::string& queue) const;
  // NOT_FOUND also for a job on a queue of others.
  absl::StatusOr<const v1::Job*> FindJob(const Identity& caller,
                                         const std::string& job_id) const;
  std::string Confirmation(const std::string& queue, uint64_t last_sequence,
                           int64_t until_seconds) const;
  absl::StatusOr<uint64_t> CheckConfirmation(const std::string& queue,
                                             const std::string& text) const;

  Ledger* const ledger_;
  const Queues* const queues_;
  Jobs* const jobs_;
  const Access* const access_;
  const std::string key_;
  const std::function<void(Queue*)> touch_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_DESK_H_
