#include "services/broker/directory.h"

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

constexpr int kMaxDeliveryAttempts = 1000;

QueuePolicy PolicyOf(const v1::DeskConfig& desk,
                     const v1::BrokerLimits& limits) {
  QueuePolicy policy;
  if (desk.max_delivery_attempts() > 0) {
    policy.max_delivery_attempts = desk.max_delivery_attempts();
  }
  if (desk.max_messages() > 0) policy.max_messages = desk.max_messages();
  if (desk.max_bytes() > 0) policy.max_bytes = desk.max_bytes();
  if (desk.has_min_retry_delay()) {
    policy.min_retry_delay = FromProto(desk.min_retry_delay());
  }
  if (desk.has_max_retry_delay()) {
    policy.max_retry_delay = FromProto(desk.max_retry_delay());
  }
  if (limits.queue_window() > 0) policy.window = limits.queue_window();
  return policy;
}

void CheckDesk(const v1::DeskConfig& desk, const QueuePolicy& policy,
               const std::string& path, Faults* faults) {
  if (!IsDeskName(desk.name())) {
    faults->Add(path + ".name", "must be 1 to 32 of a-z, 0-9 and '-'");
  }
  if (desk.max_delivery_attempts() < 0 ||
      desk.max_delivery_attempts() > kMaxDeliveryAttempts) {
    faults->Add(path + ".max_delivery_attempts", "must be 1 to 1000");
  }
  if (desk.max_messages() < 0 || desk.max_bytes() < 0) {
    faults->Add(path, "max_messages and max_bytes must not be negative");
  }
  if (policy.min_retry_delay < absl::ZeroDuration() ||
      policy.max_retry_delay < policy.min_retry_delay) {
    faults->Add(
        path, absl::StrCat("needs 0 <= min_retry_delay (",
                           absl::FormatDuration(policy.min_retry_delay),
                           ") <= max_retry_delay (",
                           absl::FormatDuration(policy.max_retry_delay), ")"));
  }
}

}  // namespace

absl::StatusOr<Directory> Directory::Create(const v1::BrokerConfig& config,
                                            Faults* faults) {
  Directory directory;
  if (config.agencies().empty()) {
    faults->Add("agencies", "at least one agency is required");
  }
  for (int i = 0; i < config.agencies_size(); ++i) {
    const v1::AgencyConfig& agency = config.agencies(i);
    const std::string path = absl::StrCat("agencies[", i, "]");
    if (ClassName(agency.agency().agency_class()).empty() ||
        !IsAgencyCode(agency.agency().code())) {
      faults->Add(path + ".agency",
                  "needs a class and a code of 1 to 16 of A-Z and 0-9");
    }
    if (agency.desks().empty()) {
      faults->Add(path + ".desks", "at least one desk is required");
    }
    const std::string name = AgencyName(agency.agency());
    if (!directory.agencies_.emplace(name, agency).second) {
      faults->Add(path, absl::StrCat(name, " stands here twice"));
    }
    for (int k = 0; k < agency.desks_size(); ++k) {
      const std::string desk_path = absl::StrCat(path, ".desks[", k, "]");
      const QueuePolicy policy = PolicyOf(agency.desks(k), config.limits());
      CheckDesk(agency.desks(k), policy, desk_path, faults);
      const std::string queue = absl::StrCat(name, "/", agency.desks(k).name());
      if (!directory.queues_.emplace(queue, policy).second) {
        faults->Add(desk_path, absl::StrCat(queue, " stands here twice"));
      }
    }
  }
  directory.unknown_recipient_desk_ = config.unknown_recipient_desk();
  if (directory.FindQueue(QueueName(config.unknown_recipient_desk())) ==
      nullptr) {
    faults->Add("unknown_recipient_desk",
                "must name a desk of one of the agencies");
  }
  return directory;
}

Directory::Route Directory::Resolve(const v1::Address& address) const {
  const v1::AgencyConfig* const agency = FindAgency(address.agency());
  v1::Address resolved = address;
  if (agency != nullptr && address.desk().empty()) {
    resolved.set_desk(agency->desks(0).name());
  }
  if (FindQueue(QueueName(resolved)) != nullptr) return {resolved, true};
  return {unknown_recipient_desk_, false};
}

const QueuePolicy* Directory::FindQueue(absl::string_view queue) const {
  const auto it = queues_.find(queue);
  return it == queues_.end() ? nullptr : &it->second;
}

std::vector<std::string> Directory::Queues() const {
  std::vector<std::string> names;
  for (const auto& [name, policy] : queues_) names.push_back(name);
  return names;
}

const v1::AgencyConfig* Directory::FindAgency(const v1::Agency& agency) const {
  const auto it = agencies_.find(AgencyName(agency));
  return it == agencies_.end() ? nullptr : &it->second;
}

}  // namespace baton
