#include "services/broker/access.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/agency.h"

namespace baton {
namespace {

template <typename List, typename Value>
bool Holds(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

void CheckRule(const v1::AccessRule& rule, const std::string& path,
               Faults* faults) {
  if (rule.name().empty()) faults->Add(path + ".name", "is required");
  const auto require = [&](bool present, absl::string_view field) {
    if (!present) {
      faults->Add(absl::StrCat(path, ".", field), "names at least one");
    }
  };
  require(!rule.sender_classes().empty(), "sender_classes");
  require(!rule.recipient_classes().empty(), "recipient_classes");
  require(!rule.kinds().empty(), "kinds");
  require(!rule.purposes().empty(), "purposes");
  for (const std::string& code : rule.sender_codes()) {
    if (!IsAgencyCode(code)) {
      faults->Add(path + ".sender_codes", "holds a code that is none");
    }
  }
}

}  // namespace

Access Access::Create(v1::AccessPolicy policy, Faults* faults) {
  if (policy.rules().empty()) {
    faults->Add("rules", "without a rule nobody may send anything");
  }
  for (int i = 0; i < policy.rules_size(); ++i) {
    CheckRule(policy.rules(i), absl::StrCat("rules[", i, "]"), faults);
  }
  return Access(std::move(policy));
}

absl::Status Access::CheckPublish(const v1::Agency& sender,
                                  v1::AgencyClass recipient_class,
                                  v1::MessageKind kind,
                                  v1::Purpose purpose) const {
  for (const v1::AccessRule& rule : policy_.rules()) {
    if (Holds(rule.sender_classes(), sender.agency_class()) &&
        (rule.sender_codes().empty() ||
         Holds(rule.sender_codes(), sender.code())) &&
        Holds(rule.recipient_classes(), recipient_class) &&
        Holds(rule.kinds(), kind) && Holds(rule.purposes(), purpose)) {
      return absl::OkStatus();
    }
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "the access policy has no rule that lets ", AgencyName(sender), " send ",
      v1::MessageKind_Name(kind), " for ", v1::Purpose_Name(purpose), " to a ",
      ClassName(recipient_class), "; ask the exchange's operator to add one"));
}

absl::Status Access::CheckConsume(const v1::Agency& agency,
                                  absl::string_view queue) const {
  if (absl::StartsWith(queue, absl::StrCat(AgencyName(agency), "/"))) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      AgencyName(agency), " may only use queues of its own, named ",
      AgencyName(agency), "/<desk>"));
}

absl::Status Access::CheckManage(const v1::Agency& agency,
                                 absl::string_view queue) const {
  if (agency.agency_class() == v1::AGENCY_CLASS_OPERATOR) {
    return absl::OkStatus();
  }
  return CheckConsume(agency, queue);
}

absl::Status Access::CheckAudit(const v1::Agency& agency) const {
  if (policy_.audit_classes().empty() ||
      Holds(policy_.audit_classes(), agency.agency_class())) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(
      absl::StrCat("the access policy does not let a ",
                   ClassName(agency.agency_class()), " read the audit log"));
}

}  // namespace baton
