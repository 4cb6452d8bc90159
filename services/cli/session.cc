#include "services/cli/session.h"

#include <map>

#include "absl/strings/escaping.h"
#include "services/common/certificate.h"
#include "services/common/environment.h"
#include "services/common/proto_time.h"
#include "services/common/text_config.h"

namespace baton::cli {
namespace {

constexpr absl::Duration kDefaultCallDeadline = absl::Seconds(10);

// As in deploy/config.
std::string UsualAddress(absl::string_view field) {
  const std::map<absl::string_view, absl::string_view> ports = {
      {"broker_address", "7440"},
      {"emergency_address", "7441"},
      {"council_address", "7442"},
      {"police_address", "7443"},
      {"school_address", "7444"}};
  const auto port = ports.find(field);
  return absl::StrCat("localhost:",
                      port == ports.end() ? "7440" : port->second);
}

}  // namespace

v1::Environment ExchangeEnvironment(const v1::ClientConfig& config) {
  const auto pem = ReadFile(config.tls().certificate_file());
  if (!pem.ok()) return v1::ENVIRONMENT_UNSPECIFIED;
  const std::vector<std::string> uris = SpiffeUris(*pem);
  return EnvironmentOf(uris.empty() ? "" : TrustDomainOf(uris[0]));
}

absl::Duration CallDeadline(const v1::ClientConfig& config) {
  return config.has_call_deadline() ? FromProto(config.call_deadline())
                                    : kDefaultCallDeadline;
}

std::string NewRequestId(RandomSource& random) {
  std::string bytes = random.Bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  std::string uuid = absl::BytesToHexString(bytes);
  for (size_t dash : {20, 16, 12, 8}) uuid.insert(dash, "-");
  return uuid;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(
    const Session& session, absl::string_view field,
    const std::string& address) {
  if (address.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the configuration has no ", field, "; add it, for example ", field,
        ": \"", UsualAddress(field), "\""));
  }
  return session.environment.dial(address, session.config);
}

}  // namespace baton::cli
