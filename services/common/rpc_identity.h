#ifndef BATON_SERVICES_COMMON_RPC_IDENTITY_H_
#define BATON_SERVICES_COMMON_RPC_IDENTITY_H_

#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/server_context.h"
#include "services/common/identity.h"

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

// The single SPIFFE URI of the peer's certificate.
class CertificateIdentity final : public IdentitySource {
 public:
  explicit CertificateIdentity(std::string trust_domain)
      : trust_domain_(std::move(trust_domain)) {}

  absl::StatusOr<Identity> Identify(
      const grpc::ServerContextBase& context) const override;

 private:
  const std::string trust_domain_;
};

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_RPC_IDENTITY_H_
