#ifndef BATON_SERVICES_COMMON_CHECKS_H_
#define BATON_SERVICES_COMMON_CHECKS_H_

#include "absl/strings/string_view.h"
#include "baton/v1/identifier.pb.h"

// Checks of form. Pure functions.
namespace baton {

// True when `text` holds ten digits on their own, grouped or not (999 000
// 0018, 999-000-0018, 9990000018): such text may be somebody's NHS number and
// must not appear outside a payload. The check digit does not matter.
bool LooksLikeNhsNumber(absl::string_view text);

// Ten digits (spaces and hyphens aside) whose modulus 11 check digit holds.
v1::IdentifierCheck CheckNhsNumber(absl::string_view value);

// Letter, twelve digits (the last may be a letter), check letter holds.
v1::IdentifierCheck CheckUniquePupilNumber(absl::string_view value);

// Exactly a UUID, "123e4567-e89b-12d3-a456-426614174000". One in 25 random ones
// looks like an NHS number by chance; the form leaves no room for a real one.
bool IsUuid(absl::string_view text);

// Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool IsUtf8(absl::string_view text);

// 1 to `max_size` characters of ASCII 0x21 to 0x7e.
bool IsToken(absl::string_view text, size_t max_size);

// 1 to 64 of A-Z, a-z, 0-9, '-', '_' and '.'.
bool IsConsumerName(absl::string_view text);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_CHECKS_H_
