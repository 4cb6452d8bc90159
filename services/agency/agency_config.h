#ifndef BATON_SERVICES_AGENCY_AGENCY_CONFIG_H_
#define BATON_SERVICES_AGENCY_AGENCY_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/config.pb.h"
#include "services/common/config_checks.h"
#include "services/common/faults.h"
#include "services/common/text_config.h"
#include "storage/status.h"

// Configurations of agency services: they share most fields by name.
namespace baton {

// Each adds what is wrong, with its field path.
void CheckPhones(
    const google::protobuf::RepeatedPtrField<v1::PhoneConfig>& phones,
    Faults* faults);
void CheckDesks(const google::protobuf::RepeatedPtrField<std::string>& desks,
                Faults* faults);
void CheckPositive(bool present, const google::protobuf::Duration& duration,
                   absl::string_view field, Faults* faults);
void CheckService(const v1::AgencyServiceConfig& service,
                  v1::AgencyClass agency_class, Faults* faults);

// Queue names of an agency's desks.
std::vector<std::string> QueuesOf(
    const v1::Agency& agency,
    const google::protobuf::RepeatedPtrField<std::string>& desks);

// Reads and checks a configuration, whole; every fault at once, each with file
// and line. Fills in `default_desk`.
template <typename Config>
absl::StatusOr<Config> ReadAgencyConfig(const std::string& file,
                                        v1::AgencyClass agency_class,
                                        const std::string& default_desk) {
  Config config;
  TextConfig text;
  RETURN_IF_ERROR(text.Read(file, &config));
  Faults faults;
  CheckService(config.service(), agency_class, &faults);
  // Councils are asked to act; everybody else asks one.
  if constexpr (requires { config.default_recipient(); }) {
    CheckAgency(config.default_recipient().agency(), "default_recipient.agency",
                &faults);
    RequireText(config.phone(), "phone", &faults);
  }
  CheckPhones(config.phones(), &faults);
  CheckPositive(config.has_danger_alarm_delay(), config.danger_alarm_delay(),
                "danger_alarm_delay", &faults);
  CheckDesks(config.desks(), &faults);
  RETURN_IF_ERROR(
      faults
          .Mapped([&text](absl::string_view path) { return text.Where(path); })
          .ToStatus());
  if (config.desks().empty()) config.add_desks(default_desk);
  return config;
}

}  // namespace baton

#endif  // BATON_SERVICES_AGENCY_AGENCY_CONFIG_H_
