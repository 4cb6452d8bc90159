#ifndef BATON_TESTS_SYSTEM_SIMULATION_QUEUE_LAB_H_
#define BATON_TESTS_SYSTEM_SIMULATION_QUEUE_LAB_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "baton/v1/broker_service.pb.h"
#include "services/broker/command.h"
#include "tests/system/simulation/broker_machine.h"
#include "tests/system/simulation/oracle.h"
#include "tests/system/simulation/world.h"

namespace baton::sim {

// Everything that can be done with queues, at random, to an exchange that loses
// its power: streams and batches of messages, delays, expiry, competing
// consumers that acknowledge, give back, reject, extend, stall and answer, and
// an operator who pauses, drains, cancels, purges and brings back. What was
// answered must hold; what was not answered is asked again.
class QueueLab {
 public:
  explicit QueueLab(uint64_t seed);

  // Two hours of it; then all is calm, everything is taken, and nothing may be
  // missing.
  void Run();

  // How often each thing was answered OK: a run in which something never
  // happened says nothing about it.
  const std::map<std::string, int>& done() const { return done_; }
  uint64_t digest() const { return world_.digest(); }

 private:
  class Outlet;

  // One queue's copy, as those who asked know it.
  struct Copy {
    int last_attempt = 0;
    uint64_t seen_in_life = 0;  // In which life of the broker that was.
    bool acknowledged = false;  // And told so.
    // Something was asked since the last delivery that may settle it.
    bool in_question = false;
    bool purge_asked = false;
    // With a reader's present stream for sure until `held_until`, in this life
    // of the broker.
    uint64_t held_in_life = 0;
    size_t held_by = 0;
    absl::Duration held_until = {};
  };
  struct Letter {
    v1::Message message;
    bool answered = false;
    uint64_t sequence = 0;
    bool cancel_asked = false;
    bool cancelled = false;                   // And told so.
    std::map<std::string, Copy> copies = {};  // By queue.
  };
  struct Reader {
    std::string queue;
    std::string name;
    std::shared_ptr<Outlet> outlet = nullptr;
  };

  // --- Senders.
  void SendSometimes();
  std::string Write();  // A new letter; its marker.
  void Send(std::vector<std::string> markers);
  void SendStream(const std::vector<std::string>& markers);
  void Answered(const std::string& marker, const v1::PublishReceipt& receipt);

  // --- Consumers.
  void ReadSometimes(size_t reader);
  void Delivered(size_t reader, const v1::ReceivedMessage& message);
  void CheckDelivery(const std::string& queue, const std::string& marker,
                     const v1::ReceivedMessage& message);
  void CheckOrder(const std::string& queue, const Letter& letter);
  void Settle(const std::string& queue, const std::string& marker,
              const std::string& ack_id, int choice);
  void AnswerWithLetter(const std::string& queue, const std::string& marker,
                        const std::string& ack_id);

  // --- The operator.
  void OperateSometimes();
  void Redrive(int max_per_second);
  void SetMode(const std::string& queue, v1::QueueMode mode);
  void CancelOne();
  void Purge(const std::string& queue);

  // --- Trouble, and the end of it.
  void PlanTrouble();
  void ExpectNothingMissing();
  // How it still stands; empty: it is settled, as everybody was told.
  std::string StillWaits(const std::string& marker, const Letter& letter);
  template <typename Act>
  void Do(Act act, Done<typename Act::Answer> done);
  void Did(const std::string& what) { ++done_[what]; }

  World world_;
  Oracle oracle_;
  BrokerMachine broker_;
  std::map<std::string, Letter> letters_;  // By marker.
  std::vector<Reader> readers_;
  std::set<std::string> paused_;  // Told so, and not asked to serve since.
  bool calm_ = false;
  int last_letter_ = 0;
  int last_request_ = 0;
  std::map<std::string, int> done_;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_QUEUE_LAB_H_
