#include "tests/system/simulation/queue_lab.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "services/broker/publish_check.h"
#include "services/broker/settled_copies.h"
#include "services/common/agency.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "tests/system/simulation/people.h"

namespace baton::sim {
namespace {

constexpr char kIntake[] = "council/E10000024/intake";
constexpr char kDuty[] = "council/E10000024/duty";
constexpr absl::Duration kSpan = absl::Hours(2);
constexpr absl::Duration kLook = absl::Minutes(5);
constexpr int kLooks = 60;
constexpr absl::Duration kAckDeadline = absl::Seconds(60);
constexpr int kKeys = 4;
constexpr int kMaxAttempts = 3;

Identity HospitalCaller() {
  return {.agency = HospitalAgency(), .key_id = "hospital"};
}
Identity CouncilCaller() {
  return {.agency = CouncilAgency(), .key_id = "council"};
}

v1::BrokerConfig LabConfig(World* world) {
  v1::BrokerConfig config;
  config.set_environment(v1::ENVIRONMENT_TRAINING);
  v1::AgencyConfig* const hospital = config.add_agencies();
  *hospital->mutable_agency() = HospitalAgency();
  hospital->add_desks()->set_name("replies");
  v1::AgencyConfig* const council = config.add_agencies();
  *council->mutable_agency() = CouncilAgency();
  for (const char* name : {"intake", "duty"}) {
    v1::DeskConfig* const desk = council->add_desks();
    desk->set_name(name);
    desk->set_max_delivery_attempts(kMaxAttempts);
  }
  *config.mutable_unknown_recipient_desk() = ParseQueueName(kDuty).value();
  config.mutable_limits()->set_max_log_records(
      static_cast<int>(2 + world->Random(14)));
  return config;
}

// As the RPC leaves it.
v1::Message Checked(v1::Message message) {
  PublishLimits limits;
  limits.environment = v1::ENVIRONMENT_TRAINING;
  Faults faults;
  CheckMessage(limits, FromProto(message.idempotency_time()), &message,
               &faults);
  EXPECT_TRUE(faults.empty()) << faults.ToStatus();
  return message;
}

bool IsDanger(const v1::Message& message) {
  return message.priority() == v1::PRIORITY_IMMEDIATE_DANGER;
}

bool HasMark(const v1::Message& message, v1::MarkCode code) {
  return std::any_of(
      message.marks().begin(), message.marks().end(),
      [code](const v1::Mark& mark) { return mark.code() == code; });
}

}  // namespace

// A consumer's end of one stream.
class QueueLab::Outlet final : public DeliverySink {
 public:
  Outlet(QueueLab* lab, size_t reader, uint64_t life)
      : lab_(lab), reader_(reader), life_(life) {}

  void Deliver(std::vector<v1::ReceivedMessage> messages) override {
    if (life_ != lab_->broker_.life()) return;
    for (const v1::ReceivedMessage& message : messages) {
      lab_->Delivered(reader_, message);
    }
  }
  void End(absl::Status) override { ended_ = true; }
  bool alive() const { return !ended_ && life_ == lab_->broker_.life(); }

 private:
  QueueLab* const lab_;
  const size_t reader_;
  const uint64_t life_;
  bool ended_ = false;
};

QueueLab::QueueLab(uint64_t seed)
    : world_(seed),
      broker_(&world_, LabConfig(&world_),
              [this](uint64_t size, const std::string& root) {
                oracle_.SawCheckpoint(size, root);
              }),
      readers_({{.queue = kIntake, .name = "a"},
                {.queue = kIntake, .name = "b"},
                {.queue = kDuty, .name = "c"}}) {}

// What the caller never hears, because the power went, he asks again later or
// never: `done` is not called.
template <typename Act>
void QueueLab::Do(Act act, Done<typename Act::Answer> done) {
  if (!broker_.up()) return;
  broker_.Do(QueueCommand<Act>{.caller = CouncilCaller(),
                               .act = std::move(act),
                               .done = std::move(done)});
}

// --- Senders.

std::string QueueLab::Write() {
  const std::string marker = absl::StrCat("letter-", ++last_letter_);
  Letter& letter = letters_[marker];
  v1::Message& message = letter.message;
  message.set_kind(v1::MESSAGE_KIND_CONTACT);
  std::vector<std::string> queues = {world_.Chance(70) ? kIntake : kDuty};
  if (world_.Chance(20)) queues = {kIntake, kDuty};
  for (const std::string& queue : queues) {
    v1::Recipient* const recipient = message.add_recipients();
    *recipient->mutable_address() = ParseQueueName(queue).value();
    recipient->set_role(message.recipients_size() == 1
                            ? v1::RECIPIENT_ROLE_ACTION
                            : v1::RECIPIENT_ROLE_COPY);
    letter.copies[queue];
  }
  message.set_idempotency_key(marker);
  *message.mutable_idempotency_time() = ToProto(world_.time());
  message.set_purpose(v1::PURPOSE_SAFEGUARDING);
  message.set_legal_basis(v1::LEGAL_BASIS_CHILDREN_ACT_2004_S11);
  message.set_environment(v1::ENVIRONMENT_TRAINING);
  message.set_format_version(1);
  message.set_priority(static_cast<v1::Priority>(1 + world_.Random(4)));
  if (world_.Chance(60)) {
    message.set_ordering_key(absl::StrCat("key-", world_.Random(kKeys - 1)));
  }
  if (world_.Chance(15)) {
    *message.mutable_deliver_time() = ToProto(
        world_.time() + world_.Between(absl::Minutes(1), absl::Minutes(20)));
  }
  if (world_.Chance(10)) {
    *message.mutable_expire_time() = ToProto(
        world_.time() + world_.Between(absl::Minutes(2), absl::Hours(1)));
  }
  v1::PayloadPart* const part = message.add_payload();
  part->set_type(kTextType);
  part->set_content(marker);
  return marker;
}

void QueueLab::SendSometimes() {
  if (calm_) return;
  world_.After(world_.Between(absl::Seconds(1), absl::Seconds(40)),
               [this] { SendSometimes(); });
  std::vector<std::string> markers;
  for (uint64_t i = 1 + world_.Random(3); i > 0; --i) {
    markers.push_back(Write());
  }
  if (world_.Chance(50)) {
    SendStream(markers);
  } else {
    for (const std::string& marker : markers) Send({marker});
  }
}

// Until it is answered, and now and then once more.
void QueueLab::Send(std::vector<std::string> markers) {
  if (letters_.at(markers[0]).answered && !world_.Chance(5)) return;
  world_.After(world_.Between(absl::Seconds(20), absl::Minutes(2)),
               [this, markers] { Send(markers); });
  if (!broker_.up()) return;
  v1::PublishRequest request;
  *request.add_messages() = letters_.at(markers[0]).message;
  broker_.Publish(
      HospitalCaller(), std::move(request),
      [this,
       marker = markers[0]](absl::StatusOr<v1::PublishResponse> response) {
        if (!response.ok()) {
          // Full or draining, or it expired before it came.
          world_.Note("hospital", absl::StrCat(marker, " is refused: ",
                                               response.status().message()));
          Did(absl::StrCat("publish: ", response.status().code()));
          return;
        }
        Did("publish");
        Answered(marker, response->receipts(0));
      });
}

void QueueLab::SendStream(const std::vector<std::string>& markers) {
  for (const std::string& marker : markers) {
    world_.After(world_.Between(absl::Seconds(20), absl::Minutes(2)),
                 [this, marker] { Send({marker}); });
  }
  if (!broker_.up()) return;
  PublishEachCommand command{.sender = HospitalCaller(),
                             .request = {},
                             .refusals = {},
                             .done = nullptr};
  for (const std::string& marker : markers) {
    *command.request.add_messages() = Checked(letters_.at(marker).message);
    command.refusals.push_back(absl::OkStatus());
  }
  command.done = [this, markers](
                     absl::StatusOr<v1::StreamingPublishResponse> response) {
    ASSERT_TRUE(response.ok()) << response.status();
    ASSERT_EQ(response->results_size(), static_cast<int>(markers.size()));
    for (size_t i = 0; i < markers.size(); ++i) {
      const v1::PublishResult& result = response->results(static_cast<int>(i));
      if (!result.has_receipt()) continue;
      Did("stream");
      Answered(markers[i], result.receipt());
    }
  };
  broker_.Do(std::move(command));
}

void QueueLab::Answered(const std::string& marker,
                        const v1::PublishReceipt& receipt) {
  Letter& letter = letters_.at(marker);
  const uint64_t sequence = ParseMessageId(receipt.message_id()).value();
  if (letter.answered) {
    EXPECT_EQ(sequence, letter.sequence) << marker << " was published twice";
    EXPECT_TRUE(receipt.repeat()) << marker;
    Did("repeat");
  }
  letter.answered = true;
  letter.sequence = sequence;
}

// --- Consumers.

void QueueLab::ReadSometimes(size_t number) {
  world_.After(world_.Between(absl::Seconds(5), absl::Seconds(30)),
               [this, number] { ReadSometimes(number); });
  Reader& reader = readers_[number];
  if (!broker_.up()) return;
  if (reader.outlet != nullptr && reader.outlet->alive()) return;
  // A stream of the same name takes the leases of the last one away.
  for (auto& [marker, letter] : letters_) {
    for (auto& [queue, copy] : letter.copies) {
      if (copy.held_by == number) copy.held_in_life = 0;
    }
  }
  reader.outlet = std::make_shared<Outlet>(this, number, broker_.life());
  broker_.Pull(CouncilCaller(), reader.queue, reader.name, reader.outlet);
}

void QueueLab::Delivered(size_t number, const v1::ReceivedMessage& message) {
  const std::string queue = readers_[number].queue;
  const std::vector<std::string> markers = MarkersOf(message.message());
  ASSERT_EQ(markers.size(), 1u);
  const std::string& marker = markers[0];
  world_.Note(readers_[number].name,
              absl::StrCat("gets ", marker, " in ", queue, ", attempt ",
                           message.delivery_attempt(), ", key ",
                           message.message().ordering_key()));
  CheckDelivery(queue, marker, message);
  Copy& copy = letters_.at(marker).copies.at(queue);
  copy.last_attempt = message.delivery_attempt();
  copy.seen_in_life = broker_.life();
  copy.held_in_life = broker_.life();
  copy.held_by = number;
  copy.held_until = world_.now() + kAckDeadline;
  // Nothing has settled it so far. Its lease may be the last one, and run out.
  copy.in_question = message.delivery_attempt() >= kMaxAttempts;
  if (HasMark(message.message(), v1::MARK_CODE_CAME_BACK)) Did("came back");
  // Most are fast; who takes longer than the lease is late.
  const absl::Duration work =
      world_.Chance(95) ? world_.Between(absl::Seconds(1), absl::Seconds(20))
                        : absl::Seconds(90);
  const int choice = static_cast<int>(world_.Random(99));
  world_.After(work, [this, queue, marker, ack_id = message.ack_id(), choice] {
    Settle(queue, marker, ack_id, calm_ ? 0 : choice);
  });
}

void QueueLab::CheckDelivery(const std::string& queue,
                             const std::string& marker,
                             const v1::ReceivedMessage& message) {
  const Letter& letter = letters_.at(marker);
  const Copy& copy = letter.copies.at(queue);
  EXPECT_FALSE(copy.acknowledged)
      << marker << " came again after it was acknowledged";
  EXPECT_FALSE(letter.cancelled) << marker << " was cancelled";
  EXPECT_GT(message.delivery_attempt(), copy.last_attempt) << marker;
  EXPECT_FALSE(paused_.contains(queue)) << queue << " is paused";
  if (letter.message.has_deliver_time() &&
      !HasMark(message.message(), v1::MARK_CODE_CAME_BACK)) {
    // The exchange's clock may have been set back, never forward.
    EXPECT_GE(world_.time(), FromProto(letter.message.deliver_time()))
        << marker;
  }
  CheckOrder(queue, letter);
}

// Of one key: nothing that was published before and is surely there, and
// nothing that is surely with a consumer. Danger overtakes.
void QueueLab::CheckOrder(const std::string& queue, const Letter& letter) {
  if (letter.message.ordering_key().empty() || IsDanger(letter.message) ||
      !letter.answered) {
    return;
  }
  for (const auto& [marker, other] : letters_) {
    const auto copy = other.copies.find(queue);
    if (&other == &letter || !other.answered || copy == other.copies.end() ||
        other.message.ordering_key() != letter.message.ordering_key() ||
        IsDanger(other.message)) {
      continue;
    }
    const Copy& there = copy->second;
    // What is to be delivered later stands in no line before it is due.
    const bool in_line =
        !other.message.has_deliver_time() || there.last_attempt > 0;
    // What left in a life that is over may have been the last attempt, and
    // nobody saw it.
    const bool in_question =
        there.in_question || there.purge_asked || other.cancel_asked ||
        other.message.has_expire_time() ||
        (there.last_attempt > 0 && there.seen_in_life != broker_.life());
    const bool surely_waits =
        other.sequence < letter.sequence && in_line && !in_question;
    EXPECT_FALSE(surely_waits)
        << letter.message.idempotency_key() << " before " << marker;
    const bool surely_held =
        there.held_in_life == broker_.life() && world_.now() < there.held_until;
    EXPECT_FALSE(surely_held) << letter.message.idempotency_key() << " beside "
                              << marker << " in " << queue << ", held until "
                              << there.held_until << " at " << world_.now();
  }
}

void QueueLab::Settle(const std::string& queue, const std::string& marker,
                      const std::string& ack_id, int choice) {
  Copy& copy = letters_.at(marker).copies.at(queue);
  SettleCommand command{.caller = CouncilCaller(),
                        .kind = SettleKind::kAcknowledge,
                        .queue = queue,
                        .ack_ids = {ack_id},
                        .reason = "",
                        .duration = std::nullopt,
                        .done = nullptr};
  // What a life of the broker that is over knows nothing of, it finds on disk.
  if (!broker_.up() || choice >= 97) return;
  // A nack and an extension settle nothing but the last attempt.
  if (choice < 66 || choice >= 86) copy.in_question = true;
  copy.held_in_life = 0;
  if (choice >= 94) return AnswerWithLetter(queue, marker, ack_id);
  std::string what = "acknowledge";
  if (choice >= 86) {
    what = "reject";
    command.kind = SettleKind::kReject;
    command.reason = "no such child";
  } else if (choice >= 72) {
    what = "nack";
    command.kind = SettleKind::kNack;
    command.reason = "not now";
    if (world_.Chance(50)) {
      command.duration = world_.Between(absl::ZeroDuration(), absl::Minutes(2));
    }
  } else if (choice >= 66) {
    what = "extend";
    command.kind = SettleKind::kModifyDeadline;
    command.duration = absl::Seconds(120);
    world_.After(
        world_.Between(absl::Seconds(1), absl::Seconds(100)),
        [this, queue, marker, ack_id] { Settle(queue, marker, ack_id, 0); });
  }
  world_.Note("council", absl::StrCat(what, " ", marker, " in ", queue));
  command.done = [this, queue, marker,
                  what](absl::StatusOr<SettleResult> result) {
    ASSERT_TRUE(result.ok()) << result.status();
    if (!result->statuses[0].ok()) return Did("late");
    Did(what);
    if (what == "acknowledge") {
      letters_.at(marker).copies.at(queue).acknowledged = true;
    }
  };
  broker_.Do(std::move(command));
}

void QueueLab::AnswerWithLetter(const std::string& queue,
                                const std::string& marker,
                                const std::string& ack_id) {
  const std::string answer = Write();
  AcknowledgeAndPublishCommand command;
  command.caller = HospitalCaller();
  command.queue = queue;
  command.ack_ids = {ack_id};
  *command.request.add_messages() = Checked(letters_.at(answer).message);
  command.done =
      [this, queue, marker,
       answer](absl::StatusOr<AcknowledgeAndPublishCommand::Result> result) {
        ASSERT_TRUE(result.ok()) << result.status();
        const bool both =
            result->settled.statuses[0].ok() && result->published.ok();
        if (!both) return Did("answer: refused");
        Did("answer");
        letters_.at(marker).copies.at(queue).acknowledged = true;
        Answered(answer, result->published->receipts(0));
      };
  broker_.Do(std::move(command));
  world_.After(absl::Minutes(3), [this, answer] { Send({answer}); });
}

// --- The operator.

void QueueLab::OperateSometimes() {
  if (calm_) return;
  world_.After(world_.Between(absl::Seconds(20), absl::Minutes(4)),
               [this] { OperateSometimes(); });
  const std::string queue = world_.Chance(70) ? kIntake : kDuty;
  switch (world_.Random(7)) {
    case 0:
      return SetMode(queue, v1::QUEUE_MODE_PAUSED);
    case 1:
      return SetMode(queue, v1::QUEUE_MODE_DRAINING);
    case 2:
    case 3:
      return SetMode(queue, v1::QUEUE_MODE_SERVING);
    case 4:
      return CancelOne();
    case 5:
      if (world_.Chance(15)) return Purge(queue);
      return CancelOne();
    default:
      return Redrive(static_cast<int>(world_.Random(20)));
  }
}

void QueueLab::Redrive(int max_per_second) {
  for (const char* queue : {kIntake, kDuty}) {
    StartRedrive act;
    act.request.set_queue(queue);
    act.request.set_max_per_second(max_per_second);
    act.request.set_request_id(absl::StrCat("redrive-", ++last_request_));
    Do(std::move(act), [this](const absl::StatusOr<v1::Job>& job) {
      Did(job.ok() ? "redrive" : "redrive: refused");
    });
  }
}

void QueueLab::SetMode(const std::string& queue, v1::QueueMode mode) {
  baton::SetMode act;
  act.request.set_queue(queue);
  act.request.set_mode(mode);
  act.request.set_reason("the simulation says so");
  paused_.erase(queue);
  const bool pauses = mode == v1::QUEUE_MODE_PAUSED;
  Do(std::move(act),
     [this, queue, pauses](const absl::StatusOr<v1::Queue>& shown) {
       ASSERT_TRUE(shown.ok()) << shown.status();
       Did(v1::QueueMode_Name(shown->mode()));
       if (pauses && shown->mode() == v1::QUEUE_MODE_PAUSED) {
         paused_.insert(queue);
       }
     });
}

void QueueLab::CancelOne() {
  for (auto& [marker, letter] : letters_) {
    if (!letter.answered || !letter.message.has_deliver_time() ||
        letter.cancel_asked || !broker_.up()) {
      continue;
    }
    letter.cancel_asked = true;
    CancelCopies act{.sequence = letter.sequence, .queues = {}};
    for (const auto& [queue, copy] : letter.copies) act.queues.push_back(queue);
    return Do(std::move(act), [this, marker = marker](
                                  const absl::StatusOr<absl::Time>& cancelled) {
      if (!cancelled.ok()) return Did("cancel: late");
      Did("cancel");
      letters_.at(marker).cancelled = true;
    });
  }
}

void QueueLab::Purge(const std::string& queue) {
  Do(CountPurge{.queue = queue},
     [this, queue](const absl::StatusOr<v1::PreparePurgeResponse>& counted) {
       ASSERT_TRUE(counted.ok()) << counted.status();
       StartPurge act;
       act.request.set_queue(queue);
       act.request.set_confirmation(counted->confirmation());
       act.request.set_reason("the simulation says so");
       act.request.set_request_id(absl::StrCat("purge-", ++last_request_));
       for (auto& [marker, letter] : letters_) {
         const auto copy = letter.copies.find(queue);
         if (copy != letter.copies.end()) copy->second.purge_asked = true;
       }
       Do(std::move(act), [this](const absl::StatusOr<v1::Job>& job) {
         Did(job.ok() ? "purge" : "purge: refused");
       });
     });
}

// --- Trouble, and the end of it.

void QueueLab::PlanTrouble() {
  for (int i = 0; i < 6; ++i) {
    world_.After(world_.Between(absl::ZeroDuration(), kSpan), [this] {
      const absl::Duration off =
          world_.Between(absl::Seconds(1), absl::Minutes(2));
      switch (world_.Random(2)) {
        case 0:
          return broker_.Crash(off);
        case 1:
          return broker_.CrashWithinCalls(static_cast<int>(world_.Random(12)),
                                          off);
        default:
          return broker_.CrashBeforeTelling(off);
      }
    });
  }
}

void QueueLab::Run() {
  broker_.Boot();
  for (size_t i = 0; i < readers_.size(); ++i) ReadSometimes(i);
  SendSometimes();
  OperateSometimes();
  PlanTrouble();
  world_.RunFor(kSpan);
  calm_ = true;
  broker_.Calm();
  ExpectNothingMissing();
}

void QueueLab::ExpectNothingMissing() {
  std::vector<std::string> waiting = {"everything"};
  for (int look = 0;
       look < kLooks && !waiting.empty() && !testing::Test::HasFailure();
       ++look) {
    world_.RunFor(kLook);
    if (!broker_.up()) continue;
    for (const char* queue : {kIntake, kDuty}) {
      SetMode(queue, v1::QUEUE_MODE_SERVING);
    }
    Redrive(0);
    world_.RunFor(kLook);
    waiting.clear();
    for (const auto& [marker, letter] : letters_) {
      const std::string how = StillWaits(marker, letter);
      if (!how.empty()) waiting.push_back(absl::StrCat(marker, ": ", how));
    }
  }
  EXPECT_TRUE(waiting.empty()) << absl::StrJoin(waiting, "\n");
  oracle_.CheckAudit(broker_);
}

std::string QueueLab::StillWaits(const std::string& marker,
                                 const Letter& letter) {
  if (!letter.answered) {
    // One that expired before it could be published was refused.
    return letter.message.has_expire_time() ? "" : "is not published";
  }
  FindCopiesCommand command;
  std::vector<bool> acknowledged;  // Before it was asked for.
  for (const auto& [queue, copy] : letter.copies) {
    command.copies.push_back({.queue = queue, .sequence = letter.sequence});
    acknowledged.push_back(copy.acknowledged);
  }
  std::vector<std::optional<v1::DeliveryRecord>> found;
  command.done = [&found](auto result) { found = *std::move(result); };
  broker_.Do(command);
  world_.RunFor(absl::Milliseconds(10));
  for (size_t i = 0; i < command.copies.size(); ++i) {
    std::optional<v1::DeliveryRecord> record =
        i < found.size() ? found[i] : std::nullopt;
    if (!record.has_value()) {
      record =
          ReadSettled(broker_.store(), command.copies[i].queue, letter.sequence)
              .value();
    }
    if (!record.has_value()) {
      ADD_FAILURE() << marker << " is lost in " << command.copies[i].queue;
      continue;
    }
    const Copy& copy = letter.copies.at(command.copies[i].queue);
    if (letter.cancelled) {
      EXPECT_EQ(record->state(), v1::DELIVERY_STATE_CANCELLED) << marker;
      EXPECT_EQ(copy.last_attempt, 0) << marker;
      continue;
    }
    if (acknowledged[i]) {
      EXPECT_EQ(record->state(), v1::DELIVERY_STATE_ACKNOWLEDGED) << marker;
    }
    if (record->state() != v1::DELIVERY_STATE_ACKNOWLEDGED &&
        record->state() != v1::DELIVERY_STATE_CANCELLED) {
      return absl::StrCat(v1::DeliveryState_Name(record->state()), " in ",
                          command.copies[i].queue);
    }
  }
  return "";
}

}  // namespace baton::sim
