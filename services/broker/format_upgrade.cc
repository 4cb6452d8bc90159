#include "services/broker/format_upgrade.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "baton/v1/record.pb.h"
#include "services/broker/queue_recovery.h"
#include "storage/format.h"
#include "storage/keys.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kAdoptedAtOnce = 4096;

// Takes some copies of format 1 into `queue`, and their keys out of `batch`'s
// store. Returns how many; 0: there are no more.
absl::StatusOr<size_t> AdoptSome(const Reader& reader, Queue* queue,
                                 Batch* batch) {
  ASSIGN_OR_RETURN(const v1::QueueRecord record,
                   ReadQueueRecord(reader, *queue));
  if (record.floor_sequence() == kNothingOfFormat1) return 0;
  ASSIGN_OR_RETURN(
      const std::vector<KeyValue> found,
      reader.Scan(QueueEntries(queue->name(), record.floor_sequence()),
                  kAdoptedAtOnce));
  for (const KeyValue& pair : found) {
    ASSIGN_OR_RETURN(const uint64_t sequence, SequenceOf(pair.key));
    v1::QueueEntry entry;
    if (!entry.ParseFromString(pair.value) || !IsUnsettled(entry.state())) {
      return absl::DataLossError(absl::StrCat("the entry of message sequence ",
                                              sequence, " in queue ",
                                              queue->name(), " is damaged"));
    }
    queue->Adopt(sequence, std::move(entry));
    batch->Delete(pair.key);
  }
  return found.size();
}

}  // namespace

absl::Status RaiseFormat(Ledger* ledger, Instant now) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   ledger->Get(kDatabaseKey));
  if (!bytes.has_value()) return absl::OkStatus();
  v1::DatabaseRecord database;
  if (!database.ParseFromString(*bytes)) {
    return absl::DataLossError("the record of the database is damaged");
  }
  if (database.format_version() >= kFormatVersion) return absl::OkStatus();
  database.set_format_version(kFormatVersion);
  ledger->Begin(now.wall);
  ledger->batch()->Put(kDatabaseKey, database.SerializeAsString());
  return ledger->Commit().status();
}

absl::Status AdoptFormat1(Ledger* ledger, Queue* queue, Instant now) {
  while (true) {
    ASSIGN_OR_RETURN(const size_t adopted,
                     AdoptSome(ledger->committed(), queue, ledger->batch()));
    if (adopted == 0) {
      queue->NoteAdopted();
      return absl::OkStatus();
    }
    ledger->Begin(now.wall);
    queue->Flush(ledger->commit_number(), now, /*fold=*/false, ledger->batch());
    RETURN_IF_ERROR(ledger->Commit().status());
  }
}

absl::Status AdoptOrphansOfFormat1(Ledger* ledger, const Queues& queues,
                                   Instant now) {
  KeyRange range = AllQueueEntries();
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<KeyValue> first,
                     ledger->committed().Scan(range, 1));
    if (first.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string name, QueueOfEntry(first[0].key));
    range.begin = QueueEntries(name, 0).end;
    if (queues.contains(name)) continue;
    Queue orphan(name, QueuePolicy());
    RETURN_IF_ERROR(RecoverQueue(ledger->committed(), &orphan));
    RETURN_IF_ERROR(AdoptFormat1(ledger, &orphan, now));
  }
}

}  // namespace baton
