#ifndef BATON_SERVICES_CLI_CASE_OPTIONS_H_
#define BATON_SERVICES_CLI_CASE_OPTIONS_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// Which flag of "case raise" sets which field of RaiseContactRequest.
std::vector<OptionSpec> RaiseContactOptions();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CASE_OPTIONS_H_
