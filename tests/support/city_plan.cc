// Prints a generated city, one call a line; see tests/support/README.md.

#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/city.h"
#include "tests/support/city/calendar.h"
#include "tests/support/city/city_agencies.h"
#include "tests/support/city/plan_line.h"

namespace {

constexpr char kHelp[] =
    R"(usage: city_plan --from DATE --days N [--seed N] [--scale X]
                 [--schools N]

Prints what the agencies of an invented city call and what its councils answer,
in time order, one JSON object a line. The same arguments print the same bytes.

  --from DATE   first day, for example 2026-11-22; from midnight in London
  --days N      1 to 36500; what began goes on being told until the last day
                ends, and is cut off there
  --seed N      which city; 1 when not given
  --scale X     how busy: 2 is twice, 0.1 a tenth; more than 0, at most 1000;
                1 when not given
  --schools N   how many schools are on the exchange, 123401 and the next;
                1 to 5, and 5 when not given
  --help        this text

Each line:
  time, agency  when who calls its own service, such as police/E23000019
  rpc, request  the call; fields have their names of proto/
  kind          what it becomes on the exchange
  reference     of the case, as whoever raised it names it
  opens_case    on the call that opens the case
  silence       with it, when something never comes on purpose: "sender" (no
                more heartbeats or updates, and no end) or "recipient" (nobody
                takes it)
  response      what somebody says about one matter: raised_by, child (from 1;
                0: all) and after_seconds, since the case was opened. The
                caller fills in what only the exchange knows: matter_id,
                joins_conversation_id, and ids of messages.
)";

constexpr double kMostScale = 1000;
constexpr int kMostDays = 36'500;
constexpr int kFirstYear = 2000;
constexpr int kLastYear = 2500;

struct Arguments {
  baton::CityOptions options;
  absl::CivilDay from;
  int days = 0;
  int schools = baton::kMostSchools;
};

bool ReadDate(const std::string& text, absl::CivilDay* date) {
  return absl::ParseCivilTime(text, date) && date->year() >= kFirstYear &&
         date->year() <= kLastYear;
}

// What is wrong with `value`; empty when nothing is.
std::string Read(const std::string& flag, const std::string& value,
                 Arguments* arguments) {
  baton::CityOptions& options = arguments->options;
  if (flag == "--from") {
    if (ReadDate(value, &arguments->from)) return "";
    return absl::StrCat("needs a date from ", kFirstYear, " to ", kLastYear,
                        ", for example 2026-11-22");
  }
  if (flag == "--days") {
    if (absl::SimpleAtoi(value, &arguments->days) && arguments->days >= 1 &&
        arguments->days <= kMostDays) {
      return "";
    }
    return absl::StrCat("needs a number from 1 to ", kMostDays);
  }
  if (flag == "--seed") {
    return absl::SimpleAtoi(value, &options.seed) ? "" : "needs a whole number";
  }
  if (flag == "--scale") {
    if (absl::SimpleAtod(value, &options.scale) && options.scale > 0 &&
        options.scale <= kMostScale) {
      return "";
    }
    return absl::StrCat("needs a number more than 0, at most ", kMostScale);
  }
  if (flag == "--schools") {
    if (absl::SimpleAtoi(value, &arguments->schools) &&
        arguments->schools >= 1 && arguments->schools <= baton::kMostSchools) {
      return "";
    }
    return absl::StrCat("needs a number from 1 to ", baton::kMostSchools);
  }
  return "is no option; see --help";
}

// Everything that is wrong with the command line.
std::vector<std::string> ReadAll(const std::vector<std::string>& words,
                                 Arguments* arguments) {
  std::vector<std::string> faults;
  bool from = false;
  bool days = false;
  for (size_t i = 0; i < words.size(); i += 2) {
    const std::string& flag = words[i];
    const std::string value = i + 1 < words.size() ? words[i + 1] : "";
    from = from || flag == "--from";
    days = days || flag == "--days";
    const std::string fault = Read(flag, value, arguments);
    if (!fault.empty()) faults.push_back(absl::StrCat(flag, " ", fault));
  }
  if (!from) faults.push_back("--from is required");
  if (!days) faults.push_back("--days is required");
  return faults;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 1 && words[0] == "--help") {
    std::cout << kHelp;
    return 0;
  }
  Arguments arguments;
  const std::vector<std::string> faults = ReadAll(words, &arguments);
  for (const std::string& fault : faults) {
    std::cerr << "city_plan: " << fault << "\n";
  }
  if (!faults.empty()) return 2;

  arguments.options.agencies = baton::InventedCity(arguments.schools);
  arguments.options.from =
      baton::city::FromLondon(absl::CivilSecond(arguments.from));
  const absl::Time end = baton::city::FromLondon(
      absl::CivilSecond(arguments.from + arguments.days));
  baton::City city(arguments.options);
  for (baton::Arrival next = city.Next(); next.time < end && std::cout;
       next = city.Next()) {
    std::cout << baton::PlanLine(next) << "\n";
  }
  std::cout.flush();
  return std::cout ? 0 : 1;
}
