#ifndef BATON_SERVICES_CLI_WORDS_H_
#define BATON_SERVICES_CLI_WORDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "baton/v1/agency.pb.h"
#include "baton/v1/message.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/generated_enum_reflection.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/cli/times.h"

// The words on the screen. None of them may reassure falsely.
namespace baton::cli {

// Printed wherever something can be submitted.
inline constexpr char kDangerLine[] =
    "Immediate danger: ring 999 or the duty team; this is never the only "
    "route.";

// "placement-breakdown" for WAITING_REASON_PLACEMENT_BREAKDOWN: what a person
// types and scripts read.
std::string EnumWord(const google::protobuf::EnumValueDescriptor& value);
// The same as it is read: "placement breakdown".
std::string EnumText(const google::protobuf::EnumValueDescriptor& value);
// Every word of an enum but the unspecified one.
std::vector<std::string> EnumWords(
    const google::protobuf::EnumDescriptor& descriptor);

// For an enum value of ours; a value newer than this program by its number.
template <typename E>
std::string Word(E value) {
  auto* found = google::protobuf::GetEnumDescriptor<E>()->FindValueByNumber(
      static_cast<int>(value));
  return found == nullptr ? std::to_string(static_cast<int>(value))
                          : EnumWord(*found);
}
template <typename E>
std::string Text(E value) {
  auto* found = google::protobuf::GetEnumDescriptor<E>()->FindValueByNumber(
      static_cast<int>(value));
  return found == nullptr ? std::to_string(static_cast<int>(value))
                          : EnumText(*found);
}

// "A. Worker, duty social worker, MASH, 0115 ... (asserted by E06000018)".
std::string PersonText(const v1::Actor& actor);
// "council/E06000018/intake", as its queue is named.
std::string AddressText(const v1::Address& address);
std::string AgencyText(const v1::Agency& agency);
// "failed-check flag.child.nhs_number; ...", for programs.
std::string MarksText(
    const google::protobuf::RepeatedPtrField<v1::Mark>& marks);
// "flag.child.nhs_number does not check; ...", for people.
std::string MarksInWords(
    const google::protobuf::RepeatedPtrField<v1::Mark>& marks);

// When a feed was last heard, and so whether silence means anything.
class Heard {
 public:
  // `time` is null when the feed was never heard.
  Heard(const google::protobuf::Timestamp* time, const LocalClock& clock);

  // Heard within the last 60 s: an absence is a fact. A time further ahead
  // than that is a clock that cannot be trusted.
  bool recent() const { return recent_; }
  // "unknown: last heard 21:40", "unknown: never heard".
  std::string UnknownText() const;
  // "21:40 (3 min ago)", "never".
  std::string text() const;
  // ISO, or empty for never.
  std::string Machine() const;

 private:
  const LocalClock clock_;
  const bool ever_;
  const absl::Time time_;
  const bool recent_;
};

// What a response says of the exchange.
template <typename Response>
Heard HeardIn(const Response& response, const LocalClock& clock) {
  return Heard(response.has_exchange_heard_time()
                   ? &response.exchange_heard_time()
                   : nullptr,
               clock);
}

// `text` without control characters, which a terminal would obey.
std::string Printable(absl::string_view text);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_WORDS_H_
