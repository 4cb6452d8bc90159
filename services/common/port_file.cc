#include "services/common/port_file.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace baton {

absl::Status WritePortFile(const std::string& file, int port) {
  if (file.empty()) return absl::OkStatus();
  const std::string part = file + ".part";
  std::ofstream(part) << port << "\n";
  std::error_code error;
  std::filesystem::rename(part, file, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot write ", file, ": ", error.message()));
  }
  return absl::OkStatus();
}

}  // namespace baton
