#ifndef BATON_TESTS_SYSTEM_SIMULATION_LAB_CONSUMERS_H_
#define BATON_TESTS_SYSTEM_SIMULATION_LAB_CONSUMERS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/system/simulation/lab.h"
#include "tests/system/simulation/lab_senders.h"

namespace baton::sim {

// Who consumes in the queue laboratory: two beside each other, and two who now
// and then want to be alone. They acknowledge, give back, reject, extend,
// answer in one commit with what they settle, are late, change their credit,
// leave, and fall silent with messages in their hands.
class LabConsumers {
 public:
  LabConsumers(Lab* lab, LabSenders* senders);

  void Start();

 private:
  class Stream;
  struct Reader {
    std::string queue;
    std::string name;
    int exclusive_percent = 0;
    std::shared_ptr<Stream> stream = nullptr;
    absl::Duration silent_until = {};
  };
  // A message in somebody's hands.
  struct Held {
    size_t reader;
    Letter* letter;
    std::string ack_id;
    int attempt;
  };

  void LookSometimes(size_t reader);
  void Open(size_t reader);
  void Delivered(const std::shared_ptr<Stream>& stream,
                 const v1::ReceivedMessage& message);
  void ExpectAlone(const Stream& stream) const;
  void ExpectTold(std::shared_ptr<Stream> stream, const std::string& ack_id);

  void Decide(const Held& held, int choice);
  void Acknowledge(const Held& held);
  void GiveBack(const Held& held);
  void Reject(const Held& held);
  void Extend(const Held& held);
  void Answer(const Held& held);
  using Then = std::function<void()>;
  // `then` is called when the exchange said that it is done.
  void Settle(const Held& held, SettleKind kind, const std::string& reason,
              std::optional<absl::Duration> duration, Then then);
  // Whether the exchange can have no reason to refuse; asked before it is.
  bool MustBeHeld(const Held& held) const;
  Copy& CopyOf(const Held& held) const {
    return held.letter->copies.at(readers_[held.reader].queue);
  }

  Lab* const lab_;
  LabSenders* const senders_;
  std::vector<Reader> readers_;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_LAB_CONSUMERS_H_
