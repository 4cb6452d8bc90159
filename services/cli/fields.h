#ifndef BATON_SERVICES_CLI_FIELDS_H_
#define BATON_SERVICES_CLI_FIELDS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "services/cli/arguments.h"
#include "services/cli/command.h"
#include "services/cli/times.h"

// Sets the fields of a request from what a person typed. How a text is read
// follows from the type of the field:
//
//   string                    as it is
//   int32, int64              a whole number
//   bool                      yes, no
//   enum                      "placement-breakdown", as words.h spells it
//   Timestamp, KnownTime      see ParseTimeText
//   KnownText, KnownDate, KnownAgency
//                             the value
//   KnownFlag                 yes, no
//   any Known...              unknown, not-asked, refused, not-applicable: why
//                             there is no value
//   Address                   CODE[/DESK] of a council, or CLASS/CODE[/DESK]
//   PersonName                "Given Family", "Family, Given"
//   Agency                    CLASS/CODE
//   Actor                     "name;role;team;phone"
//   DoNotTell                 "whom;why"
namespace baton::cli {

// Sets the field at `path` of `request`; a repeated field gets one more
// value, and a repeated message on the way is its first one: flags speak of
// one child, a file of several. INVALID_ARGUMENT says what would be
// understood.
absl::Status SetField(absl::string_view path, absl::string_view text,
                      const LocalClock& clock, Direction direction,
                      google::protobuf::Message* request);

// Lays every option that was given and has a field over `request`; what a
// repeated field held before gives way. INVALID_ARGUMENT lists every option
// that was not understood, those that exclude each other because they set
// different fields of one oneof, and those that speak of one child where
// `request` has several.
absl::Status OverlayOptions(const std::vector<OptionSpec>& options,
                            const Arguments& arguments, const LocalClock& clock,
                            google::protobuf::Message* request);

// The words an option for this enum field takes, for its help: "a | b | c".
std::string ChoicesText(const google::protobuf::EnumDescriptor& descriptor);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_FIELDS_H_
