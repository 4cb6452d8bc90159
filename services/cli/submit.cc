#include "services/cli/submit.h"

#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"

namespace baton::cli {
namespace {

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

}  // namespace

ExitCode PrintDryRun(const google::protobuf::Message& request,
                     const Session& session) {
  session.err() << "NOT SENT: this is a dry run.\n";
  session.out() << (session.format == Format::kJson ? JsonText(request)
                                                    : ProtoText(request));
  return ExitCode::kOk;
}

}  // namespace baton::cli
