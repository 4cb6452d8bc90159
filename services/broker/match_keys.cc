#include "services/broker/match_keys.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/common/checks.h"
#include "storage/crypto.h"

namespace baton {
namespace {

// Base letters of U+00C0 to U+00FF; '.' for what is none.
constexpr absl::string_view kLatin =
    "aaaaaaaceeeeiiiidnooooo.ouuuuytsaaaaaaaceeeeiiiidnooooo.ouuuuyty";

// The first given name: middle names come and go between systems.
absl::string_view FirstOf(absl::string_view given) {
  given = absl::StripAsciiWhitespace(given);
  return given.substr(0, given.find_first_of(" -"));
}

// "YYYY-MM-DD", or empty when the date is not known to the day.
std::string FullDate(const v1::KnownDate& date) {
  const std::string& value = date.value();
  if (value.size() != 10) return "";
  for (size_t i = 0; i < value.size(); ++i) {
    const bool hyphen = i == 4 || i == 7;
    if (hyphen ? value[i] != '-' : !absl::ascii_isdigit(value[i])) return "";
  }
  return value;
}

std::string Alphanumeric(absl::string_view text) {
  std::string kept;
  for (const char c : text) {
    if (absl::ascii_isalnum(c)) kept.push_back(absl::ascii_toupper(c));
  }
  return kept;
}

class KeyList {
 public:
  explicit KeyList(absl::string_view match_key) : match_key_(match_key) {}

  void Add(v1::LinkReason reason, absl::string_view name) {
    const Hash hash = HmacSha256(
        match_key_, absl::StrCat(static_cast<int>(reason), "/", name));
    std::string digest(AsBytes(hash).substr(0, MatchKey::kDigestBytes));
    const bool known = std::any_of(
        keys_.begin(), keys_.end(),
        [&digest](const MatchKey& key) { return key.digest == digest; });
    if (!known) keys_.push_back({reason, std::move(digest)});
  }

  std::vector<MatchKey> Take() { return std::move(keys_); }

 private:
  const absl::string_view match_key_;
  std::vector<MatchKey> keys_;
};

void AddIdentifiers(const v1::Child& child, KeyList* keys) {
  const std::string& nhs_number = child.nhs_number().value();
  if (CheckNhsNumber(nhs_number) == v1::IDENTIFIER_CHECK_PASSED) {
    keys->Add(v1::LINK_REASON_NHS_NUMBER, Alphanumeric(nhs_number));
  }
  const std::string& pupil_number = child.pupil_number().value();
  if (CheckUniquePupilNumber(pupil_number) == v1::IDENTIFIER_CHECK_PASSED) {
    keys->Add(v1::LINK_REASON_PUPIL_NUMBER, pupil_number);
  }
}

void AddNames(const v1::Child& child, KeyList* keys) {
  const std::string born = FullDate(child.birth_date());
  if (born.empty()) return;
  const int count = std::min(child.names_size(), kMaxNameKeys);
  for (int i = 0; i < count; ++i) {
    const std::string given = NormalName(FirstOf(child.names(i).given()));
    const std::string family = NormalName(child.names(i).family());
    if (given.empty() || family.empty()) continue;
    keys->Add(v1::LINK_REASON_NAME_AND_BIRTH_DATE,
              absl::StrCat(given, "/", family, "/", born));
  }
}

void AddBirth(const v1::Child& child, KeyList* keys) {
  const std::string expected = FullDate(child.expected_birth_date());
  if (expected.empty() || child.names().empty()) return;
  const std::string family = NormalName(child.names(0).family());
  if (family.empty()) return;
  keys->Add(v1::LINK_REASON_BIRTH, absl::StrCat(family, "/", expected));
}

}  // namespace

std::string NormalName(absl::string_view name) {
  std::string normal;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<uint8_t>(name[i]);
    if (byte < 0x80) {
      if (absl::ascii_isalnum(byte))
        normal.push_back(absl::ascii_tolower(byte));
    } else if (byte == 0xc3 && i + 1 < name.size()) {  // U+00C0 to U+00FF.
      normal.push_back(kLatin[static_cast<uint8_t>(name[++i]) & 0x3f]);
    } else {
      normal.push_back(name[i]);
    }
  }
  return normal;
}

std::vector<MatchKey> MatchKeysOf(absl::string_view match_key,
                                  const ChildPart& child) {
  KeyList keys(match_key);
  AddIdentifiers(child.child, &keys);
  AddNames(child.child, &keys);
  const std::string reference = Alphanumeric(child.reference);
  if (reference.size() >= kMinReferenceLength) {
    keys.Add(v1::LINK_REASON_INCIDENT, reference);
  }
  AddBirth(child.child, &keys);
  return keys.Take();
}

}  // namespace baton
