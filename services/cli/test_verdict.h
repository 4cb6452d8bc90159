#ifndef BATON_SERVICES_CLI_TEST_VERDICT_H_
#define BATON_SERVICES_CLI_TEST_VERDICT_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "baton/v1/case_service.pb.h"
#include "services/cli/finding.h"

// Verdicts on what the service answered to TestExchange. Pure functions.
namespace baton::cli {

// A message on its way for longer waits for something.
inline constexpr absl::Duration kLongHeld = absl::Minutes(1);

// How far the message came, and whom to ring when it came nowhere.
Finding JudgeTest(const absl::StatusOr<v1::TestExchangeResponse>& test);

// Whether anything else waits in the service's outbox.
Finding JudgeOutbox(const v1::TestExchangeResponse& response);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_TEST_VERDICT_H_
