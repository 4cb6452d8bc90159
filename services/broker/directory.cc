#include "services/broker/directory.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/agency_check.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

constexpr int kMaxDeliveryAttempts = 1000;
constexpr char kDutyTeam[] = "duty team";

QueuePolicy PolicyOf(const v1::DeskConfig& desk, int max_log_records) {
  QueuePolicy policy;
  if (max_log_records > 0) policy.max_log_records = max_log_records;
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
  if (desk.retry_jitter_percent() > 0) {
    policy.retry_jitter_percent = desk.retry_jitter_percent();
  }
  if (desk.has_aging_delay()) {
    policy.aging_delay = FromProto(desk.aging_delay());
  }
  return policy;
}

void CheckPolicy(const v1::DeskConfig& desk, const std::string& path,
                 Faults* faults) {
  const QueuePolicy policy = PolicyOf(desk, /*max_log_records=*/0);
  if (desk.max_delivery_attempts() < 0 ||
      desk.max_delivery_attempts() > kMaxDeliveryAttempts) {
    faults->Add(path + ".max_delivery_attempts", "must be 1 to 1000");
  }
  if (desk.has_dead_letter_owner() &&
      (desk.dead_letter_owner().role().empty() ||
       desk.dead_letter_owner().phone().empty())) {
    faults->Add(path + ".dead_letter_owner", "needs a role and a phone");
  }
  if (desk.max_messages() < 0 || desk.max_bytes() < 0) {
    faults->Add(path, "max_messages and max_bytes must not be negative");
  }
  if (desk.retry_jitter_percent() < 0 || desk.retry_jitter_percent() > 100) {
    faults->Add(path + ".retry_jitter_percent", "must be 1 to 100");
  }
  if (policy.aging_delay < absl::Seconds(1) ||
      policy.aging_delay > absl::Hours(24)) {
    faults->Add(path + ".aging_delay", "must be 1 s to 24 h");
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

std::string QueueOf(const std::string& agency_name,
                    const v1::DeskConfig& desk) {
  return absl::StrCat(agency_name, "/", desk.name());
}

}  // namespace

void Directory::Check(const v1::AgencyConfig& agency, const std::string& path,
                      Faults* faults) {
  CheckAgencyEntry(agency, path, faults);
  for (int i = 0; i < agency.desks_size(); ++i) {
    CheckPolicy(agency.desks(i), absl::StrCat(path, "desks[", i, "]"), faults);
  }
}

absl::StatusOr<Directory> Directory::Create(const v1::BrokerConfig& config,
                                            Faults* faults) {
  Directory directory;
  directory.max_log_records_ = config.limits().max_log_records();
  directory.unknown_recipient_desk_ = config.unknown_recipient_desk();
  if (config.agencies().empty()) {
    faults->Add("agencies", "at least one agency is required");
  }
  if (static_cast<size_t>(config.agencies_size()) > kMaxAgencies) {
    faults->Add("agencies", absl::StrCat("at most ", kMaxAgencies));
  }
  for (int i = 0; i < config.agencies_size(); ++i) {
    const v1::AgencyConfig& agency = config.agencies(i);
    const std::string path = absl::StrCat("agencies[", i, "]");
    Check(agency, path + ".", faults);
    if (directory.Find(agency.agency()) != nullptr) {
      faults->Add(path, absl::StrCat(AgencyName(agency.agency()),
                                     " stands here twice"));
    }
    v1::DirectoryEntry entry;
    *entry.mutable_agency() = agency;
    entry.set_version(1);
    directory.Put(std::move(entry));
  }
  if (directory.FindQueue(QueueName(config.unknown_recipient_desk())) ==
      nullptr) {
    faults->Add("unknown_recipient_desk",
                "must name a desk of one of the agencies");
  }
  return directory;
}

Directory::Route Directory::Resolve(const v1::Address& address) const {
  if (FindQueue(QueueName(address)) != nullptr) return {address, true};
  const v1::AgencyConfig* const agency = FindAgency(address.agency());
  if (agency == nullptr || agency->desks().empty()) {
    return {unknown_recipient_desk_, false};
  }
  v1::Address first = address;
  first.set_desk(agency->desks(0).name());
  return {first, address.desk().empty()};
}

const QueuePolicy* Directory::FindQueue(absl::string_view queue) const {
  const auto it = queues_.find(queue);
  return it == queues_.end() ? nullptr : &it->second;
}

v1::Actor Directory::DeadLetterOwner(absl::string_view queue) const {
  v1::Actor owner;
  const size_t slash = queue.rfind('/');
  const auto it = agencies_.find(queue.substr(0, slash));
  if (it == agencies_.end()) return owner;
  const v1::AgencyConfig& agency = it->second->agency();
  for (const v1::DeskConfig& desk : agency.desks()) {
    if (desk.name() == queue.substr(slash + 1) &&
        desk.has_dead_letter_owner()) {
      return desk.dead_letter_owner();
    }
  }
  owner.set_role(kDutyTeam);
  owner.set_phone(agency.phone());
  return owner;
}

std::vector<std::string> Directory::Queues() const {
  std::vector<std::string> names;
  for (const auto& [name, policy] : queues_) names.push_back(name);
  return names;
}

const v1::DirectoryEntry* Directory::Find(const v1::Agency& agency) const {
  const auto it = agencies_.find(AgencyName(agency));
  return it == agencies_.end() ? nullptr : it->second.get();
}

const v1::AgencyConfig* Directory::FindAgency(const v1::Agency& agency) const {
  const v1::DirectoryEntry* const entry = Find(agency);
  return entry == nullptr ? nullptr : &entry->agency();
}

std::vector<const v1::DirectoryEntry*> Directory::List(
    v1::AgencyClass agency_class, absl::string_view after, size_t limit) const {
  std::vector<const v1::DirectoryEntry*> entries;
  for (auto it = agencies_.upper_bound(std::string(after));
       it != agencies_.end() && entries.size() < limit; ++it) {
    if (agency_class == v1::AGENCY_CLASS_UNSPECIFIED ||
        it->second->agency().agency().agency_class() == agency_class) {
      entries.push_back(it->second.get());
    }
  }
  return entries;
}

bool Directory::WasRemoved(const v1::Agency& agency) const {
  return removed_.count(AgencyName(agency)) > 0;
}

std::vector<std::string> Directory::QueuesOf(const v1::Agency& agency) const {
  std::vector<std::string> queues;
  const v1::AgencyConfig* const found = FindAgency(agency);
  if (found == nullptr) return queues;
  for (const v1::DeskConfig& desk : found->desks()) {
    queues.push_back(QueueOf(AgencyName(agency), desk));
  }
  return queues;
}

std::vector<std::string> Directory::QueuesLost(
    const v1::AgencyConfig& next) const {
  std::set<std::string> kept;
  for (const v1::DeskConfig& desk : next.desks()) {
    kept.insert(QueueOf(AgencyName(next.agency()), desk));
  }
  std::vector<std::string> lost;
  for (std::string& queue : QueuesOf(next.agency())) {
    if (kept.count(queue) == 0) lost.push_back(std::move(queue));
  }
  return lost;
}

void Directory::Put(v1::DirectoryEntry entry) {
  const std::string name = AgencyName(entry.agency().agency());
  DropQueues(name);
  removed_.erase(name);
  for (const v1::DeskConfig& desk : entry.agency().desks()) {
    queues_[QueueOf(name, desk)] = PolicyOf(desk, max_log_records_);
  }
  agencies_[name] =
      std::make_shared<const v1::DirectoryEntry>(std::move(entry));
}

void Directory::Remove(const v1::Agency& agency) {
  const std::string name = AgencyName(agency);
  DropQueues(name);
  agencies_.erase(name);
  removed_.insert(name);
}

void Directory::DropQueues(const std::string& name) {
  const auto it = agencies_.find(name);
  if (it == agencies_.end()) return;
  for (const v1::DeskConfig& desk : it->second->agency().desks()) {
    queues_.erase(QueueOf(name, desk));
  }
}

}  // namespace baton
