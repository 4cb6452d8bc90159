#include "services/cli/readable.h"

#include <memory>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/custody.pb.h"
#include "baton/v1/decision.pb.h"
#include "baton/v1/identifier.pb.h"
#include "baton/v1/known.pb.h"
#include "baton/v1/waiting.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "google/protobuf/util/json_util.h"
#include "services/cli/output.h"
#include "services/cli/words.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Name of the answer field of the Known types.
constexpr char kAnswer[] = "answer";

std::string Label(absl::string_view name) {
  return absl::StrReplaceAll(absl::StripSuffix(name, "_time"), {{"_", " "}});
}

// A text of many lines stays below its label.
std::string Indented(absl::string_view text, int indent) {
  const std::string margin = absl::StrCat("\n", std::string(indent, ' '));
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    lines.push_back(Printable(line));
  }
  return absl::StrJoin(lines, margin);
}

std::string AbsenceText(v1::Absence absence, const std::string& ask) {
  const std::string text = absence == v1::ABSENCE_UNSPECIFIED
                               ? "no value and no reason given"
                               : Text(absence);
  if (ask.empty()) return text;
  return absl::StrCat(text, " (", ask, ")");
}

std::string ScalarText(const google::protobuf::Message& message,
                       const FieldDescriptor& field) {
  const auto* reflection = message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return field.type() == FieldDescriptor::TYPE_BYTES
                 ? absl::BytesToHexString(
                       reflection->GetString(message, &field))
                 : reflection->GetString(message, &field);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(message, &field) ? "yes" : "no";
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumText(*reflection->GetEnum(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection->GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(reflection->GetInt64(message, &field));
    default:
      return "(not shown)";
  }
}

// One of the Known types: its value, or why there is none.
std::string KnownAnswer(const google::protobuf::Message& message,
                        const LocalClock& clock) {
  const auto* reflection = message.GetReflection();
  const Descriptor& type = *message.GetDescriptor();
  const FieldDescriptor* field = reflection->GetOneofFieldDescriptor(
      message, type.FindOneofByName(kAnswer));
  const std::string ask =
      reflection->GetString(message, type.FindFieldByName("ask"));
  if (field == nullptr) return AbsenceText(v1::ABSENCE_UNSPECIFIED, ask);
  if (field->name() == "absence") {
    return AbsenceText(
        static_cast<v1::Absence>(reflection->GetEnumValue(message, field)),
        ask);
  }
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    const auto& time = static_cast<const google::protobuf::Timestamp&>(
        reflection->GetMessage(message, field));
    return TimeText(FromProto(time), clock);
  }
  return ScalarText(message, *field);
}

std::string NhsNumberText(const v1::NhsNumber& number) {
  std::string text = number.value().empty() ? "none" : number.value();
  if (number.check() == v1::IDENTIFIER_CHECK_FAILED) {
    absl::StrAppend(&text, " (failed check: do not match on it)");
  }
  if (number.verification() != v1::NHS_NUMBER_VERIFICATION_UNSPECIFIED) {
    absl::StrAppend(&text, ", ", Text(number.verification()));
  }
  return text;
}

std::string PersonNameText(const v1::PersonName& name) {
  std::string text = absl::StrCat(name.given(), name.given().empty() ? "" : " ",
                                  name.family());
  return name.alias() ? absl::StrCat(text, " (alias)") : text;
}

// The text of a message that fits one line; empty: it needs lines of its own.
std::string OneLine(const google::protobuf::Message& message,
                    const LocalClock& clock) {
  const Descriptor* type = message.GetDescriptor();
  if (type->FindOneofByName(kAnswer) != nullptr) {
    return KnownAnswer(message, clock);
  }
  if (type == google::protobuf::Timestamp::descriptor()) {
    return TimeText(
        FromProto(static_cast<const google::protobuf::Timestamp&>(message)),
        clock);
  }
  if (type == v1::Actor::descriptor()) {
    return PersonText(static_cast<const v1::Actor&>(message));
  }
  if (type == v1::Address::descriptor()) {
    return AddressText(static_cast<const v1::Address&>(message));
  }
  if (type == v1::Agency::descriptor()) {
    return AgencyText(static_cast<const v1::Agency&>(message));
  }
  if (type == v1::NhsNumber::descriptor()) {
    return NhsNumberText(static_cast<const v1::NhsNumber&>(message));
  }
  if (type == v1::PersonName::descriptor()) {
    return PersonNameText(static_cast<const v1::PersonName&>(message));
  }
  return "";
}

void AddLine(const std::string& label, absl::string_view text, int indent,
             std::string* lines) {
  absl::StrAppend(lines, std::string(indent, ' '), label, ": ",
                  Indented(text, indent + 4), "\n");
}

// Null when the type is none of ours or the bytes are not of it.
std::unique_ptr<google::protobuf::Message> OpenPart(
    const v1::PayloadPart& part) {
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          part.type());
  if (type == nullptr) return nullptr;
  std::unique_ptr<google::protobuf::Message> content(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(type)
          ->New());
  if (!content->ParseFromString(part.content())) return nullptr;
  return content;
}

std::string ShortType(const std::string& type) {
  return type.substr(type.rfind('.') + 1);
}

// What it holds, never its bytes: a part may lie in a part, such as what was
// said before in the offer of a matter.
std::string PartLines(const v1::PayloadPart& part, int indent,
                      const LocalClock& clock) {
  const std::string margin(indent, ' ');
  auto content = OpenPart(part);
  if (content == nullptr) {
    return absl::StrCat(margin, "a ", Printable(part.type()), " of ",
                        part.content().size(),
                        " bytes, which this version cannot show\n");
  }
  return absl::StrCat(margin, ShortType(part.type()),
                      part.matter_id().empty() ? " (for all children)" : "",
                      ":\n", Readable(*content, indent + 2, clock));
}

void AddMessage(const std::string& label,
                const google::protobuf::Message& message, int indent,
                const LocalClock& clock, std::string* lines) {
  if (message.GetDescriptor() == v1::PayloadPart::descriptor()) {
    absl::StrAppend(
        lines,
        PartLines(static_cast<const v1::PayloadPart&>(message), indent, clock));
    return;
  }
  const std::string line = OneLine(message, clock);
  if (!line.empty()) return AddLine(label, line, indent, lines);
  absl::StrAppend(lines, std::string(indent, ' '), label, ":\n",
                  Readable(message, indent + 2, clock));
}

void AddRepeated(const google::protobuf::Message& message,
                 const FieldDescriptor& field, int indent,
                 const LocalClock& clock, std::string* lines) {
  const auto* reflection = message.GetReflection();
  for (int i = 0; i < reflection->FieldSize(message, &field); ++i) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      AddMessage(Label(field.name()),
                 reflection->GetRepeatedMessage(message, &field, i), indent,
                 clock, lines);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      AddLine(Label(field.name()),
              reflection->GetRepeatedString(message, &field, i), indent, lines);
    }
  }
}

// Its name is what "baton inbox fetch" takes.
std::string DocumentText(const v1::Attachment& document) {
  const std::string name = absl::BytesToHexString(document.sha256());
  return absl::StrCat(name.substr(0, 12), " (", document.media_type(), ", ",
                      document.size_bytes(), " bytes",
                      document.matter_id().empty() ? "" : ", about ",
                      document.matter_id(), ")");
}

std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options)
           .ok()) {
    return "{}";
  }
  return json;
}

// `json`, an object, with one more member.
std::string With(std::string json, absl::string_view key,
                 absl::string_view value) {
  json.pop_back();  // The closing brace.
  return absl::StrCat(json, json.size() > 1 ? "," : "", "\"", key, "\":", value,
                      "}");
}

std::string JsonPart(const v1::PayloadPart& part);

// One earlier message, its parts opened too.
std::string JsonSaid(const v1::SaidBefore& said) {
  v1::SaidBefore rest = said;
  rest.clear_common();
  rest.clear_part();
  std::string json = Json(rest);
  if (said.has_common()) json = With(json, "common", JsonPart(said.common()));
  if (said.has_part()) json = With(json, "part", JsonPart(said.part()));
  return json;
}

// An offer is the one message with parts of others in it.
std::string JsonContent(const google::protobuf::Message& content) {
  if (content.GetDescriptor() != v1::TransferOffer::descriptor()) {
    return Json(content);
  }
  auto offer = static_cast<const v1::TransferOffer&>(content);
  const std::string history = absl::StrJoin(
      offer.history(), ",", [](std::string* out, const v1::SaidBefore& said) {
        out->append(JsonSaid(said));
      });
  offer.clear_history();
  return With(Json(offer), "history", absl::StrCat("[", history, "]"));
}

std::string JsonPart(const v1::PayloadPart& part) {
  auto content = OpenPart(part);
  if (content == nullptr) return Json(part);
  return absl::StrCat("{\"matter_id\":", JsonString(part.matter_id()),
                      ",\"type\":", JsonString(part.type()),
                      ",\"content\":", JsonContent(*content), "}");
}

}  // namespace

std::string Readable(const google::protobuf::Message& message, int indent,
                     const LocalClock& clock) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::string lines;
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated()) {
      AddRepeated(message, *field, indent, clock, &lines);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      AddMessage(Label(field->name()),
                 message.GetReflection()->GetMessage(message, field), indent,
                 clock, &lines);
    } else {
      AddLine(Label(field->name()), ScalarText(message, *field), indent,
              &lines);
    }
  }
  return lines;
}

std::string ReadableMessage(const v1::Message& message,
                            const LocalClock& clock) {
  std::string lines = absl::StrCat(
      Text(message.kind()), " from ", AgencyText(message.sender()), ", ",
      TimeText(FromProto(message.publish_time()), clock), "\n");
  auto add = [&](const char* label, const std::string& text) {
    if (!text.empty()) AddLine(label, text, 2, &lines);
  };
  add("message", message.message_id());
  add("said by", PersonText(message.actor()));
  if (message.priority() != v1::PRIORITY_UNSPECIFIED) {
    add("priority", Text(message.priority()));
  }
  add("legal basis", message.legal_basis() == v1::LEGAL_BASIS_UNSPECIFIED
                         ? "not stated"
                         : Text(message.legal_basis()));
  add("odd, kept as given", MarksInWords(message.marks()));
  for (const v1::Recipient& recipient : message.recipients()) {
    if (!recipient.has_redirected_to()) continue;
    add("addressed to",
        absl::StrCat(AddressText(recipient.address()), "; it went to ",
                     AddressText(recipient.redirected_to())));
  }
  for (const v1::Attachment& document : message.attachments()) {
    add("document", DocumentText(document));
  }
  for (const v1::PayloadPart& part : message.payload()) {
    lines += PartLines(part, 2, clock);
  }
  return lines;
}

std::string JsonMessage(const v1::Message& message) {
  v1::Message envelope = message;
  envelope.clear_payload();
  const std::string parts =
      absl::StrJoin(message.payload(), ",",
                    [](std::string* out, const v1::PayloadPart& part) {
                      out->append(JsonPart(part));
                    });
  return With(Json(envelope), "payload", absl::StrCat("[", parts, "]"));
}

}  // namespace baton::cli
