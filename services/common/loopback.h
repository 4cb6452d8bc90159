#ifndef BATON_SERVICES_COMMON_LOOPBACK_H_
#define BATON_SERVICES_COMMON_LOOPBACK_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Addresses that only processes of this machine can reach.
namespace baton {

// A place to listen on, as an IP address and a port.
struct LoopbackAddress {
  std::string ip;
  int port;
};

// "127.0.0.1:9440", "[::1]:9440" or "localhost:9440"; port 0 means any.
// INVALID_ARGUMENT for everything else, also for names that may well mean this
// machine: what a name means is not ours to decide.
absl::StatusOr<LoopbackAddress> ParseLoopback(absl::string_view address);

// The same, or "unix:" and the path of a socket.
absl::Status CheckLoopbackOrSocket(absl::string_view address);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_LOOPBACK_H_
