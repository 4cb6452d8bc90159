#include "tests/system/simulation/agency_machine.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/agency/recipients.h"
#include "storage/format.h"
#include "storage/status.h"

namespace baton::sim {
namespace {

constexpr char kDiskKey[] = "abcdef0123456789abcdef0123456789";
constexpr absl::Duration kMarkInterval = absl::Seconds(20);  // Really 1 s.

}  // namespace

AgencyMachine::AgencyMachine(Parts parts)
    : Machine(parts.world, parts.owner),
      parts_(std::move(parts)),
      line_(parts_.world, absl::StrCat("line of ", parts_.owner)) {}

absl::Status AgencyMachine::Open() {
  RocksDbStore::Options options;
  options.directory = disk_ / "db";
  options.database.set_format_version(kFormatVersion);
  options.database.set_owner(parts_.owner);
  options.database.set_environment(v1::ENVIRONMENT_TRAINING);
  options.file_system = file_system_;
  options.block_cache_bytes = 1 << 20;
  options.write_buffer_bytes = 4 << 20;
  ASSIGN_OR_RETURN(database_, RocksDbStore::Open(std::move(options)));
  ASSIGN_OR_RETURN(store_,
                   AgencyStore::Open(database_.get(), kDiskKey, &random_));
  loop_ = std::make_unique<AgencyLoop>(store_.get(), &clock_);
  link_ = std::make_unique<SimLink>(SimLink::Parts{
      .world = world_,
      .line = &line_,
      .broker = parts_.broker,
      .identity = {.agency = parts_.agency, .key_id = "12345678"},
      .consumer = absl::StrCat("baton-", parts_.owner),
      .post = [this](AgencyLoop::Event event) { Post(std::move(event)); },
      .on_conversation = parts_.on_conversation,
      .silent = [this] { return silent(); }});
  ASSIGN_OR_RETURN(office_, Office::Open({.store = store_.get(),
                                          .loop = loop_.get(),
                                          .link = link_.get()},
                                         OptionsOfOffice(), clock_.Now()));
  OpenDesk();
  loop_->set_desk(office_.get());
  link_->Listen(office_.get(), parts_.queues);
  StepSoon();
  After(kMarkInterval, [this] { SyncMark(); });
  return absl::OkStatus();
}

void AgencyMachine::Close() {
  link_.reset();
  CloseDesk();
  office_.reset();
  loop_.reset();
  store_.reset();
  database_.reset();
  step_is_due_ = false;
}

void AgencyMachine::SyncMark() {
  if (const absl::Status synced = database_->SyncHighWaterMark();
      !synced.ok()) {
    return Died(synced);
  }
  After(kMarkInterval, [this] { SyncMark(); });
}

void AgencyMachine::Post(AgencyLoop::Event event) {
  EXPECT_TRUE(loop_->Post(std::move(event))) << name_ << " has too much to do";
  StepSoon();
}

void AgencyMachine::StepSoon() {
  if (std::exchange(step_is_due_, true)) return;
  After(world_->Between(absl::Microseconds(100), absl::Milliseconds(4)),
        [this] {
          step_is_due_ = false;
          Step();
        });
}

void AgencyMachine::Step() {
  BeginStep();
  const absl::StatusOr<bool> more = loop_->Step(clock_.Now());
  if (!SurvivedStep(more.status())) return;
  if (*more) StepSoon();
  if (!loop_->next_turn().has_value()) return;
  const absl::Duration delay = std::max(
      *loop_->next_turn() - clock_.Now().steady, absl::Milliseconds(1));
  After(delay, [this, turn = ++last_turn_] {
    if (turn == last_turn_) StepSoon();
  });
}

EmergencyMachine::EmergencyMachine(
    Parts parts, v1::EmergencyConfig config,
    std::function<void(const v1::WaitingStatus&)> on_status)
    : AgencyMachine(std::move(parts)),
      config_(std::move(config)),
      on_status_(std::move(on_status)) {}

Office::Options EmergencyMachine::OptionsOfOffice() const {
  return OfficeOptions(config_);
}

void EmergencyMachine::OpenDesk() {
  desk_ = std::make_unique<EmergencyDesk>(office_.get(), config_);
  office_->cases()->AddListener([this](const v1::CaseRecord& wait,
                                       Instant now) {
    const absl::StatusOr<v1::WaitingStatus> status = desk_->StatusOf(wait, now);
    ASSERT_TRUE(status.ok()) << status.status();
    // Who watches a reference means its latest wait.
    if (office_->cases()->IsEarlier(wait) && !status->alarm()) return;
    loop_->Tell([this, status = *status] {
      if (!silent()) on_status_(status);
    });
  });
}

Office::Options CouncilMachine::OptionsOfOffice() const {
  Office::Options options;
  options.outbox.sender = parts_.agency;
  options.cases.environment = v1::ENVIRONMENT_TRAINING;
  return options;
}

void CouncilMachine::OpenDesk() {
  desk_ = std::make_unique<CouncilDesk>(office_.get());
}

}  // namespace baton::sim
