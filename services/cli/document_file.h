#ifndef BATON_SERVICES_CLI_DOCUMENT_FILE_H_
#define BATON_SERVICES_CLI_DOCUMENT_FILE_H_

#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Documents as files on this machine.
namespace baton::cli {

// The bytes of a document to be added. INVALID_ARGUMENT when it cannot be read,
// is empty, or has more than 20 MiB.
absl::StatusOr<std::string> ReadDocument(const std::string& file);

// What a document seems to be by its first bytes, "image/jpeg"; empty: it does
// not say. Text is whatever is UTF-8 without zero bytes.
std::string GuessMediaType(absl::string_view bytes);

// A document being written: under another name until it is whole, readable by
// this user alone.
class NewDocumentFile {
 public:
  // INVALID_ARGUMENT when `file` exists and `replace` is false, or its folder
  // cannot be written.
  static absl::StatusOr<std::unique_ptr<NewDocumentFile>> Create(
      const std::string& file, bool replace);
  // Removes what was not finished.
  ~NewDocumentFile();
  NewDocumentFile(const NewDocumentFile&) = delete;
  NewDocumentFile& operator=(const NewDocumentFile&) = delete;

  absl::Status Write(absl::string_view bytes);
  // On disk, then under its name. A file that appeared there meanwhile stays,
  // unless `replace`.
  absl::Status Finish();

 private:
  NewDocumentFile(std::string file, bool replace)
      : file_(std::move(file)), replace_(replace) {}

  const std::string file_;
  const bool replace_;
  std::string temporary_;  // Empty once there is none.
  std::FILE* stream_ = nullptr;
};

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_DOCUMENT_FILE_H_
