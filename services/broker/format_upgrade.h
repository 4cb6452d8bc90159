#ifndef BATON_SERVICES_BROKER_FORMAT_UPGRADE_H_
#define BATON_SERVICES_BROKER_FORMAT_UPGRADE_H_

#include "absl/status/status.h"
#include "services/broker/ledger.h"
#include "services/broker/publisher.h"
#include "services/broker/queue.h"
#include "services/common/clock.h"

// A broker's database of an older format, when it is opened by this program. To
// be called before the first step; errors are the disk's. A crash in between
// loses nothing: the next start goes on.
namespace baton {

// Says in the database that it is of this program's format, in a commit of its
// own, before anything is written that an older program would not find.
absl::Status RaiseFormat(Ledger* ledger, Instant now);

// Format 1 had one key for each unsettled copy (q/): takes those of `queue`,
// some thousand a commit, and deletes the keys.
absl::Status AdoptFormat1(Ledger* ledger, Queue* queue, Instant now);

// The same for queues that are not among `queues`: their desks were taken out
// of the configuration, and may come back.
absl::Status AdoptOrphansOfFormat1(Ledger* ledger, const Queues& queues,
                                   Instant now);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_FORMAT_UPGRADE_H_
