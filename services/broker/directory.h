#ifndef BATON_SERVICES_BROKER_DIRECTORY_H_
#define BATON_SERVICES_BROKER_DIRECTORY_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/config.pb.h"
#include "services/broker/queue.h"
#include "services/common/faults.h"

namespace baton {

// Which agencies and desks there are. Immutable; thread-safe.
class Directory {
 public:
  // Checks the agencies of `config` and reports every fault, with paths as in
  // the configuration file ("agencies[0].desks[1].name").
  static absl::StatusOr<Directory> Create(const v1::BrokerConfig& config,
                                          Faults* faults);

  // Where a message to `address` goes: the desk itself, the agency's default
  // desk when the desk is empty, or the desk that owns messages to unknown
  // recipients; `known` is false then.
  struct Route {
    v1::Address address;
    bool known;
  };
  Route Resolve(const v1::Address& address) const;

  // The policy of a queue; nullptr when there is no such queue.
  const QueuePolicy* FindQueue(absl::string_view queue) const;

  // All queue names.
  std::vector<std::string> Queues() const;

  // The agency's entry; nullptr when it is not in the directory.
  const v1::AgencyConfig* FindAgency(const v1::Agency& agency) const;

 private:
  Directory() = default;

  absl::flat_hash_map<std::string, v1::AgencyConfig> agencies_;  // By name.
  absl::flat_hash_map<std::string, QueuePolicy> queues_;         // By name.
  v1::Address unknown_recipient_desk_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DIRECTORY_H_
