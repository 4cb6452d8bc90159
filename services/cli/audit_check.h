#ifndef BATON_SERVICES_CLI_AUDIT_CHECK_H_
#define BATON_SERVICES_CLI_AUDIT_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "baton/v1/audit_service.grpc.pb.h"
#include "services/cli/session.h"
#include "storage/checkpoint.h"

// The reader's side of the audit log: it believes nothing it did not compute.
// Every contradiction is DATA_LOSS.
namespace baton::cli {

using AuditClient = Client<v1::AuditService>;

// A tree head whose signature holds.
struct SignedHead {
  std::string note;
  Checkpoint checkpoint;
};

// Opens a note with the pinned key.
absl::StatusOr<SignedHead> OpenHead(const std::string& note,
                                    const std::string& verifier_key);

// The newest tree head. DATA_LOSS: it is not signed by the pinned key.
absl::StatusOr<SignedHead> FetchHead(const std::string& verifier_key,
                                     AuditClient& client);

// OK when the log of `seen` is a prefix of the log of `head`, by a proof the
// service gives. DATA_LOSS: the log was rewritten or cut.
absl::Status CheckGrewFrom(const Checkpoint& seen, const Checkpoint& head,
                           AuditClient& client);

// Downloads every entry below `head`, recomputes the root and compares.
// `visit` sees each entry, in order. DATA_LOSS: they are not what was signed.
absl::Status CheckEntries(
    const Checkpoint& head, AuditClient& client,
    const std::function<void(const v1::AuditEntry&)>& visit);

// Lower-case hex.
std::string HashText(const Hash& hash);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_AUDIT_CHECK_H_
