#include "services/cli/words.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "services/common/agency.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;

constexpr absl::Duration kSilence = absl::Seconds(60);

// "WAITING_REASON_" for WaitingReason.
std::string Prefix(const EnumDescriptor& descriptor) {
  std::string prefix;
  for (char c : descriptor.name()) {
    if (absl::ascii_isupper(c) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(c);
  }
  return prefix + "_";
}

}  // namespace

std::string EnumWord(const EnumValueDescriptor& value) {
  const absl::string_view name =
      absl::StripPrefix(absl::string_view(value.name()), Prefix(*value.type()));
  return absl::StrReplaceAll(absl::AsciiStrToLower(name), {{"_", "-"}});
}

std::string EnumText(const EnumValueDescriptor& value) {
  return absl::StrReplaceAll(EnumWord(value), {{"-", " "}});
}

std::vector<std::string> EnumWords(const EnumDescriptor& descriptor) {
  std::vector<std::string> words;
  for (int i = 0; i < descriptor.value_count(); ++i) {
    const EnumValueDescriptor& value = *descriptor.value(i);
    if (value.number() != 0) words.push_back(EnumWord(value));
  }
  return words;
}

std::string PersonText(const v1::Actor& actor) {
  std::vector<std::string> parts;
  for (const auto& part :
       {actor.name(), actor.role(), actor.team(), actor.phone()}) {
    if (!part.empty()) parts.push_back(part);
  }
  std::string text = absl::StrJoin(parts, ", ");
  if (text.empty() || actor.asserted_by().code().empty()) return text;
  return absl::StrCat(text, " (asserted by ", actor.asserted_by().code(), ")");
}

std::string AgencyText(const v1::Agency& agency) {
  if (agency.code().empty()) return "";
  return absl::StrCat(ClassName(agency.agency_class()), "/", agency.code());
}

std::string AddressText(const v1::Address& address) {
  std::string text = AgencyText(address.agency());
  if (!address.desk().empty()) absl::StrAppend(&text, "/", address.desk());
  return text;
}

std::string MarksText(
    const google::protobuf::RepeatedPtrField<v1::Mark>& marks) {
  return absl::StrJoin(marks, "; ", [](std::string* out, const v1::Mark& mark) {
    absl::StrAppend(out, Word(mark.code()), " ", mark.field());
  });
}

std::string MarksInWords(
    const google::protobuf::RepeatedPtrField<v1::Mark>& marks) {
  return absl::StrJoin(marks, "; ", [](std::string* out, const v1::Mark& mark) {
    switch (mark.code()) {
      case v1::MARK_CODE_FAILED_CHECK:
        return absl::StrAppend(out, mark.field(), " does not check");
      case v1::MARK_CODE_ODD_TIME:
        return absl::StrAppend(out, mark.field(), " is in the future or old");
      case v1::MARK_CODE_UNKNOWN_RECIPIENT:
        return absl::StrAppend(out, mark.field(),
                               " is not known to the exchange");
      case v1::MARK_CODE_BLANK_ANSWER:
        return absl::StrAppend(out, mark.field(), " is not answered");
      case v1::MARK_CODE_NO_LEGAL_BASIS:
        return absl::StrAppend(out, "no legal basis is stated");
      default:
        return absl::StrAppend(out, Word(mark.code()), " ", mark.field());
    }
  });
}

Heard::Heard(const google::protobuf::Timestamp* time, const LocalClock& clock)
    : clock_(clock),
      ever_(time != nullptr),
      time_(ever_ ? FromProto(*time) : absl::InfinitePast()),
      recent_(ever_ && absl::AbsDuration(clock.now - time_) <= kSilence) {}

std::string Heard::UnknownText() const {
  if (!ever_) return "unknown: never heard";
  return absl::StrCat("unknown: last heard ", ClockText(time_, clock_));
}

std::string Heard::text() const {
  return ever_ ? TimeText(time_, clock_) : "never";
}

std::string Heard::Machine() const { return ever_ ? Iso(time_) : ""; }

std::string Printable(absl::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = text[i];
    // U+0080 to U+009F, "C2 80" to "C2 9F", are control characters too.
    const bool c1 = c == 0xC2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1) ++i;
    result += (c < 0x20 || c == 0x7F || c1) ? ' ' : static_cast<char>(c);
  }
  return result;
}

}  // namespace baton::cli
