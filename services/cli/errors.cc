#include "services/cli/errors.h"

#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/rpc/error_details.pb.h"
#include "services/cli/times.h"
#include "services/cli/words.h"
#include "services/common/faults.h"
#include "services/common/proto_time.h"
#include "services/common/rpc_status.h"

namespace baton::cli {
namespace {

// Payloads of ours beside those the service sent.
constexpr char kWhere[] = "baton/where";
constexpr char kRequestId[] = "baton/request_id";
constexpr char kPhone[] = "baton/phone";

std::string Payload(const absl::Status& error, absl::string_view type) {
  auto payload = error.GetPayload(type);
  return payload.has_value() ? std::string(*payload) : std::string();
}

bool CameFromCall(const absl::Status& error) {
  return error.GetPayload(kWhere).has_value();
}

bool Submitted(const absl::Status& error) {
  return error.GetPayload(kRequestId).has_value();
}

bool Unreachable(const absl::Status& error) {
  return absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error);
}

// The detail of type T that `error` carries; empty when there is none.
template <typename T>
T Detail(const absl::Status& error) {
  T detail;
  detail.ParseFromString(Payload(
      error,
      absl::StrCat("type.googleapis.com/", T::descriptor()->full_name())));
  return detail;
}

using Lines = std::vector<std::string>;

void AddViolations(const absl::Status& error, const FlagOf& flag_of,
                   Lines* lines) {
  const auto request = Detail<google::rpc::BadRequest>(error);
  for (const auto& violation : request.field_violations()) {
    const std::string flag = flag_of ? flag_of(violation.field()) : "";
    lines->push_back(
        absl::StrCat(violation.field(), ": ", violation.description(),
                     flag.empty() ? "" : absl::StrCat(" (", flag, ")")));
  }
  const auto state = Detail<google::rpc::PreconditionFailure>(error);
  for (const auto& violation : state.violations()) {
    lines->push_back(
        absl::StrCat(violation.subject(), ": ", violation.description()));
  }
}

void AddReason(const absl::Status& error, Lines* lines) {
  const auto info = Detail<google::rpc::ErrorInfo>(error);
  if (!info.reason().empty()) {
    lines->push_back(absl::StrCat("reason: ", info.reason()));
  }
  for (const auto& [key, value] : info.metadata()) {
    lines->push_back(absl::StrCat("  ", key, ": ", value));
  }
  const auto retry = Detail<google::rpc::RetryInfo>(error);
  if (retry.has_retry_delay()) {
    lines->push_back(absl::StrCat(
        "try again in ", DurationText(FromProto(retry.retry_delay()))));
  }
}

// The first line of the message; what is listed below it is not said twice.
std::string Summary(const absl::Status& error, const Lines& violations) {
  if (!violations.empty() &&
      absl::StrContains(error.message(), violations[0])) {
    return "this is wrong with what was given:";
  }
  return std::string(error.message().substr(0, error.message().find('\n')));
}

// What OpenSSL says, by way of gRPC, of an authority that is not ours.
constexpr char kForeignAuthority[] = "certificate verify failed";

// Nobody answered: the telephone does.
std::string RingInstead(const absl::Status& error) {
  const std::string phone = Payload(error, kPhone);
  return absl::StrCat(
      Submitted(error) ? "ring the duty team about it now"
                       : "nothing is known until it answers: ring if it cannot "
                         "wait",
      phone.empty() ? "" : absl::StrCat(", ", phone),
      "; baton doctor then says what is wrong");
}

std::string WhatToDo(const absl::Status& error) {
  if (!CameFromCall(error)) return "";
  const std::string reason = ReasonOf(error);
  if (reason == "WAIT_IS_OPEN" || reason == "CASE_IS_OPEN") {
    return absl::StrCat(
        "what it says now: baton ",
        reason == "WAIT_IS_OPEN" ? "emergency" : "case",
        " status REFERENCE; another child needs another reference");
  }
  if (reason == "TAKEN") {
    return "who has it: baton inbox list; baton matter allocate moves it";
  }
  if (absl::StrContains(error.message(), kForeignAuthority)) {
    return "the service's certificate is of another authority than ours, or "
           "has ended: live and training exchanges refuse each other; check "
           "which of them the configuration is for";
  }
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return RingInstead(error);
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return "check that the certificate in the configuration is of the "
             "agency whose service this is";
    case absl::StatusCode::kNotFound:
      return "check the reference; what belongs to other agencies is not "
             "found either";
    case absl::StatusCode::kResourceExhausted:
      return "wait and repeat";
    default:
      return "";
  }
}

std::string Heading(const absl::Status& error) {
  if (Unreachable(error) && CameFromCall(error)) return "nobody answered";
  switch (ExitCodeOf(error)) {
    case ExitCode::kAuditFailed:
      return "AUDIT FAILED";
    case ExitCode::kRefused:
      return "refused";
    default:
      return "error";
  }
}

// Danger first: the person at the keyboard may read one line only.
void AddSubmission(const absl::Status& error, Lines* lines) {
  if (!Submitted(error)) return;
  lines->push_back(Unreachable(error)
                       ? "NOT SENT, as far as this machine knows."
                       : "NOT SENT.");
  lines->push_back(kDangerLine);
}

void AddNextSteps(const absl::Status& error, Lines* lines) {
  if (CameFromCall(error)) {
    lines->push_back(absl::StrCat("where: ", Payload(error, kWhere)));
  }
  const std::string request_id = Payload(error, kRequestId);
  // What is refused, or about nothing that is there, a repeat does not mend.
  if (!request_id.empty() && ExitCodeOf(error) != ExitCode::kRefused &&
      !absl::IsNotFound(error)) {
    lines->push_back(absl::StrCat("repeat with --request-id ", request_id,
                                  ": a repeat is never doubled"));
  }
  if (auto advice = WhatToDo(error); !advice.empty()) {
    lines->push_back(absl::StrCat("what to do: ", advice));
  }
}

}  // namespace

absl::Status CallError(const grpc::Status& status, absl::string_view where) {
  absl::Status error = FromGrpc(status);
  error.SetPayload(kWhere, absl::Cord(where));
  return error;
}

absl::Status NotSubmitted(absl::Status error, absl::string_view request_id) {
  error.SetPayload(kRequestId, absl::Cord(request_id));
  return error;
}

absl::Status WithNumberToRing(absl::Status error, absl::string_view phone) {
  if (!error.ok() && !phone.empty())
    error.SetPayload(kPhone, absl::Cord(phone));
  return error;
}

ExitCode ExitCodeOf(const absl::Status& error) {
  if (error.ok()) return ExitCode::kOk;
  if (!CameFromCall(error)) {
    if (absl::IsDataLoss(error)) return ExitCode::kAuditFailed;
    return absl::IsInvalidArgument(error) ? ExitCode::kUsage : ExitCode::kError;
  }
  switch (error.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return ExitCode::kUnreachable;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return ExitCode::kRefused;
    default:
      return ExitCode::kError;
  }
}

std::string Explain(const absl::Status& error, const FlagOf& flag_of) {
  Lines violations;
  AddViolations(error, {}, &violations);
  const std::string summary = Summary(error, violations);
  violations.clear();
  AddViolations(error, flag_of, &violations);
  Lines lines;
  AddSubmission(error, &lines);
  lines.push_back(
      absl::StrCat("baton: ", Heading(error), ": ", Printable(summary)));
  Lines details = std::move(violations);
  if (const size_t end = error.message().find('\n'); end != std::string::npos) {
    for (absl::string_view line :
         absl::StrSplit(error.message().substr(end + 1), '\n')) {
      details.emplace_back(line);
    }
  }
  AddReason(error, &details);
  AddNextSteps(error, &details);
  for (const std::string& detail : details) {
    lines.push_back(absl::StrCat("  ", Printable(detail)));
  }
  return absl::StrCat(absl::StrJoin(lines, "\n"), "\n");
}

}  // namespace baton::cli
