#ifndef BATON_SERVICES_CLI_FINDING_H_
#define BATON_SERVICES_CLI_FINDING_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/cli/session.h"

namespace baton::cli {

// UNKNOWN: it could not be looked at, because something before it failed.
enum class Verdict { kOk, kWarning, kFailed, kUnknown };

// What one check of `baton doctor` found.
struct Finding {
  std::string check;  // "exchange certificate"
  Verdict verdict;
  std::string reason;  // What was seen, also when it is as it should be.
  std::string advice;  // What to do; empty: nothing.
};

Finding Ok(absl::string_view check, absl::string_view reason);
Finding Warning(absl::string_view check, absl::string_view reason,
                absl::string_view advice);
Finding Failed(absl::string_view check, absl::string_view reason,
               absl::string_view advice);
Finding Unknown(absl::string_view check, absl::string_view reason);

// True when every one of them is OK.
bool AllGreen(const std::vector<Finding>& findings);

// One line for each, what to do below it, and a last line that counts them;
// json: an object with all of them.
void PrintFindings(const std::vector<Finding>& findings,
                   const Session& session);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_FINDING_H_
