#include "services/cli/finding.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "services/cli/words.h"

namespace baton::cli {
namespace {

constexpr Verdict kRed[] = {Verdict::kFailed, Verdict::kWarning,
                            Verdict::kUnknown};

std::string VerdictText(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOk:
      return "OK";
    case Verdict::kWarning:
      return "WARNING";
    case Verdict::kFailed:
      return "FAILED";
    case Verdict::kUnknown:
      return "UNKNOWN";
  }
  return "";
}

Record FindingRecord(const Finding& finding) {
  Record record;
  record.Add("check", "check", finding.check);
  record.Add("verdict", "verdict", VerdictText(finding.verdict));
  record.Add("reason", "reason", finding.reason);
  record.Add("advice", "what to do", finding.advice);
  return record;
}

// "all 13 checks are green", "of 13 checks: 1 FAILED, 1 UNKNOWN".
std::string Summary(const std::vector<Finding>& findings) {
  if (AllGreen(findings)) {
    return absl::StrCat("all ", findings.size(), " checks are green");
  }
  std::vector<std::string> counts;
  for (const Verdict verdict : kRed) {
    const auto count = std::count_if(
        findings.begin(), findings.end(),
        [verdict](const Finding& f) { return f.verdict == verdict; });
    if (count == 0) continue;
    counts.push_back(absl::StrCat(count, " ", VerdictText(verdict)));
  }
  return absl::StrCat("NOT GREEN: of ", findings.size(), " checks ",
                      absl::StrJoin(counts, ", "));
}

void PrintLines(const std::vector<Finding>& findings, std::ostream& out) {
  size_t width = 0;
  for (const Finding& finding : findings) {
    width = std::max(width, finding.check.size());
  }
  const int columns = static_cast<int>(width);
  for (const Finding& finding : findings) {
    out << absl::StrFormat("%-7s  %-*s  %s\n", VerdictText(finding.verdict),
                           columns, finding.check, Printable(finding.reason));
    if (finding.advice.empty()) continue;
    out << absl::StrFormat("%-7s  %-*s  what to do: %s\n", "", columns, "",
                           Printable(finding.advice));
  }
  out << Summary(findings) << "\n";
}

}  // namespace

Finding Ok(absl::string_view check, absl::string_view reason) {
  return {std::string(check), Verdict::kOk, std::string(reason), ""};
}

Finding Warning(absl::string_view check, absl::string_view reason,
                absl::string_view advice) {
  return {std::string(check), Verdict::kWarning, std::string(reason),
          std::string(advice)};
}

Finding Failed(absl::string_view check, absl::string_view reason,
               absl::string_view advice) {
  return {std::string(check), Verdict::kFailed, std::string(reason),
          std::string(advice)};
}

Finding Unknown(absl::string_view check, absl::string_view reason) {
  return {std::string(check), Verdict::kUnknown, std::string(reason), ""};
}

bool AllGreen(const std::vector<Finding>& findings) {
  return std::all_of(
      findings.begin(), findings.end(),
      [](const Finding& finding) { return finding.verdict == Verdict::kOk; });
}

void PrintFindings(const std::vector<Finding>& findings,
                   const Session& session) {
  std::vector<Record> records;
  for (const Finding& finding : findings) {
    records.push_back(FindingRecord(finding));
  }
  switch (session.format) {
    case Format::kTable:
      return PrintLines(findings, session.out());
    case Format::kJson:
      session.out() << "{\"green\":" << (AllGreen(findings) ? "true" : "false")
                    << ",\"findings\":" << JsonArray(records) << "}\n";
      return;
    case Format::kCsv:
      return PrintRecords(records, FindingRecord({}), {}, session.format,
                          session.out());
  }
}

}  // namespace baton::cli
