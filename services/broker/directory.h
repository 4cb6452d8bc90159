#ifndef BATON_SERVICES_BROKER_DIRECTORY_H_
#define BATON_SERVICES_BROKER_DIRECTORY_H_

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/directory_service.pb.h"
#include "services/broker/queue.h"
#include "services/common/faults.h"

namespace baton {

// Which agencies and desks there are. A value: the book (directory_book.h)
// hands out copies that nobody changes, and those are thread-safe. A copy is
// cheap beside a commit: entries are shared.
class Directory {
 public:
  static constexpr size_t kMaxAgencies = 10000;

  // Checks the agencies of `config` and reports every fault, with paths as in
  // the configuration file ("agencies[0].desks[1].name").
  static absl::StatusOr<Directory> Create(const v1::BrokerConfig& config,
                                          Faults* faults);

  // Reports every fault of one agency; `path` is empty or ends in '.'.
  static void Check(const v1::AgencyConfig& agency, const std::string& path,
                    Faults* faults);

  // Where a message to `address` goes: the desk itself, or the agency's first
  // when the desk is empty. `known` is false when there is no such desk: it
  // goes to the agency's first all the same, and to the desk that owns messages
  // to unknown recipients when the agency is unknown or off the exchange.
  struct Route {
    v1::Address address;
    bool known;
  };
  Route Resolve(const v1::Address& address) const;

  // The policy of a queue; nullptr when there is no such queue.
  const QueuePolicy* FindQueue(absl::string_view queue) const;

  // Who owns the dead letters of a queue: who its desk names, else the agency's
  // duty team.
  v1::Actor DeadLetterOwner(absl::string_view queue) const;

  // All queue names.
  std::vector<std::string> Queues() const;

  // The agency's entry; nullptr when it is not in the directory.
  const v1::DirectoryEntry* Find(const v1::Agency& agency) const;
  const v1::AgencyConfig* FindAgency(const v1::Agency& agency) const;

  // At most `limit` entries of `agency_class` (unspecified: of all), in the
  // order of their names, from after the agency named `after` on.
  std::vector<const v1::DirectoryEntry*> List(v1::AgencyClass agency_class,
                                              absl::string_view after,
                                              size_t limit) const;
  size_t size() const { return agencies_.size(); }

  // It was here and was removed online.
  bool WasRemoved(const v1::Agency& agency) const;

  // The agency's queues; none when it is not in the directory.
  std::vector<std::string> QueuesOf(const v1::Agency& agency) const;
  // Those that would be gone if it became `next`.
  std::vector<std::string> QueuesLost(const v1::AgencyConfig& next) const;

  const v1::Address& unknown_recipient_desk() const {
    return unknown_recipient_desk_;
  }

  // Changing. `entry` has passed Check.
  void Put(v1::DirectoryEntry entry);
  void Remove(const v1::Agency& agency);

 private:
  Directory() = default;
  void DropQueues(const std::string& name);

  // By name; the order of names is that of pages.
  std::map<std::string, std::shared_ptr<const v1::DirectoryEntry>, std::less<>>
      agencies_;
  std::set<std::string> removed_;                         // Names.
  absl::flat_hash_map<std::string, QueuePolicy> queues_;  // By name.
  v1::Address unknown_recipient_desk_;
  int max_log_records_ = 0;  // 0: the default.
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DIRECTORY_H_
