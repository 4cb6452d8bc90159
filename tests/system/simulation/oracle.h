#ifndef BATON_TESTS_SYSTEM_SIMULATION_ORACLE_H_
#define BATON_TESTS_SYSTEM_SIMULATION_ORACLE_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "baton/v1/conversation.pb.h"
#include "baton/v1/emergency_service.pb.h"
#include "baton/v1/message.pb.h"
#include "tests/system/simulation/agency_machine.h"
#include "tests/system/simulation/broker_machine.h"

namespace baton::sim {

// Where a thread of messages must arrive.
enum class Destination { kCouncil, kHospital, kPolice, kNowhere };

// Stands outside the machines, notes what people did, were told and saw, and
// knows what must follow from it. What must never happen fails the test at
// once; what must have happened in the end is asked for by Complaints().
class Oracle {
 public:
  // --- What people did. A deed is one message, known by a marker in its
  // payload; the deeds of a thread must arrive in the order they were begun.
  void Began(const std::string& thread, Destination destination,
             const std::string& marker);
  void Acknowledged(const std::string& marker);

  // Somebody at the council opened, took or decided a matter, and was told so.
  struct Answers {
    bool opened = false;
    bool taken = false;
    v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
  };
  Answers& AnswersTo(const std::string& matter_id) {
    return answers_[matter_id];
  }

  // --- What they saw.
  void SawConversation(const v1::Conversation& conversation);
  void SawStatus(const v1::WaitingStatus& status);
  void SawCheckpoint(uint64_t size, const std::string& root);

  // --- In the end: what is missing, doubled, out of order or in disagreement.
  // All machines are up.
  std::vector<std::string> Complaints(BrokerMachine* broker,
                                      EmergencyMachine* emergency,
                                      CouncilMachine* council);

  // The tree grew from the last checkpoint anybody saw, and its leaves give
  // its root.
  void CheckAudit(const BrokerMachine& broker);

  size_t deeds() const { return thread_of_.size(); }

 private:
  struct Thread {
    Destination destination;
    std::vector<std::string> markers;
  };
  using Places = std::map<std::string, std::vector<uint64_t>>;  // By marker.

  void CompareAnswers(const v1::Matter& matter);
  void CheckPlaces(absl::string_view where, const Places& places,
                   bool (*belongs)(Destination));
  void CheckConversations(BrokerMachine* broker, EmergencyMachine* emergency,
                          CouncilMachine* council);
  void Complain(absl::string_view what, absl::string_view whom);

  std::map<std::string, Thread> threads_;
  std::map<std::string, std::string> thread_of_;  // By marker.
  std::map<std::string, bool> acknowledged_;      // By marker.
  std::map<std::string, Answers> answers_;        // By matter.
  // By conversation and commit.
  std::map<std::string, std::map<int64_t, v1::Conversation>> seen_;
  std::map<std::string, v1::WaitingStatus> statuses_;  // By wait.
  uint64_t checkpoint_size_ = 0;
  std::string checkpoint_root_;
  std::vector<std::string> complaints_;
};

// The markers in the payload of a message.
std::vector<std::string> MarkersOf(const v1::Message& message);

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_ORACLE_H_
