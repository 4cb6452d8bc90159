#ifndef BATON_SERVICES_COMMON_RPC_IDENTITY_H_
#define BATON_SERVICES_COMMON_RPC_IDENTITY_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/server_context.h"
#include "services/common/identity.h"
#include "storage/mutex.h"

namespace baton {

// Tells who is calling. An interface, so that an edge in front may vouch for
// callers some other way. Thread-safe.
class IdentitySource {
 public:
  virtual ~IdentitySource() = default;
  // UNAUTHENTICATED when the caller shows no single identity.
  virtual absl::StatusOr<Identity> Identify(
      const grpc::ServerContextBase& context) const = 0;
};

// The single SPIFFE URI of the peer's certificate. Whom a certificate names is
// read once: a caller shows the same one with every call.
class CertificateIdentity final : public IdentitySource {
 public:
  explicit CertificateIdentity(std::string trust_domain)
      : trust_domain_(std::move(trust_domain)) {}

  absl::StatusOr<Identity> Identify(
      const grpc::ServerContextBase& context) const override;

 private:
  static constexpr size_t kMaxKnown = 4096;  // Certificates; then anew.

  absl::StatusOr<Identity> Read(const grpc::AuthContext& peer,
                                absl::string_view pem) const;

  const std::string trust_domain_;

  mutable Mutex mu_;
  mutable absl::flat_hash_map<std::string, Identity> known_  // By PEM.
      ABSL_GUARDED_BY(mu_);
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_RPC_IDENTITY_H_
