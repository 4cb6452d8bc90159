#include "services/common/agency.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/checks.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr std::pair<v1::AgencyClass, absl::string_view> kClassNames[] = {
    {v1::AGENCY_CLASS_EMERGENCY, "emergency"},
    {v1::AGENCY_CLASS_POLICE, "police"},
    {v1::AGENCY_CLASS_SCHOOL, "school"},
    {v1::AGENCY_CLASS_COUNCIL, "council"},
    {v1::AGENCY_CLASS_HOUSING, "housing"},
    {v1::AGENCY_CLASS_INTEGRATED_CARE_BOARD, "icb"},
    {v1::AGENCY_CLASS_HEALTH, "health"},
    {v1::AGENCY_CLASS_PLACEMENT, "placement"},
    {v1::AGENCY_CLASS_ADULT, "adult"},
    {v1::AGENCY_CLASS_PUBLIC, "public"},
    {v1::AGENCY_CLASS_EXCHANGE, "exchange"},
    {v1::AGENCY_CLASS_WITNESS, "witness"},
    {v1::AGENCY_CLASS_OPERATOR, "operator"},
};

}  // namespace

absl::string_view ClassName(v1::AgencyClass agency_class) {
  for (const auto& [value, name] : kClassNames) {
    if (value == agency_class) return name;
  }
  return "";
}

v1::AgencyClass ClassFromName(absl::string_view name) {
  for (const auto& [value, text] : kClassNames) {
    if (text == name) return value;
  }
  return v1::AGENCY_CLASS_UNSPECIFIED;
}

std::string AgencyName(const v1::Agency& agency) {
  return absl::StrCat(ClassName(agency.agency_class()), "/", agency.code());
}

absl::StatusOr<v1::Agency> ParseAgency(absl::string_view name) {
  const std::pair<absl::string_view, absl::string_view> pieces =
      absl::StrSplit(name, absl::MaxSplits('/', 1));
  v1::Agency agency;
  agency.set_agency_class(ClassFromName(pieces.first));
  agency.set_code(std::string(pieces.second));
  if (agency.agency_class() == v1::AGENCY_CLASS_UNSPECIFIED ||
      !IsAgencyCode(pieces.second)) {
    return absl::InvalidArgumentError(
        "an agency is named <class>/<code>, for example council/E06000018");
  }
  return agency;
}

bool SameAgency(const v1::Agency& a, const v1::Agency& b) {
  return a.agency_class() == b.agency_class() && a.code() == b.code();
}

bool IsAgencyCode(absl::string_view code) {
  return !code.empty() && code.size() <= 16 &&
         std::all_of(code.begin(), code.end(),
                     [](char c) {
                       return absl::ascii_isupper(c) || absl::ascii_isdigit(c);
                     }) &&
         !LooksLikeNhsNumber(code);
}

bool IsDeskName(absl::string_view desk) {
  return !desk.empty() && desk.size() <= 32 &&
         std::all_of(desk.begin(), desk.end(),
                     [](char c) {
                       return absl::ascii_islower(c) ||
                              absl::ascii_isdigit(c) || c == '-';
                     }) &&
         !LooksLikeNhsNumber(desk);
}

std::string QueueName(const v1::Address& address) {
  return absl::StrCat(AgencyName(address.agency()), "/", address.desk());
}

absl::StatusOr<v1::Address> ParseQueueName(absl::string_view name) {
  const size_t slash = name.rfind('/');
  if (slash != absl::string_view::npos && IsDeskName(name.substr(slash + 1))) {
    if (absl::StatusOr<v1::Agency> agency = ParseAgency(name.substr(0, slash));
        agency.ok()) {
      v1::Address address;
      *address.mutable_agency() = *std::move(agency);
      address.set_desk(std::string(name.substr(slash + 1)));
      return address;
    }
  }
  return absl::InvalidArgumentError(
      "a queue is named <class>/<code>/<desk>, for example "
      "council/E06000018/intake");
}

}  // namespace baton
