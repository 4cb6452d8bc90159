#include "services/broker/queue_recovery.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kRecordsAtOnce = 256;

absl::Status Damaged(const Queue& queue) {
  return absl::DataLossError(
      absl::StrCat("a record of queue ", queue.name(), " is damaged"));
}

absl::Status RestoreDeadLetters(const Reader& reader, Queue* queue) {
  uint64_t from = 0;
  std::vector<KeyValue> found;
  do {
    ASSIGN_OR_RETURN(
        found, reader.Scan(DeadLetters(queue->name(), from), kRecordsAtOnce));
    for (const KeyValue& pair : found) {
      ASSIGN_OR_RETURN(const uint64_t sequence, SequenceOf(pair.key));
      queue->RestoreDeadLetter(sequence);
      from = sequence + 1;
    }
  } while (found.size() == kRecordsAtOnce);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::QueueRecord> ReadQueueRecord(const Reader& reader,
                                                const Queue& queue) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   reader.Get(QueueKey(queue.name())));
  v1::QueueRecord record;
  if (bytes.has_value() && !record.ParseFromString(*bytes)) {
    return Damaged(queue);
  }
  return record;
}

absl::Status RecoverQueue(const Reader& reader, Queue* queue) {
  ASSIGN_OR_RETURN(const v1::QueueRecord record,
                   ReadQueueRecord(reader, *queue));
  queue->Restore(record);
  RETURN_IF_ERROR(RestoreDeadLetters(reader, queue));
  uint64_t from = record.first_commit();
  std::vector<KeyValue> found;
  v1::QueueChanges changes;
  do {
    ASSIGN_OR_RETURN(
        found, reader.Scan(QueueChangesBetween(queue->name(), from, UINT64_MAX),
                           kRecordsAtOnce));
    for (const KeyValue& pair : found) {
      ASSIGN_OR_RETURN(const uint64_t commit, SequenceOf(pair.key));
      if (!changes.ParseFromString(pair.value)) return Damaged(*queue);
      RETURN_IF_ERROR(queue->Replay(commit, changes));
      from = commit + 1;
    }
  } while (found.size() == kRecordsAtOnce);
  return absl::OkStatus();
}

}  // namespace baton
