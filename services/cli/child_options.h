#ifndef BATON_SERVICES_CLI_CHILD_OPTIONS_H_
#define BATON_SERVICES_CLI_CHILD_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/generated_enum_reflection.h"
#include "services/cli/command.h"
#include "services/cli/fields.h"

// Options that every command which raises something about a child shares.
namespace baton::cli {

// "help: a | b | c", the words of an enum.
template <typename E>
std::string Choices(absl::string_view help) {
  return absl::StrCat(help, ": ",
                      ChoicesText(*google::protobuf::GetEnumDescriptor<E>()));
}

// The Child at `path` of the request.
std::vector<OptionSpec> ChildOptions(const std::string& path);

// --immediate-danger, the KnownFlag at `field`.
OptionSpec DangerOption(const std::string& field);

// --reference, --to and --copy, of a request that has recipient and copies.
std::vector<OptionSpec> RaisingOptions(absl::string_view reference_of);

// --legal-basis.
OptionSpec LegalBasisOption();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CHILD_OPTIONS_H_
