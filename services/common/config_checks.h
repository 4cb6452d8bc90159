#ifndef BATON_SERVICES_COMMON_CONFIG_CHECKS_H_
#define BATON_SERVICES_COMMON_CONFIG_CHECKS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "baton/v1/config.pb.h"
#include "services/common/faults.h"

// Checks that every service's configuration shares. Each adds what is wrong
// with its field path; files are looked for, not read.
namespace baton {

void RequireText(absl::string_view value, absl::string_view field,
                 Faults* faults);
void RequireFile(const std::string& file, absl::string_view field,
                 Faults* faults);
void CheckTls(const v1::TlsConfig& tls, const std::string& path,
              Faults* faults);
void CheckEnvironment(v1::Environment environment, absl::string_view field,
                      Faults* faults);
// That `trust_domain` is one of `environment`, and that tls.certificate_file
// and the authorities in tls.ca_file are of it: an exchange trusts no other
// exchange's authority. Paths are below `path`, which is empty or ends in '.'.
void CheckTrust(const std::string& trust_domain, v1::Environment environment,
                const v1::TlsConfig& tls, const std::string& path,
                Faults* faults);
void CheckAgency(const v1::Agency& agency, absl::string_view field,
                 Faults* faults);
// That both addresses, where given, are loopback ones: they are plain text.
void CheckAdmin(const v1::AdminConfig& admin, const std::string& path,
                Faults* faults);
void CheckAgencyService(const v1::AgencyServiceConfig& config,
                        const std::string& path, Faults* faults);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_CONFIG_CHECKS_H_
