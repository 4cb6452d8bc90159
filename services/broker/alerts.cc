#include "services/broker/alerts.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "baton/v1/alert.pb.h"
#include "baton/v1/missing.pb.h"
#include "baton/v1/police.pb.h"
#include "baton/v1/waiting.pb.h"
#include "services/broker/payload.h"
#include "services/broker/view.h"
#include "services/common/agency.h"

namespace baton {
namespace {

// A part may be about one child or, in the common part, about all of them.
template <typename Content>
std::optional<Content> AboutChild(const v1::Message& cause,
                                  const std::string& matter_id) {
  const v1::PayloadPart* part = FindPart(cause, matter_id);
  if (part == nullptr) part = FindPart(cause, "");
  return part == nullptr ? std::nullopt : ContentOf<Content>(*part);
}

// The alert's code, time and dangers, by kind of cause.

std::optional<v1::Alert> OfPoliceNotice(const v1::Message& cause,
                                        const std::string& matter_id) {
  const auto incident = FirstOf<v1::PoliceIncident>(cause);
  const auto notice = AboutChild<v1::PoliceNotice>(cause, matter_id);
  if (!incident || !notice || !incident->domestic_abuse()) return std::nullopt;
  v1::Alert alert;
  alert.set_code(v1::ALERT_CODE_DOMESTIC_ABUSE);
  *alert.mutable_time() = incident->incident_time();
  *alert.mutable_immediate_danger() = notice->immediate_danger();
  *alert.mutable_risk_to_workers() = incident->household().risk_to_workers();
  return alert;
}

std::optional<v1::Alert> OfMissingReport(const v1::Message& cause,
                                         const std::string& matter_id) {
  const auto report = AboutChild<v1::MissingReport>(cause, matter_id);
  if (!report) return std::nullopt;
  v1::Alert alert;
  alert.set_code(v1::ALERT_CODE_MISSING);
  *alert.mutable_time() = report->last_seen_time();
  return alert;
}

std::optional<v1::Alert> OfFoundReport(const v1::Message& cause,
                                       const std::string& matter_id) {
  const auto found = AboutChild<v1::FoundReport>(cause, matter_id);
  if (!found) return std::nullopt;
  v1::Alert alert;
  alert.set_code(v1::ALERT_CODE_FOUND);
  *alert.mutable_time() = found->found_time();
  *alert.mutable_immediate_danger() = found->immediate_danger();
  return alert;
}

std::optional<v1::Alert> OfWaitingFlag(const v1::Message& cause,
                                       const std::string& matter_id) {
  const auto flag = AboutChild<v1::WaitingFlag>(cause, matter_id);
  if (!flag) return std::nullopt;
  v1::Alert alert;
  alert.set_code(v1::ALERT_CODE_EMERGENCY_DEPARTMENT);
  *alert.mutable_time() = flag->arrived_time();
  *alert.mutable_immediate_danger() = flag->immediate_danger();
  if (const auto incident = FirstOf<v1::WaitingIncident>(cause)) {
    *alert.mutable_risk_to_workers() = incident->household().risk_to_workers();
  }
  return alert;
}

std::optional<v1::Alert> AlertFor(const v1::Message& cause,
                                  const std::string& matter_id) {
  switch (cause.kind()) {
    case v1::MESSAGE_KIND_POLICE_NOTICE:
      return OfPoliceNotice(cause, matter_id);
    case v1::MESSAGE_KIND_MISSING_REPORT:
      return OfMissingReport(cause, matter_id);
    case v1::MESSAGE_KIND_FOUND_REPORT:
      return OfFoundReport(cause, matter_id);
    case v1::MESSAGE_KIND_WAITING_FLAG:
      return OfWaitingFlag(cause, matter_id);
    default:
      return std::nullopt;
  }
}

// Who the child is, and what is never removed.
v1::Child Minimum(const v1::Child& child) {
  v1::Child minimum;
  *minimum.mutable_names() = child.names();
  *minimum.mutable_do_not_tell() = child.do_not_tell();
  if (child.has_birth_date()) {
    *minimum.mutable_birth_date() = child.birth_date();
  }
  if (child.has_pupil_number()) {
    *minimum.mutable_pupil_number() = child.pupil_number();
  }
  if (child.has_interpreter()) {
    *minimum.mutable_interpreter() = child.interpreter();
  }
  if (child.has_medication()) {
    *minimum.mutable_medication() = child.medication();
  }
  return minimum;
}

// The school the child's bodies name, at its default desk; no code when none
// is named.
v1::Address SchoolOf(const v1::Child& child) {
  v1::Address school;
  school.mutable_agency()->set_agency_class(v1::AGENCY_CLASS_SCHOOL);
  school.mutable_agency()->set_code(
      std::string(absl::StripAsciiWhitespace(child.bodies().school().code())));
  return school;
}

bool HasIt(const v1::Message& cause, const v1::Agency& agency) {
  if (SameAgency(cause.sender(), agency)) return true;
  for (const v1::Recipient& recipient : cause.recipients()) {
    if (!recipient.has_redirected_to() &&
        SameAgency(recipient.address().agency(), agency)) {
      return true;
    }
  }
  return false;
}

// What passes on from the cause's envelope: why and how urgently.
v1::Message EnvelopeOf(const v1::Message& cause, v1::Address school) {
  v1::Message message;
  message.set_kind(v1::MESSAGE_KIND_ALERT);
  v1::Recipient* const recipient = message.add_recipients();
  *recipient->mutable_address() = std::move(school);
  recipient->set_role(v1::RECIPIENT_ROLE_ACTION);
  message.set_priority(cause.priority());
  message.set_purpose(cause.purpose());
  message.set_legal_basis(cause.legal_basis());
  message.set_environment(cause.environment());
  message.set_format_version(1);
  return message;
}

}  // namespace

v1::Agency ExchangeAgency() {
  v1::Agency exchange;
  exchange.set_agency_class(v1::AGENCY_CLASS_EXCHANGE);
  exchange.set_code(kExchangeCode);
  return exchange;
}

std::optional<v1::Message> AlertOf(const Directory& directory,
                                   const v1::Message& cause,
                                   const ChildPart& child) {
  const v1::Address school = SchoolOf(child.child);
  const Directory::Route route = directory.Resolve(school);
  if (!route.known || HasIt(cause, school.agency())) return std::nullopt;
  std::optional<v1::Alert> alert = AlertFor(cause, child.matter_id);
  if (!alert.has_value()) return std::nullopt;
  *alert->mutable_child() = Minimum(child.child);
  alert->set_ask(AskText(directory, cause.sender()));
  *alert->mutable_source_time() = cause.publish_time();

  v1::Message message = EnvelopeOf(cause, route.address);
  (*message.mutable_attributes())[kAlertCodeAttribute] =
      v1::AlertCode_Name(alert->code());
  v1::PayloadPart* const part = message.add_payload();
  part->set_matter_id("#1");
  part->set_type(v1::Alert::descriptor()->full_name());
  part->set_content(alert->SerializeAsString());
  return message;
}

bool IsSchoolUnknown(const Directory& directory, const v1::Message& cause,
                     const ChildPart& child) {
  const v1::Address school = SchoolOf(child.child);
  return !school.agency().code().empty() && !directory.Resolve(school).known &&
         AlertFor(cause, child.matter_id).has_value();
}

}  // namespace baton
