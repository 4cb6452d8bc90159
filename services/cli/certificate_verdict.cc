#include "services/cli/certificate_verdict.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "services/cli/times.h"
#include "services/common/environment.h"
#include "services/common/identity.h"

namespace baton::cli {
namespace {

std::string DaysText(absl::Duration duration) {
  const int64_t days = absl::ToInt64Hours(duration) / 24;
  return days == 1 ? "1 day" : absl::StrCat(days, " days");
}

Finding JudgeIdentity(const Certificate& certificate) {
  const absl::StatusOr<v1::Agency> agency = AgencyOf(certificate);
  if (!agency.ok()) {
    return Failed("identity", agency.status().message(),
                  "ask the authority for a certificate of this agency");
  }
  const std::string& uri = certificate.spiffe_uris[0];
  return Ok("identity",
            absl::StrCat(uri, ", ",
                         EnvironmentName(EnvironmentOf(TrustDomainOf(uri)))));
}

Finding JudgeAuthority(const Facts& facts) {
  const absl::Status vouched =
      CheckAuthority(facts.own_certificates, facts.authorities);
  if (vouched.ok()) return Ok("authority", "vouches for our certificate");
  return Failed(
      "authority", vouched.message(),
      "tls.ca_file and tls.certificate_file must be of one authority: "
      "live and training never share one");
}

}  // namespace

absl::StatusOr<v1::Agency> AgencyOf(const Certificate& certificate) {
  const std::vector<std::string>& uris = certificate.spiffe_uris;
  return AgencyFromSpiffe(
      uris, uris.size() == 1 ? TrustDomainOf(uris[0]) : absl::string_view());
}

std::vector<Finding> JudgeOwnCertificate(const Facts& facts) {
  if (!facts.files.ok()) {
    return {Failed("certificate files", facts.files.message(),
                   "name files in the configuration that this user may read")};
  }
  std::vector<Finding> findings = {
      Ok("certificate files", "readable, and the key is the certificate's")};
  const auto own = ReadCertificate(facts.own_certificates);
  if (!own.ok()) {
    findings.push_back(
        Failed("certificate", own.status().message(), kRenewOwn));
    return findings;
  }
  findings.push_back(JudgeIdentity(*own));
  findings.push_back(JudgeAuthority(facts));
  findings.push_back(
      JudgeDates("certificate", *own, facts.now, facts.expiring, kRenewOwn));
  return findings;
}

Finding JudgeDates(const std::string& check, const Certificate& certificate,
                   absl::Time now, absl::Duration expiring,
                   const std::string& renew) {
  const std::string clock =
      absl::StrCat("this machine's clock says ", Iso(now));
  if (now < certificate.not_before) {
    return Failed(check,
                  absl::StrCat("is not good before ",
                               Iso(certificate.not_before), "; ", clock),
                  "set the clock (timedatectl), unless it is right");
  }
  const std::string until = Iso(certificate.not_after);
  if (now >= certificate.not_after) {
    return Failed(check, absl::StrCat("has EXPIRED at ", until, "; ", clock),
                  absl::StrCat(renew,
                               "; unless the clock is wrong: set it "
                               "(timedatectl)"));
  }
  const absl::Duration left = certificate.not_after - now;
  const std::string good =
      absl::StrCat("good until ", until, ", ", DaysText(left));
  if (left < expiring) {
    return Warning(check, absl::StrCat("expires soon: ", good), renew);
  }
  return Ok(check, good);
}

}  // namespace baton::cli
