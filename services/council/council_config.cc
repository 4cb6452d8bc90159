#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/config_checks.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/common/text_config.h"
#include "services/council/council.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr char kDefaultDesk[] = "intake";
constexpr int kMaxDesks = 16;

void CheckDesks(const v1::CouncilConfig& config, Faults* faults) {
  if (config.desks_size() > kMaxDesks) {
    faults->Add("desks", absl::StrCat("at most ", kMaxDesks));
  }
  std::set<std::string> seen;
  for (int i = 0; i < config.desks_size(); ++i) {
    const std::string field = absl::StrCat("desks[", i, "]");
    if (!IsDeskName(config.desks(i))) {
      faults->Add(field, "must be 1 to 32 of a-z, 0-9 and '-'");
    } else if (!seen.insert(config.desks(i)).second) {
      faults->Add(field, "is named twice");
    }
  }
}

void CheckPositive(bool present, const google::protobuf::Duration& duration,
                   absl::string_view field, Faults* faults) {
  if (present && FromProto(duration) <= absl::ZeroDuration()) {
    faults->Add(field, "must be longer than nothing");
  }
}

void CheckCouncil(const v1::CouncilConfig& config, Faults* faults) {
  const v1::AgencyServiceConfig& service = config.service();
  CheckAgencyService(service, "service", faults);
  if (service.agency().agency_class() != v1::AGENCY_CLASS_COUNCIL) {
    faults->Add("service.agency.agency_class", "must be AGENCY_CLASS_COUNCIL");
  }
  CheckPositive(service.has_sent_retention(), service.sent_retention(),
                "service.sent_retention", faults);
  CheckPositive(service.exchange().has_max_retry_delay(),
                service.exchange().max_retry_delay(),
                "service.exchange.max_retry_delay", faults);
  CheckPositive(service.exchange().has_call_deadline(),
                service.exchange().call_deadline(),
                "service.exchange.call_deadline", faults);
  CheckDesks(config, faults);
}

}  // namespace

absl::StatusOr<v1::CouncilConfig> ReadCouncilConfig(const std::string& file) {
  v1::CouncilConfig config;
  TextConfig text;
  RETURN_IF_ERROR(text.Read(file, &config));
  Faults faults;
  CheckCouncil(config, &faults);
  RETURN_IF_ERROR(
      faults
          .Mapped([&text](absl::string_view path) { return text.Where(path); })
          .ToStatus());
  if (config.desks().empty()) config.add_desks(kDefaultDesk);
  return config;
}

}  // namespace baton
