#ifndef BATON_TESTS_SYSTEM_SIMULATION_PEOPLE_H_
#define BATON_TESTS_SYSTEM_SIMULATION_PEOPLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/council_service.pb.h"
#include "baton/v1/emergency_service.pb.h"
#include "services/agency/outbox.h"
#include "tests/system/simulation/agency_machine.h"
#include "tests/system/simulation/line.h"
#include "tests/system/simulation/oracle.h"
#include "tests/system/simulation/sim_link.h"
#include "tests/system/simulation/world.h"

// Who uses Baton, and what they do with it. Everybody is invented. Each call
// may get lost on its way or on its way back, and is repeated with the same
// request_id until it is answered.
namespace baton::sim {

// Type of a part that only holds a marker.
inline constexpr char kTextType[] = "sim.Text";

inline constexpr char kPhone[] = "0115 496 0000";
inline constexpr char kDutyPhone[] = "0115 496 0999";  // Of the council.

// Asks `machine` until there is an answer that will not change by asking
// again, which goes to `then`.
template <typename Response>
class Insist final : public std::enable_shared_from_this<Insist<Response>> {
 public:
  using Decide = std::function<absl::StatusOr<Response>(Instant)>;
  using Then = std::function<void(const absl::StatusOr<Response>&)>;

  static void On(World* world, Line* line, AgencyMachine* machine,
                 Decide decide, Then then) {
    std::shared_ptr<Insist>(
        new Insist(world, line, machine, std::move(decide), std::move(then)))
        ->Try();
  }

 private:
  Insist(World* world, Line* line, AgencyMachine* machine, Decide decide,
         Then then)
      : world_(world),
        line_(line),
        machine_(machine),
        decide_(std::move(decide)),
        then_(std::move(then)) {}

  void Try() {
    if (answered_) return;
    const auto self = this->shared_from_this();
    line_->Carry([self] {
      self->machine_->template Ask<Response>(
          self->decide_, [self](absl::StatusOr<Response> response) {
            self->line_->Carry([self, response] { self->Hear(response); });
          });
    });
    world_->After(world_->Between(absl::Seconds(5), absl::Seconds(30)),
                  [self] { self->Try(); });
  }

  void Hear(const absl::StatusOr<Response>& response) {
    if (answered_ || (!response.ok() && MayPass(response.status()))) return;
    answered_ = true;
    then_(response);
  }

  World* const world_;
  Line* const line_;
  AgencyMachine* const machine_;
  const Decide decide_;
  const Then then_;
  bool answered_ = false;
};

// Hospital systems and the nurses behind them: flag children who wait, report
// on them, move and end them, and sometimes flag them again.
class Hospital {
 public:
  Hospital(World* world, EmergencyMachine* machine, Oracle* oracle);

  // `waits` children come within `span`.
  void Admit(int waits, absl::Duration span);

  // --- For tests that tell the story themselves.
  struct Child {
    std::string reference;
    bool immediate_danger = false;
    bool wrong_check_digit = false;
    bool unknown_recipient = false;
    bool forbidden_recipient = false;
  };
  using Then = std::function<void(const absl::StatusOr<v1::WaitingStatus>&)>;
  void Flag(const Child& child, Then then);
  void Update(const Child& child, Then then);
  void Move(const Child& child, Then then);
  void End(const Child& child, Then then);

  bool idle() const { return busy_ == 0; }
  Line& line() { return line_; }

 private:
  struct Visit {
    Child child;
    int stays = 1;
    int steps_left = 0;
  };

  std::string ThreadOf(const Child& child) const;
  std::string Begin(const Child& child, absl::string_view what);
  void Call(const std::string& marker,
            std::function<absl::StatusOr<v1::WaitingStatus>(Instant)> decide,
            Then then);
  void Next(std::shared_ptr<Visit> visit);
  void Step(std::shared_ptr<Visit> visit);
  void Look(std::shared_ptr<Visit> visit);
  void AttendToRefusals();

  World* const world_;
  EmergencyMachine* const machine_;
  Oracle* const oracle_;
  Line line_;
  int busy_ = 0;
  int last_visit_ = 0;
  std::map<std::string, int> stays_;  // By reference.
  std::map<std::string, int> last_deed_;
  std::set<int64_t> withdrawing_;
};

// The council's duty team: looks at the list now and then, opens what is new,
// takes it and decides.
class Council {
 public:
  Council(World* world, CouncilMachine* machine, Oracle* oracle);
  void GoOnDuty();
  bool idle() const { return busy_ == 0; }
  Line& line() { return line_; }

 private:
  void LookAtList();
  void Open(const std::string& matter_id);
  void Take(const std::string& matter_id, int nth);
  void Decide(const std::string& matter_id, int nth);

  World* const world_;
  CouncilMachine* const machine_;
  Oracle* const oracle_;
  Line line_;
  std::set<std::string> known_;  // Matters somebody works on.
  int busy_ = 0;
};

// A police system that publishes straight to the exchange: contacts about
// three children each, in order by key.
class Police {
 public:
  Police(World* world, BrokerMachine* broker, Oracle* oracle);
  // `cases` incidents within `span`, of a few messages each.
  void Report(int cases, absl::Duration span);
  bool idle() const { return busy_ == 0; }
  Line& line() { return line_; }

 private:
  struct Case;
  void Next(std::shared_ptr<Case> incident);
  void Publish(std::shared_ptr<Case> incident, v1::PublishRequest request,
               std::vector<std::string> markers);

  World* const world_;
  Oracle* const oracle_;
  Line line_;
  SimLink link_;
  int busy_ = 0;
  int last_case_ = 0;
};

v1::Agency HospitalAgency();
v1::Agency CouncilAgency();
v1::Agency PoliceAgency();

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_PEOPLE_H_
