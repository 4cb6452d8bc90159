#ifndef BATON_SERVICES_CLI_CLOCK_VERDICT_H_
#define BATON_SERVICES_CLI_CLOCK_VERDICT_H_

#include <string>

#include "absl/time/time.h"
#include "services/cli/facts.h"
#include "services/cli/finding.h"

// Verdicts on clocks. Pure functions.
namespace baton::cli {

// A clock further off than this falsifies what people read and what is due.
inline constexpr absl::Duration kMaxClockOffset = absl::Seconds(30);

// This machine against the service.
Finding JudgeClockHere(const Facts& facts);
// The service against the exchange.
Finding JudgeClockOfService(const Facts& facts);

// `offset` is how far `whose` clock is ahead of `other`'s.
Finding JudgeOffset(const std::string& check, const std::string& whose,
                    const std::string& other, absl::Duration offset);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CLOCK_VERDICT_H_
