#include "services/cli/input.h"

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "services/common/text_config.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

constexpr uintmax_t kMaxBytes = 1 << 20;

absl::Status BadFile(const std::string& file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", file, "\" ", what));
}

// Before anything is read: a directory or a device is not a request either.
absl::Status CheckFile(const std::string& file) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error) {
    return BadFile(file, absl::StrCat("cannot be read: ", error.message()));
  }
  if (size > kMaxBytes) return BadFile(file, "is larger than 1 MiB");
  return absl::OkStatus();
}

absl::Status ReadJson(const std::string& file,
                      google::protobuf::Message* message) {
  auto text = ReadFile(file);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  auto status = google::protobuf::util::JsonStringToMessage(*text, message);
  if (status.ok()) return absl::OkStatus();
  return BadFile(file,
                 absl::StrCat("is not a ", message->GetDescriptor()->name(),
                              " in JSON: ", std::string(status.message())));
}

}  // namespace

absl::Status ReadMessage(const std::string& file,
                         google::protobuf::Message* message) {
  RETURN_IF_ERROR(CheckFile(file));
  if (absl::EndsWith(file, ".json")) return ReadJson(file, message);
  if (absl::EndsWith(file, ".txtpb")) return TextConfig().Read(file, message);
  return BadFile(file, "is neither .json nor .txtpb; rename it to what it is");
}

}  // namespace baton::cli
