#ifndef BATON_SERVICES_BROKER_QUEUE_RECOVERY_H_
#define BATON_SERVICES_BROKER_QUEUE_RECOVERY_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/broker/queue.h"
#include "storage/batch.h"
#include "storage/store.h"

// What the disk holds of a queue, read when the process starts.
namespace baton {

// Reads the records of `queue`, which is empty, from the first that counts.
// DATA_LOSS when one is damaged. About a second for a million messages.
absl::Status RecoverQueue(const Reader& reader, Queue* queue);

// Takes copies that format 1 left (q/), one key each, a few thousand at a
// time: `queue` writes them again with its next Flush, and `batch` deletes
// them. Returns how many; 0: there are no more.
absl::StatusOr<size_t> AdoptFormat1(const Reader& reader, Queue* queue,
                                    Batch* batch);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_RECOVERY_H_
