#ifndef BATON_SERVICES_CLI_DIAGNOSIS_H_
#define BATON_SERVICES_CLI_DIAGNOSIS_H_

#include <vector>

#include "services/cli/facts.h"
#include "services/cli/finding.h"

namespace baton::cli {

// What `baton doctor` says about what it saw: everything, also behind the first
// fault, in the order in which a person would mend it. Pure.
std::vector<Finding> Diagnose(const Facts& facts);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_DIAGNOSIS_H_
