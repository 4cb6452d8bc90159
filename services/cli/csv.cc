#include "services/cli/csv.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "services/common/checks.h"

namespace baton::cli {
namespace {

constexpr char kByteOrderMark[] = "\xEF\xBB\xBF";

struct Line {
  int number = 0;
  std::vector<std::string> cells;
};

// Takes the text apart, a line of cells at a time.
class Scanner {
 public:
  Scanner(absl::string_view text, Faults* faults)
      : rest_(text), faults_(faults) {}

  bool AtEnd() const { return rest_.empty(); }

  Line Next() {
    Line line{.number = line_, .cells = {}};
    do {
      line.cells.push_back(rest_.substr(0, 1) == "\"" ? Quoted() : Plain());
    } while (absl::ConsumePrefix(&rest_, ","));
    if (!absl::ConsumePrefix(&rest_, "\r\n") &&
        !absl::ConsumePrefix(&rest_, "\n") && !rest_.empty()) {
      Fault(line_, "text after a closing quote");
      rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size() - 1) + 1);
    }
    ++line_;
    return line;
  }

 private:
  std::string Plain() {
    size_t end = rest_.find_first_of(",\n");
    if (end == absl::string_view::npos) end = rest_.size();
    std::string cell(rest_.substr(0, end));
    rest_.remove_prefix(end);
    // A line's CR belongs to its end.
    if (absl::EndsWith(cell, "\r")) cell.pop_back();
    if (cell.find('"') != std::string::npos) {
      Fault(line_, "a quote inside a cell that does not begin with one");
    }
    return Bounded(cell);
  }

  std::string Quoted() {
    const int first = line_;
    std::string cell;
    rest_.remove_prefix(1);
    while (!rest_.empty()) {
      if (absl::ConsumePrefix(&rest_, "\"\"")) {
        cell.push_back('"');
      } else if (absl::ConsumePrefix(&rest_, "\"")) {
        return Bounded(cell);
      } else {
        line_ += rest_[0] == '\n';
        cell.push_back(rest_[0]);
        rest_.remove_prefix(1);
      }
    }
    Fault(first, "a quote that never closes");
    return Bounded(cell);
  }

  std::string Bounded(absl::string_view cell) {
    if (cell.size() > CsvLimits::kMaxCellBytes) {
      Fault(line_, absl::StrCat("a cell of more than ",
                                CsvLimits::kMaxCellBytes, " bytes"));
      return "";
    }
    return std::string(absl::StripAsciiWhitespace(cell));
  }

  void Fault(int line, absl::string_view what) {
    faults_->Add(absl::StrCat("line ", line), what);
  }

  absl::string_view rest_;
  int line_ = 1;
  Faults* const faults_;
};

bool IsEmpty(const Line& line) {
  return std::all_of(line.cells.begin(), line.cells.end(),
                     [](const std::string& cell) { return cell.empty(); });
}

// The header's names in lower case, checked against what is needed.
std::vector<std::string> ReadHeader(const Line& line,
                                    const std::vector<std::string>& columns,
                                    Faults* faults) {
  std::vector<std::string> names;
  for (const std::string& cell : line.cells) {
    names.push_back(absl::AsciiStrToLower(cell));
  }
  for (const std::string& column : columns) {
    const auto count = std::count(names.begin(), names.end(), column);
    if (count == 1) continue;
    faults->Add(
        absl::StrCat("line ", line.number),
        absl::StrCat("the header needs each of ", absl::StrJoin(columns, ","),
                     " once: ", column,
                     count == 0 ? " is missing" : " stands there twice"));
  }
  return names;
}

}  // namespace

std::vector<CsvRow> ReadCsv(absl::string_view text,
                            const std::vector<std::string>& columns,
                            Faults* faults) {
  std::vector<CsvRow> rows;
  absl::ConsumePrefix(&text, kByteOrderMark);
  if (text.size() > CsvLimits::kMaxBytes) {
    faults->Add("file", absl::StrCat("has more than ", CsvLimits::kMaxBytes,
                                     " bytes; import it in parts"));
    return rows;
  }
  if (!IsUtf8(text)) {
    faults->Add("file", "is not UTF-8; save it as \"CSV UTF-8\"");
    return rows;
  }
  Scanner scanner(text, faults);
  if (scanner.AtEnd()) {
    faults->Add("line 1", "a header is required");
    return rows;
  }
  const std::vector<std::string> names =
      ReadHeader(scanner.Next(), columns, faults);
  while (!scanner.AtEnd()) {
    Line line = scanner.Next();
    if (IsEmpty(line)) continue;
    if (rows.size() == CsvLimits::kMaxRows) {
      faults->Add(absl::StrCat("line ", line.number),
                  absl::StrCat("more than ", CsvLimits::kMaxRows,
                               " rows; import it in parts"));
      break;
    }
    if (line.cells.size() != names.size()) {
      faults->Add(absl::StrCat("line ", line.number),
                  absl::StrCat(line.cells.size(), " cells; the header has ",
                               names.size()));
      continue;
    }
    CsvRow row{.line = line.number, .cells = {}};
    for (size_t i = 0; i < names.size(); ++i) {
      row.cells[names[i]] = std::move(line.cells[i]);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace baton::cli
