#ifndef BATON_TESTS_SYSTEM_SIMULATION_LAB_SENDERS_H_
#define BATON_TESTS_SYSTEM_SIMULATION_LAB_SENDERS_H_

#include <string>
#include <vector>

#include "services/common/identity.h"
#include "tests/system/simulation/lab.h"

namespace baton::sim {

// Who publishes in the queue laboratory: a hospital, one by one and in streams,
// and a police force that floods the exchange and has a quota. What is not
// answered is asked again; what was answered too, now and then.
class LabSenders {
 public:
  explicit LabSenders(Lab* lab) : lab_(lab) {}

  void Start();

  // A new letter of the hospital, to be sent by another: as the RPC leaves it.
  Letter* Write() { return Write(HospitalCaller()); }
  static v1::Message Checked(v1::Message message);
  // Asks for it later, until it is answered.
  void Insist(Letter* letter);

 private:
  void SendSometimes();
  void FloodSometimes();
  Letter* Write(const Identity& sender);
  void Address(Letter* letter);
  void Time(Letter* letter);
  void Send(Letter* letter);
  void SendStream(const std::vector<Letter*>& letters);
  void SendChanged(const Letter& letter);
  void Published(Letter* letter, const v1::PublishReceipt& receipt,
                 const std::string& how);
  void Refused(Letter* letter, const absl::Status& why);

  Lab* const lab_;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_LAB_SENDERS_H_
