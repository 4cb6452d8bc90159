#include "services/agency/form_check.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "baton/v1/child.pb.h"
#include "baton/v1/identifier.pb.h"
#include "baton/v1/known.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/common/agency.h"
#include "services/common/checks.h"
#include "services/common/environment.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// "next_review_time", "expected_birth_date": these lie ahead.
bool MayLieAhead(absl::string_view name) {
  return absl::StartsWith(name, "next_") ||
         absl::StartsWith(name, "expected_") || name == "deadline" ||
         name == "event_time";
}

// "YYYY-MM-DD", "YYYY-MM" or "YYYY": its first day; nullopt for what is none.
std::optional<absl::CivilDay> FirstDayOf(const std::string& date) {
  absl::CivilDay day;
  absl::CivilMonth month;
  absl::CivilYear year;
  if (date.size() == 10 && absl::ParseCivilTime(date, &day)) return day;
  if (date.size() == 7 && absl::ParseCivilTime(date, &month)) {
    return absl::CivilDay(month);
  }
  if (date.size() == 4 && absl::ParseCivilTime(date, &year)) {
    return absl::CivilDay(year);
  }
  return std::nullopt;
}

// True when nothing says which child it is.
bool IsNobody(const v1::Child& child) {
  const bool named =
      std::any_of(child.names().begin(), child.names().end(),
                  [](const v1::PersonName& name) {
                    return !name.given().empty() || !name.family().empty();
                  });
  return !named && !child.birth_date().has_value() &&
         !child.expected_birth_date().has_value() &&
         child.nhs_number().value().empty() &&
         child.pupil_number().value().empty() &&
         child.local_identifiers().empty();
}

// One walk over a form.
class Walk {
 public:
  Walk(absl::Time now, FormCheck* check) : now_(now), check_(check) {}

  void Visit(Message* form, const std::string& path) {
    const Reflection& reflection = *form->GetReflection();
    MarkLeftOut(*form, reflection, path);
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(*form, &fields);
    for (const FieldDescriptor* field : fields) {
      VisitField(form, reflection, *field,
                 absl::StrCat(path, ".", field->name()));
    }
  }

 private:
  // Which child, and what the worry is: nobody leaves these out on purpose.
  void MarkLeftOut(const Message& form, const Reflection& reflection,
                   const std::string& path) {
    const auto& shape = *form.GetDescriptor();
    const FieldDescriptor* const child = shape.FindFieldByName("child");
    if (child != nullptr && child->message_type() == v1::Child::descriptor() &&
        IsNobody(static_cast<const v1::Child&>(
            reflection.GetMessage(form, child)))) {
      check_->Mark(v1::MARK_CODE_BLANK_ANSWER, path + ".child");
    }
    const FieldDescriptor* const concern = shape.FindFieldByName("concern");
    if (concern != nullptr && !reflection.HasField(form, concern)) {
      check_->Mark(v1::MARK_CODE_BLANK_ANSWER, path + ".concern");
    }
  }

  void VisitField(Message* form, const Reflection& reflection,
                  const FieldDescriptor& field, const std::string& path) {
    if (field.is_repeated()) {
      const int count = reflection.FieldSize(*form, &field);
      if (count > FormCheck::kMaxRepeated) {
        check_->Fault(path, absl::StrCat("at most ", FormCheck::kMaxRepeated));
        return;
      }
      for (int i = 0; i < count; ++i) {
        const std::string place = absl::StrCat(path, "[", i, "]");
        if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          VisitMessage(reflection.MutableRepeatedMessage(form, &field, i),
                       field, place);
        } else if (field.type() == FieldDescriptor::TYPE_STRING) {
          check_->Text(reflection.GetRepeatedString(*form, &field, i), false,
                       FormCheck::kMaxTextBytes, place);
        }
      }
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      VisitMessage(reflection.MutableMessage(form, &field), field, path);
    } else if (field.type() == FieldDescriptor::TYPE_STRING) {
      check_->Text(reflection.GetString(*form, &field), false,
                   FormCheck::kMaxTextBytes, path);
    }
  }

  void VisitMessage(Message* message, const FieldDescriptor& field,
                    const std::string& path) {
    if (auto* known = dynamic_cast<v1::KnownText*>(message)) {
      Known(*known, path);
      check_->Text(known->value(), false, FormCheck::kMaxKnownTextBytes, path);
    } else if (auto* flag = dynamic_cast<v1::KnownFlag*>(message)) {
      Known(*flag, path);
    } else if (auto* date = dynamic_cast<v1::KnownDate*>(message)) {
      Known(*date, path);
      if (date->has_value()) Date(date->value(), field, path);
    } else if (auto* agency = dynamic_cast<v1::KnownAgency*>(message)) {
      Known(*agency, path);
    } else if (auto* time = dynamic_cast<v1::KnownTime*>(message)) {
      Known(*time, path);
      if (time->has_value()) Time(time->value(), field, path);
    } else if (auto* at = dynamic_cast<google::protobuf::Timestamp*>(message)) {
      Time(*at, field, path);
    } else if (auto* number = dynamic_cast<v1::NhsNumber*>(message)) {
      if (!number->value().empty()) Identifier(CheckNhsNumber, number, path);
    } else if (auto* pupil = dynamic_cast<v1::UniquePupilNumber*>(message)) {
      if (!pupil->value().empty()) {
        Identifier(CheckUniquePupilNumber, pupil, path);
      }
    } else {
      Visit(message, path);
    }
  }

  template <typename Answer>
  void Known(const Answer& known, const std::string& path) {
    if (known.answer_case() == Answer::kAbsence &&
        known.absence() == v1::ABSENCE_WITHHELD) {
      check_->Fault(path,
                    "a sender cannot withhold: say unknown, not asked, refused "
                    "or not applicable");
    } else if (IsBlank(known)) {
      check_->Mark(v1::MARK_CODE_BLANK_ANSWER, path);
    }
  }

  // "31/12/2012" matches no other record of the child: somebody must see it.
  void Date(const std::string& date, const FieldDescriptor& field,
            const std::string& path) {
    check_->Text(date, false, FormCheck::kMaxTextBytes, path);
    const std::optional<absl::CivilDay> day = FirstDayOf(date);
    if (!day.has_value()) {
      check_->Mark(v1::MARK_CODE_UNKNOWN_VALUE, path);
    } else if (!MayLieAhead(field.name()) &&
               absl::FromCivil(*day, absl::UTCTimeZone()) >
                   now_ + absl::Hours(24)) {
      check_->Mark(v1::MARK_CODE_ODD_TIME, path);
    }
  }

  void Time(const google::protobuf::Timestamp& time,
            const FieldDescriptor& field, const std::string& path) {
    const absl::Time event = FromProto(time);
    if (MayLieAhead(field.name()) && event > now_) return;
    check_->EventTime(event, path);
  }

  template <typename Number>
  void Identifier(v1::IdentifierCheck (*check)(absl::string_view),
                  Number* number, const std::string& path) {
    number->set_check(check(number->value()));
    if (number->check() == v1::IDENTIFIER_CHECK_FAILED) {
      check_->Mark(v1::MARK_CODE_FAILED_CHECK, path);
    }
  }

  const absl::Time now_;
  FormCheck* const check_;
};

}  // namespace

void FormCheck::RequestId(const std::string& request_id) {
  if (!IsToken(request_id, kMaxReferenceBytes)) {
    Fault("request_id",
          "must be 1 to 64 printable ASCII characters, a UUID for choice");
  }
}

void FormCheck::Reference(const std::string& reference,
                          absl::string_view field) {
  if (reference.empty() || reference.size() > kMaxReferenceBytes ||
      !IsUtf8(reference)) {
    Fault(field, "must be 1 to 64 bytes: your system's own reference");
  }
}

void FormCheck::Actor(const v1::Actor& actor, absl::string_view field) {
  Text(actor.name(), true, 128, absl::StrCat(field, ".name"));
  Text(actor.role(), false, 128, absl::StrCat(field, ".role"));
  Text(actor.team(), false, 128, absl::StrCat(field, ".team"));
  Text(actor.phone(), false, 32, absl::StrCat(field, ".phone"));
  Text(actor.secure_email(), false, 254, absl::StrCat(field, ".secure_email"));
}

void FormCheck::ReachableActor(const v1::Actor& actor,
                               absl::string_view field) {
  Actor(actor, field);
  if (actor.role().empty()) Fault(absl::StrCat(field, ".role"), "is required");
  if (actor.team().empty()) Fault(absl::StrCat(field, ".team"), "is required");
  if (actor.phone().empty()) {
    Fault(absl::StrCat(field, ".phone"), "is required");
  }
}

void FormCheck::Address(const v1::Address& address, const std::string& field) {
  if (ClassName(address.agency().agency_class()).empty() ||
      !IsAgencyCode(address.agency().code())) {
    Fault(field, "needs a class and a code of 1 to 16 of A-Z and 0-9");
  }
  if (!address.desk().empty() && !IsDeskName(address.desk())) {
    Fault(field + ".desk", "must be 1 to 32 of a-z, 0-9 and '-'");
  }
}

void FormCheck::Size(const google::protobuf::Message& form, size_t most,
                     absl::string_view field) {
  const size_t bytes = form.ByteSizeLong();
  if (bytes > most) {
    Fault(field, absl::StrCat("has ", bytes, " bytes; at most ", most));
  }
}

void FormCheck::Text(const std::string& text, bool required, size_t most,
                     absl::string_view field) {
  if (required && text.empty()) {
    Fault(field, "is required");
  } else if (text.size() > most) {
    Fault(field, absl::StrCat("has ", text.size(), " bytes; at most ", most));
  }
}

void FormCheck::EventTime(absl::Time event, absl::string_view field) {
  if (event > now_ + kClockSkew || event < now_ - kOldEvent) {
    Mark(v1::MARK_CODE_ODD_TIME, field);
  }
}

void FormCheck::Form(google::protobuf::Message* form, const std::string& path) {
  Walk(now_, this).Visit(form, path);
  if (environment_ != v1::ENVIRONMENT_UNSPECIFIED) {
    CheckNhsNumbers(*form, environment_, path, &faults_);
  }
}

void FormCheck::Mark(v1::MarkCode code, absl::string_view field) {
  if (marks_.size() >= 64) return;  // What a message carries at most.
  v1::Mark mark;
  mark.set_code(code);
  mark.set_field(std::string(field));
  marks_.push_back(std::move(mark));
}

}  // namespace baton
