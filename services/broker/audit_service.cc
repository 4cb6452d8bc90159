#include "services/broker/audit_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "baton/v1/record.pb.h"
#include "storage/audit_log.h"
#include "storage/merkle.h"
#include "storage/status.h"

namespace baton {
namespace {

absl::StatusOr<v1::HeadRecord> ReadHead(const Reader& reader) {
  ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                   reader.Get(kHeadKey));
  v1::HeadRecord head;
  if (!bytes.has_value() || !head.ParseFromString(*bytes)) {
    return absl::UnavailableError("the audit log is empty as yet");
  }
  return head;
}

// INVALID_ARGUMENT unless the log has `tree_size` leaves already.
absl::Status CheckTreeSize(const Reader& reader, int64_t tree_size) {
  ASSIGN_OR_RETURN(const v1::HeadRecord head, ReadHead(reader));
  if (tree_size >= 1 && static_cast<uint64_t>(tree_size) <= head.tree_size()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the tree size must be 1 to ", head.tree_size()));
}

template <typename Response>
void PutHashes(const std::vector<Hash>& hashes, Response* response) {
  for (const Hash& hash : hashes) {
    response->add_hashes(std::string(AsBytes(hash)));
  }
}

}  // namespace

grpc::ServerUnaryReactor* AuditServiceImpl::Read(
    grpc::CallbackServerContext* context, absl::string_view call,
    std::function<absl::Status(const Reader&)> read) {
  return parts_.doorway->Read(
      context, call,
      [this, read = std::move(read)](const Identity& caller) -> absl::Status {
        RETURN_IF_ERROR(parts_.access->CheckAudit(caller.agency));
        return read(*parts_.store->Snapshot());
      });
}

grpc::ServerUnaryReactor* AuditServiceImpl::ListEntries(
    grpc::CallbackServerContext* context, const v1::ListEntriesRequest* request,
    v1::ListEntriesResponse* response) {
  return Read(
      context, "ListEntries",
      [request, response](const Reader& reader) -> absl::Status {
        if (request->start_index() < 0 || request->page_size() < 0) {
          return absl::InvalidArgumentError(
              "start_index and page_size must not be negative");
        }
        const int size = request->page_size() == 0
                             ? kMaxPageSize
                             : std::min(request->page_size(), kMaxPageSize);
        ASSIGN_OR_RETURN(std::vector<std::string> leaves,
                         ReadLeaves(reader, request->start_index(), size));
        for (std::string& leaf : leaves) {
          response->add_entries(std::move(leaf));
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AuditServiceImpl::GetCheckpoint(
    grpc::CallbackServerContext* context, const v1::GetCheckpointRequest*,
    v1::GetCheckpointResponse* response) {
  return Read(
      context, "GetCheckpoint",
      [this, response](const Reader& reader) -> absl::Status {
        ASSIGN_OR_RETURN(const v1::HeadRecord head, ReadHead(reader));
        ASSIGN_OR_RETURN(const Hash root, HashFromBytes(head.root()));
        response->set_checkpoint(parts_.signer->Sign(head.tree_size(), root));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AuditServiceImpl::GetInclusionProof(
    grpc::CallbackServerContext* context,
    const v1::GetInclusionProofRequest* request,
    v1::GetInclusionProofResponse* response) {
  return Read(
      context, "GetInclusionProof",
      [request, response](const Reader& reader) -> absl::Status {
        RETURN_IF_ERROR(CheckTreeSize(reader, request->tree_size()));
        if (request->index() < 0) {
          return absl::InvalidArgumentError("index must not be negative");
        }
        ASSIGN_OR_RETURN(
            const std::vector<Hash> proof,
            InclusionProof(request->index(), request->tree_size(),
                           StoredSubtrees(reader, request->tree_size())));
        PutHashes(proof, response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AuditServiceImpl::GetConsistencyProof(
    grpc::CallbackServerContext* context,
    const v1::GetConsistencyProofRequest* request,
    v1::GetConsistencyProofResponse* response) {
  return Read(
      context, "GetConsistencyProof",
      [request, response](const Reader& reader) -> absl::Status {
        RETURN_IF_ERROR(CheckTreeSize(reader, request->first_tree_size()));
        RETURN_IF_ERROR(CheckTreeSize(reader, request->second_tree_size()));
        ASSIGN_OR_RETURN(
            const std::vector<Hash> proof,
            ConsistencyProof(
                request->first_tree_size(), request->second_tree_size(),
                StoredSubtrees(reader, request->second_tree_size())));
        PutHashes(proof, response);
        return absl::OkStatus();
      });
}

}  // namespace baton
