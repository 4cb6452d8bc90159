#include "services/cli/output.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "services/cli/words.h"

namespace baton::cli {
namespace {

// Characters, not bytes, so that columns stand straight under "é".
size_t Width(absl::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (c & 0xC0) != 0x80; });
}

std::string Padded(absl::string_view text, size_t width) {
  const size_t used = Width(text);
  return absl::StrCat(text, std::string(width > used ? width - used : 0, ' '));
}

// RFC 4180. A cell that a spreadsheet would run as a formula gets a ' before
// it: its text came from another agency.
std::string CsvCell(const Field& field) {
  std::string text = field.machine;
  if (field.type == Field::Type::kText && !text.empty() &&
      absl::string_view("=+-@\t\r").find(text[0]) != absl::string_view::npos) {
    text.insert(0, "'");
  }
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

void PrintCsv(const std::vector<Record>& records, const Record& shape,
              std::ostream& out) {
  out << absl::StrJoin(shape.fields(), ",",
                       [](std::string* line, const Field& field) {
                         line->append(field.key);
                       })
      << "\r\n";
  for (const Record& record : records) {
    out << absl::StrJoin(record.fields(), ",",
                         [](std::string* line, const Field& field) {
                           line->append(CsvCell(field));
                         })
        << "\r\n";
  }
}

std::string TextOf(const Record& record, absl::string_view key) {
  const Field* field = record.Find(key);
  return field == nullptr ? "" : Printable(field->text);
}

void PrintTable(const std::vector<Record>& records, const Record& shape,
                const std::vector<std::string>& columns, std::ostream& out) {
  std::vector<std::vector<std::string>> lines(1);
  for (const std::string& key : columns) {
    const Field* field = shape.Find(key);
    lines[0].push_back(
        absl::AsciiStrToUpper(field == nullptr ? key : field->title));
  }
  std::vector<size_t> widths(columns.size());
  for (const Record& record : records) {
    auto& line = lines.emplace_back();
    for (const std::string& key : columns) line.push_back(TextOf(record, key));
  }
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths[i] = std::max(widths[i], Width(line[i]));
    }
  }
  for (const auto& line : lines) {
    std::string printed;
    for (size_t i = 0; i < line.size(); ++i) {
      absl::StrAppend(&printed, Padded(line[i], widths[i]), "  ");
    }
    out << absl::StripTrailingAsciiWhitespace(printed) << "\n";
  }
}

void PrintLines(const Record& record, std::ostream& out) {
  size_t width = 0;
  for (const Field& field : record.fields()) {
    if (!field.text.empty()) width = std::max(width, Width(field.title));
  }
  for (const Field& field : record.fields()) {
    if (field.title.empty() || field.text.empty()) continue;
    out << "  " << Padded(field.title, width) << "  " << Printable(field.text)
        << "\n";
  }
}

}  // namespace

void Record::Add(absl::string_view key, absl::string_view title,
                 absl::string_view value) {
  Add(key, title, value, value);
}

void Record::Add(absl::string_view key, absl::string_view title,
                 absl::string_view machine, absl::string_view text) {
  fields_.push_back({std::string(key), std::string(title), std::string(machine),
                     std::string(text), Field::Type::kText});
}

void Record::AddNumber(absl::string_view key, absl::string_view title,
                       int64_t value) {
  const std::string text = absl::StrCat(value);
  fields_.push_back(
      {std::string(key), std::string(title), text, text, Field::Type::kNumber});
}

void Record::AddBool(absl::string_view key, bool value) {
  fields_.push_back(
      {std::string(key), "", value ? "true" : "false", "", Field::Type::kBool});
}

const Field* Record::Find(absl::string_view key) const {
  for (const Field& field : fields_) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

void PrintRecord(const Record& record, Format format, std::ostream& out) {
  switch (format) {
    case Format::kTable:
      return PrintLines(record, out);
    case Format::kJson:
      out << JsonObject(record) << "\n";
      return;
    case Format::kCsv:
      return PrintCsv({record}, record, out);
  }
}

void PrintRecords(const std::vector<Record>& records, const Record& shape,
                  const std::vector<std::string>& columns, Format format,
                  std::ostream& out) {
  switch (format) {
    case Format::kTable:
      return PrintTable(records, shape, columns, out);
    case Format::kJson:
      out << JsonArray(records) << "\n";
      return;
    case Format::kCsv:
      return PrintCsv(records, shape, out);
  }
}

std::string JsonObject(const Record& record) {
  return absl::StrCat("{",
                      absl::StrJoin(record.fields(), ",",
                                    [](std::string* json, const Field& field) {
                                      absl::StrAppend(
                                          json, JsonString(field.key), ":",
                                          field.type == Field::Type::kText
                                              ? JsonString(field.machine)
                                              : field.machine);
                                    }),
                      "}");
}

std::string JsonArray(const std::vector<Record>& records) {
  return absl::StrCat(
      "[",
      absl::StrJoin(records, ",",
                    [](std::string* json, const Record& record) {
                      json->append(JsonObject(record));
                    }),
      "]");
}

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      absl::StrAppend(&json, "\\", std::string(1, static_cast<char>(c)));
    } else if (c < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(&json, "\\u%04x", c);
    } else {
      json += static_cast<char>(c);
    }
  }
  return json + "\"";
}

}  // namespace baton::cli
