#ifndef BATON_SERVICES_BROKER_DIRECTORY_CHANGES_H_
#define BATON_SERVICES_BROKER_DIRECTORY_CHANGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/command.h"
#include "services/broker/directory_book.h"
#include "services/broker/ledger.h"
#include "services/broker/publisher.h"

namespace baton {

// Decides changes of the directory. Everything is checked before anything is
// changed; a change and its leaf are in one commit.
//
// Not thread-safe: owned by the commit thread.
class DirectoryChanges {
 public:
  static constexpr int kMaxRequestsKept = 16;

  // All must outlive this.
  DirectoryChanges(Ledger* ledger, const Queues* queues, DirectoryBook* book)
      : ledger_(ledger), queues_(queues), book_(book) {}

  // Lays the changes on disk over the configuration file's agencies.
  // FAILED_PRECONDITION when the desk for unknown recipients is not there any
  // more.
  absl::Status Load();

  // The command's agency has passed Directory::Check. Refusals:
  //   NOT_FOUND            there is none to remove
  //   ALREADY_EXISTS       same request_id, other content
  //   ABORTED              the version moved; custody did since it was looked
  //   at FAILED_PRECONDITION  a desk that would go holds messages or takes
  //   those
  //                        to unknown recipients
  //   RESOURCE_EXHAUSTED   the directory is full
  // Any other code is the disk's: stop.
  absl::StatusOr<AgencyChange> Change(const ChangeAgencyCommand& command);

  // To be told of every conversation that was committed.
  void SawCustody(const v1::Conversation& conversation);

 private:
  absl::StatusOr<v1::DirectoryRecord> Read(const std::string& name) const;
  // The agency as it is; its version is 0 when it never was there.
  v1::DirectoryEntry Current(const v1::DirectoryRecord& record,
                             const v1::Agency& agency) const;
  absl::Status CheckVersion(const ChangeAgencyCommand& command,
                            const v1::DirectoryEntry& current) const;
  absl::Status CheckQueuesLost(const ChangeAgencyCommand& command) const;
  // Whether custody of matters at `queue` stands as it did at `commit`.
  bool CustodyUnmoved(const std::string& queue,
                      std::optional<uint64_t> commit) const;
  absl::Status CheckSize(const ChangeAgencyCommand& command) const;
  void Apply(const ChangeAgencyCommand& command, v1::DirectoryRecord record);

  Ledger* const ledger_;
  const Queues* const queues_;
  DirectoryBook* const book_;

  // Last commit since the start that changed a matter held there, by queue.
  absl::flat_hash_map<std::string, uint64_t> custody_commits_;
};

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_DIRECTORY_CHANGES_H_
