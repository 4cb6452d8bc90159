#include "services/cli/submit.h"

#include "absl/strings/str_cat.h"
#include "baton/v1/known.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/json_util.h"
#include "services/cli/words.h"

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

// "immediate_danger" anywhere in it, answered with yes.
bool SaysDanger(const google::protobuf::Message& message) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  const auto* reflection = message.GetReflection();
  reflection->ListFields(message, &fields);
  for (const auto* field : fields) {
    if (field->message_type() == nullptr) continue;
    const int count =
        field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      const google::protobuf::Message& part =
          field->is_repeated()
              ? reflection->GetRepeatedMessage(message, field, i)
              : reflection->GetMessage(message, field);
      const auto* flag = dynamic_cast<const v1::KnownFlag*>(&part);
      if (flag == nullptr
              ? SaysDanger(part)
              : field->name() == "immediate_danger" && flag->value()) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

void SaySent(const Session& session) {
  session.words() << "Sent: the exchange has it. What stands above is how far "
                     "people are.\n";
}

void RemindOfDanger(const google::protobuf::Message& request,
                    const Session& session) {
  if (SaysDanger(request)) session.err() << kDangerLine << "\n";
}

ExitCode PrintDryRun(const google::protobuf::Message& request,
                     const Session& session) {
  session.err() << "NOT SENT: this is a dry run.\n";
  session.out() << (session.format == Format::kJson ? JsonText(request)
                                                    : ProtoText(request));
  return ExitCode::kOk;
}

}  // namespace baton::cli
