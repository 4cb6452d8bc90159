#ifndef BATON_SERVICES_COMMON_TEXT_CONFIG_H_
#define BATON_SERVICES_COMMON_TEXT_CONFIG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "services/common/faults.h"

namespace baton {

// A configuration file: one text-format protobuf. Remembers where each field
// stands, so that a fault found later still names its line.
//
// Not thread-safe.
class TextConfig {
 public:
  // Reads `file` into `config`. INVALID_ARGUMENT lists all unknown fields and
  // the first break of syntax as "file:line:column"; NOT_FOUND when there is
  // no such file.
  // Relative names in fields that end in "_file" or "_directory" become
  // relative to the directory of `file`.
  absl::Status Read(const std::string& file, google::protobuf::Message* config);

  // "file:line: path" of a field such as "agencies[2].desks[0].name"; of the
  // nearest field around it when it is not in the file.
  std::string Where(absl::string_view path) const;

 private:
  std::string file_;
  const google::protobuf::Descriptor* type_ = nullptr;
  google::protobuf::TextFormat::ParseInfoTree locations_;
};

// The whole content of `file`. NOT_FOUND or PERMISSION_DENIED name it.
absl::StatusOr<std::string> ReadFile(const std::string& file);

// A secret of exactly `size` bytes. FAILED_PRECONDITION when the file can be
// read by group or others, or has another size.
absl::StatusOr<std::string> ReadKeyFile(const std::string& file, size_t size);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_TEXT_CONFIG_H_
