#include "services/common/rpc_identity.h"

#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/strip.h"
#include "storage/crypto.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr size_t kKeyIdBytes = 8;

// Of the certificate itself (DER), as `openssl x509 -fingerprint -sha256` shows
// it; empty when `pem` is none.
std::string KeyIdOf(absl::string_view pem) {
  if (!absl::ConsumePrefix(&pem, "-----BEGIN CERTIFICATE-----")) return "";
  std::string der;
  if (!absl::Base64Unescape(pem.substr(0, pem.find("-----END")), &der)) {
    return "";
  }
  return std::string(AsBytes(Sha256(der)).substr(0, kKeyIdBytes));
}

}  // namespace

absl::StatusOr<Identity> CertificateIdentity::Identify(
    const grpc::ServerContextBase& context) const {
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) {
    return absl::UnauthenticatedError("the call came without a certificate");
  }
  const std::vector<grpc::string_ref> pems =
      peer->FindPropertyValues("x509_pem_cert");
  if (pems.size() != 1) return Read(*peer, "");
  const absl::string_view pem(pems[0].data(), pems[0].size());
  {
    MutexLock lock(&mu_);
    const auto known = known_.find(pem);
    if (known != known_.end()) return known->second;
  }
  ASSIGN_OR_RETURN(Identity identity, Read(*peer, pem));
  MutexLock lock(&mu_);
  if (known_.size() >= kMaxKnown) known_.clear();
  known_.emplace(pem, identity);
  return identity;
}

absl::StatusOr<Identity> CertificateIdentity::Read(
    const grpc::AuthContext& peer, absl::string_view pem) const {
  // Not GetPeerIdentity(): that lists DNS names first. gRPC leaves this
  // property out when a certificate holds several URIs.
  std::vector<std::string> uris;
  for (const grpc::string_ref& uri :
       peer.FindPropertyValues("peer_spiffe_id")) {
    uris.emplace_back(uri.data(), uri.size());
  }
  Identity identity;
  ASSIGN_OR_RETURN(identity.agency, AgencyFromSpiffe(uris, trust_domain_));
  if (!pem.empty()) identity.key_id = KeyIdOf(pem);
  return identity;
}

}  // namespace baton
