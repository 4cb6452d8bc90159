#include "services/emergency/emergency.h"

#include <utility>

#include "services/common/agency.h"
#include "services/common/config_checks.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/common/text_config.h"
#include "storage/status.h"

namespace baton {
namespace {

// Where answers to an emergency department arrive.
constexpr char kRepliesDesk[] = "replies";

}  // namespace

absl::StatusOr<v1::EmergencyConfig> ReadEmergencyConfig(
    const std::string& file) {
  v1::EmergencyConfig config;
  TextConfig text;
  RETURN_IF_ERROR(text.Read(file, &config));
  Faults faults;
  CheckAgencyService(config.service(), "service", &faults);
  CheckAgency(config.default_recipient().agency(), "default_recipient.agency",
              &faults);
  RequireText(config.phone(), "phone", &faults);
  if (config.has_danger_alarm_delay() &&
      FromProto(config.danger_alarm_delay()) <= absl::ZeroDuration()) {
    faults.Add("danger_alarm_delay", "must be more than 0");
  }
  for (int i = 0; i < config.phones_size(); ++i) {
    if (!IsAgencyCode(config.phones(i).code()) ||
        config.phones(i).phone().empty()) {
      faults.Add(absl::StrCat("phones[", i, "]"), "needs a code and a phone");
    }
  }
  RETURN_IF_ERROR(
      faults
          .Mapped([&text](absl::string_view path) { return text.Where(path); })
          .ToStatus());
  return config;
}

absl::StatusOr<std::unique_ptr<Emergency>> Emergency::Start(
    const v1::EmergencyConfig& config, const Clock* clock, RandomSource* random,
    std::shared_ptr<rocksdb::FileSystem> file_system) {
  std::unique_ptr<Emergency> made(new Emergency(config));
  Emergency* const emergency = made.get();
  ASSIGN_OR_RETURN(emergency->service_,
                   AgencyService::Open(config.service(), "emergency", clock,
                                       random, std::move(file_system)));
  AgencyService* const service = emergency->service_.get();
  EmergencyDesk::Parts parts{
      .config = &emergency->config_,
      .store = service->store(),
      .loop = service->loop(),
      .link = service->link(),
      .on_change = [emergency](v1::WaitingStatus status) {
        emergency->watchers_.Tell(status);
      }};
  ASSIGN_OR_RETURN(emergency->desk_,
                   EmergencyDesk::Open(std::move(parts), clock->Now()));
  emergency->front_door_ = std::make_unique<EmergencyServiceImpl>(
      service, emergency->desk_.get(), &emergency->watchers_);
  v1::Address replies;
  *replies.mutable_agency() = config.service().agency();
  replies.set_desk(kRepliesDesk);
  RETURN_IF_ERROR(service->Serve(emergency->desk_.get(), emergency->desk_.get(),
                                 {QueueName(replies)},
                                 emergency->front_door_.get()));
  return made;
}

Emergency::~Emergency() = default;

}  // namespace baton
