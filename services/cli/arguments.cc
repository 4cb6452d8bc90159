#include "services/cli/arguments.h"

#include <utility>

namespace baton::cli {

void Arguments::Set(absl::string_view name, std::vector<std::string> values) {
  values_[std::string(name)] = std::move(values);
}

bool Arguments::Has(absl::string_view name) const { return !All(name).empty(); }

std::string Arguments::Get(absl::string_view name) const {
  const auto& values = All(name);
  return values.empty() ? std::string() : values.back();
}

const std::vector<std::string>& Arguments::All(absl::string_view name) const {
  static const auto& none = *new std::vector<std::string>();
  auto it = values_.find(std::string(name));
  return it == values_.end() ? none : it->second;
}

}  // namespace baton::cli
