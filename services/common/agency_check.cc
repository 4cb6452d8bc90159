#include "services/common/agency_check.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/agency.h"
#include "services/common/checks.h"
#include "services/common/opening_hours.h"

namespace baton {
namespace {

void CheckText(const std::string& text, size_t max_bytes,
               const std::string& field, Faults* faults) {
  if (text.size() > max_bytes || !IsUtf8(text)) {
    faults->Add(field, absl::StrCat("at most ", max_bytes, " bytes of UTF-8"));
  }
  if (LooksLikeNhsNumber(text)) {
    faults->Add(field, "looks like an NHS number; the directory is for all");
  }
}

// Its digits are a phone number's, ten of them perhaps.
void CheckPhone(const std::string& phone, const std::string& field,
                Faults* faults) {
  if (phone.size() > AgencyLimits::kMaxPhoneBytes || !IsUtf8(phone)) {
    faults->Add(field, absl::StrCat("at most ", AgencyLimits::kMaxPhoneBytes,
                                    " bytes of UTF-8"));
  }
}

void CheckTeams(const v1::AgencyConfig& agency, const std::string& path,
                Faults* faults) {
  if (agency.teams_size() > AgencyLimits::kMaxTeams) {
    faults->Add(path + "teams",
                absl::StrCat("at most ", AgencyLimits::kMaxTeams));
  }
  std::set<std::string> names;
  for (int i = 0; i < agency.teams_size(); ++i) {
    const v1::TeamConfig& team = agency.teams(i);
    const std::string at = absl::StrCat(path, "teams[", i, "]");
    if (team.name().empty()) faults->Add(at + ".name", "is required");
    if (!names.insert(team.name()).second) {
      faults->Add(at + ".name", "stands here twice");
    }
    CheckText(team.name(), AgencyLimits::kMaxTeamNameBytes, at + ".name",
              faults);
    CheckPhone(team.phone(), at + ".phone", faults);
    CheckOpeningHours(team.opening_hours(), at + ".opening_hours", faults);
  }
}

void CheckDesks(const v1::AgencyConfig& agency, const std::string& path,
                Faults* faults) {
  if (agency.desks().empty() && !agency.off_exchange()) {
    faults->Add(path + "desks",
                "at least one desk is required, or off_exchange");
  }
  if (!agency.desks().empty() && agency.off_exchange()) {
    faults->Add(path + "off_exchange", "has no desks, or is on the exchange");
  }
  if (agency.desks_size() > AgencyLimits::kMaxDesks) {
    faults->Add(path + "desks",
                absl::StrCat("at most ", AgencyLimits::kMaxDesks));
  }
  const auto is_team = [&](const std::string& name) {
    return std::any_of(
        agency.teams().begin(), agency.teams().end(),
        [&](const v1::TeamConfig& team) { return team.name() == name; });
  };
  std::set<std::string> names;
  for (int i = 0; i < agency.desks_size(); ++i) {
    const v1::DeskConfig& desk = agency.desks(i);
    const std::string at = absl::StrCat(path, "desks[", i, "]");
    if (!IsDeskName(desk.name())) {
      faults->Add(at + ".name", "must be 1 to 32 of a-z, 0-9 and '-'");
    }
    if (!names.insert(desk.name()).second) {
      faults->Add(at, absl::StrCat(AgencyName(agency.agency()), "/",
                                   desk.name(), " stands here twice"));
    }
    if (!desk.team().empty() && !is_team(desk.team())) {
      faults->Add(at + ".team", "is none of the agency's teams");
    }
  }
}

// Rule 23 of the domain: who cannot be on this exchange.
void CheckPlace(const v1::AgencyConfig& agency, const std::string& path,
                Faults* faults) {
  const std::string& code = agency.agency().code();
  if (IsOffExchangeCode(code) && !agency.off_exchange()) {
    faults->Add(path + "off_exchange",
                "authorities S12 (Scotland), W06 (Wales) and N09 (Northern "
                "Ireland) are off the exchange");
  }
  if (agency.agency().agency_class() == v1::AGENCY_CLASS_COUNCIL &&
      absl::StartsWith(code, "E07")) {
    faults->Add(path + "agency",
                "an E07 district has no children's services: its class is "
                "housing");
  }
}

}  // namespace

void CheckAgencyEntry(const v1::AgencyConfig& agency, const std::string& path,
                      Faults* faults) {
  if (ClassName(agency.agency().agency_class()).empty() ||
      !IsAgencyCode(agency.agency().code())) {
    faults->Add(path + "agency",
                "needs a class and a code of 1 to 16 of A-Z and 0-9");
  }
  CheckText(agency.name(), AgencyLimits::kMaxNameBytes, path + "name", faults);
  CheckPhone(agency.phone(), path + "phone", faults);
  CheckDesks(agency, path, faults);
  CheckTeams(agency, path, faults);
  CheckPlace(agency, path, faults);
}

void CheckReachable(const v1::AgencyConfig& agency, const std::string& path,
                    Faults* faults) {
  if (agency.agency().agency_class() == v1::AGENCY_CLASS_COUNCIL &&
      agency.phone().empty()) {
    faults->Add(path + "phone", "is required for a council: whom to ring");
  }
}

bool IsOffExchangeCode(absl::string_view code) {
  return absl::StartsWith(code, "S12") || absl::StartsWith(code, "W06") ||
         absl::StartsWith(code, "N09");
}

}  // namespace baton
