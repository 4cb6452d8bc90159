#ifndef BATON_SERVICES_CLI_POLICE_OPTIONS_H_
#define BATON_SERVICES_CLI_POLICE_OPTIONS_H_

#include <vector>

#include "services/cli/command.h"

// Which flag of the police commands sets which field of which request.
namespace baton::cli {

std::vector<OptionSpec> ReportMissingOptions();
std::vector<OptionSpec> UpdateMissingOptions();
std::vector<OptionSpec> RegradeOptions();
std::vector<OptionSpec> SightingOptions();
std::vector<OptionSpec> ReportFoundOptions();
std::vector<OptionSpec> PreventionInterviewOptions();
std::vector<OptionSpec> SendNoticeOptions();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_POLICE_OPTIONS_H_
