#ifndef BATON_SERVICES_CLI_HANDSHAKE_H_
#define BATON_SERVICES_CLI_HANDSHAKE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "baton/v1/config.pb.h"

namespace baton::cli {

// How far a connection to a service came. gRPC says only that there is none.
struct Handshake {
  // NOT_FOUND: nobody knows the name. UNAVAILABLE: nobody answers there.
  absl::Status connected;
  // UNAVAILABLE: TLS came to nothing, or the other side refused our
  // certificate; in the words of whichever refused.
  absl::Status secured;
  // The chain that the other side showed, PEM; empty: none. Nothing in it has
  // been judged.
  std::string certificates;
};

// Connects to `address` (host:port) with the certificate of `tls`, as far as
// the first bytes of gRPC, and hangs up. Each step takes at most `patience`.
// One at a time: SIGPIPE is ignored meanwhile.
Handshake ShakeHands(const std::string& address, const std::string& server_name,
                     const v1::TlsConfig& tls, absl::Duration patience);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_HANDSHAKE_H_
