#include "tests/support/city/plan_line.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "services/common/agency.h"

namespace baton {
namespace {

std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  // Cannot fail: our requests hold no Any and no time out of range.
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : "null";
}

absl::string_view SilenceText(Silence silence) {
  switch (silence) {
    case Silence::kSender:
      return ", \"silence\": \"sender\"";
    case Silence::kRecipient:
      return ", \"silence\": \"recipient\"";
    case Silence::kNone:
      break;
  }
  return "";
}

std::string ResponseText(const Response& response) {
  return absl::StrCat(
      ", \"response\": {\"raised_by\": \"", AgencyName(response.raised_by),
      "\", \"child\": ", response.child,
      ", \"after_seconds\": ", absl::ToInt64Seconds(response.after), "}");
}

}  // namespace

// Nothing but the request needs escaping: the rest are codes and names of ours.
std::string PlanLine(const Arrival& arrival) {
  return absl::StrCat(
      "{\"time\": \"",
      absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", arrival.time, absl::UTCTimeZone()),
      "\", \"agency\": \"", AgencyName(arrival.agency), "\", \"rpc\": \"",
      arrival.rpc, "\", \"kind\": \"", v1::MessageKind_Name(arrival.kind),
      "\", \"reference\": \"", arrival.reference, "\"",
      arrival.opens_case ? ", \"opens_case\": true" : "",
      SilenceText(arrival.silence),
      arrival.response.has_value() ? ResponseText(*arrival.response) : "",
      ", \"request\": ", Json(*arrival.request), "}");
}

}  // namespace baton
