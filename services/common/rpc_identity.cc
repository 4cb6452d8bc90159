#include "services/common/rpc_identity.h"

#include <memory>
#include <vector>

#include "grpcpp/security/auth_context.h"
#include "storage/crypto.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kKeyIdBytes = 8;

}  // namespace

absl::StatusOr<Identity> CertificateIdentity::Identify(
    const grpc::ServerContextBase& context) const {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) {
    return absl::UnauthenticatedError("the call came without a certificate");
  }
  // Not GetPeerIdentity(): that lists DNS names first. gRPC leaves this
  // property out when a certificate holds several URIs.
  std::vector<std::string> uris;
  for (const grpc::string_ref& uri :
       peer->FindPropertyValues("peer_spiffe_id")) {
    uris.emplace_back(uri.data(), uri.size());
  }
  Identity identity;
  ASSIGN_OR_RETURN(identity.agency, AgencyFromSpiffe(uris, trust_domain_));
  for (const grpc::string_ref& pem :
       peer->FindPropertyValues("x509_pem_cert")) {
    const Hash hash = Sha256(absl::string_view(pem.data(), pem.size()));
    identity.key_id = std::string(AsBytes(hash).substr(0, kKeyIdBytes));
  }
  return identity;
}

}  // namespace baton
