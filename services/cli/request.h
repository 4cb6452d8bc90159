#ifndef BATON_SERVICES_CLI_REQUEST_H_
#define BATON_SERVICES_CLI_REQUEST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "services/cli/command.h"

// How every request that names a person is made: from a file, the
// configuration and the flags, the later over the earlier.
namespace baton::cli {

// --file, --actor, --name, --role, --team and --phone, for a request whose
// person is at `actor_field`; with `repeatable` also --request-id and
// --dry-run.
std::vector<OptionSpec> RequestOptions(const std::string& actor_field,
                                       bool repeatable);

// Fills `request` from --file, the configured actor where the file names
// nobody, the flags of `options`, and, where the request has one and nobody
// chose it, a random request_id.
absl::Status FillRequest(const std::vector<OptionSpec>& options,
                         const Arguments& arguments, const Session& session,
                         absl::string_view actor_field,
                         google::protobuf::Message* request);

// The option of `options` that sets `field` of a request, or something in it,
// or that it is a part of: what to type where a service refuses the field,
// "children[0].child". Empty when there is none.
std::string FlagFor(absl::string_view field,
                    const std::vector<OptionSpec>& options);

// `a`, then `b`.
std::vector<OptionSpec> Joined(std::vector<OptionSpec> a,
                               const std::vector<OptionSpec>& b);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_REQUEST_H_
