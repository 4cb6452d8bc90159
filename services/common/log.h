#ifndef BATON_SERVICES_COMMON_LOG_H_
#define BATON_SERVICES_COMMON_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace baton {

enum class Severity { kInfo, kWarning, kError };

// A field of a log line: a name and a number or text. Never personal data:
// ids, codes, counts and durations only.
struct LogField {
  LogField(absl::string_view field_name, absl::string_view text)
      : name(field_name), value(text) {}
  LogField(absl::string_view field_name, int64_t number)
      : name(field_name), value(absl::StrCat(number)), is_number(true) {}
  absl::string_view name;
  std::string value;
  bool is_number = false;
};

// Writes one JSON line to standard error: what an operator would act on.
//   Log(Severity::kInfo, "message dead-lettered", {{"queue", queue}});
// `event` is a fixed text. Thread-safe.
void Log(Severity severity, absl::string_view event,
         std::initializer_list<LogField> fields = {});

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_LOG_H_
