#include "services/cli/peer_verdict.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/cli/certificate_verdict.h"
#include "services/common/agency.h"
#include "services/common/identity.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

// The exchange is an exchange of our trust domain, the service of our agency.
absl::Status CheckIdentity(const Certificate& theirs, const Peer& peer,
                           const Facts& facts) {
  ASSIGN_OR_RETURN(const Certificate own,
                   ReadCertificate(facts.own_certificates));
  ASSIGN_OR_RETURN(const v1::Agency ours, AgencyOf(own));
  const absl::string_view domain = TrustDomainOf(own.spiffe_uris[0]);
  if (peer.is_exchange) {
    const std::string wanted =
        absl::StrCat("spiffe://", domain, "/agency/exchange/");
    if (theirs.spiffe_uris.size() == 1 &&
        absl::StartsWith(theirs.spiffe_uris[0], wanted)) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        absl::StrCat("is ", absl::StrJoin(theirs.spiffe_uris, " and "),
                     ", and not of ", wanted));
  }
  ASSIGN_OR_RETURN(const v1::Agency agency,
                   AgencyFromSpiffe(theirs.spiffe_uris, domain));
  if (SameAgency(agency, ours)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "is of ", AgencyName(agency), ", and we are ", AgencyName(ours)));
}

absl::Status CheckShown(const Peer& peer, const Facts& facts) {
  ASSIGN_OR_RETURN(const Certificate theirs,
                   ReadCertificate(peer.handshake.certificates));
  RETURN_IF_ERROR(
      CheckAuthority(peer.handshake.certificates, facts.authorities));
  RETURN_IF_ERROR(
      CheckServerName(peer.handshake.certificates, peer.server_name));
  return CheckIdentity(theirs, peer, facts);
}

// What is wrong with the connection; OK when nothing is.
absl::Status CheckConnection(const Peer& peer, const Facts& facts) {
  RETURN_IF_ERROR(peer.handshake.connected);
  if (!peer.handshake.certificates.empty()) {
    const absl::Status shown = CheckShown(peer, facts);
    if (!shown.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "its certificate is not to be trusted: ", shown.message()));
    }
  }
  return peer.handshake.secured;
}

// The class of the agency whose service answers: "police"; empty when that
// cannot be told.
std::string KindOf(const Peer& peer, const Facts& facts) {
  const auto own = ReadCertificate(facts.own_certificates);
  const auto theirs = ReadCertificate(peer.handshake.certificates);
  if (!own.ok() || !theirs.ok() || own->spiffe_uris.empty()) return "";
  const auto agency =
      AgencyFromSpiffe(theirs->spiffe_uris, TrustDomainOf(own->spiffe_uris[0]));
  return agency.ok() ? std::string(ClassName(agency->agency_class())) : "";
}

// A police force's service behind emergency_address answers every greeting and
// no command.
bool IsOfAnotherKind(const Peer& peer, const std::string& kind) {
  return !peer.is_exchange && !kind.empty() &&
         peer.name != absl::StrCat(kind, " service");
}

std::string ConnectionAdvice(const Peer& peer, const absl::Status& fault) {
  if (absl::IsNotFound(fault)) {
    return "check the address in the configuration, and this machine's DNS";
  }
  if (absl::IsFailedPrecondition(fault)) {
    return "check the address and the authority in the configuration: this is "
           "not who it should be";
  }
  if (peer.handshake.connected.ok()) {
    return "look at our own certificate first, then at the log over there";
  }
  return peer.is_exchange
             ? "check the network and the firewall on the way; ask the "
               "exchange's operator whether it runs"
             : "check that the service runs, and that it listens there";
}

Certificate CertificateOf(const v1::CertificateSummary& summary) {
  return {.spiffe_uris = {summary.spiffe_uris().begin(),
                          summary.spiffe_uris().end()},
          .not_before = FromProto(summary.not_before_time()),
          .not_after = FromProto(summary.not_after_time())};
}

// As it was shown to us; else as the service says.
absl::StatusOr<Certificate> CertificateOf(const Peer& peer,
                                          const Facts& facts) {
  if (!peer.handshake.certificates.empty() || !facts.test.ok()) {
    return ReadCertificate(peer.handshake.certificates);
  }
  const v1::TestExchangeResponse& test = *facts.test;
  if (peer.is_exchange && test.has_exchange_certificate()) {
    return CertificateOf(test.exchange_certificate());
  }
  if (!peer.is_exchange && test.has_service_certificate()) {
    return CertificateOf(test.service_certificate());
  }
  return absl::UnavailableError("not shown");
}

}  // namespace

Finding JudgePeer(const Peer& peer, const Facts& facts) {
  const absl::Status fault = CheckConnection(peer, facts);
  const std::string kind = KindOf(peer, facts);
  if (fault.ok() && IsOfAnotherKind(peer, kind)) {
    return Failed(peer.name,
                  absl::StrCat("what answers at ", peer.address, " is a ", kind,
                               " service"),
                  absl::StrCat("write this address as ", kind,
                               "_address in the configuration"));
  }
  if (fault.ok()) {
    return Ok(peer.name, absl::StrCat("answers at ", peer.address));
  }
  const std::string advice = ConnectionAdvice(peer, fault);
  if (peer.is_exchange && !absl::IsFailedPrecondition(fault) &&
      facts.test.ok() && facts.test->has_returned_time()) {
    return Warning(peer.name,
                   absl::StrCat("the service reaches it, this machine does "
                                "not: ",
                                fault.message()),
                   advice);
  }
  return Failed(peer.name, fault.message(), advice);
}

Finding JudgePeerDates(const Peer& peer, const Facts& facts) {
  const std::string check = absl::StrCat(peer.name, " certificate");
  const auto certificate = CertificateOf(peer, facts);
  if (!certificate.ok()) return Unknown(check, "it was not shown");
  return JudgeDates(
      check, *certificate, facts.now, facts.expiring,
      peer.is_exchange ? "tell the exchange's operator" : kRenewOwn);
}

}  // namespace baton::cli
