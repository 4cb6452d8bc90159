#ifndef BATON_TESTS_SYSTEM_SIMULATION_AGENCY_MACHINE_H_
#define BATON_TESTS_SYSTEM_SIMULATION_AGENCY_MACHINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "baton/v1/config.pb.h"
#include "services/agency/agency_loop.h"
#include "services/agency/agency_store.h"
#include "services/council/council_desk.h"
#include "services/emergency/emergency_desk.h"
#include "storage/rocksdb_store.h"
#include "tests/system/simulation/line.h"
#include "tests/system/simulation/machine.h"
#include "tests/system/simulation/sim_link.h"

namespace baton::sim {

// An agency service without its threads and sockets: the real store, loop and
// desk, stepped as AgencyLoop::Run steps them.
class AgencyMachine : public Machine {
 public:
  struct Parts {
    World* world;
    BrokerMachine* broker;
    v1::Agency agency;
    std::string owner;  // "emergency" or "council".
    std::vector<std::string> queues;
    std::function<void(const v1::Conversation&)> on_conversation;
  };
  explicit AgencyMachine(Parts parts);

  // A call of a person's system, decided on the loop and answered after the
  // commit; lost, both ways, when the machine is down.
  template <typename Response>
  void Ask(std::function<absl::StatusOr<Response>(Instant)> decide,
           std::function<void(absl::StatusOr<Response>)> done) {
    if (!up()) return;
    Post([this, decide = std::move(decide),
          done = std::move(done)](Instant now) {
      absl::StatusOr<Response> decided = decide(now);
      if (IsDiskFailure(decided.status())) {
        loop_->Fail(decided.status());
        return;
      }
      loop_->Tell([this, done, decided = std::move(decided)] {
        if (!silent()) done(decided);
      });
    });
  }

  Line& line() { return line_; }
  // Only while up().
  AgencyStore* store() { return store_.get(); }

 protected:
  // As AnswerOnLoop judges.
  static bool IsDiskFailure(const absl::Status& error) {
    return absl::IsDataLoss(error) || absl::IsInternal(error);
  }

  virtual Office::Options OptionsOfOffice() const = 0;
  // Makes the desk on the office.
  virtual void OpenDesk() = 0;
  virtual void CloseDesk() = 0;

  absl::Status Open() final;
  void Close() final;

  const Parts parts_;
  Line line_;
  std::unique_ptr<RocksDbStore> database_;
  std::unique_ptr<AgencyStore> store_;
  std::unique_ptr<AgencyLoop> loop_;
  std::unique_ptr<SimLink> link_;
  std::unique_ptr<Office> office_;

 private:
  void Post(AgencyLoop::Event event);
  void StepSoon();
  void Step();
  void SyncMark();

  bool step_is_due_ = false;
  uint64_t last_turn_ = 0;
};

class EmergencyMachine final : public AgencyMachine {
 public:
  // `on_status` sees what watchers are told.
  EmergencyMachine(Parts parts, v1::EmergencyConfig config,
                   std::function<void(const v1::WaitingStatus&)> on_status);
  ~EmergencyMachine() override { Close(); }

  EmergencyDesk& the_desk() { return *desk_; }

 private:
  Office::Options OptionsOfOffice() const override;
  void OpenDesk() override;
  void CloseDesk() override { desk_.reset(); }

  const v1::EmergencyConfig config_;
  const std::function<void(const v1::WaitingStatus&)> on_status_;
  std::unique_ptr<EmergencyDesk> desk_;
};

class CouncilMachine final : public AgencyMachine {
 public:
  explicit CouncilMachine(Parts parts) : AgencyMachine(std::move(parts)) {}
  ~CouncilMachine() override { Close(); }

  CouncilDesk& the_desk() { return *desk_; }

 private:
  Office::Options OptionsOfOffice() const override;
  void OpenDesk() override;
  void CloseDesk() override { desk_.reset(); }

  std::unique_ptr<CouncilDesk> desk_;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_AGENCY_MACHINE_H_
