#include "storage/store_writer.h"

#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/status.h"

namespace baton {
namespace {

// Until the outcome is known or the attempts are used up.
CommitResult CommitPatiently(Store* store, const Batch& batch,
                             absl::string_view expected_head) {
  CommitResult result;
  for (int attempt = 0; attempt < StoreWriter::kMaxAttempts; ++attempt) {
    result = store->Commit(batch, expected_head);
    if (result.outcome != CommitOutcome::kUnknown) break;
  }
  return result;
}

absl::Status CommitError(uint64_t commit, const CommitResult& result) {
  const bool unknown = result.outcome == CommitOutcome::kUnknown;
  return absl::Status(
      result.status.code(),
      absl::StrCat(
          "commit ", commit,
          unknown ? " has an unknown outcome after " : " was refused",
          unknown ? absl::StrCat(StoreWriter::kMaxAttempts, " attempts") : "",
          ": ", result.status.message()));
}

}  // namespace

absl::StatusOr<StoreWriter> StoreWriter::Open(Store* store) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, store->Get(kHeadKey));
  v1::HeadRecord head;
  if (bytes.has_value() && !head.ParseFromString(*bytes)) {
    return absl::DataLossError(
        "the head of the store is damaged: restore the newest backup");
  }
  return StoreWriter(store, std::move(head), std::move(bytes).value_or(""));
}

absl::Status StoreWriter::Commit(Batch batch, v1::HeadRecord next) {
  assert(next.commit() == head_.commit() + 1);
  RETURN_IF_ERROR(failed_);
  std::string next_bytes = next.SerializeAsString();
  batch.Put(kHeadKey, next_bytes);
  const CommitResult result = CommitPatiently(store_, batch, head_bytes_);
  if (result.outcome != CommitOutcome::kCommitted) {
    return failed_ = CommitError(next.commit(), result);
  }
  head_ = std::move(next);
  head_bytes_ = std::move(next_bytes);
  return absl::OkStatus();
}

}  // namespace baton
