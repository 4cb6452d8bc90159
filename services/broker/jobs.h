#ifndef BATON_SERVICES_BROKER_JOBS_H_
#define BATON_SERVICES_BROKER_JOBS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/record.pb.h"
#include "services/broker/ledger.h"
#include "services/broker/message_filter.h"
#include "services/broker/publisher.h"
#include "services/broker/queue.h"
#include "services/common/clock.h"
#include "services/common/identity.h"

namespace baton {

// Work on many messages of a queue: redrive and purge. A few messages with each
// commit, and in the same commit how far it is: a start goes on where the last
// process was, and nothing is done twice.
//
// Errors of Work and of Open are the disk's.
// Not thread-safe: owned by the commit thread.
class Jobs {
 public:
  // Messages a job looks at in one step.
  static constexpr size_t kMaxAtOnce = 64;
  // Jobs that work in one step; the others wait for the next.
  static constexpr size_t kMaxTurns = 16;
  // Jobs of one queue that are remembered.
  static constexpr size_t kMaxPerQueue = 64;
  // A redrive into a queue without room looks again after this.
  static constexpr absl::Duration kRoomInterval = absl::Seconds(5);

  using Touch = std::function<void(Queue*)>;

  // Both must outlive it. `touch` is called with every queue that changed.
  static absl::StatusOr<std::unique_ptr<Jobs>> Open(Ledger* ledger,
                                                    const Queues* queues,
                                                    Touch touch);

  // Begins `wanted` on messages up to `last_sequence`, and none that is
  // published later. A request_id that the requester has used is answered with
  // its job, or ALREADY_EXISTS when it asked for something else.
  // FAILED_PRECONDITION while another job works on the queue.
  absl::StatusOr<v1::Job> Start(const Identity& requester,
                                const std::string& request_id, v1::Job wanted,
                                uint64_t last_sequence);
  // Null: there is none.
  const v1::Job* Find(const std::string& job_id) const;
  std::vector<v1::Job> Of(const std::string& queue) const;  // Newest first.
  // Stops a job; what has ended stays as it ended. NOT_FOUND: there is none.
  absl::StatusOr<v1::Job> Stop(const std::string& job_id);

  // Does what is due.
  absl::Status Work(Instant now);
  // When to call Work next, on the steady clock; nullopt: nothing runs.
  std::optional<absl::Duration> NextTurn() const;

 private:
  struct Entry {
    v1::JobRecord record;
    std::unique_ptr<MessageFilter> filter;
    absl::Duration due = -absl::InfiniteDuration();
  };
  using Entries = std::map<uint64_t, Entry>;

  Jobs(Ledger* ledger, const Queues* queues, Touch touch)
      : ledger_(ledger), queues_(queues), touch_(std::move(touch)) {}

  Entries::iterator FindEntry(const std::string& job_id);
  void Insert(uint64_t number, v1::JobRecord record);
  void ForgetOld(const std::string& queue);
  absl::StatusOr<const v1::JobRecord*> FindRepeat(const Identity& requester,
                                                  const std::string& request_id,
                                                  const v1::Job& wanted) const;
  // One turn; says how many messages it changed, and whether it ended.
  struct Turn {
    int changed = 0;
    bool ended = false;
    bool no_room = false;
  };
  absl::StatusOr<Turn> Redrive(Entry* entry, Queue* queue, Instant now);
  absl::StatusOr<bool> RedriveOne(const KeyValue& pair, Entry* entry,
                                  Queue* queue, Instant now, Turn* turn,
                                  v1::AuditEntry* leaf);
  Turn Purge(Entry* entry, Queue* queue, Instant now);
  int Allowed(const Entry& entry) const;
  void End(v1::JobState state, v1::JobRecord* record);
  void Put(uint64_t number, const v1::JobRecord& record);
  v1::AuditEntry LeafOf(v1::AuditType type, const v1::JobRecord& record) const;

  Ledger* const ledger_;
  const Queues* const queues_;
  const Touch touch_;
  Entries entries_;  // By number.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_JOBS_H_
