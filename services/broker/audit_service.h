#ifndef BATON_SERVICES_BROKER_AUDIT_SERVICE_H_
#define BATON_SERVICES_BROKER_AUDIT_SERVICE_H_

#include <functional>

#include "absl/strings/string_view.h"
#include "baton/v1/audit_service.grpc.pb.h"
#include "services/broker/access.h"
#include "services/broker/doorway.h"
#include "storage/checkpoint.h"
#include "storage/store.h"

namespace baton {

// The audit log as last committed: entries, checkpoints, proofs. Thread-safe;
// reads run on the doorway's readers, each on one snapshot.
class AuditServiceImpl final : public v1::AuditService::CallbackService {
 public:
  static constexpr int kMaxPageSize = 1000;

  // All outlive the service.
  struct Parts {
    const Doorway* doorway;
    const Access* access;
    const Store* store;
    const CheckpointSigner* signer;
  };

  explicit AuditServiceImpl(const Parts& parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* ListEntries(
      grpc::CallbackServerContext* context,
      const v1::ListEntriesRequest* request,
      v1::ListEntriesResponse* response) override;
  grpc::ServerUnaryReactor* GetCheckpoint(
      grpc::CallbackServerContext* context,
      const v1::GetCheckpointRequest* request,
      v1::GetCheckpointResponse* response) override;
  grpc::ServerUnaryReactor* GetInclusionProof(
      grpc::CallbackServerContext* context,
      const v1::GetInclusionProofRequest* request,
      v1::GetInclusionProofResponse* response) override;
  grpc::ServerUnaryReactor* GetConsistencyProof(
      grpc::CallbackServerContext* context,
      const v1::GetConsistencyProofRequest* request,
      v1::GetConsistencyProofResponse* response) override;

 private:
  // Runs `read` on a snapshot when the caller may read the log.
  grpc::ServerUnaryReactor* Read(
      grpc::CallbackServerContext* context, absl::string_view call,
      std::function<absl::Status(const Reader&)> read);

  const Parts parts_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_AUDIT_SERVICE_H_
