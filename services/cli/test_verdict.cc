#include "services/cli/test_verdict.h"

#include "absl/strings/str_cat.h"
#include "services/cli/times.h"
#include "services/common/proto_time.h"

namespace baton::cli {
namespace {

std::string MillisecondsText(absl::Duration duration) {
  return absl::StrCat(absl::ToInt64Milliseconds(duration), " ms");
}

std::string RingText(const std::string& phone) {
  return absl::StrCat("what is sent now is NOT SENT: ring the duty team",
                      phone.empty() ? "" : ", ", phone,
                      ", until this is green; in immediate danger 999");
}

std::string StepsText(const v1::TestExchangeResponse& response) {
  const absl::Time held = FromProto(response.held_time());
  std::string text = absl::StrCat("on the service's disk at ", Iso(held));
  if (response.has_publish_time()) {
    absl::StrAppend(
        &text, ", on the exchange's at ",
        Iso(FromProto(response.publish_time())),
        " by its clock, receipt after ",
        MillisecondsText(FromProto(response.accepted_time()) - held));
  }
  if (response.has_returned_time()) {
    absl::StrAppend(
        &text, ", back after ",
        MillisecondsText(FromProto(response.returned_time()) - held));
  }
  return text;
}

std::string SilenceText(const v1::TestExchangeResponse& response) {
  return absl::StrCat(
      "the exchange does not answer: HELD on the service's disk since ",
      Iso(FromProto(response.held_time())), ", last heard ",
      response.has_exchange_heard_time()
          ? Iso(FromProto(response.exchange_heard_time()))
          : "never since the service started");
}

Finding JudgeCall(const absl::Status& error) {
  if (absl::IsUnimplemented(error)) {
    return Failed("test message", "the service is older than this command",
                  "renew the service's program");
  }
  return Failed("test message",
                absl::StrCat("the service did not send one: ", error.message()),
                RingText(""));
}

}  // namespace

Finding JudgeTest(const absl::StatusOr<v1::TestExchangeResponse>& test) {
  if (!test.ok()) return JudgeCall(test.status());
  switch (test->outbox_state()) {
    case v1::OUTBOX_STATE_ACCEPTED:
      break;
    case v1::OUTBOX_STATE_REFUSED:
      return Failed("test message",
                    absl::StrCat("the exchange refuses it: ", test->refusal()),
                    "tell the exchange's operator");
    default:
      return Failed("test message", SilenceText(*test),
                    RingText(test->phone()));
  }
  if (!test->has_returned_time()) {
    return Failed("test message",
                  absl::StrCat("did not come back: ", StepsText(*test)),
                  "what others send may not arrive here: see the service's "
                  "log, and that no other program consumes its queues");
  }
  return Ok("test message", StepsText(*test));
}

Finding JudgeOutbox(const v1::TestExchangeResponse& response) {
  const std::string check = "outbox";
  const bool away = response.outbox_state() == v1::OUTBOX_STATE_HELD;
  const absl::Time oldest = FromProto(response.oldest_held_time());
  const absl::Time now = FromProto(response.service_time());
  if (response.held_messages() > 0 && (away || now - oldest > kLongHeld)) {
    const bool blocked = response.refused_messages() > 0;
    return Failed(
        check,
        absl::StrCat(response.held_messages(), " NOT SENT, the oldest since ",
                     Iso(oldest),
                     blocked
                         ? absl::StrCat(", and ", response.refused_messages(),
                                        " refused by the exchange")
                         : ""),
        blocked ? "ring about each of them; baton case refused lists what was "
                  "refused and how many wait behind it, baton case list the "
                  "others"
                : "baton case list and baton inbox list say which; ring about "
                  "each of them");
  }
  if (response.refused_messages() > 0) {
    return Warning(check,
                   absl::StrCat(response.refused_messages(),
                                " refused by the exchange, and waiting for a "
                                "person here"),
                   "baton case refused lists them");
  }
  return Ok(check, "nothing waits in it");
}

}  // namespace baton::cli
