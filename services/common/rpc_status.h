#ifndef BATON_SERVICES_COMMON_RPC_STATUS_H_
#define BATON_SERVICES_COMMON_RPC_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

// The one place where errors become gRPC's and back. Payloads of an
// absl::Status (services/common/faults.h) travel as google.rpc.Status details.
namespace baton {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_RPC_STATUS_H_
