#ifndef BATON_SERVICES_CLI_PATIENCE_H_
#define BATON_SERVICES_CLI_PATIENCE_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/cli/session.h"

namespace baton::cli {

// A submission is answered as soon as it is on the service's disk, a moment
// before the exchange can have it. Calls `submit` again (same request id: only
// a question how it stands) until `is_held` no longer says so, for at most
// about three seconds, so that "NOT SENT" is shown when it is true and not
// with every submission.
template <typename Submit, typename IsHeld>
auto SubmitAndSee(const Session& session, Submit submit, IsHeld is_held)
    -> decltype(submit()) {
  constexpr int kLooks = 30;
  constexpr absl::Duration kBetween = absl::Milliseconds(100);
  auto response = submit();
  for (int i = 0; i < kLooks && response.ok() && is_held(*response); ++i) {
    session.environment.sleep(kBetween);
    auto later = submit();
    // What was accepted stays accepted, whatever becomes of the question.
    if (!later.ok()) break;
    response = std::move(later);
  }
  return response;
}

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_PATIENCE_H_
