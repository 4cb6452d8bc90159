#include "tests/bench/broker_process.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "tests/bench/peers/common.h"

extern char** environ;

namespace baton::bench {

using ::bench::Die;
using ::bench::Seconds;

BrokerProcess::BrokerProcess(const std::string& program,
                             const std::string& config, std::string port_file)
    : port_file_(std::move(port_file)), start_(Seconds()) {
  std::filesystem::remove(port_file_);
  std::string arguments[] = {program, "--config", config};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(),
                  nullptr};
  if (posix_spawn(&pid_, program.c_str(), nullptr, nullptr, argv, environ)) {
    Die("cannot start " + program);
  }
}

std::string BrokerProcess::Address() {
  while (true) {
    std::string port;
    if (std::ifstream(port_file_) >> port) return "127.0.0.1:" + port;
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) Die("the broker stopped");
    usleep(2000);
  }
}

void BrokerProcess::Kill() {
  if (pid_ == 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

double BrokerProcess::Age() const { return Seconds() - start_; }

double BrokerProcess::Memory(const std::string& figure) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(figure + ":", 0) == 0) {
      return std::stod(line.substr(figure.size() + 1)) / 1024;
    }
  }
  return -1;
}

}  // namespace baton::bench
