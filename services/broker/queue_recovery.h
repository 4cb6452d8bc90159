#ifndef BATON_SERVICES_BROKER_QUEUE_RECOVERY_H_
#define BATON_SERVICES_BROKER_QUEUE_RECOVERY_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/record.pb.h"
#include "services/broker/queue.h"
#include "storage/store.h"

// What the disk holds of a queue, read when the process starts.
namespace baton {

// Reads the records of `queue`, which is empty, from the first that counts.
// DATA_LOSS when one is damaged. About a second for a million messages.
absl::Status RecoverQueue(const Reader& reader, Queue* queue);

// Where the disk says that `queue` begins; empty when it says nothing yet.
absl::StatusOr<v1::QueueRecord> ReadQueueRecord(const Reader& reader,
                                                const Queue& queue);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_QUEUE_RECOVERY_H_
