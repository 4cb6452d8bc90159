#ifndef BATON_STORAGE_SEAL_H_
#define BATON_STORAGE_SEAL_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/random.h"

namespace baton {

// What a sealed part is bound to: bytes moved to another message, part, view
// or sender do not open.
struct PartContext {
  absl::string_view message_id;
  absl::string_view part = "";  // Matter id; "" common; "actor".
  absl::string_view view = "";  // "" is the whole part.
  absl::string_view sender;     // "<class>/<code>".
  int version = 1;
};

// Seals a part of a message under its matter's key with AES-256-GCM.
//
// The part's own key is HKDF(matter key, context), used for one sealing only,
// so the nonce is fixed; the context is also the additional data. Sealing one
// context twice with different bytes is a broken rule of the caller: message
// ids are never reused. Format: ciphertext, 16-byte tag.
std::string SealPart(absl::string_view matter_key, const PartContext& context,
                     absl::string_view plain);

// DATA_LOSS when key, context or bytes are not those of SealPart.
absl::StatusOr<std::string> OpenPart(absl::string_view matter_key,
                                     const PartContext& context,
                                     absl::string_view sealed);

// Seals a record that is rewritten in place (matter details, outbox and inbox
// records): random nonce, `name` as additional data. Format: 12-byte nonce,
// ciphertext, 16-byte tag.
std::string SealRecord(absl::string_view key, absl::string_view name,
                       absl::string_view plain, RandomSource* random);

// DATA_LOSS when key, name or bytes are not those of SealRecord.
absl::StatusOr<std::string> OpenRecord(absl::string_view key,
                                       absl::string_view name,
                                       absl::string_view sealed);

}  // namespace baton

#endif  // BATON_STORAGE_SEAL_H_
