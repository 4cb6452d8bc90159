#include "services/cli/audit_check.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/merkle.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using Stub = AuditClient::Stub;

// An entry may name 256 messages: 500 of those still fit a gRPC message.
constexpr uint64_t kPageSize = 500;

std::string Describe(const Checkpoint& checkpoint) {
  return absl::StrCat(checkpoint.tree_size, " entries, root ",
                      HashText(checkpoint.root));
}

absl::Status Rewritten(const Checkpoint& seen, const Checkpoint& head,
                       absl::string_view how) {
  return absl::DataLossError(absl::StrCat("the audit log was REWRITTEN: ", how,
                                          "\nseen before: ", Describe(seen),
                                          "\nsigned now: ", Describe(head)));
}

absl::StatusOr<std::vector<Hash>> FetchConsistencyProof(const Checkpoint& seen,
                                                        const Checkpoint& head,
                                                        AuditClient& client) {
  v1::GetConsistencyProofRequest request;
  request.set_first_tree_size(static_cast<int64_t>(seen.tree_size));
  request.set_second_tree_size(static_cast<int64_t>(head.tree_size));
  ASSIGN_OR_RETURN(
      auto response,
      client.Call("GetConsistencyProof", &Stub::GetConsistencyProof, request));
  std::vector<Hash> proof;
  for (const std::string& bytes : response.hashes()) {
    auto hash = HashFromBytes(bytes);
    if (!hash.ok()) {
      return absl::DataLossError(
          "the consistency proof holds something that is no hash");
    }
    proof.push_back(*hash);
  }
  return proof;
}

// Recomputes the root from entries given in order.
class Recomputation {
 public:
  explicit Recomputation(
      const std::function<void(const v1::AuditEntry&)>& visit)
      : visit_(visit) {}

  absl::Status Append(const std::string& leaf) {
    v1::AuditEntry entry;
    const uint64_t index = range_.size();
    if (!entry.ParseFromString(leaf) ||
        entry.index() != static_cast<int64_t>(index)) {
      return absl::DataLossError(
          absl::StrCat("audit entry ", index, " is not entry ", index));
    }
    range_.Append(LeafHash(leaf));
    visit_(entry);
    return absl::OkStatus();
  }

  uint64_t size() const { return range_.size(); }
  Hash root() const { return range_.Root(); }

 private:
  const std::function<void(const v1::AuditEntry&)>& visit_;
  CompactRange range_;
};

absl::Status AppendPage(const Checkpoint& head, AuditClient& client,
                        Recomputation* recomputation) {
  const uint64_t missing = head.tree_size - recomputation->size();
  v1::ListEntriesRequest request;
  request.set_start_index(static_cast<int64_t>(recomputation->size()));
  request.set_page_size(static_cast<int>(std::min(kPageSize, missing)));
  ASSIGN_OR_RETURN(auto page,
                   client.Call("ListEntries", &Stub::ListEntries, request));
  if (page.entries().empty() || page.entries_size() > request.page_size()) {
    return absl::DataLossError(absl::StrCat(
        "the service signed ", head.tree_size, " entries and answered entry ",
        recomputation->size(), " with ", page.entries_size()));
  }
  for (const std::string& leaf : page.entries()) {
    RETURN_IF_ERROR(recomputation->Append(leaf));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SignedHead> OpenHead(const std::string& note,
                                    const std::string& verifier_key) {
  if (verifier_key.empty()) {
    return absl::InvalidArgumentError(
        "the configuration has no checkpoint_verifier_key; ask the exchange's "
        "operator for it, and have it confirmed by another way");
  }
  auto checkpoint = OpenCheckpoint(note, verifier_key);
  if (checkpoint.ok()) return SignedHead{note, *std::move(checkpoint)};
  return absl::DataLossError(
      absl::StrCat("the checkpoint is not signed by checkpoint_verifier_key: ",
                   checkpoint.status().message()));
}

absl::StatusOr<SignedHead> FetchHead(const std::string& verifier_key,
                                     AuditClient& client) {
  ASSIGN_OR_RETURN(auto response,
                   client.Call("GetCheckpoint", &Stub::GetCheckpoint,
                               v1::GetCheckpointRequest()));
  return OpenHead(response.checkpoint(), verifier_key);
}

absl::Status CheckGrewFrom(const Checkpoint& seen, const Checkpoint& head,
                           AuditClient& client) {
  if (head.tree_size < seen.tree_size) {
    return Rewritten(seen, head, "it has become shorter");
  }
  if (head.tree_size == seen.tree_size) {
    return head.root == seen.root
               ? absl::OkStatus()
               : Rewritten(seen, head, "the same size has another root");
  }
  if (seen.tree_size == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto proof, FetchConsistencyProof(seen, head, client));
  if (VerifyConsistency(seen.tree_size, head.tree_size, seen.root, head.root,
                        proof)
          .ok()) {
    return absl::OkStatus();
  }
  return Rewritten(seen, head, "what was seen before is not part of it");
}

absl::Status CheckEntries(
    const Checkpoint& head, AuditClient& client,
    const std::function<void(const v1::AuditEntry&)>& visit) {
  Recomputation recomputation(visit);
  while (recomputation.size() < head.tree_size) {
    RETURN_IF_ERROR(AppendPage(head, client, &recomputation));
  }
  if (recomputation.root() == head.root) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "the entries are not what was signed: they were CHANGED\nsigned: ",
      Describe(head), "\ncomputed: root ", HashText(recomputation.root())));
}

std::string HashText(const Hash& hash) {
  return absl::BytesToHexString(AsBytes(hash));
}

}  // namespace baton::cli
