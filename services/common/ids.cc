#include "services/common/ids.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr absl::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kMaxDigits = 13;  // 64 bits at 5 a digit.

std::string ToBase32(uint64_t value) {
  std::string digits;
  do {
    digits.push_back(kAlphabet[value & 31]);
    value >>= 5;
  } while (value != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

absl::Status BadId(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("not a ", what, " id of this exchange"));
}

absl::StatusOr<uint64_t> FromBase32(absl::string_view digits,
                                    absl::string_view what) {
  if (digits.empty() || digits.size() > kMaxDigits) return BadId(what);
  uint64_t value = 0;
  for (const char c : digits) {
    const size_t digit = kAlphabet.find(c);
    if (digit == absl::string_view::npos || value >> 59 != 0) {
      return BadId(what);
    }
    value = value << 5 | digit;
  }
  // One thing has one id: no leading zeros.
  if (ToBase32(value) != digits) return BadId(what);
  return value;
}

absl::StatusOr<uint64_t> ParsePrefixed(absl::string_view id,
                                       absl::string_view prefix,
                                       absl::string_view what) {
  if (!absl::ConsumePrefix(&id, prefix)) return BadId(what);
  return FromBase32(id, what);
}

absl::StatusOr<int> ParseSmall(absl::string_view text, absl::string_view what) {
  int value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < 1 ||
      absl::StrCat(value) != text) {
    return BadId(what);
  }
  return value;
}

}  // namespace

std::string MessageId(uint64_t sequence) {
  return absl::StrCat("m-", ToBase32(sequence));
}

std::string ConversationId(uint64_t number) {
  return absl::StrCat("c-", ToBase32(number));
}

std::string JobId(uint64_t number) {
  return absl::StrCat("j-", ToBase32(number));
}

std::string MatterId(absl::string_view conversation_id, int number) {
  return absl::StrCat(conversation_id, ".", number);
}

absl::StatusOr<uint64_t> ParseMessageId(absl::string_view id) {
  return ParsePrefixed(id, "m-", "message");
}

absl::StatusOr<uint64_t> ParseConversationId(absl::string_view id) {
  return ParsePrefixed(id, "c-", "conversation");
}

absl::StatusOr<uint64_t> ParseJobId(absl::string_view id) {
  return ParsePrefixed(id, "j-", "job");
}

absl::StatusOr<MatterName> ParseMatterId(absl::string_view id) {
  const std::vector<absl::string_view> pieces = absl::StrSplit(id, '.');
  if (pieces.size() != 2) return BadId("matter");
  ASSIGN_OR_RETURN(const uint64_t conversation,
                   ParsePrefixed(pieces[0], "c-", "matter"));
  ASSIGN_OR_RETURN(const int number, ParseSmall(pieces[1], "matter"));
  return MatterName{conversation, number};
}

std::string FormatAckId(const AckId& id) {
  return absl::StrCat("a-", ToBase32(id.sequence), "-", id.attempt);
}

absl::StatusOr<AckId> ParseAckId(absl::string_view id) {
  const std::vector<absl::string_view> pieces = absl::StrSplit(id, '-');
  if (pieces.size() != 3 || pieces[0] != "a") return BadId("lease");
  ASSIGN_OR_RETURN(const uint64_t sequence, FromBase32(pieces[1], "lease"));
  ASSIGN_OR_RETURN(const int attempt, ParseSmall(pieces[2], "lease"));
  return AckId{sequence, attempt};
}

std::string LetterHex(absl::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<uint8_t>(c);
    text.push_back('a' + (byte >> 4));
    text.push_back('a' + (byte & 15));
  }
  return text;
}

}  // namespace baton
