#include "services/cli/clock_verdict.h"

#include "absl/strings/str_cat.h"
#include "services/cli/times.h"
#include "services/common/certificate.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

// All that can be said with nobody to compare with.
Finding JudgeClockAlone(const Facts& facts) {
  const std::string check = "clock here";
  const auto own = ReadCertificate(facts.own_certificates);
  const std::string says = absl::StrCat("says ", Iso(facts.now));
  if (own.ok() && facts.now < own->not_before) {
    return Failed(check,
                  absl::StrCat(says,
                               ", which is before our certificate was "
                               "made"),
                  "set the clock (timedatectl)");
  }
  if (facts.service.has_value()) {
    return Unknown(check, absl::StrCat(says,
                                       "; the service did not answer, so "
                                       "there is no other to compare"));
  }
  return Ok(check, absl::StrCat(says, "; not compared with another"));
}

}  // namespace

Finding JudgeClockHere(const Facts& facts) {
  if (!facts.test.ok()) return JudgeClockAlone(facts);
  return JudgeOffset("clock here", "this machine", "the service",
                     facts.answered - FromProto(facts.test->service_time()));
}

Finding JudgeClockOfService(const Facts& facts) {
  const std::string check = "clock of service";
  if (!facts.test.ok()) return Unknown(check, "the service did not answer");
  const v1::TestExchangeResponse& test = *facts.test;
  if (!test.has_publish_time()) {
    return Unknown(check, "the exchange did not answer the service");
  }
  if (test.repeat()) {
    return Unknown(check,
                   "the exchange's answer was an earlier one's; ask "
                   "again");
  }
  return JudgeOffset(
      check, "the service", "the exchange",
      FromProto(test.accepted_time()) - FromProto(test.publish_time()));
}

Finding JudgeOffset(const std::string& check, const std::string& whose,
                    const std::string& other, absl::Duration offset) {
  const bool ahead = offset > absl::ZeroDuration();
  const absl::Duration apart = absl::AbsDuration(offset);
  if (apart <= kMaxClockOffset) {
    return Ok(check,
              absl::StrCat(whose, " and ", other, " agree within ",
                           DurationText(absl::Ceil(apart, absl::Seconds(1)))));
  }
  return Failed(check,
                absl::StrCat(whose, " is ", DurationText(apart),
                             ahead ? " ahead of " : " behind ", other),
                "set the wrong one of the two clocks (timedatectl): people "
                "read these times, and what is due follows them");
}

}  // namespace baton::cli
