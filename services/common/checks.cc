#include "services/common/checks.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"

namespace baton {
namespace {

bool IsSeparator(char c) { return c == ' ' || c == '-'; }

// Digits of `value` without spaces and hyphens; empty when anything else is in
// it.
std::string Digits(absl::string_view value) {
  std::string digits;
  for (const char c : value) {
    if (IsSeparator(c)) continue;
    if (!absl::ascii_isdigit(c)) return "";
    digits.push_back(c);
  }
  return digits;
}

constexpr absl::string_view kPupilLetters = "ABCDEFGHJKLMNPQRTUVWXYZ";

// Length of the UTF-8 sequence `lead` begins, or 0.
int SequenceLength(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

// Overlong forms, surrogates and code points past U+10FFFF show in the second
// byte.
bool IsSecondByteLegal(uint8_t lead, uint8_t second) {
  if (lead == 0xe0) return second >= 0xa0;
  if (lead == 0xed) return second < 0xa0;
  if (lead == 0xf0) return second >= 0x90;
  if (lead == 0xf4) return second < 0x90;
  return true;
}

}  // namespace

bool LooksLikeNhsNumber(absl::string_view text) {
  int digits = 0;
  bool separated = false;  // A separator stands behind the last digit.
  int run = 0;             // Digits without any separator.
  for (const char c : text) {
    if (absl::ascii_isdigit(c)) {
      run = separated ? 1 : run + 1;
      ++digits;
      separated = false;
    } else if (IsSeparator(c) && digits > 0 && !separated) {
      if (run == 10) return true;
      separated = true;
    } else {
      if (digits == 10 || run == 10) return true;
      digits = run = 0;
      separated = false;
    }
  }
  return digits == 10 || run == 10;
}

v1::IdentifierCheck CheckNhsNumber(absl::string_view value) {
  const std::string digits = Digits(value);
  if (digits.size() != 10) return v1::IDENTIFIER_CHECK_FAILED;
  int sum = 0;
  for (int i = 0; i < 9; ++i) sum += (digits[i] - '0') * (10 - i);
  const int check = (11 - sum % 11) % 11;
  return check == digits[9] - '0' ? v1::IDENTIFIER_CHECK_PASSED
                                  : v1::IDENTIFIER_CHECK_FAILED;
}

v1::IdentifierCheck CheckUniquePupilNumber(absl::string_view value) {
  if (value.size() != 13) return v1::IDENTIFIER_CHECK_FAILED;
  size_t sum = 0;
  for (size_t i = 1; i < 13; ++i) {
    size_t digit = absl::string_view::npos;
    if (absl::ascii_isdigit(value[i])) {
      digit = value[i] - '0';
    } else if (i == 12) {
      digit = kPupilLetters.find(value[i]);  // A temporary number.
    }
    if (digit == absl::string_view::npos) return v1::IDENTIFIER_CHECK_FAILED;
    sum += digit * (i + 1);
  }
  return kPupilLetters[sum % 23] == value[0] ? v1::IDENTIFIER_CHECK_PASSED
                                             : v1::IDENTIFIER_CHECK_FAILED;
}

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) return false;
  }
  return true;
}

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const int length = SequenceLength(lead);
    if (length == 0 || i + length > text.size()) return false;
    for (int k = 1; k < length; ++k) {
      const auto next = static_cast<uint8_t>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      if (k == 1 && !IsSecondByteLegal(lead, next)) return false;
    }
    i += length;
  }
  return true;
}

bool IsToken(absl::string_view text, size_t max_size) {
  return !text.empty() && text.size() <= max_size &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return absl::ascii_isgraph(c); });
}

bool IsConsumerName(absl::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
         });
}

}  // namespace baton
