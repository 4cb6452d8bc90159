#ifndef BATON_TESTS_SYSTEM_SIMULATION_LETTERS_H_
#define BATON_TESTS_SYSTEM_SIMULATION_LETTERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "baton/v1/broker_service.pb.h"
#include "baton/v1/queue_service.pb.h"
#include "baton/v1/record.pb.h"
#include "services/broker/queue.h"
#include "services/common/identity.h"
#include "tests/system/simulation/broker_machine.h"
#include "tests/system/simulation/world.h"

namespace baton::sim {

// Deliveries before a copy becomes a dead letter.
inline constexpr int kMaxAttempts = 3;

// One queue's copy of a letter, as those who asked know it.
struct Copy {
  int attempts = 0;                // The last that was delivered.
  uint64_t seen_in_life = 0;       // In which life of the exchange that was.
  bool acknowledged = false;       // And told so.
  bool in_question = false;        // Since then, something asked may settle it.
  bool may_be_purged = false;      // A purge was asked for.
  bool may_come_back = false;      // A redrive was, that means it.
  bool came_back = false;          // And was delivered so.
  absl::Duration not_before = {};  // Given back until then, and told so.
  absl::Duration delivered = {};   // The last time.
  // With consumer `holder` for sure until then, in this life of the exchange.
  std::string holder = {};
  uint64_t held_in_life = 0;
  absl::Duration held_until = {};
  // Turns its queue had taken when it was published.
  size_t turns_before = 0;
  struct Failure {
    std::string consumer;
    std::string reason;
  };
  std::map<int, Failure> failures = {};  // Told so; by attempt.
};

struct Letter {
  std::string marker;
  Identity sender;
  v1::Message message;
  absl::Duration written = {};
  bool answered = false;
  uint64_t published_in_life = 0;  // Of the exchange; 0: nobody knows.
  uint64_t sequence = 0;
  // The exchange will never take it: it expired, or its key got too old.
  bool hopeless = false;
  bool cancel_asked = false;
  bool cancelled = false;                   // And told so.
  std::map<std::string, Copy> copies = {};  // By queue.
};

// What was asked and told about all letters, and what must follow from it: what
// must never happen fails the test at once.
class Letters {
 public:
  static constexpr absl::Duration kIdempotencyWindow = absl::Hours(24 * 90);
  // Younger than this, a message gets no turn for its age.
  static constexpr absl::Duration kYoung = absl::Minutes(9);

  static bool HasMark(const v1::Message& message, v1::MarkCode code);

  // Both must outlive it.
  Letters(World* world, const BrokerMachine* broker)
      : world_(world), broker_(broker) {}

  Letter& Add(Letter letter);
  Letter& at(const std::string& marker) { return by_marker_.at(marker); }
  std::map<std::string, Letter>& all() { return by_marker_; }

  // --- What senders were told. Nothing else is an answer.
  void Published(Letter* letter, const v1::PublishReceipt& receipt);
  void Refused(Letter* letter, const absl::Status& why);

  // --- What consumers asked, got and were told.

  // A new stream of `consumer`: what its last one held is free.
  void Takes(const std::string& queue, const std::string& consumer);
  // `consumer` may hold `credit` messages at once.
  Letter* Delivered(const std::string& queue, const std::string& consumer,
                    int credit, absl::Duration lease,
                    const v1::ReceivedMessage& received);
  bool SurelyHeld(const Copy& copy) const {
    return copy.held_in_life == broker_->life() &&
           world_->now() < copy.held_until;
  }
  void LeaseRanOut(const std::string& queue, const std::string& consumer,
                   const std::string& ack_id);

  // --- What operators asked, and were told.
  void AskedMode(const std::string& queue) { modes_.erase(queue); }
  void ToldMode(const std::string& queue, v1::QueueMode mode) {
    modes_[queue] = mode;
  }
  void AskedPurge(const std::string& queue);
  void AskedRedrive(const std::string& queue, const v1::MessageFilter& filter);
  void Browsed(const std::string& queue,
               const std::map<uint64_t, v1::DeliveryRecord>& unsettled);
  void Replayed(const std::string& queue, const std::set<uint64_t>& sequences);

  // What became of a copy agrees with what was told. Returns what it still
  // waits for; empty: nothing.
  std::string CompareEnd(const Letter& letter, const std::string& queue,
                         const v1::DeliveryRecord& record) const;

 private:
  // A delivery.
  struct Turn {
    const Letter* letter;
    std::string consumer;
    absl::Duration time;
  };

  bool HasMode(const std::string& queue, v1::QueueMode mode) const {
    const auto it = modes_.find(queue);
    return it != modes_.end() && it->second == mode;
  }
  // Ready without doubt since it was published, and in nobody's line.
  bool SurelyReady(const Letter& letter, const Copy& copy) const;
  // Not settled without doubt.
  bool SurelyUnsettled(const Letter& letter, const Copy& copy) const;

  void CheckAttempts(const Letter& letter, const std::string& queue,
                     const v1::DeliveryRecord& record) const;
  void CheckMayCome(const Letter& letter, const std::string& queue,
                    const v1::ReceivedMessage& received) const;
  void CheckTimes(const Letter& letter, const Copy& copy, bool came_back) const;
  void CheckOrder(const Letter& letter, const std::string& queue,
                  const v1::ReceivedMessage& received) const;
  void CheckCredit(const std::string& queue, const std::string& consumer,
                   int credit) const;
  void ExpectItsTurns(const Letter& letter, const std::string& queue,
                      const std::string& consumer);
  void CheckTurns(const Letter& letter, const std::string& queue,
                  const std::string& consumer, size_t place) const;
  // What is higher goes out in the same moment, or was wrongly overtaken.
  void ExpectNothingHigherWaits(const Letter& letter, const std::string& queue);

  World* const world_;
  const BrokerMachine* const broker_;
  std::map<std::string, Letter> by_marker_;
  std::map<uint64_t, Letter*> by_sequence_;
  std::map<std::string, std::vector<Turn>> turns_;  // By queue.
  std::map<std::string, v1::QueueMode> modes_;  // Told, and no other asked for.
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_LETTERS_H_
