#include "services/cli/checkpoint_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "services/common/text_config.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

constexpr int kMaxEvidenceFiles = 1000;

absl::Status FileError(absl::string_view what, const std::string& file) {
  return absl::InternalError(
      absl::StrCat(what, " \"", file, "\": ", std::strerror(errno)));
}

// Writes and syncs a file that must not exist yet (O_EXCL) or may (O_TRUNC).
absl::Status WriteSynced(const std::string& file, absl::string_view content,
                         int flags) {
  const int fd =
      open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  if (fd < 0) return FileError("cannot create", file);
  const bool written = write(fd, content.data(), content.size()) ==
                           static_cast<ssize_t>(content.size()) &&
                       fsync(fd) == 0;
  absl::Status status;
  if (!written) status = FileError("cannot write", file);
  close(fd);
  return status;
}

absl::Status SyncDirectoryOf(const std::string& file) {
  std::string directory = std::filesystem::path(file).parent_path().string();
  if (directory.empty()) directory = ".";
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileError("cannot open", directory);
  absl::Status status;
  if (fsync(fd) != 0) status = FileError("cannot sync", directory);
  close(fd);
  return status;
}

}  // namespace

absl::StatusOr<std::string> ReadCheckpointFile(const std::string& file) {
  std::error_code error;
  const auto type = std::filesystem::status(file, error).type();
  if (type == std::filesystem::file_type::not_found) return std::string();
  auto note = ReadFile(file);
  if (!note.ok()) {
    return absl::InternalError(
        absl::StrCat("the stored checkpoint: ", note.status().message()));
  }
  return note;
}

absl::Status WriteCheckpointFile(const std::string& file,
                                 absl::string_view note) {
  const std::string temporary = file + ".new";
  RETURN_IF_ERROR(WriteSynced(temporary, note, O_TRUNC));
  if (std::rename(temporary.c_str(), file.c_str()) != 0) {
    return FileError("cannot replace", file);
  }
  return SyncDirectoryOf(file);
}

absl::StatusOr<std::string> KeepEvidence(const std::string& file,
                                         absl::string_view note) {
  absl::Status status;
  for (int i = 1; i <= kMaxEvidenceFiles; ++i) {
    const std::string name =
        i == 1 ? file + ".conflict" : absl::StrCat(file, ".conflict-", i);
    status = WriteSynced(name, note, O_EXCL);
    if (status.ok()) return name;
    if (errno != EEXIST) break;
  }
  return status;
}

}  // namespace baton::cli
