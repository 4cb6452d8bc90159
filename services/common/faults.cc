#include "services/common/faults.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/common/proto_time.h"

namespace baton {
namespace {

template <typename Detail>
std::string TypeUrl() {
  return absl::StrCat("type.googleapis.com/",
                      Detail::descriptor()->full_name());
}

template <typename Detail>
void Attach(const Detail& detail, absl::Status* status) {
  status->SetPayload(TypeUrl<Detail>(), absl::Cord(detail.SerializeAsString()));
}

}  // namespace

void Faults::Add(absl::string_view field, absl::string_view description) {
  faults_.push_back({std::string(field), std::string(description)});
}

void Faults::AddAll(const absl::Status& status) {
  if (status.ok()) return;
  google::rpc::BadRequest details;
  const absl::optional<absl::Cord> payload =
      status.GetPayload(TypeUrl<google::rpc::BadRequest>());
  if (!payload.has_value() || !details.ParseFromString(std::string(*payload))) {
    Add("", status.message());
    return;
  }
  for (const auto& violation : details.field_violations()) {
    Add(violation.field(), violation.description());
  }
}

Faults Faults::Mapped(
    const std::function<std::string(absl::string_view)>& rename) const {
  Faults mapped;
  for (const Fault& fault : faults_) {
    mapped.Add(rename(fault.field), fault.description);
  }
  return mapped;
}

absl::Status Faults::ToStatus() const {
  if (faults_.empty()) return absl::OkStatus();
  google::rpc::BadRequest details;
  std::string text;
  for (const Fault& fault : faults_) {
    auto* violation = details.add_field_violations();
    violation->set_field(fault.field);
    violation->set_description(fault.description);
    absl::StrAppend(&text, text.empty() ? "" : "; ", fault.field,
                    fault.field.empty() ? "" : ": ", fault.description);
  }
  absl::Status status = absl::InvalidArgumentError(text);
  Attach(details, &status);
  return status;
}

absl::Status LimitReached(absl::string_view limit, absl::string_view what,
                          absl::Duration retry_after) {
  absl::Status status = absl::ResourceExhaustedError(
      absl::StrCat(what, "; limit ", limit, "; try again in ",
                   absl::FormatDuration(retry_after)));
  google::rpc::RetryInfo retry;
  *retry.mutable_retry_delay() = ToProto(retry_after);
  Attach(retry, &status);
  google::rpc::QuotaFailure quota;
  quota.add_violations()->set_subject(std::string(limit));
  quota.mutable_violations(0)->set_description(std::string(what));
  Attach(quota, &status);
  return status;
}

absl::Status Stopping(absl::string_view what, absl::Duration retry_after) {
  absl::Status status = absl::UnavailableError(
      absl::StrCat(what, " is stopping; connect again in ",
                   absl::FormatDuration(retry_after)));
  google::rpc::RetryInfo retry;
  *retry.mutable_retry_delay() = ToProto(retry_after);
  Attach(retry, &status);
  return status;
}

absl::Status WithReason(absl::Status status, absl::string_view reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain("baton");
  Attach(info, &status);
  return status;
}

std::string SerializeStatus(const absl::Status& status) {
  google::rpc::Status serialized;
  serialized.set_code(static_cast<int>(status.code()));
  serialized.set_message(std::string(status.message()));
  status.ForEachPayload(
      [&serialized](absl::string_view type_url, const absl::Cord& payload) {
        auto* const any = serialized.add_details();
        any->set_type_url(std::string(type_url));
        any->set_value(std::string(payload));
      });
  return serialized.SerializeAsString();
}

std::string ReasonOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  const absl::optional<absl::Cord> payload =
      status.GetPayload(TypeUrl<google::rpc::ErrorInfo>());
  if (payload.has_value()) info.ParseFromString(std::string(*payload));
  return info.reason();
}

}  // namespace baton
