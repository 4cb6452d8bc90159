#ifndef BATON_TESTS_SYSTEM_SIMULATION_LAB_OPERATOR_H_
#define BATON_TESTS_SYSTEM_SIMULATION_LAB_OPERATOR_H_

#include <map>
#include <string>

#include "absl/time/time.h"
#include "baton/v1/queue_service.pb.h"
#include "tests/system/simulation/lab.h"

namespace baton::sim {

// Who looks after the queues of the laboratory: pauses, drains, cancels,
// purges, brings back, stops that, and looks without taking.
class LabOperator {
 public:
  explicit LabOperator(Lab* lab) : lab_(lab) {}

  void Start() { ActSometimes(); }
  // Everything serves, and all dead letters come back.
  void Tidy();

 private:
  // What is known of a job that somebody asked for.
  struct KnownJob {
    absl::Duration asked = {};
    v1::Job last_seen = {};
  };

  void ActSometimes();
  void SetMode(const std::string& queue, v1::QueueMode mode);
  void CancelOne();
  v1::MessageFilter SomeFilter();
  void RedriveSome(const std::string& queue);
  void Redrive(const std::string& queue, v1::RedriveMessagesRequest request);
  void Stop(const std::string& job_id);
  void LookAtJobs(const std::string& queue);
  void SawJob(const v1::Job& job);
  void Purge(const std::string& queue, const std::string& counted);
  void Browse(const std::string& queue);
  void Replay(const std::string& queue);

  Lab* const lab_;
  std::map<std::string, KnownJob> jobs_;  // By id.
  int last_request_ = 0;
};

}  // namespace baton::sim

#endif  // BATON_TESTS_SYSTEM_SIMULATION_LAB_OPERATOR_H_
