#include "services/cli/client_config.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/common/text_config.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

bool IsAddress(const std::string& text) {
  return text.empty() || text.rfind(':') != std::string::npos;
}

absl::Status Validate(const v1::ClientConfig& config, const TextConfig& text) {
  Faults faults;
  auto check = [&](bool holds, absl::string_view field,
                   absl::string_view fault) {
    if (!holds) faults.Add(text.Where(field), fault);
  };
  const v1::TlsConfig& tls = config.tls();
  const char* required = "is required; name a PEM file";
  check(!tls.ca_file().empty(), "tls.ca_file", required);
  check(!tls.certificate_file().empty(), "tls.certificate_file", required);
  check(!tls.key_file().empty(), "tls.key_file", required);
  const char* shape = "is not host:port";
  check(IsAddress(config.broker_address()), "broker_address", shape);
  check(IsAddress(config.emergency_address()), "emergency_address", shape);
  check(IsAddress(config.council_address()), "council_address", shape);
  check(!config.has_call_deadline() ||
            FromProto(config.call_deadline()) > absl::ZeroDuration(),
        "call_deadline", "is not longer than 0 s");
  return faults.ToStatus();
}

}  // namespace

absl::StatusOr<v1::ClientConfig> LoadClientConfig(const std::string& file) {
  v1::ClientConfig config;
  TextConfig text;
  absl::Status read = text.Read(file, &config);
  if (!read.ok() && !absl::IsInvalidArgument(read)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no configuration: ", read.message(),
        "\nname one with --config or $BATON_CONFIG; deploy/examples/"
        "client.txtpb is one to start from"));
  }
  RETURN_IF_ERROR(read);
  RETURN_IF_ERROR(Validate(config, text));
  if (config.checkpoint_file().empty()) {
    const auto directory = std::filesystem::absolute(file).parent_path();
    config.set_checkpoint_file((directory / "checkpoint").string());
  }
  return config;
}

}  // namespace baton::cli
