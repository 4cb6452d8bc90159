#include "tests/system/simulation/broker_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/broker/conversation.h"
#include "services/broker/handover.h"
#include "services/broker/publish_check.h"
#include "services/broker/sealed_records.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "storage/format.h"
#include "storage/status.h"

namespace baton::sim {
namespace {

constexpr char kVaultKey[] = "0123456789abcdef0123456789abcdef";
constexpr char kContentKey[] = "fedcba9876543210fedcba9876543210";
constexpr absl::Duration kMarkInterval = absl::Seconds(20);  // Really 1 s.
constexpr absl::Duration kAckDeadline = absl::Seconds(60);
constexpr int kCredit = 16;
constexpr int64_t kCreditBytes = 16 << 20;

v1::AccessPolicy EverybodyMay() {
  v1::AccessPolicy policy;
  v1::AccessRule* const rule = policy.add_rules();
  rule->set_name("hospitals, police and councils");
  for (const v1::AgencyClass agency_class :
       {v1::AGENCY_CLASS_EMERGENCY, v1::AGENCY_CLASS_POLICE,
        v1::AGENCY_CLASS_COUNCIL}) {
    rule->add_sender_classes(agency_class);
    rule->add_recipient_classes(agency_class);
  }
  for (const v1::MessageKind kind :
       {v1::MESSAGE_KIND_CONTACT, v1::MESSAGE_KIND_WAITING_FLAG,
        v1::MESSAGE_KIND_WAITING_UPDATE, v1::MESSAGE_KIND_WAITING_MOVED,
        v1::MESSAGE_KIND_WAITING_END, v1::MESSAGE_KIND_TAKEN,
        v1::MESSAGE_KIND_DECISION}) {
    rule->add_kinds(kind);
  }
  rule->add_purposes(v1::PURPOSE_SAFEGUARDING);
  return policy;
}

}  // namespace

BrokerMachine::BrokerMachine(
    World* world, v1::BrokerConfig config,
    std::function<void(uint64_t, const std::string&)> on_checkpoint)
    : Machine(world, "broker"),
      config_(std::move(config)),
      on_checkpoint_(std::move(on_checkpoint)) {
  Faults faults;
  directory_ = Directory::Create(config_, &faults).value();
  access_ = Access::Create(EverybodyMay(), &faults);
  EXPECT_TRUE(faults.empty()) << faults.ToStatus();
}

absl::Status BrokerMachine::Open() {
  RocksDbStore::Options options;
  options.directory = disk_ / "db";
  options.database.set_format_version(kFormatVersion);
  options.database.set_owner("broker");
  options.database.set_environment(config_.environment());
  options.file_system = file_system_;
  options.block_cache_bytes = 1 << 20;
  options.write_buffer_bytes = 4 << 20;
  ASSIGN_OR_RETURN(store_, RocksDbStore::Open(std::move(options)));
  ASSIGN_OR_RETURN(vault_,
                   Vault::Open(file_system_.get(), disk_ / "vault", kVaultKey,
                               Head().last_key_slot() + 1, &random_));
  book_ = std::make_unique<DirectoryBook>(*directory_);
  ASSIGN_OR_RETURN(exchange_, Exchange::Open(store_.get(), vault_.get(),
                                             &random_, book_.get(), &*access_,
                                             kContentKey, config_.limits()));
  StepSoon();  // Loads what the disk holds.
  After(kMarkInterval, [this] { SyncMark(); });
  return absl::OkStatus();
}

void BrokerMachine::Close() {
  watchers_.clear();
  pending_.clear();
  step_is_due_ = false;
  exchange_.reset();
  book_.reset();
  vault_.reset();
  store_.reset();
}

v1::HeadRecord BrokerMachine::Head() const {
  v1::HeadRecord head;
  const auto bytes = store_->Get(kHeadKey);
  if (bytes.ok() && bytes->has_value()) head.ParseFromString(**bytes);
  return head;
}

void BrokerMachine::SyncMark() {
  if (const absl::Status synced = store_->SyncHighWaterMark(); !synced.ok()) {
    return Died(synced);
  }
  After(kMarkInterval, [this] { SyncMark(); });
}

// --- Calls.

void BrokerMachine::Publish(const Identity& caller, v1::PublishRequest request,
                            Done<v1::PublishResponse> done) {
  PublishLimits limits;
  limits.environment = config_.environment();
  Faults faults;
  CheckPublish(limits, clock_.Now().wall, &request, &faults);
  if (faults.empty()) {
    Submit(PublishCommand{caller, std::move(request), std::move(done)});
    return;
  }
  Submit(
      DeniedCommand{.caller = caller,
                    .code = "INVALID_ARGUMENT/Publish",
                    .done = [done = std::move(done),
                             refusal = faults.ToStatus()] { done(refusal); }});
}

void BrokerMachine::RecordFirstRead(const Identity& caller,
                                    const v1::RecordFirstReadRequest& request,
                                    Done<v1::RecordFirstReadResponse> done) {
  Submit(FirstReadCommand{
      caller, request.matter_id(), request.actor(),
      [done = std::move(done)](absl::StatusOr<v1::Matter> matter) {
        if (!matter.ok()) return done(matter.status());
        v1::RecordFirstReadResponse response;
        *response.mutable_matter() = *std::move(matter);
        done(std::move(response));
      }});
}

void BrokerMachine::Acknowledge(const Identity& caller,
                                const std::string& queue,
                                std::vector<std::string> ack_ids,
                                Done<v1::AcknowledgeResponse> done) {
  Submit(SettleCommand{
      .caller = caller,
      .kind = SettleKind::kAcknowledge,
      .queue = queue,
      .ack_ids = std::move(ack_ids),
      .reason = "",
      .duration = std::nullopt,
      .done = [done = std::move(done)](absl::StatusOr<SettleResult> result) {
        if (!result.ok()) return done(result.status());
        done(v1::AcknowledgeResponse());
      }});
}

absl::StatusOr<v1::GetConversationResponse> BrokerMachine::GetConversation(
    const Identity& caller, const std::string& conversation_id) const {
  ASSIGN_OR_RETURN(const uint64_t number, ParseConversationId(conversation_id));
  ASSIGN_OR_RETURN(const Conversation conversation,
                   ReadConversation(*store_, number, *vault_));
  if (!IsParticipant(conversation, caller.agency)) {
    return absl::NotFoundError("no such conversation of this agency");
  }
  v1::GetConversationResponse response;
  *response.mutable_conversation() = ToPublic(conversation);
  return response;
}

uint64_t BrokerMachine::Pull(const Identity& caller, const std::string& queue,
                             Consumer consumer,
                             std::shared_ptr<DeliverySink> sink) {
  EXPECT_TRUE(access_->CheckConsume(caller.agency, queue).ok()) << queue;
  consumer.id = ++last_stream_;
  if (consumer.max_messages == 0) consumer.max_messages = kCredit;
  if (consumer.max_bytes == 0) consumer.max_bytes = kCreditBytes;
  if (consumer.ack_deadline == absl::ZeroDuration()) {
    consumer.ack_deadline = kAckDeadline;
  }
  Submit(SubscribeCommand{.caller = caller,
                          .queue = queue,
                          .consumer = std::move(consumer),
                          .sink = std::move(sink)});
  return last_stream_;
}

void BrokerMachine::EndPull(const std::string& queue, uint64_t id) {
  Submit(UnsubscribeCommand{queue, id});
}

uint64_t BrokerMachine::Watch(const Identity& caller, Watcher watcher) {
  watchers_[++last_stream_] = {caller.agency, std::move(watcher)};
  return last_stream_;
}

// --- Steps.

void BrokerMachine::Submit(Command command) {
  exchange_->Prepare(&command);
  pending_.push_back(std::move(command));
  StepSoon();
}

// What arrives while the last step syncs is the next one's.
void BrokerMachine::StepSoon() {
  if (std::exchange(step_is_due_, true)) return;
  After(world_->Between(absl::Microseconds(100), absl::Milliseconds(4)),
        [this] {
          step_is_due_ = false;
          Step();
        });
}

void BrokerMachine::StepAt(absl::Duration steady) {
  const absl::Duration delay =
      std::max(steady - clock_.Now().steady, absl::Milliseconds(1));
  After(delay, [this, tick = ++last_tick_] {
    if (tick == last_tick_) StepSoon();
  });
}

void BrokerMachine::Step() {
  BeginStep();
  absl::StatusOr<StepResult> result =
      exchange_->Step(std::exchange(pending_, {}), clock_.Now());
  if (!SurvivedStep(result.status())) return;
  if (result->more_work) StepSoon();
  if (result->next_tick.has_value()) StepAt(*result->next_tick);
  Tell(*std::move(result));
  if (world_->Chance(10)) {
    const v1::HeadRecord head = Head();
    on_checkpoint_(head.tree_size(), head.root());
  }
}

void BrokerMachine::Tell(StepResult result) {
  baton::Tell(&result, [this](const StepResult::Delivery& delivery) {
    Deliver(delivery);
  });
  for (const v1::Conversation& conversation : result.changed) {
    for (const auto& [id, watching] : watchers_) {
      for (const v1::Agency& participant : conversation.participants()) {
        if (SameAgency(participant, watching.agency)) {
          watching.watcher(conversation);
        }
      }
    }
  }
}

void BrokerMachine::Deliver(const StepResult::Delivery& delivery) {
  std::vector<v1::ReceivedMessage> messages;
  for (absl::StatusOr<v1::ReceivedMessage>& received :
       OpenHandovers(delivery.messages, delivery.recipient, *store_, *vault_,
                     *directory_)) {
    ASSERT_TRUE(received.ok()) << received.status();
    messages.push_back(*std::move(received));
  }
  delivery.sink->Deliver(std::move(messages));
}

}  // namespace baton::sim
