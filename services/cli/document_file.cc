#include "services/cli/document_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/checks.h"
#include "services/common/media_type.h"
#include "services/common/text_config.h"

namespace baton::cli {
namespace {

constexpr uintmax_t kMaxBytes = 20 << 20;

absl::Status BadFile(const std::string& file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", file, "\" ", what));
}

absl::Status Exists(const std::string& file) {
  return BadFile(file, "exists; choose another name, or say --force");
}

absl::Status Failed(const std::string& file) {
  return absl::UnknownError(
      absl::StrCat("\"", file, "\" cannot be written: ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::string> ReadDocument(const std::string& file) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error) {
    return BadFile(file, absl::StrCat("cannot be read: ", error.message()));
  }
  if (size == 0) return BadFile(file, "is empty");
  if (size > kMaxBytes) return BadFile(file, "is larger than 20 MiB");
  absl::StatusOr<std::string> bytes = ReadFile(file);
  if (!bytes.ok()) return BadFile(file, bytes.status().message());
  return bytes;
}

std::string GuessMediaType(absl::string_view bytes) {
  for (const char* type : {"image/jpeg", "image/png", "application/pdf"}) {
    if (CheckSignature(type, bytes).ok()) return type;
  }
  if (CheckSignature("video/mp4", bytes).ok()) {
    return absl::StartsWith(bytes.substr(8), "M4A") ? "audio/mp4" : "video/mp4";
  }
  if (absl::StartsWith(bytes, "ID3") || absl::StartsWith(bytes, "\xff\xfb")) {
    return "audio/mpeg";
  }
  if (IsUtf8(bytes) && CheckSignature("text/plain", bytes).ok()) {
    return "text/plain";
  }
  return "";
}

absl::StatusOr<std::unique_ptr<NewDocumentFile>> NewDocumentFile::Create(
    const std::string& file, bool replace) {
  std::error_code error;
  if (!replace && std::filesystem::exists(file, error)) return Exists(file);
  std::unique_ptr<NewDocumentFile> made(new NewDocumentFile(file, replace));
  std::string name = absl::StrCat(file, ".part-XXXXXX");
  const int descriptor = mkstemp(name.data());
  if (descriptor < 0) {
    return BadFile(file,
                   absl::StrCat("cannot be written: ", std::strerror(errno)));
  }
  made->temporary_ = name;
  made->stream_ = fdopen(descriptor, "wb");
  if (made->stream_ == nullptr) {
    close(descriptor);
    return Failed(file);
  }
  return made;
}

NewDocumentFile::~NewDocumentFile() {
  if (stream_ != nullptr) std::fclose(stream_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

absl::Status NewDocumentFile::Write(absl::string_view bytes) {
  return std::fwrite(bytes.data(), 1, bytes.size(), stream_) == bytes.size()
             ? absl::OkStatus()
             : Failed(file_);
}

absl::Status NewDocumentFile::Finish() {
  if (std::fflush(stream_) != 0 || fsync(fileno(stream_)) != 0) {
    return Failed(file_);
  }
  if (replace_) {
    if (std::rename(temporary_.c_str(), file_.c_str()) != 0) {
      return Failed(file_);
    }
    temporary_.clear();
    return absl::OkStatus();
  }
  // A link is never made over an existing file; the destructor takes the other
  // name away.
  if (link(temporary_.c_str(), file_.c_str()) == 0) return absl::OkStatus();
  return errno == EEXIST ? Exists(file_) : Failed(file_);
}

}  // namespace baton::cli
