#ifndef BATON_SERVICES_CLI_ARGUMENTS_H_
#define BATON_SERVICES_CLI_ARGUMENTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace baton::cli {

// What a person gave for one command, by the option's name ("--reference", or
// "MATTER" for a positional).
class Arguments {
 public:
  void Set(absl::string_view name, std::vector<std::string> values);

  bool Has(absl::string_view name) const;
  // The last value given; empty when there is none.
  std::string Get(absl::string_view name) const;
  const std::vector<std::string>& All(absl::string_view name) const;

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_ARGUMENTS_H_
