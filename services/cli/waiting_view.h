#ifndef BATON_SERVICES_CLI_WAITING_VIEW_H_
#define BATON_SERVICES_CLI_WAITING_VIEW_H_

#include <string>

#include "absl/strings/string_view.h"
#include "baton/v1/emergency_service.pb.h"
#include "services/cli/exit_code.h"
#include "services/cli/output.h"
#include "services/cli/session.h"

// How a wait is shown. What has not left this hospital's machine is said
// first, and with the number to ring.
namespace baton::cli {

// Every fact of `status`, under keys that do not depend on it.
Record WaitingRecord(const v1::WaitingStatus& status, const LocalClock& clock);

// Prints the wait; `request_id` may be empty. Beside json and csv the line
// that says NOT SENT goes to the error stream.
ExitCode PrintWaiting(const v1::WaitingStatus& status,
                      absl::string_view request_id, const Session& session);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_WAITING_VIEW_H_
