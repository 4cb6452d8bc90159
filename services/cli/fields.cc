#include "services/cli/fields.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/child.pb.h"
#include "baton/v1/known.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/cli/suggest.h"
#include "services/cli/words.h"
#include "services/common/agency.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "storage/status.h"

namespace baton::cli {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Reading {
  absl::string_view text;
  const LocalClock& clock;
  Direction direction;
};

// UNSPECIFIED when `text` is a value and not a reason for having none.
v1::Absence AbsenceFrom(absl::string_view text) {
  if (text == "unknown") return v1::ABSENCE_UNKNOWN;
  if (text == "not-asked") return v1::ABSENCE_NOT_ASKED;
  if (text == "refused") return v1::ABSENCE_REFUSED;
  if (text == "not-applicable") return v1::ABSENCE_NOT_APPLICABLE;
  return v1::ABSENCE_UNSPECIFIED;
}

absl::StatusOr<bool> ReadBool(absl::string_view text) {
  if (text == "yes") return true;
  if (text == "no") return false;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", text,
      "\" is not yes, no, unknown, not-asked, refused or not-applicable"));
}

absl::Status ReadEnum(const EnumDescriptor& descriptor, absl::string_view text,
                      int* number) {
  const std::vector<std::string> words = EnumWords(descriptor);
  for (int i = 0; i < descriptor.value_count(); ++i) {
    if (descriptor.value(i)->number() != 0 &&
        EnumWord(*descriptor.value(i)) == text) {
      *number = descriptor.value(i)->number();
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not one of ", absl::StrJoin(words, ", "),
                   DidYouMean(text, words)));
}

// Sets a message that holds a `value` (or a `code`) and, in its place, an
// `absence`.
template <typename Known, typename Set>
absl::Status ReadKnown(const Reading& reading, Message* message, Set set) {
  auto* known = static_cast<Known*>(message);
  known->Clear();
  const v1::Absence absence = AbsenceFrom(reading.text);
  if (absence == v1::ABSENCE_UNSPECIFIED) return set(known);
  known->set_absence(absence);
  return absl::OkStatus();
}

absl::Status ReadTimestamp(const Reading& reading, Message* message) {
  ASSIGN_OR_RETURN(absl::Time time, ParseTimeText(reading.text, reading.clock,
                                                  reading.direction));
  message->CopyFrom(ToProto(time));
  return absl::OkStatus();
}

absl::Status ReadKnownFlag(const Reading& reading, Message* message) {
  return ReadKnown<v1::KnownFlag>(
      reading, message, [&](v1::KnownFlag* flag) -> absl::Status {
        ASSIGN_OR_RETURN(bool value, ReadBool(reading.text));
        flag->set_value(value);
        return absl::OkStatus();
      });
}

absl::Status ReadKnownText(const Reading& reading, Message* message) {
  return ReadKnown<v1::KnownText>(reading, message, [&](v1::KnownText* text) {
    text->set_value(std::string(reading.text));
    return absl::OkStatus();
  });
}

absl::Status ReadKnownDate(const Reading& reading, Message* message) {
  return ReadKnown<v1::KnownDate>(reading, message, [&](v1::KnownDate* date) {
    date->set_value(std::string(reading.text));
    return absl::OkStatus();
  });
}

absl::Status ReadKnownAgency(const Reading& reading, Message* message) {
  return ReadKnown<v1::KnownAgency>(
      reading, message, [&](v1::KnownAgency* agency) {
        agency->set_code(std::string(reading.text));
        return absl::OkStatus();
      });
}

absl::Status ReadKnownTime(const Reading& reading, Message* message) {
  return ReadKnown<v1::KnownTime>(reading, message, [&](v1::KnownTime* time) {
    return ReadTimestamp(reading, time->mutable_value());
  });
}

absl::Status ReadAddress(const Reading& reading, Message* message) {
  auto* address = static_cast<v1::Address*>(message);
  address->Clear();
  std::vector<std::string> parts = absl::StrSplit(reading.text, '/');
  v1::AgencyClass agency_class = v1::AGENCY_CLASS_COUNCIL;
  if (ClassFromName(parts[0]) != v1::AGENCY_CLASS_UNSPECIFIED) {
    agency_class = ClassFromName(parts[0]);
    parts.erase(parts.begin());
  }
  if (parts.empty() || parts.size() > 2 || parts[0].empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", reading.text,
                     "\" is not CODE[/DESK] or CLASS/CODE[/DESK], for example "
                     "E06000018/intake or icb/QT1"));
  }
  address->mutable_agency()->set_agency_class(agency_class);
  address->mutable_agency()->set_code(parts[0]);
  if (parts.size() == 2) address->set_desk(parts[1]);
  return absl::OkStatus();
}

absl::Status ReadAgency(const Reading& reading, Message* message) {
  ASSIGN_OR_RETURN(const v1::Agency agency, ParseAgency(reading.text));
  message->CopyFrom(agency);
  return absl::OkStatus();
}

absl::Status ReadPersonName(const Reading& reading, Message* message) {
  auto* name = static_cast<v1::PersonName*>(message);
  name->Clear();
  const std::pair<absl::string_view, absl::string_view> by_comma =
      absl::StrSplit(reading.text, absl::MaxSplits(',', 1));
  if (by_comma.first.size() < reading.text.size()) {
    name->set_family(std::string(absl::StripAsciiWhitespace(by_comma.first)));
    name->set_given(std::string(absl::StripAsciiWhitespace(by_comma.second)));
    return absl::OkStatus();
  }
  const size_t space = reading.text.rfind(' ');
  if (space == absl::string_view::npos) {
    name->set_given(std::string(reading.text));
    return absl::OkStatus();
  }
  name->set_given(
      std::string(absl::StripAsciiWhitespace(reading.text.substr(0, space))));
  name->set_family(std::string(reading.text.substr(space + 1)));
  return absl::OkStatus();
}

absl::Status ReadActor(const Reading& reading, Message* message) {
  auto* actor = static_cast<v1::Actor*>(message);
  actor->Clear();
  std::vector<std::string> parts = absl::StrSplit(reading.text, ';');
  if (parts.size() > 4) {
    return absl::InvalidArgumentError(
        "has more than four parts; write \"name;role;team;phone\"");
  }
  parts.resize(4);
  for (std::string& part : parts) absl::StripAsciiWhitespace(&part);
  actor->set_name(parts[0]);
  actor->set_role(parts[1]);
  actor->set_team(parts[2]);
  actor->set_phone(parts[3]);
  return absl::OkStatus();
}

absl::Status ReadDoNotTell(const Reading& reading, Message* message) {
  auto* do_not_tell = static_cast<v1::DoNotTell*>(message);
  do_not_tell->Clear();
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(reading.text, absl::MaxSplits(';', 1));
  do_not_tell->set_whom(std::string(absl::StripAsciiWhitespace(parts.first)));
  do_not_tell->set_why(std::string(absl::StripAsciiWhitespace(parts.second)));
  return absl::OkStatus();
}

struct Reader {
  const Descriptor* type;
  absl::Status (*read)(const Reading&, Message*);
};

absl::Status ReadMessageField(const Reading& reading, Message* message) {
  const Reader readers[] = {
      {google::protobuf::Timestamp::descriptor(), ReadTimestamp},
      {v1::KnownFlag::descriptor(), ReadKnownFlag},
      {v1::KnownText::descriptor(), ReadKnownText},
      {v1::KnownDate::descriptor(), ReadKnownDate},
      {v1::KnownTime::descriptor(), ReadKnownTime},
      {v1::KnownAgency::descriptor(), ReadKnownAgency},
      {v1::Address::descriptor(), ReadAddress},
      {v1::PersonName::descriptor(), ReadPersonName},
      {v1::Agency::descriptor(), ReadAgency},
      {v1::Actor::descriptor(), ReadActor},
      {v1::DoNotTell::descriptor(), ReadDoNotTell},
  };
  for (const Reader& reader : readers) {
    if (reader.type == message->GetDescriptor()) {
      return reader.read(reading, message);
    }
  }
  return absl::InternalError(
      absl::StrCat("no option can set a ", message->GetDescriptor()->name()));
}

absl::Status SetEnum(const FieldDescriptor& field, const Reading& reading,
                     Message* message) {
  int number = 0;
  RETURN_IF_ERROR(ReadEnum(*field.enum_type(), reading.text, &number));
  const auto* reflection = message->GetReflection();
  if (field.is_repeated()) {
    reflection->AddEnumValue(message, &field, number);
  } else {
    reflection->SetEnumValue(message, &field, number);
  }
  return absl::OkStatus();
}

template <typename Integer>
absl::StatusOr<Integer> ReadInteger(absl::string_view text) {
  Integer value = 0;
  if (absl::SimpleAtoi(text, &value)) return value;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not a whole number"));
}

absl::Status SetInt64(const FieldDescriptor& field, const Reading& reading,
                      Message* message) {
  ASSIGN_OR_RETURN(const int64_t value, ReadInteger<int64_t>(reading.text));
  message->GetReflection()->SetInt64(message, &field, value);
  return absl::OkStatus();
}

absl::Status SetInt32(const FieldDescriptor& field, const Reading& reading,
                      Message* message) {
  ASSIGN_OR_RETURN(const int32_t value, ReadInteger<int32_t>(reading.text));
  const auto* reflection = message->GetReflection();
  if (field.is_repeated()) {
    reflection->AddInt32(message, &field, value);
  } else {
    reflection->SetInt32(message, &field, value);
  }
  return absl::OkStatus();
}

absl::Status SetBool(const FieldDescriptor& field, const Reading& reading,
                     Message* message) {
  if (reading.text != "yes" && reading.text != "no") {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", reading.text, "\" is not yes or no"));
  }
  message->GetReflection()->SetBool(message, &field, reading.text == "yes");
  return absl::OkStatus();
}

absl::Status SetText(const FieldDescriptor& field, const Reading& reading,
                     Message* message) {
  const auto* reflection = message->GetReflection();
  if (field.is_repeated()) {
    reflection->AddString(message, &field, std::string(reading.text));
  } else {
    reflection->SetString(message, &field, std::string(reading.text));
  }
  return absl::OkStatus();
}

// One more message of a repeated field. Names after the first are aliases: a
// second child is a form of its own, which only a file has.
absl::Status AddRead(const FieldDescriptor& field, const Reading& reading,
                     Message* message) {
  const auto* reflection = message->GetReflection();
  const bool first = reflection->FieldSize(*message, &field) == 0;
  Message* const added = reflection->AddMessage(message, &field);
  RETURN_IF_ERROR(ReadMessageField(reading, added));
  if (!first && added->GetDescriptor() == v1::PersonName::descriptor()) {
    static_cast<v1::PersonName*>(added)->set_alias(true);
  }
  return absl::OkStatus();
}

absl::Status SetLeaf(const FieldDescriptor& field, const Reading& reading,
                     Message* message) {
  const auto* reflection = message->GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return SetText(field, reading, message);
    case FieldDescriptor::CPPTYPE_ENUM:
      return SetEnum(field, reading, message);
    case FieldDescriptor::CPPTYPE_INT32:
      return SetInt32(field, reading, message);
    case FieldDescriptor::CPPTYPE_INT64:
      return SetInt64(field, reading, message);
    case FieldDescriptor::CPPTYPE_BOOL:
      return SetBool(field, reading, message);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (field.is_repeated()) return AddRead(field, reading, message);
      return ReadMessageField(reading,
                              reflection->MutableMessage(message, &field));
    default:
      return absl::InternalError(
          absl::StrCat("no option can set ", field.full_name()));
  }
}

// The message in `field` of `message`; of a repeated one the first.
Message* Inner(const FieldDescriptor& field, Message* message) {
  const auto* reflection = message->GetReflection();
  if (!field.is_repeated()) return reflection->MutableMessage(message, &field);
  if (reflection->FieldSize(*message, &field) == 0) {
    return reflection->AddMessage(message, &field);
  }
  return reflection->MutableRepeatedMessage(message, &field, 0);
}

// The message that holds the last field of `path`, and that field; null when
// there is no such path.
std::pair<Message*, const FieldDescriptor*> Resolve(absl::string_view path,
                                                    Message* message) {
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0;; ++i) {
    const FieldDescriptor* field =
        message->GetDescriptor()->FindFieldByName(names[i]);
    if (field == nullptr || i + 1 == names.size()) return {message, field};
    message = Inner(*field, message);
  }
}

// How many there are of the repeated message on the way to `path`, when they
// are several: an option would speak of the first alone.
int SeveralOn(absl::string_view path, const Message& request) {
  const Message* message = &request;
  const std::vector<std::string> names = absl::StrSplit(path, '.');
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    const FieldDescriptor* field =
        message->GetDescriptor()->FindFieldByName(names[i]);
    if (field == nullptr) return 0;
    const auto* reflection = message->GetReflection();
    if (!field->is_repeated()) {
      message = &reflection->GetMessage(*message, field);
      continue;
    }
    const int count = reflection->FieldSize(*message, field);
    if (count > 1) return count;
    if (count == 0) return 0;
    message = &reflection->GetRepeatedMessage(*message, field, 0);
  }
  return 0;
}

// Which field of each oneof the options chose so far, by the option's name.
using Choices = std::map<std::string, std::pair<std::string, std::string>>;

// Of two fields of one oneof only one can be told; which, is not for us to
// guess.
void CheckChoice(const OptionSpec& option, const Descriptor* type,
                 Choices* choices, Faults* faults) {
  std::string at;
  for (const std::string& name :
       std::vector<std::string>(absl::StrSplit(option.field, '.'))) {
    const FieldDescriptor* field = type->FindFieldByName(name);
    if (field == nullptr) return;
    if (const auto* oneof = field->real_containing_oneof()) {
      const auto [it, first] = choices->insert(
          {absl::StrCat(at, oneof->name()), {name, option.name}});
      if (!first && it->second.first != name) {
        faults->Add(option.name, absl::StrCat("and ", it->second.second,
                                              " exclude each other"));
      }
    }
    absl::StrAppend(&at, name, ".");
    type = field->message_type();
    if (type == nullptr) return;
  }
}

}  // namespace

absl::Status SetField(absl::string_view path, absl::string_view text,
                      const LocalClock& clock, Direction direction,
                      Message* request) {
  auto [message, field] = Resolve(path, request);
  if (field == nullptr) {
    return absl::InternalError(absl::StrCat("no field ", path));
  }
  return SetLeaf(*field, {text, clock, direction}, message);
}

absl::Status OverlayOptions(const std::vector<OptionSpec>& options,
                            const Arguments& arguments, const LocalClock& clock,
                            Message* request) {
  Faults faults;
  Choices choices;
  for (const OptionSpec& option : options) {
    if (option.field.empty() || !arguments.Has(option.name)) continue;
    CheckChoice(option, request->GetDescriptor(), &choices, &faults);
    if (const int several = SeveralOn(option.field, *request); several > 0) {
      faults.Add(option.name,
                 absl::StrCat("speaks of one child, and the file has ", several,
                              ": say it in the file, of each"));
      continue;
    }
    auto [message, field] = Resolve(option.field, request);
    if (field != nullptr && field->is_repeated()) {
      message->GetReflection()->ClearField(message, field);
    }
    for (const std::string& text : arguments.All(option.name)) {
      absl::Status status =
          SetField(option.field, text, clock, option.direction, request);
      if (!status.ok()) {
        faults.Add(option.name, status.message());
      }
    }
  }
  return faults.ToStatus();
}

std::string ChoicesText(const EnumDescriptor& descriptor) {
  return absl::StrJoin(EnumWords(descriptor), " | ");
}

}  // namespace baton::cli
