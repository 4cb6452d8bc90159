#ifndef BATON_SERVICES_CLI_OUTPUT_H_
#define BATON_SERVICES_CLI_OUTPUT_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Facts, printed for a person (table) or a program (json, csv). A program
// sees every field, under the same keys in json and csv; a person sees those
// that have a title.
namespace baton::cli {

enum class Format { kTable, kJson, kCsv };

struct Field {
  enum class Type { kText, kNumber, kBool };

  std::string key;      // "received_time"
  std::string title;    // "received"; empty: for programs only.
  std::string machine;  // "2026-01-03T21:40:00Z"
  std::string text;     // "21:40 (3 min ago)"
  Type type = Type::kText;
};

class Record {
 public:
  // Reads the same for both.
  void Add(absl::string_view key, absl::string_view title,
           absl::string_view value);
  void Add(absl::string_view key, absl::string_view title,
           absl::string_view machine, absl::string_view text);
  void AddNumber(absl::string_view key, absl::string_view title, int64_t value);
  void AddBool(absl::string_view key, bool value);

  const std::vector<Field>& fields() const { return fields_; }
  // Null when there is none of that key.
  const Field* Find(absl::string_view key) const;

  // It cannot wait: a list that a person reads has it first.
  void set_urgent(bool urgent) { urgent_ = urgent; }
  bool urgent() const { return urgent_; }

 private:
  bool urgent_ = false;
  std::vector<Field> fields_;
};

// One thing: "title  text" lines (empty ones left out), a json object, or csv
// with a header.
void PrintRecord(const Record& record, Format format, std::ostream& out);

// Many things of one kind: a table of the fields `columns` names, a json
// array, or csv with a header, which is there even when nothing else is.
// `shape` is any record of that kind.
void PrintRecords(const std::vector<Record>& records, const Record& shape,
                  const std::vector<std::string>& columns, Format format,
                  std::ostream& out);

// The json forms alone, to be part of something larger.
std::string JsonObject(const Record& record);
std::string JsonArray(const std::vector<Record>& records);
std::string JsonString(absl::string_view text);

}  // namespace baton::cli

#endif  // BATON_SERVICES_CLI_OUTPUT_H_
