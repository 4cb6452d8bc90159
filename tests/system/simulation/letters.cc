#include "tests/system/simulation/letters.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/broker/message_filter.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/ids.h"
#include "services/common/proto_time.h"
#include "tests/system/simulation/oracle.h"

namespace baton::sim {
namespace {

bool IsDanger(const Letter& letter) {
  return letter.message.priority() == v1::PRIORITY_IMMEDIATE_DANGER;
}

bool HasKey(const Letter& letter) {
  return !letter.message.ordering_key().empty();
}

}  // namespace

bool Letters::HasMark(const v1::Message& message, v1::MarkCode code) {
  return std::any_of(
      message.marks().begin(), message.marks().end(),
      [code](const v1::Mark& mark) { return mark.code() == code; });
}

Letter& Letters::Add(Letter letter) {
  letter.marker = absl::StrCat("letter-", by_marker_.size() + 1);
  letter.written = world_->now();
  const std::string marker = letter.marker;
  return by_marker_[marker] = std::move(letter);
}

// --- Senders.

void Letters::Published(Letter* letter, const v1::PublishReceipt& receipt) {
  const uint64_t sequence = ParseMessageId(receipt.message_id()).value();
  EXPECT_GE(FromProto(letter->message.idempotency_time()),
            broker_->clock().Now().wall - kIdempotencyWindow)
      << letter->marker << " is older than anybody remembers";
  if (letter->answered) {
    EXPECT_EQ(sequence, letter->sequence)
        << letter->marker << " was published twice";
    EXPECT_TRUE(receipt.repeat()) << letter->marker;
    return;
  }
  letter->answered = true;
  // A repeat was published before, perhaps in a life that is over.
  letter->published_in_life = receipt.repeat() ? 0 : broker_->life();
  letter->sequence = sequence;
  by_sequence_[sequence] = letter;
  for (auto& [queue, copy] : letter->copies) {
    copy.turns_before = turns_[queue].size();
    EXPECT_FALSE(HasMode(queue, v1::QUEUE_MODE_DRAINING) &&
                 !IsDanger(*letter) && !receipt.repeat())
        << queue << " drains and took " << letter->marker;
  }
}

void Letters::Refused(Letter* letter, const absl::Status& why) {
  if (ReasonOf(why) == "IDEMPOTENCY_KEY_TOO_OLD") {
    EXPECT_LT(FromProto(letter->message.idempotency_time()),
              world_->time() - kIdempotencyWindow)
        << letter->marker;
    letter->hopeless = true;
  } else if (absl::IsInvalidArgument(why)) {
    EXPECT_FALSE(letter->answered) << letter->marker << ": " << why;
    EXPECT_TRUE(letter->message.has_expire_time() &&
                FromProto(letter->message.expire_time()) <= world_->time())
        << letter->marker << ": " << why;
    letter->hopeless = true;
  } else {
    EXPECT_TRUE(absl::IsResourceExhausted(why) && !IsDanger(*letter) &&
                !letter->answered)
        << letter->marker << ": " << why;
  }
}

// --- Consumers.

void Letters::Takes(const std::string& queue, const std::string& consumer) {
  for (auto& [marker, letter] : by_marker_) {
    const auto copy = letter.copies.find(queue);
    if (copy != letter.copies.end() && copy->second.holder == consumer) {
      copy->second.held_in_life = 0;
    }
  }
}

Letter* Letters::Delivered(const std::string& queue,
                           const std::string& consumer, int credit,
                           absl::Duration lease,
                           const v1::ReceivedMessage& received) {
  const std::vector<std::string> markers = MarkersOf(received.message());
  EXPECT_EQ(markers.size(), 1u);
  Letter& letter = by_marker_.at(markers.at(0));
  CheckMayCome(letter, queue, received);
  CheckOrder(letter, queue, received);
  ExpectItsTurns(letter, queue, consumer);
  ExpectNothingHigherWaits(letter, queue);
  Copy& copy = letter.copies.at(queue);
  copy.attempts = received.delivery_attempt();
  copy.seen_in_life = copy.held_in_life = broker_->life();
  copy.delivered = world_->now();
  copy.holder = consumer;
  copy.held_until = world_->now() + lease;
  copy.in_question = false;
  copy.came_back = HasMark(received.message(), v1::MARK_CODE_CAME_BACK);
  turns_[queue].push_back({&letter, consumer, world_->now()});
  CheckCredit(queue, consumer, credit);
  return &letter;
}

void Letters::CheckMayCome(const Letter& letter, const std::string& queue,
                           const v1::ReceivedMessage& received) const {
  const Copy& copy = letter.copies.at(queue);
  const bool came_back = HasMark(received.message(), v1::MARK_CODE_CAME_BACK);
  EXPECT_FALSE(copy.acknowledged)
      << letter.marker << " came again after it was acknowledged";
  EXPECT_FALSE(letter.cancelled) << letter.marker << " was cancelled";
  EXPECT_FALSE(HasMode(queue, v1::QUEUE_MODE_PAUSED)) << queue << " is paused";
  EXPECT_TRUE(copy.may_come_back || !came_back)
      << letter.marker << " came back to " << queue << ", and nobody asked";
  EXPECT_TRUE(came_back || !copy.came_back)
      << letter.marker << " came back once, and is not marked any more";
  // What left in a life that is over, nobody may have seen.
  if (copy.seen_in_life == broker_->life()) {
    EXPECT_EQ(received.delivery_attempt(), copy.attempts + 1) << letter.marker;
  } else {
    EXPECT_GT(received.delivery_attempt(), copy.attempts) << letter.marker;
  }
  CheckTimes(letter, copy, came_back);
}

void Letters::CheckTimes(const Letter& letter, const Copy& copy,
                         bool came_back) const {
  if (came_back) return;  // Its times do not count any more.
  EXPECT_GE(world_->now(), copy.not_before)
      << letter.marker << " was given back for longer";
  if (letter.message.has_deliver_time()) {
    // The exchange's clock may have been set back, never forward.
    EXPECT_GE(world_->time(), FromProto(letter.message.deliver_time()))
        << letter.marker;
  }
  if (letter.message.has_expire_time()) {
    EXPECT_LT(broker_->clock().Now().wall,
              FromProto(letter.message.expire_time()))
        << letter.marker << " expired";
  }
}

// Of one key: nothing that was published before and is surely there, and
// nothing that is surely with a consumer. Danger overtakes, and says so.
void Letters::CheckOrder(const Letter& letter, const std::string& queue,
                         const v1::ReceivedMessage& received) const {
  const bool marked =
      HasMark(received.message(), v1::MARK_CODE_EARLIER_MESSAGE_PENDING);
  EXPECT_TRUE(!marked || (IsDanger(letter) && HasKey(letter)))
      << letter.marker << " overtook another";
  if (!HasKey(letter) || !letter.answered) return;
  bool surely_overtook = false;
  bool may_have_overtaken = false;
  for (const auto& [marker, other] : by_marker_) {
    const auto there = other.copies.find(queue);
    if (&other == &letter || there == other.copies.end() ||
        other.message.ordering_key() != letter.message.ordering_key()) {
      continue;
    }
    const Copy& copy = there->second;
    if (!copy.acknowledged &&
        (!other.answered || other.sequence < letter.sequence)) {
      may_have_overtaken = true;
    }
    // What is to be delivered later stands in no line before it is due.
    const bool stands_before =
        SurelyUnsettled(other, copy) && other.sequence < letter.sequence &&
        (!other.message.has_deliver_time() || copy.attempts > 0);
    if (IsDanger(letter) && !IsDanger(other)) {
      surely_overtook |= stands_before;
      continue;
    }
    EXPECT_FALSE(stands_before)
        << letter.marker << " before " << marker << " in " << queue;
    if (IsDanger(other)) continue;  // Others may have been in front of it.
    EXPECT_FALSE(SurelyHeld(copy))
        << letter.marker << " beside " << marker << " in " << queue
        << ", held until " << copy.held_until << " at " << world_->now();
  }
  EXPECT_TRUE(marked || !surely_overtook)
      << letter.marker << " overtook another in " << queue << " unmarked";
  EXPECT_TRUE(!marked || may_have_overtaken)
      << letter.marker << " is marked, and nothing of its key waits";
}

void Letters::CheckCredit(const std::string& queue, const std::string& consumer,
                          int credit) const {
  int held = 0;
  for (const auto& [marker, letter] : by_marker_) {
    const auto copy = letter.copies.find(queue);
    held += copy != letter.copies.end() && copy->second.holder == consumer &&
            SurelyHeld(copy->second);
  }
  EXPECT_LE(held, credit) << consumer << " holds more than it wants";
}

bool Letters::SurelyReady(const Letter& letter, const Copy& copy) const {
  return letter.answered && letter.published_in_life == broker_->life() &&
         copy.attempts == 0 && !copy.may_be_purged && !letter.cancel_asked &&
         !letter.message.has_deliver_time() &&
         !letter.message.has_expire_time() && !HasKey(letter);
}

// Of two senders with letters of one level, each gets every other turn. What
// others get of the same step is told later.
void Letters::ExpectItsTurns(const Letter& letter, const std::string& queue,
                             const std::string& consumer) {
  if (IsDanger(letter) || !SurelyReady(letter, letter.copies.at(queue))) return;
  world_->After(absl::Microseconds(1),
                [this, &letter, queue, consumer, place = turns_[queue].size()] {
                  CheckTurns(letter, queue, consumer, place);
                });
}

void Letters::CheckTurns(const Letter& letter, const std::string& queue,
                         const std::string& consumer, size_t place) const {
  const std::vector<Turn>& turns = turns_.at(queue);
  const absl::Duration its_time = turns.at(place).time;
  int own = 0;
  int others = 0;
  for (size_t i = letter.copies.at(queue).turns_before; i < turns.size(); ++i) {
    const Turn& turn = turns[i];
    const bool keyed = HasKey(*turn.letter);  // Of whichever level.
    const bool of_level =
        turn.letter->message.priority() == letter.message.priority();
    if (SameAgency(turn.letter->sender.agency, letter.sender.agency)) {
      own += keyed || of_level;
    } else if (turn.time < its_time ||
               (i < place && turn.consumer == consumer)) {
      others += !keyed && of_level && turn.time - turn.letter->written < kYoung;
    }
  }
  EXPECT_LE(others, own + 1)
      << letter.marker << " waited for a flood in " << queue;
}

void Letters::ExpectNothingHigherWaits(const Letter& letter,
                                       const std::string& queue) {
  if (IsDanger(letter) || HasKey(letter) ||
      world_->now() - letter.written >= kYoung) {
    return;
  }
  std::vector<const Letter*> higher;
  for (const auto& [marker, other] : by_marker_) {
    const auto copy = other.copies.find(queue);
    if (copy != other.copies.end() &&
        other.message.priority() > letter.message.priority() &&
        SurelyReady(other, copy->second)) {
      higher.push_back(&other);
    }
  }
  if (higher.empty()) return;
  world_->After(absl::Microseconds(1),
                [this, &letter, queue, higher, life = broker_->life()] {
                  for (const Letter* const other : higher) {
                    EXPECT_TRUE(other->copies.at(queue).attempts > 0 ||
                                broker_->life() != life)
                        << letter.marker << " before " << other->marker
                        << " in " << queue << ", which is more urgent";
                  }
                });
}

void Letters::LeaseRanOut(const std::string& queue, const std::string& consumer,
                          const std::string& ack_id) {
  const AckId ack = ParseAckId(ack_id).value();
  const auto letter = by_sequence_.find(ack.sequence);
  if (letter == by_sequence_.end()) return;  // Its sender was never told.
  Copy& copy = letter->second->copies.at(queue);
  EXPECT_FALSE(copy.attempts == ack.attempt && SurelyHeld(copy))
      << letter->second->marker << ": its lease ran out too early";
  copy.failures[ack.attempt] = {.consumer = consumer, .reason = ""};
}

// --- Operators.

bool Letters::SurelyUnsettled(const Letter& letter, const Copy& copy) const {
  // Its last lease may have run out; and what left in a life that is over may
  // have been the last attempt, and nobody saw it.
  const bool may_be_dead =
      copy.attempts > 0 &&
      (copy.attempts >= kMaxAttempts || copy.seen_in_life != broker_->life());
  return letter.answered && !copy.acknowledged && !copy.in_question &&
         !copy.may_be_purged && !letter.cancel_asked &&
         !letter.message.has_expire_time() && !may_be_dead;
}

void Letters::AskedPurge(const std::string& queue) {
  for (auto& [marker, letter] : by_marker_) {
    const auto copy = letter.copies.find(queue);
    if (copy != letter.copies.end() && !IsDanger(letter)) {
      copy->second.may_be_purged = true;
    }
  }
}

void Letters::AskedRedrive(const std::string& queue,
                           const v1::MessageFilter& wanted) {
  const MessageFilter filter(wanted);
  for (auto& [marker, letter] : by_marker_) {
    const auto copy = letter.copies.find(queue);
    if (copy == letter.copies.end()) continue;
    v1::Message envelope = letter.message;
    *envelope.mutable_sender() = letter.sender.agency;
    if (letter.answered) envelope.set_message_id(MessageId(letter.sequence));
    if (filter.Matches(envelope)) copy->second.may_come_back = true;
  }
}

void Letters::Browsed(const std::string& queue,
                      const std::map<uint64_t, v1::DeliveryRecord>& unsettled) {
  for (const auto& [marker, letter] : by_marker_) {
    const auto copy = letter.copies.find(queue);
    if (!letter.answered || copy == letter.copies.end()) continue;
    const auto found = unsettled.find(letter.sequence);
    const bool is_there = found != unsettled.end();
    EXPECT_TRUE(is_there || !SurelyUnsettled(letter, copy->second))
        << marker << " is not seen in " << queue;
    EXPECT_FALSE(is_there && (copy->second.acknowledged || letter.cancelled))
        << marker << " is still seen in " << queue;
    // What goes out in this moment was looked at before.
    const bool was_out = copy->second.delivered < world_->now();
    if (is_there && was_out && SurelyHeld(copy->second)) {
      EXPECT_EQ(found->second.state(), v1::DELIVERY_STATE_LEASED) << marker;
      EXPECT_EQ(found->second.consumer(), copy->second.holder) << marker;
    }
  }
}

void Letters::Replayed(const std::string& queue,
                       const std::set<uint64_t>& sequences) {
  for (const auto& [marker, letter] : by_marker_) {
    if (!letter.answered || !letter.copies.contains(queue)) continue;
    EXPECT_TRUE(sequences.contains(letter.sequence) || letter.cancel_asked)
        << marker << " came to " << queue << ", and is not replayed";
    EXPECT_FALSE(sequences.contains(letter.sequence) && letter.cancelled)
        << marker << " was cancelled";
  }
}

// Of what failed for good once the last attempts are kept.
void Letters::CheckAttempts(const Letter& letter, const std::string& queue,
                            const v1::DeliveryRecord& record) const {
  std::map<int, const v1::AttemptRecord*> kept;
  for (const v1::AttemptRecord& attempt : record.attempts()) {
    kept[attempt.delivery_attempt()] = &attempt;
  }
  const bool has_all = kept.size() < Queue::kMaxAttemptsKept;
  for (const auto& [attempt, failure] : letter.copies.at(queue).failures) {
    if (!has_all && attempt < kept.begin()->first) continue;
    const auto found = kept.find(attempt);
    EXPECT_TRUE(found != kept.end() &&
                found->second->consumer() == failure.consumer &&
                found->second->reason() == failure.reason)
        << letter.marker << ", attempt " << attempt << " in " << queue
        << " is not kept as it was";
  }
}

std::string Letters::CompareEnd(const Letter& letter, const std::string& queue,
                                const v1::DeliveryRecord& record) const {
  const Copy& copy = letter.copies.at(queue);
  if (letter.cancelled) {
    EXPECT_EQ(record.state(), v1::DELIVERY_STATE_CANCELLED) << letter.marker;
    EXPECT_EQ(copy.attempts, 0) << letter.marker;
    return "";
  }
  if (record.state() == v1::DELIVERY_STATE_CANCELLED) {
    EXPECT_TRUE(letter.cancel_asked) << letter.marker;
    return "";
  }
  CheckAttempts(letter, queue, record);
  if (record.state() == v1::DELIVERY_STATE_ACKNOWLEDGED) return "";
  EXPECT_FALSE(copy.acknowledged) << letter.marker << " in " << queue;
  return absl::StrCat(v1::DeliveryState_Name(record.state()), " in ", queue);
}

}  // namespace baton::sim
