#ifndef BATON_SERVICES_CLI_MANUAL_H_
#define BATON_SERVICES_CLI_MANUAL_H_

#include <string>

#include "absl/strings/string_view.h"
#include "services/cli/command_line.h"

namespace baton::cli {

// The manual page of `root` as roff: each command with its options, from the
// parser's own tree; what to do in immediate danger comes first. Pure.
std::string ManualPage(const CommandNode& root, absl::string_view version);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_MANUAL_H_
