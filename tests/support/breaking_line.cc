#include "tests/support/breaking_line.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>
#include <vector>

namespace baton {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool SendAll(int to, const char* bytes, ssize_t size) {
  while (size > 0) {
    const ssize_t sent =
        send(to, bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes += sent;
    size -= sent;
  }
  return true;
}

}  // namespace

BreakingLine::BreakingLine(int server_port) : server_port_(server_port) {
  listener_ = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (pipe(wake_) != 0 ||
      bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) !=
          0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

BreakingLine::~BreakingLine() {
  close(wake_[1]);
  thread_.join();
  while (!other_end_.empty()) Close(other_end_.begin()->first);
  close(wake_[0]);
  close(listener_);
}

void BreakingLine::HoldAfter(int64_t bytes) {
  MutexLock lock(&mu_);
  hold_after_ = bytes;
}

void BreakingLine::Break() {
  if (write(wake_[1], "!", 1) != 1) std::abort();
}

bool BreakingLine::IsHeld() const {
  MutexLock lock(&mu_);
  return hold_after_.has_value() && *hold_after_ <= 0;
}

void BreakingLine::BreakNow() {
  while (!other_end_.empty()) Close(other_end_.begin()->first);
  MutexLock lock(&mu_);
  hold_after_.reset();
  bytes_since_ = 0;
  ++breaks_;
}

int BreakingLine::breaks() const {
  MutexLock lock(&mu_);
  return breaks_;
}

int64_t BreakingLine::bytes_since() const {
  MutexLock lock(&mu_);
  return bytes_since_;
}

void BreakingLine::Run() {
  while (true) {
    std::vector<pollfd> ready = {{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& [end, other] : other_end_) {
      if (!is_client_.at(end) || !IsHeld()) ready.push_back({end, POLLIN, 0});
    }
    if (poll(ready.data(), ready.size(), -1) < 0) continue;
    if (ready[0].revents != 0) {
      char woken;
      if (read(wake_[0], &woken, 1) != 1) return;
      BreakNow();
    }
    if (ready[1].revents != 0) Accept();
    for (size_t i = 2; i < ready.size(); ++i) {
      const int end = ready[i].fd;
      if (ready[i].revents == 0 || !other_end_.contains(end)) continue;
      if (!Pass(end, is_client_.at(end))) Close(end);
    }
  }
}

void BreakingLine::Accept() {
  const int client = accept(listener_, nullptr, nullptr);
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = Loopback(server_port_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address),
              sizeof(address)) != 0) {
    close(client);
    close(server);
    return;
  }
  other_end_[client] = server;
  other_end_[server] = client;
  is_client_[client] = true;
  is_client_[server] = false;
}

bool BreakingLine::Pass(int from, bool to_server) {
  char bytes[16 << 10];
  const ssize_t size = recv(from, bytes, sizeof(bytes), 0);
  if (size <= 0) return false;
  if (to_server) {
    MutexLock lock(&mu_);
    bytes_since_ += size;
    if (hold_after_.has_value()) *hold_after_ -= size;
  }
  return SendAll(other_end_.at(from), bytes, size);
}

void BreakingLine::Close(int end) {
  for (const int each : {end, other_end_.at(end)}) {
    other_end_.erase(each);
    is_client_.erase(each);
    close(each);
  }
}

}  // namespace baton
