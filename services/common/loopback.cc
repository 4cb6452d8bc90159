#include "services/common/loopback.h"

#include <arpa/inet.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace baton {
namespace {

constexpr int kMaxPort = 65535;
constexpr uint32_t kLoopbackNet = 127;

bool IsLoopbackIp(const std::string& ip) {
  in_addr v4;
  if (inet_pton(AF_INET, ip.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == kLoopbackNet;
  }
  in6_addr v6;
  return inet_pton(AF_INET6, ip.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

absl::StatusOr<LoopbackAddress> ParseLoopback(absl::string_view address) {
  const absl::Status refusal = absl::InvalidArgumentError(absl::StrCat(
      "is ", address,
      "; plain text is for loopback alone: 127.0.0.1, [::1] or localhost, and "
      "a port"));
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return refusal;
  LoopbackAddress parsed;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &parsed.port) ||
      parsed.port < 0 || parsed.port > kMaxPort) {
    return refusal;
  }
  absl::string_view host = address.substr(0, colon);
  const bool bracketed =
      absl::ConsumePrefix(&host, "[") && absl::ConsumeSuffix(&host, "]");
  parsed.ip = host == "localhost" ? "127.0.0.1" : std::string(host);
  const bool is_v6 = absl::StrContains(parsed.ip, ":");
  if (is_v6 != bracketed || !IsLoopbackIp(parsed.ip)) return refusal;
  return parsed;
}

absl::Status CheckLoopbackOrSocket(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return absl::OkStatus();
  return ParseLoopback(address).status();
}

}  // namespace baton
