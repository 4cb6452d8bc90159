#ifndef BATON_SERVICES_CLI_FACTS_H_
#define BATON_SERVICES_CLI_FACTS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/case_service.pb.h"
#include "services/cli/handshake.h"

// What `baton doctor` saw, before anything is made of it.
namespace baton::cli {

// Somebody we connect to.
struct Peer {
  std::string name;         // "police service", "exchange"
  bool is_exchange;         // Otherwise our own agency's service.
  std::string address;      // Empty: the configuration has none.
  std::string server_name;  // What its certificate must name.
  Handshake handshake;
};

struct Facts {
  absl::Time now;             // By this machine's clock.
  absl::Duration expiring;    // A certificate that ends sooner is a warning.
  std::string configuration;  // Which file and context; it was read.

  absl::Status files;            // Of TLS; see CheckTlsFiles.
  std::string own_certificates;  // PEM, of tls.certificate_file.
  std::string authorities;       // PEM, of tls.ca_file.

  // Absent: only this machine was looked at, or an operator's, and the
  // exchange.
  std::optional<Peer> service;
  std::optional<Peer> exchange;
  // What became of the test message, at `answered` by this machine's clock.
  absl::StatusOr<v1::TestExchangeResponse> test =
      absl::UnavailableError("it was not asked");
  absl::Time answered;
};

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_FACTS_H_
