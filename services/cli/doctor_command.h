#ifndef BATON_SERVICES_CLI_DOCTOR_COMMAND_H_
#define BATON_SERVICES_CLI_DOCTOR_COMMAND_H_

#include <vector>

#include "services/cli/command.h"

namespace baton::cli {

// baton doctor: whether this machine, its agency's service and the exchange can
// do their work, and if not, why and what to do.
std::vector<Command> DoctorCommands();

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_DOCTOR_COMMAND_H_
