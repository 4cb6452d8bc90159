#include "services/cli/input.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "services/cli/suggest.h"
#include "services/common/faults.h"
#include "services/common/text_config.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Struct;
using google::protobuf::Value;

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

const FieldDescriptor* FieldOf(const Descriptor& type, const std::string& key) {
  const FieldDescriptor* field = type.FindFieldByName(key);
  return field != nullptr ? field : type.FindFieldByCamelcaseName(key);
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) {
    names.push_back(type.field(i)->name());
  }
  return names;
}

std::vector<std::string> ValueNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 1; i < type.value_count(); ++i) {
    names.push_back(type.value(i)->name());
  }
  return names;
}

void CheckObject(const Struct& object, const Descriptor& type,
                 const std::string& path, Faults* faults);

void CheckValue(const Value& value, const FieldDescriptor& field,
                const std::string& path, Faults* faults) {
  const EnumDescriptor* const words = field.enum_type();
  const Descriptor* const type = field.message_type();
  if (value.has_list_value()) {
    for (int i = 0; i < value.list_value().values_size(); ++i) {
      const Value& item = value.list_value().values(i);
      if (item.has_list_value()) continue;
      CheckValue(item, field, absl::StrCat(path, "[", i, "]"), faults);
    }
  } else if (type != nullptr && value.has_struct_value()) {
    CheckObject(value.struct_value(), *type, path, faults);
  } else if (words != nullptr && value.kind_case() == Value::kStringValue &&
             words->FindValueByName(value.string_value()) == nullptr) {
    faults->Add(
        path,
        absl::StrCat("is not one of ", absl::StrJoin(ValueNames(*words), ", "),
                     DidYouMean(value.string_value(), ValueNames(*words))));
  }
}

// The names and words of `object` that `type` has not. The map has no order of
// its own.
void CheckObject(const Struct& object, const Descriptor& type,
                 const std::string& path, Faults* faults) {
  const std::map<std::string, Value> members(object.fields().begin(),
                                             object.fields().end());
  for (const auto& [key, value] : members) {
    const std::string here = path.empty() ? key : absl::StrCat(path, ".", key);
    const FieldDescriptor* const field = FieldOf(type, key);
    if (field == nullptr) {
      faults->Add(here, absl::StrCat("is no field of a ", type.name(),
                                     DidYouMean(key, FieldNames(type))));
    } else {
      CheckValue(value, *field, here, faults);
    }
  }
}

// Every name and word that is wrong at once, where protobuf's own parser tells
// of one; OK when none is, or the text is no JSON at all.
absl::Status CheckNames(const std::string& file, const std::string& text,
                        const Descriptor& type) {
  Struct object;
  if (!google::protobuf::util::JsonStringToMessage(text, &object).ok()) {
    return absl::OkStatus();
  }
  Faults faults;
  CheckObject(object, type, "", &faults);
  return faults
      .Mapped([&file](absl::string_view field) {
        return absl::StrCat(file, ": ", field);
      })
      .ToStatus();
}

absl::Status ReadJson(const std::string& file,
                      google::protobuf::Message* message) {
  auto text = ReadFile(file);
  if (!text.ok()) return absl::InvalidArgumentError(text.status().message());
  auto status = google::protobuf::util::JsonStringToMessage(*text, message);
  if (status.ok()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckNames(file, *text, *message->GetDescriptor()));
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
