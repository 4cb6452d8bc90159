#ifndef BATON_SERVICES_CLI_CASE_VIEW_H_
#define BATON_SERVICES_CLI_CASE_VIEW_H_

#include <string>
#include <vector>

#include "baton/v1/case_status.pb.h"
#include "services/cli/exit_code.h"
#include "services/cli/output.h"
#include "services/cli/session.h"

// How a case raised here is shown: what has not left this machine first, then
// each child's matter by itself.
namespace baton::cli {

// One record per child, each with the facts of the case; one without a matter
// while the exchange has not answered. The keys do not depend on `status`.
std::vector<Record> CaseRecords(const v1::CaseStatus& status,
                                const LocalClock& clock);

// Columns of a list of them.
std::vector<std::string> CaseColumns();

// Prints the case; `request_id` may be empty. Beside json and csv the line
// that says NOT SENT goes to the error stream. json is one object with the
// children's matters in it.
ExitCode PrintCase(const v1::CaseStatus& status, const std::string& request_id,
                   const Session& session);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CASE_VIEW_H_
