#ifndef BATON_SERVICES_CLI_CSV_H_
#define BATON_SERVICES_CLI_CSV_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/common/faults.h"

namespace baton::cli {

// What of a table is read at most.
struct CsvLimits {
  static constexpr size_t kMaxBytes = 16 << 20;
  static constexpr size_t kMaxRows = 50'000;
  static constexpr size_t kMaxCellBytes = 1024;
};

// A row below the header: its cells by the header's names, without spaces
// around them.
struct CsvRow {
  int line = 0;  // On which it begins, from 1.
  std::map<std::string, std::string> cells;
};

// Reads a table as spreadsheets write it (RFC 4180): UTF-8 with or without a
// byte order mark, lines that end in CRLF or LF, quoted cells with commas,
// quotes and line breaks in them. Its header names `columns`, in any order;
// other columns are passed over. Empty lines are no rows. Every fault is
// reported with its line ("line 7"). Pure.
std::vector<CsvRow> ReadCsv(absl::string_view text,
                            const std::vector<std::string>& columns,
                            Faults* faults);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_CSV_H_
