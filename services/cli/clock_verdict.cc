#include "services/cli/clock_verdict.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/cli/times.h"
#include "services/common/certificate.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

// Our certificate, and those that were shown to us.
std::vector<Certificate> CertificatesSeen(const Facts& facts) {
  std::vector<Certificate> seen;
  const auto add = [&seen](const std::string& pem) {
    const auto certificate = ReadCertificate(pem);
    if (certificate.ok()) seen.push_back(*certificate);
  };
  add(facts.own_certificates);
  if (facts.service.has_value()) add(facts.service->handshake.certificates);
  if (facts.exchange.has_value()) add(facts.exchange->handshake.certificates);
  return seen;
}

// What certificates say of a clock, with nobody to compare it with: one was
// made after now, or all of several ended before.
bool IsRefuted(const Facts& facts) {
  const std::vector<Certificate> seen = CertificatesSeen(facts);
  const auto is_to_come = [&](const Certificate& certificate) {
    return facts.now < certificate.not_before;
  };
  const auto is_past = [&](const Certificate& certificate) {
    return facts.now >= certificate.not_after;
  };
  return std::any_of(seen.begin(), seen.end(), is_to_come) ||
         (seen.size() > 1 && std::all_of(seen.begin(), seen.end(), is_past));
}

Finding JudgeClockAlone(const Facts& facts) {
  const std::string check = "clock here";
  const std::string says = absl::StrCat("says ", Iso(facts.now));
  if (IsRefuted(facts)) {
    return Failed(check,
                  absl::StrCat(says,
                               ", when certificates that are in use are not "
                               "good: it is probably wrong, and keeps TLS "
                               "from working"),
                  "set the clock (timedatectl)");
  }
  if (!facts.service.has_value()) {
    return Ok(check, absl::StrCat(says, "; not compared with another"));
  }
  return Unknown(check, absl::StrCat(says,
                                     "; the service did not answer, so there "
                                     "is no other to compare"));
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
