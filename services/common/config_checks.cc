#include "services/common/config_checks.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/certificate.h"
#include "services/common/environment.h"
#include "services/common/loopback.h"
#include "services/common/proto_time.h"
#include "services/common/text_config.h"

namespace baton {
namespace {

// A file that cannot be read is another check's matter.
void CheckTrustDomainOf(const std::string& file, const std::string& field,
                        const std::string& trust_domain, Faults* faults) {
  const absl::StatusOr<std::string> pem = ReadFile(file);
  if (!pem.ok()) return;
  for (const std::string& uri : SpiffeUris(*pem)) {
    const absl::string_view named = TrustDomainOf(uri);
    if (named == trust_domain) continue;
    faults->Add(
        field, absl::StrCat("holds a certificate of trust domain ", named, " (",
                            EnvironmentName(EnvironmentOf(named)), "), not of ",
                            trust_domain, " (",
                            EnvironmentName(EnvironmentOf(trust_domain)),
                            "); exchanges never share an authority"));
  }
}

}  // namespace

void RequireText(absl::string_view value, absl::string_view field,
                 Faults* faults) {
  if (value.empty()) faults->Add(field, "is required");
}

void RequireFile(const std::string& file, absl::string_view field,
                 Faults* faults) {
  std::error_code error;
  if (file.empty()) {
    faults->Add(field, "is required");
  } else if (!std::filesystem::is_regular_file(file, error)) {
    faults->Add(field, absl::StrCat("there is no file ", file));
  }
}

void CheckTls(const v1::TlsConfig& tls, const std::string& path,
              Faults* faults) {
  RequireFile(tls.ca_file(), path + ".ca_file", faults);
  RequireFile(tls.certificate_file(), path + ".certificate_file", faults);
  RequireFile(tls.key_file(), path + ".key_file", faults);
  if (tls.has_refresh_interval() &&
      FromProto(tls.refresh_interval()) < absl::Seconds(1)) {
    faults->Add(path + ".refresh_interval", "must be at least 1 s");
  }
}

void CheckEnvironment(v1::Environment environment, absl::string_view field,
                      Faults* faults) {
  if (environment != v1::ENVIRONMENT_LIVE &&
      environment != v1::ENVIRONMENT_TRAINING) {
    faults->Add(field, "must be ENVIRONMENT_LIVE or ENVIRONMENT_TRAINING");
  }
}

void CheckTrust(const std::string& trust_domain, v1::Environment environment,
                const v1::TlsConfig& tls, const std::string& path,
                Faults* faults) {
  CheckTrustDomain(trust_domain, environment, path + "trust_domain", faults);
  if (trust_domain.empty()) return;
  CheckTrustDomainOf(tls.ca_file(), path + "tls.ca_file", trust_domain, faults);
  CheckTrustDomainOf(tls.certificate_file(), path + "tls.certificate_file",
                     trust_domain, faults);
}

void CheckAgency(const v1::Agency& agency, absl::string_view field,
                 Faults* faults) {
  if (ClassName(agency.agency_class()).empty() ||
      !IsAgencyCode(agency.code())) {
    faults->Add(field, "needs a class and a code of 1 to 16 of A-Z and 0-9");
  }
}

void CheckAdmin(const v1::AdminConfig& admin, const std::string& path,
                Faults* faults) {
  if (!admin.http_address().empty()) {
    const absl::Status http = ParseLoopback(admin.http_address()).status();
    if (!http.ok()) faults->Add(path + ".http_address", http.message());
  }
  if (!admin.grpc_address().empty()) {
    const absl::Status grpc = CheckLoopbackOrSocket(admin.grpc_address());
    if (!grpc.ok()) faults->Add(path + ".grpc_address", grpc.message());
  }
}

void CheckAgencyService(const v1::AgencyServiceConfig& config,
                        const std::string& path, Faults* faults) {
  CheckAgency(config.agency(), path + ".agency", faults);
  RequireText(config.listen_address(), path + ".listen_address", faults);
  RequireText(config.trust_domain(), path + ".trust_domain", faults);
  RequireText(config.data_directory(), path + ".data_directory", faults);
  RequireText(config.exchange().address(), path + ".exchange.address", faults);
  RequireFile(config.disk_key_file(), path + ".disk_key_file", faults);
  CheckTls(config.tls(), path + ".tls", faults);
  CheckAdmin(config.admin(), path + ".admin", faults);
  CheckEnvironment(config.environment(), path + ".environment", faults);
  CheckTrust(config.trust_domain(), config.environment(), config.tls(),
             path + ".", faults);
  RequireText(config.attention_owner().role(), path + ".attention_owner.role",
              faults);
  RequireText(config.attention_owner().phone(), path + ".attention_owner.phone",
              faults);
  if (config.max_held_messages() < 0) {
    faults->Add(path + ".max_held_messages", "must not be negative");
  }
}

}  // namespace baton
