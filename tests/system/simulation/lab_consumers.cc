#include "tests/system/simulation/lab_consumers.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"

namespace baton::sim {
namespace {

constexpr absl::Duration kLease = absl::Seconds(60);
constexpr absl::Duration kLongLease = absl::Seconds(120);
constexpr int kMaxCredit = 24;
// A step, and what is queued before it.
constexpr absl::Duration kSoon = absl::Seconds(2);

}  // namespace

// A consumer's end of one stream.
class LabConsumers::Stream final
    : public DeliverySink,
      public std::enable_shared_from_this<LabConsumers::Stream> {
 public:
  Stream(LabConsumers* consumers, size_t reader, int credit, bool exclusive)
      : reader(reader),
        exclusive(exclusive),
        most_credit(credit),
        consumers_(consumers),
        life_(consumers->lab_->broker.life()) {}

  void Deliver(std::vector<v1::ReceivedMessage> messages) override {
    if (!is_present()) return;
    EXPECT_FALSE(ended_) << name() << " gets more after the end";
    established = true;
    for (const v1::ReceivedMessage& message : messages) {
      consumers_->Delivered(shared_from_this(), message);
    }
  }
  void Notify(v1::ConsumerNotice notice) override {
    if (!is_present()) return;
    consumers_->lab_->Did(v1::NoticeCode_Name(notice.code()));
    last_notice_ = notice.code();
    for (const std::string& ack_id : notice.ack_ids()) {
      expired.insert(ack_id);
      consumers_->lab_->letters.LeaseRanOut(queue(), name(), ack_id);
    }
  }
  void End(absl::Status why) override {
    ended_ = true;
    if (!is_present()) return;
    const std::string reason = ReasonOf(why);
    consumers_->lab_->Did(reason);
    // Whoever goes on is told why he does not.
    if (reason == "CONSUMER_STALLED") {
      EXPECT_EQ(last_notice_, v1::NOTICE_CODE_STALLED) << name();
    } else if (reason == "CONSUMER_REPLACED") {
      EXPECT_EQ(last_notice_, v1::NOTICE_CODE_REPLACED) << name();
    } else {
      EXPECT_EQ(reason, "QUEUE_IN_USE") << why;
      EXPECT_FALSE(established) << name();
    }
  }

  bool is_present() const { return life_ == consumers_->lab_->broker.life(); }
  bool alive() const { return !ended_ && !left && is_present(); }
  const std::string& queue() const {
    return consumers_->readers_[reader].queue;
  }
  const std::string& name() const { return consumers_->readers_[reader].name; }

  const size_t reader;
  const bool exclusive;
  uint64_t id = 0;
  int most_credit;           // Of all it was ever granted.
  bool established = false;  // It got something.
  bool left = false;
  std::set<std::string> untouched;  // Nothing was asked about these leases.
  std::set<std::string> expired;    // And told so.

 private:
  LabConsumers* const consumers_;
  const uint64_t life_;
  bool ended_ = false;
  v1::NoticeCode last_notice_ = v1::NOTICE_CODE_UNSPECIFIED;
};

LabConsumers::LabConsumers(Lab* lab, LabSenders* senders)
    : lab_(lab),
      senders_(senders),
      readers_({{.queue = kIntake, .name = "a"},
                {.queue = kIntake, .name = "b"},
                {.queue = kDuty, .name = "c", .exclusive_percent = 50},
                {.queue = kDuty, .name = "d", .exclusive_percent = 50}}) {}

void LabConsumers::Start() {
  for (size_t i = 0; i < readers_.size(); ++i) LookSometimes(i);
}

// --- Streams.

void LabConsumers::LookSometimes(size_t number) {
  World& world = lab_->world;
  world.After(world.Between(absl::Seconds(5), absl::Seconds(30)),
              [this, number] { LookSometimes(number); });
  Reader& reader = readers_[number];
  if (!lab_->broker.up()) return;
  if (reader.stream == nullptr || !reader.stream->alive()) return Open(number);
  if (lab_->calm) return;
  if (world.Chance(5)) {
    lab_->Did("leave");
    reader.stream->left = true;
    lab_->broker.EndPull(reader.queue, reader.stream->id);
  } else if (world.Chance(2)) {
    reader.silent_until =
        world.now() + world.Between(absl::Minutes(2), absl::Minutes(5));
  } else if (world.Chance(10)) {
    lab_->Did("grant");
    const int credit = 1 + static_cast<int>(world.Random(kMaxCredit - 1));
    reader.stream->most_credit = std::max(reader.stream->most_credit, credit);
    lab_->broker.Do(GrantCommand{.queue = reader.queue,
                                 .consumer_id = reader.stream->id,
                                 .max_messages = credit,
                                 .max_bytes = 0});
  } else if (world.Chance(2)) {
    Open(number);  // Takes over from himself.
  }
}

void LabConsumers::Open(size_t number) {
  Reader& reader = readers_[number];
  const int credit = 1 + static_cast<int>(lab_->world.Random(kMaxCredit - 1));
  const bool exclusive = lab_->world.Chance(reader.exclusive_percent);
  lab_->letters.Takes(reader.queue, reader.name);
  reader.stream = std::make_shared<Stream>(this, number, credit, exclusive);
  reader.stream->id = lab_->broker.Pull(CouncilCaller(), reader.queue,
                                        {.name = reader.name,
                                         .max_messages = credit,
                                         .ack_deadline = kLease,
                                         .exclusive = exclusive},
                                        reader.stream);
}

void LabConsumers::Delivered(const std::shared_ptr<Stream>& stream,
                             const v1::ReceivedMessage& message) {
  Reader& reader = readers_[stream->reader];
  World& world = lab_->world;
  ExpectAlone(*stream);
  Letter* const letter = lab_->letters.Delivered(
      reader.queue, reader.name, stream->most_credit, kLease, message);
  world.Note(reader.name,
             absl::StrCat("gets ", letter->marker, " in ", reader.queue,
                          ", attempt ", message.delivery_attempt(), ", key ",
                          message.message().ordering_key()));
  const Held held{.reader = stream->reader,
                  .letter = letter,
                  .ack_id = message.ack_id(),
                  .attempt = message.delivery_attempt()};
  if (CopyOf(held).came_back) lab_->Did("came back");
  const v1::Message& sent = letter->message;
  if (sent.has_deliver_time()) lab_->Did("delivered later");
  if (sent.has_expire_time() &&
      FromProto(sent.expire_time()) < lab_->broker.clock().Now().wall) {
    lab_->Did("expired, and came back");
  }
  if (Letters::HasMark(message.message(),
                       v1::MARK_CODE_EARLIER_MESSAGE_PENDING)) {
    lab_->Did("overtook");
  }
  ExpectTold(stream, message.ack_id());
  // It never saw what came after it had gone.
  if (stream->left) return;
  // Most are fast; who takes longer than the lease is late.
  const absl::Duration work =
      world.Chance(95) ? world.Between(absl::Seconds(1), absl::Seconds(20))
                       : absl::Seconds(90);
  const int choice = static_cast<int>(world.Random(99));
  world.After(work, [this, stream, held, choice] {
    if (!lab_->calm && lab_->world.now() < readers_[held.reader].silent_until) {
      return;
    }
    stream->untouched.erase(held.ack_id);
    Decide(held, lab_->calm ? 0 : choice);
  });
}

void LabConsumers::ExpectAlone(const Stream& stream) const {
  for (const Reader& other : readers_) {
    const bool beside = other.stream != nullptr &&
                        other.stream.get() != &stream &&
                        other.queue == stream.queue() &&
                        other.stream->alive() && other.stream->established;
    EXPECT_FALSE(beside && (stream.exclusive || other.stream->exclusive))
        << stream.name() << " consumes beside " << other.name;
  }
}

// A lease that runs out, untouched, is told of on the stream.
void LabConsumers::ExpectTold(std::shared_ptr<Stream> stream,
                              const std::string& ack_id) {
  stream->untouched.insert(ack_id);
  lab_->world.After(kLease + absl::Seconds(5), [stream, ack_id] {
    EXPECT_TRUE(!stream->alive() || !stream->untouched.contains(ack_id) ||
                stream->expired.contains(ack_id))
        << stream->name() << " was not told that a lease ran out";
  });
}

// --- Settling.

void LabConsumers::Decide(const Held& held, int choice) {
  // What a life of the exchange that is over knows nothing of, it finds on
  // disk.
  if (!lab_->broker.up() || choice >= 97) return;
  lab_->world.Note(
      readers_[held.reader].name,
      absl::StrCat("does ", choice, " with ", held.letter->marker));
  if (choice >= 94) return Answer(held);
  if (choice >= 86) return Reject(held);
  if (choice >= 72) return GiveBack(held);
  if (choice >= 66) return Extend(held);
  Acknowledge(held);
}

bool LabConsumers::MustBeHeld(const Held& held) const {
  const Copy& copy = CopyOf(held);
  return copy.attempts == held.attempt && lab_->letters.SurelyHeld(copy) &&
         lab_->world.now() + kSoon < copy.held_until;
}

void LabConsumers::Settle(const Held& held, SettleKind kind,
                          const std::string& reason,
                          std::optional<absl::Duration> duration, Then then) {
  const bool must_be_held = MustBeHeld(held);
  CopyOf(held).held_in_life = 0;
  SettleCommand command{.caller = CouncilCaller(),
                        .kind = kind,
                        .queue = readers_[held.reader].queue,
                        .ack_ids = {held.ack_id},
                        .reason = reason,
                        .duration = duration,
                        .done = nullptr};
  command.done = [this, held, must_be_held, then = std::move(then)](
                     const absl::StatusOr<SettleResult>& result) {
    ASSERT_TRUE(result.ok()) << result.status();
    const absl::Status& status = result->statuses[0];
    EXPECT_TRUE(status.ok() || !must_be_held)
        << held.letter->marker << ": " << status;
    if (status.ok()) return then();
    EXPECT_TRUE(absl::IsFailedPrecondition(status))
        << held.letter->marker << ": " << status;
    lab_->Did("late");
  };
  lab_->broker.Do(std::move(command));
}

void LabConsumers::Acknowledge(const Held& held) {
  CopyOf(held).in_question = true;
  Settle(held, SettleKind::kAcknowledge, "", std::nullopt, [this, held] {
    lab_->Did("acknowledge");
    CopyOf(held).acknowledged = true;
  });
}

// Settles nothing but the last attempt.
void LabConsumers::GiveBack(const Held& held) {
  World& world = lab_->world;
  std::optional<absl::Duration> delay;
  if (world.Chance(50)) {
    delay = world.Between(absl::ZeroDuration(), absl::Minutes(2));
  }
  const std::string reason = absl::StrCat("not now ", held.attempt);
  Settle(held, SettleKind::kNack, reason, delay,
         [this, held, delay, reason, asked = world.now()] {
           lab_->Did("nack");
           Copy& copy = CopyOf(held);
           copy.not_before = asked + delay.value_or(absl::Milliseconds(800));
           copy.failures[held.attempt] = {
               .consumer = readers_[held.reader].name, .reason = reason};
         });
}

void LabConsumers::Reject(const Held& held) {
  CopyOf(held).in_question = true;
  Settle(
      held, SettleKind::kReject, "no such child", std::nullopt, [this, held] {
        lab_->Did("reject");
        CopyOf(held).failures[held.attempt] = {
            .consumer = readers_[held.reader].name, .reason = "no such child"};
      });
}

void LabConsumers::Extend(const Held& held) {
  lab_->world.After(lab_->world.Between(absl::Seconds(1), absl::Seconds(100)),
                    [this, held] { Decide(held, 0); });
  const absl::Duration until = lab_->world.now() + kLongLease;
  const std::shared_ptr<Stream> stream = readers_[held.reader].stream;
  Settle(held, SettleKind::kModifyDeadline, "", kLongLease,
         [this, held, until, stream] {
           lab_->Did("extend");
           // Unless he took over from himself meanwhile.
           Copy& copy = CopyOf(held);
           if (stream != readers_[held.reader].stream) return;
           copy.held_in_life = lab_->broker.life();
           copy.held_until = until;
         });
}

void LabConsumers::Answer(const Held& held) {
  Letter* const answer = senders_->Write();
  AcknowledgeAndPublishCommand command;
  command.caller = HospitalCaller();
  command.queue = readers_[held.reader].queue;
  command.ack_ids = {held.ack_id};
  *command.request.add_messages() = LabSenders::Checked(answer->message);
  const bool must_be_held = MustBeHeld(held);
  CopyOf(held).in_question = true;
  CopyOf(held).held_in_life = 0;
  command.done =
      [this, held, answer, must_be_held](
          absl::StatusOr<AcknowledgeAndPublishCommand::Result> result) {
        ASSERT_TRUE(result.ok()) << result.status();
        const absl::Status& settled = result->settled.statuses[0];
        EXPECT_TRUE(settled.ok() || !must_be_held || !result->published.ok())
            << held.letter->marker << ": " << settled;
        if (!settled.ok() || !result->published.ok()) {
          return lab_->Did("answer: refused");
        }
        lab_->Did("answer");
        CopyOf(held).acknowledged = true;
        lab_->letters.Published(answer, result->published->receipts(0));
      };
  lab_->broker.Do(std::move(command));
  senders_->Insist(answer);
}

}  // namespace baton::sim
