#include "services/common/text_config.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "storage/status.h"

namespace baton {
namespace {

// Collects every fault the parser finds, with its place.
class Collector : public google::protobuf::io::ErrorCollector {
 public:
  explicit Collector(const std::string& file) : file_(file) {}

  // Lines and columns count from 0; a line of -1 concerns the whole file.
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    faults_.Add(absl::StrCat(file_, ":", line + 1, ":", column + 1), message);
  }
  // Unknown fields are let through as warnings so that all are found at once.
  void AddWarning(int line, google::protobuf::io::ColumnNumber column,
                  const std::string& message) override {
    AddError(line, column, message);
  }

  const Faults& faults() const { return faults_; }

 private:
  const std::string file_;
  Faults faults_;
};

bool IsFileField(const google::protobuf::FieldDescriptor& field) {
  return field.cpp_type() ==
             google::protobuf::FieldDescriptor::CPPTYPE_STRING &&
         !field.is_repeated() &&
         (absl::EndsWith(field.name(), "_file") ||
          absl::EndsWith(field.name(), "_directory"));
}

void ResolveFiles(const std::filesystem::path& directory,
                  google::protobuf::Message* message) {
  const auto* reflection = message->GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection->ListFields(*message, &fields);
  for (const auto* field : fields) {
    if (IsFileField(*field)) {
      const std::string value = reflection->GetString(*message, field);
      reflection->SetString(message, field, (directory / value).string());
    } else if (field->cpp_type() ==
               google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) {
        ResolveFiles(directory, reflection->MutableMessage(message, field));
        continue;
      }
      for (int i = 0; i < reflection->FieldSize(*message, field); ++i) {
        ResolveFiles(directory,
                     reflection->MutableRepeatedMessage(message, field, i));
      }
    }
  }
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot read ", file, ": it is a directory"));
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    const std::string text =
        absl::StrCat("cannot read ", file, ": ", std::string(strerror(errno)));
    return errno == ENOENT ? absl::NotFoundError(text)
                           : absl::PermissionDeniedError(text);
  }
  std::stringstream content;
  content << stream.rdbuf();
  return std::move(content).str();
}

absl::StatusOr<std::string> ReadKeyFile(const std::string& file, size_t size) {
  ASSIGN_OR_RETURN(std::string key, ReadFile(file));
  struct stat info {};
  if (stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        file, " holds a key and can be read by others: chmod 600 it"));
  }
  if (key.size() != size) {
    return absl::FailedPreconditionError(
        absl::StrCat(file, " must hold exactly ", size, " bytes, not ",
                     key.size(), ": make it with deploy/make-certs"));
  }
  return key;
}

absl::Status TextConfig::Read(const std::string& file,
                              google::protobuf::Message* config) {
  file_ = file;
  type_ = config->GetDescriptor();
  ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
  Collector collector(file);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.AllowUnknownField(true);
  parser.WriteLocationsTo(&locations_);
  parser.ParseFromString(text, config);
  RETURN_IF_ERROR(collector.faults().ToStatus());
  ResolveFiles(std::filesystem::absolute(file).parent_path(), config);
  return absl::OkStatus();
}

std::string TextConfig::Where(absl::string_view path) const {
  const google::protobuf::TextFormat::ParseInfoTree* tree = &locations_;
  const google::protobuf::Descriptor* type = type_;
  int line = 0;
  for (absl::string_view step : absl::StrSplit(path, '.')) {
    const size_t bracket = step.find('[');
    int index = -1;
    if (bracket != absl::string_view::npos &&
        !absl::SimpleAtoi(step.substr(bracket + 1, step.size() - bracket - 2),
                          &index)) {
      break;
    }
    const auto* field =
        type == nullptr
            ? nullptr
            : type->FindFieldByName(std::string(step.substr(0, bracket)));
    if (tree == nullptr || field == nullptr) break;
    if (field->is_repeated() && index < 0) index = 0;
    const int found = tree->GetLocation(field, index).line;
    if (found < 0) break;
    line = found;
    type = field->message_type();
    tree = type == nullptr ? nullptr : tree->GetTreeForNested(field, index);
  }
  return absl::StrCat(file_, ":", line + 1, ": ", path);
}

}  // namespace baton
