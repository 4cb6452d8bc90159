#ifndef BATON_TESTS_BENCH_BROKER_PROCESS_H_
#define BATON_TESTS_BENCH_BROKER_PROCESS_H_

#include <sys/types.h>

#include <string>

namespace baton::bench {

// A baton-broker that the benchmark starts itself. It ends with this object. A
// failure stops the process.
class BrokerProcess {
 public:
  // `port_file` is where its configuration says.
  BrokerProcess(const std::string& program, const std::string& config,
                std::string port_file);
  ~BrokerProcess() { Kill(); }

  // Waits until it listens.
  std::string Address();

  // SIGKILL.
  void Kill();

  // Seconds since it was started.
  double Age() const;

  // A figure of /proc/PID/status, such as VmRSS, in MiB.
  double Memory(const std::string& figure) const;

 private:
  const std::string port_file_;
  const double start_;
  pid_t pid_ = 0;
};

}  // namespace baton::bench

#endif  // BATON_TESTS_BENCH_BROKER_PROCESS_H_
