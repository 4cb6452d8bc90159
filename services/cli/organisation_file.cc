#include "services/cli/organisation_file.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/cli/csv.h"
#include "services/cli/suggest.h"
#include "services/cli/words.h"
#include "services/common/agency.h"
#include "services/common/agency_check.h"

namespace baton::cli {
namespace {

const std::vector<std::string>& Columns() {
  static const auto& columns =
      *new std::vector<std::string>{"class", "code", "name", "phone", "desk"};
  return columns;
}

std::string LineName(int line) { return absl::StrCat("line ", line); }

std::vector<std::string> ClassNames() {
  std::vector<std::string> names;
  for (int i = v1::AgencyClass_MIN; i <= v1::AgencyClass_MAX; ++i) {
    const auto name = ClassName(static_cast<v1::AgencyClass>(i));
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

bool HasDesk(const v1::AgencyConfig& agency, const std::string& name) {
  return std::any_of(
      agency.desks().begin(), agency.desks().end(),
      [&](const v1::DeskConfig& desk) { return desk.name() == name; });
}

// Takes what a further row says about a text; it may leave it empty.
void TakeText(const std::string& cell, const char* column, int line,
              std::string* text, Faults* faults) {
  if (cell.empty() || cell == *text) return;
  if (!text->empty()) {
    faults->Add(LineName(line),
                absl::StrCat(column,
                             " is another than in the organisation's first "
                             "row"));
    return;
  }
  *text = cell;
}

void TakeRow(const CsvRow& row, v1::AgencyConfig* agency, bool first,
             Faults* faults) {
  TakeText(row.cells.at("name"), "name", row.line, agency->mutable_name(),
           faults);
  TakeText(row.cells.at("phone"), "phone", row.line, agency->mutable_phone(),
           faults);
  const std::string& desk = row.cells.at("desk");
  if (desk.empty() ? !first : agency->off_exchange()) {
    faults->Add(LineName(row.line),
                "an organisation has desks, or one row without any");
  } else if (desk.empty()) {
    agency->set_off_exchange(true);
  } else if (HasDesk(*agency, desk)) {
    faults->Add(LineName(row.line), "this desk stands above already");
  } else {
    agency->add_desks()->set_name(desk);
  }
}

void CheckOrganisation(const Organisation& organisation, Faults* faults) {
  Faults found;
  CheckAgencyEntry(organisation.agency, "", &found);
  faults->AddAll(found
                     .Mapped([&](absl::string_view field) {
                       return absl::StrCat(LineName(organisation.line), ": ",
                                           field);
                     })
                     .ToStatus());
}

}  // namespace

std::vector<Organisation> ReadOrganisations(absl::string_view text,
                                            Faults* faults) {
  Faults form;
  const std::vector<CsvRow> rows = ReadCsv(text, Columns(), &form);
  faults->AddAll(form.ToStatus());
  std::vector<Organisation> organisations;
  // Without a good header no row means anything.
  for (const std::string& column : Columns()) {
    if (!rows.empty() && rows[0].cells.count(column) == 0) return {};
  }
  std::map<std::string, size_t> by_name;
  std::map<int, Faults> by_line;  // So that they read as the file does.
  for (const CsvRow& row : rows) {
    v1::Agency agency;
    const std::string& class_name = row.cells.at("class");
    agency.set_agency_class(ClassFromName(class_name));
    agency.set_code(row.cells.at("code"));
    if (agency.agency_class() == v1::AGENCY_CLASS_UNSPECIFIED) {
      by_line[row.line].Add(
          LineName(row.line),
          absl::StrCat("\"", Printable(class_name), "\" is no class",
                       DidYouMean(class_name, ClassNames())));
      continue;
    }
    const auto [it, first] =
        by_name.emplace(AgencyName(agency), organisations.size());
    if (first) {
      organisations.push_back({.line = row.line, .agency = {}});
      *organisations.back().agency.mutable_agency() = agency;
    }
    TakeRow(row, &organisations[it->second].agency, first, &by_line[row.line]);
  }
  for (const Organisation& organisation : organisations) {
    CheckOrganisation(organisation, &by_line[organisation.line]);
  }
  for (const auto& [line, found] : by_line) faults->AddAll(found.ToStatus());
  return organisations;
}

v1::AgencyConfig Merged(const v1::AgencyConfig& now,
                        const v1::AgencyConfig& wanted) {
  v1::AgencyConfig merged = now;
  *merged.mutable_agency() = wanted.agency();
  if (!wanted.name().empty()) merged.set_name(wanted.name());
  if (!wanted.phone().empty()) merged.set_phone(wanted.phone());
  for (const v1::DeskConfig& desk : wanted.desks()) {
    if (!HasDesk(merged, desk.name())) *merged.add_desks() = desk;
  }
  merged.set_off_exchange(merged.desks().empty());
  return merged;
}

}  // namespace baton::cli
