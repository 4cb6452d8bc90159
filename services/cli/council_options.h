#ifndef BATON_SERVICES_CLI_COUNCIL_OPTIONS_H_
#define BATON_SERVICES_CLI_COUNCIL_OPTIONS_H_

#include <vector>

#include "services/cli/command.h"

// Which flag of the council commands sets which field of which request.
namespace baton::cli {

std::vector<OptionSpec> TakeMatterOptions();
std::vector<OptionSpec> DecideMatterOptions();
std::vector<OptionSpec> PhoneContactOptions();
std::vector<OptionSpec> HomelessOptions();
std::vector<OptionSpec> PlacementOptions();
std::vector<OptionSpec> HandOverOptions();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_COUNCIL_OPTIONS_H_
