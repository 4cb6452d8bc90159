#include "services/common/media_type.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/faults.h"

namespace baton {
namespace {

constexpr size_t kMaxSubtypeBytes = 64;

struct Signature {
  absl::string_view media_type;
  size_t offset;
  absl::string_view bytes;
};

constexpr Signature kSignatures[] = {
    {"image/jpeg", 0, "\xff\xd8\xff"}, {"image/png", 0, "\x89PNG\r\n\x1a\n"},
    {"application/pdf", 0, "%PDF-"},   {"audio/mp4", 4, "ftyp"},
    {"video/mp4", 4, "ftyp"},
};

// Compared without case.
constexpr absl::string_view kForeign[] = {
    "MZ\x90",
    "\x7f"
    "ELF",
    "#!",
    "\xca\xfe\xba\xbe",
    "\xcf\xfa\xed\xfe",
    "PK\x03\x04",
    "Rar!",
    "7z\xbc\xaf",
    "\x1f\x8b",
    "BZh",
    "<!doctype",
    "<html",
    "<script",
    "<?xml",
    "<svg",
};

absl::Status Refusal(absl::string_view what) {
  return WithReason(absl::InvalidArgumentError(what), "ATTACHMENT_TYPE");
}

// Pages may begin with white space or a byte-order mark.
absl::string_view SkipBlank(absl::string_view bytes) {
  absl::ConsumePrefix(&bytes, "\xef\xbb\xbf");
  return absl::StripLeadingAsciiWhitespace(bytes);
}

bool IsSubtype(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxSubtypeBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) ||
                  c == '-' || c == '.' || c == '+';
         });
}

}  // namespace

std::vector<std::string> DefaultMediaTypes() {
  return {"image/jpeg", "image/png", "application/pdf", "text/plain",
          "audio/mpeg", "audio/mp4", "video/mp4"};
}

bool IsCarriedMediaType(absl::string_view media_type) {
  if (media_type == "text/plain" || media_type == "application/pdf") {
    return true;
  }
  return (absl::ConsumePrefix(&media_type, "image/") ||
          absl::ConsumePrefix(&media_type, "audio/") ||
          absl::ConsumePrefix(&media_type, "video/")) &&
         IsSubtype(media_type) && !absl::StartsWith(media_type, "svg");
}

absl::Status CheckSignature(absl::string_view media_type,
                            absl::string_view first_bytes) {
  for (const Signature& known : kSignatures) {
    if (known.media_type != media_type) continue;
    if (first_bytes.size() >= known.offset &&
        absl::StartsWith(first_bytes.substr(known.offset), known.bytes)) {
      return absl::OkStatus();
    }
    return Refusal(absl::StrCat("the document's first bytes are not those of ",
                                media_type, ": declare what it is"));
  }
  if (media_type == "text/plain" && absl::StrContains(first_bytes, '\0')) {
    return Refusal("plain text holds no zero bytes: save it as UTF-8");
  }
  const absl::string_view begin = SkipBlank(first_bytes);
  for (const absl::string_view foreign : kForeign) {
    if (absl::StartsWithIgnoreCase(begin, foreign)) {
      return Refusal(
          absl::StrCat("the document is declared as ", media_type,
                       " and begins as a program, an archive or a page; the "
                       "exchange carries none of these"));
    }
  }
  return absl::OkStatus();
}

}  // namespace baton
