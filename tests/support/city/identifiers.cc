#include "tests/support/city/identifiers.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace baton::city {
namespace {

// A stem of nine digits whose check is 10 makes no number: of seven in a row
// that happens to two at most.
constexpr int kStemsPerFamily = kMaxChildren + 2;
// Have no factor in common with what they scatter over.
constexpr uint64_t kScatterFamilies = 61'813;
constexpr uint64_t kScatterPupils = 799'001;

constexpr int kNoCheckDigit = 10;

int CheckDigitOf(absl::string_view stem) {
  int sum = 0;
  for (int i = 0; i < 9; ++i) sum += (stem[i] - '0') * (10 - i);
  return (11 - sum % 11) % 11;
}

constexpr absl::string_view kLetters = "ABCDEFGHJKLMNPQRTUVWXYZ";

char CheckLetterOf(absl::string_view rest) {
  size_t sum = 0;
  for (size_t i = 0; i < rest.size(); ++i) {
    const size_t value =
        absl::ascii_isdigit(rest[i]) ? rest[i] - '0' : kLetters.find(rest[i]);
    sum += value * (i + 2);
  }
  return kLetters[sum % kLetters.size()];
}

// Primary schools have establishment numbers from 2000 to 3999.
constexpr uint64_t kPrimarySchools = 2000;
constexpr uint64_t kSerials = 1000;

// Another digit in the place of `digit`.
char OtherDigit(char digit, Dice* dice) {
  return static_cast<char>('0' + (digit - '0' + 1 + dice->Below(9)) % 10);
}

// The year in which school begins: the children of a school year are born
// from September to August.
int64_t StartOfSchool(absl::CivilDay birth_date) {
  return birth_date.year() + (birth_date.month() >= 9 ? 5 : 4);
}

}  // namespace

std::string NhsNumberOf(uint64_t family, int child) {
  const uint64_t block =
      family * kScatterFamilies % kFamiliesWithOwnNumbers * kStemsPerFamily;
  for (int i = 0, numbers = 0;; ++i) {
    const std::string stem = absl::StrFormat("999%06d", block + i);
    const int check = CheckDigitOf(stem);
    if (check == kNoCheckDigit) continue;
    if (numbers++ == child) return absl::StrCat(stem, check);
  }
}

std::string PupilNumberOf(absl::string_view authority, uint64_t family,
                          int child, absl::CivilDay birth_date,
                          bool temporary) {
  const uint64_t id = (family * kMaxChildren + child) * kScatterPupils %
                      (kPrimarySchools * kSerials);
  std::string rest = absl::StrFormat(
      "%s%04d%02d%03d", authority, kPrimarySchools + id % kPrimarySchools,
      StartOfSchool(birth_date) % 100, id / kPrimarySchools);
  if (temporary) rest.back() = kLetters[rest.back() - '0'];
  return absl::StrCat(std::string(1, CheckLetterOf(rest)), rest);
}

// The first three digits stay; modulus 11 notices one wrong digit, and two
// neighbours swapped.
std::string MistypedNhsNumber(std::string number, Dice* dice) {
  const size_t at = 3 + dice->Below(6);
  switch (dice->Weighted({5, 3, 2})) {
    case 0:
      break;
    case 1:
      if (number[at] == number[at + 1]) break;
      std::swap(number[at], number[at + 1]);
      return number;
    default:
      number.pop_back();
      return number;
  }
  number[at] = OtherDigit(number[at], dice);
  return number;
}

std::string MistypedPupilNumber(std::string number, Dice* dice) {
  switch (dice->Below(3)) {
    case 0:
      number[0] = kLetters[(kLetters.find(number[0]) + 1) % kLetters.size()];
      return number;
    case 1:
      number.pop_back();
      return number;
    default:
      number[5] = 'O';  // For a zero.
      return number;
  }
}

std::string MistypedDate(absl::CivilDay date, Dice* dice) {
  const bool can_swap = date.day() != date.month();
  switch (dice->Weighted({can_swap ? 1.0 : 0.0, 1, 1, 1})) {
    case 0:  // Day and month swapped: a date still, unless the day is past 12.
      return absl::StrFormat("%04d-%02d-%02d", date.year(), date.day(),
                             date.month());
    case 1:  // As on paper.
      return absl::StrFormat("%02d/%02d/%04d", date.day(), date.month(),
                             date.year());
    case 2:  // There is no such day.
      return absl::StrFormat("%04d-%02d-3%d", date.year(), date.month(),
                             2 + date.day() % 8);
    default:  // A wrong century.
      return absl::StrFormat("%04d-%02d-%02d", date.year() - 100, date.month(),
                             date.day());
  }
}

std::string MistypedCode(std::string code) {
  char& last = code[code.size() - 1];
  char& before = code[code.size() - 2];
  if (last == before) {
    last = last == '9' ? '8' : '9';
  } else {
    std::swap(last, before);
  }
  return code;
}

}  // namespace baton::city
