#ifndef BATON_TESTS_SYSTEM_SIMULATION_BROKER_MACHINE_H_
#define BATON_TESTS_SYSTEM_SIMULATION_BROKER_MACHINE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"
#include "baton/v1/tracking_service.pb.h"
#include "services/broker/access.h"
#include "services/broker/command.h"
#include "services/broker/directory_book.h"
#include "services/broker/exchange.h"
#include "services/common/identity.h"
#include "storage/rocksdb_store.h"
#include "storage/vault.h"
#include "tests/system/simulation/machine.h"

namespace baton::sim {

// The broker without its threads and sockets: the real exchange, vault and
// store, stepped as the sequencer steps them, and what the RPC services do
// before and after a step. All answers leave after the step's commit.
class BrokerMachine final : public Machine {
 public:
  // `on_checkpoint` is told of tree heads that somebody may have seen.
  BrokerMachine(
      World* world, v1::BrokerConfig config,
      std::function<void(uint64_t, const std::string&)> on_checkpoint);
  ~BrokerMachine() override { Close(); }

  // Calls, as they arrive from the network; only while up().
  void Publish(const Identity& caller, v1::PublishRequest request,
               Done<v1::PublishResponse> done);
  void RecordFirstRead(const Identity& caller,
                       const v1::RecordFirstReadRequest& request,
                       Done<v1::RecordFirstReadResponse> done);
  void Acknowledge(const Identity& caller, const std::string& queue,
                   std::vector<std::string> ack_ids,
                   Done<v1::AcknowledgeResponse> done);
  absl::StatusOr<v1::GetConversationResponse> GetConversation(
      const Identity& caller, const std::string& conversation_id) const;

  // Anything else, without the checks that its RPC makes.
  void Do(Command command) { Submit(std::move(command)); }

  // Streams; each returns its number. What `consumer` leaves open is as clients
  // have it; its id is the machine's to give.
  uint64_t Pull(const Identity& caller, const std::string& queue,
                Consumer consumer, std::shared_ptr<DeliverySink> sink);
  void EndPull(const std::string& queue, uint64_t id);
  using Watcher = std::function<void(const v1::Conversation&)>;
  uint64_t Watch(const Identity& caller, Watcher watcher);
  void EndWatch(uint64_t id) { watchers_.erase(id); }

  // What is on disk; only while up().
  const RocksDbStore& store() const { return *store_; }
  const Vault& vault() const { return *vault_; }
  v1::HeadRecord Head() const;

 private:
  absl::Status Open() override;
  void Close() override;

  void Submit(Command command);
  void StepSoon();
  void StepAt(absl::Duration steady);
  void Step();
  void Tell(StepResult result);
  void Deliver(const StepResult::Delivery& delivery);
  void SyncMark();

  const v1::BrokerConfig config_;
  const std::function<void(uint64_t, const std::string&)> on_checkpoint_;
  std::optional<Directory> directory_;
  std::optional<Access> access_;

  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<Vault> vault_;
  std::unique_ptr<DirectoryBook> book_;
  std::unique_ptr<Exchange> exchange_;
  std::vector<Command> pending_;
  bool step_is_due_ = false;
  uint64_t last_tick_ = 0;
  uint64_t last_stream_ = 0;  // Never reused: old streams of dead clients end.
  struct Watching {
    v1::Agency agency;
    Watcher watcher;
  };
  std::map<uint64_t, Watching> watchers_;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_BROKER_MACHINE_H_
