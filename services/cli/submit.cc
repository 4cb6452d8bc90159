#include "services/cli/submit.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "services/common/faults.h"

namespace baton::cli {
namespace {

constexpr char kBadRequest[] = "type.googleapis.com/google.rpc.BadRequest";

std::string JsonText(const google::protobuf::Message& request) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(request, &json, options);
  return status.ok() ? json + "\n" : "";
}

std::string ProtoText(const google::protobuf::Message& request) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(request, &text);
  return text;
}

std::string FlagOf(absl::string_view field,
                   const std::vector<OptionSpec>& options) {
  for (const OptionSpec& option : options) {
    if (option.field != field) continue;
    return absl::StrCat(
        absl::StripSuffix(absl::StripPrefix(option.name, "["), "]"), " (",
        field, ")");
  }
  return std::string(field);
}

}  // namespace

absl::Status NamedByFlags(const absl::Status& error,
                          const std::vector<OptionSpec>& options) {
  if (!absl::IsInvalidArgument(error) ||
      !error.GetPayload(kBadRequest).has_value()) {
    return error;
  }
  Faults faults;
  faults.AddAll(error);
  absl::Status named = faults
                           .Mapped([&](absl::string_view field) {
                             return FlagOf(field, options);
                           })
                           .ToStatus();
  error.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    if (type != kBadRequest) named.SetPayload(type, payload);
  });
  return named;
}

ExitCode PrintDryRun(const google::protobuf::Message& request,
                     const Session& session) {
  session.err() << "NOT SENT: this is a dry run.\n";
  session.out() << (session.format == Format::kJson ? JsonText(request)
                                                    : ProtoText(request));
  return ExitCode::kOk;
}

}  // namespace baton::cli
