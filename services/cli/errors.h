#ifndef BATON_SERVICES_CLI_ERRORS_H_
#define BATON_SERVICES_CLI_ERRORS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"
#include "services/cli/exit_code.h"

// What went wrong, where, and what to do about it.
namespace baton::cli {

// A call that failed, with everything the service said about it. `where`
// names method and address, "EmergencyService.FlagWaiting at host:port".
absl::Status CallError(const grpc::Status& status, absl::string_view where);

// `error`, which kept something from being submitted. Explain() then opens
// with "NOT SENT" and with how to repeat it without doubling.
absl::Status NotSubmitted(absl::Status error, absl::string_view request_id);

// `error`, whose reader is told `phone` where it asks them to ring; "" changes
// nothing.
absl::Status WithNumberToRing(absl::Status error, absl::string_view phone);

// An error of this machine rather than of the usage keeps its code; an
// INVALID_ARGUMENT that no service sent is the user's to mend.
ExitCode ExitCodeOf(const absl::Status& error);

// What a person typed for a field of the request, "--reference"; empty when
// nothing stands for it.
using FlagOf = std::function<std::string(absl::string_view field)>;

// Lines for a person; ends with a line break.
std::string Explain(const absl::Status& error, const FlagOf& flag_of = {});

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_ERRORS_H_
