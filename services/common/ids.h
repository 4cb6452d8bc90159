#ifndef BATON_SERVICES_COMMON_IDS_H_
#define BATON_SERVICES_COMMON_IDS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Ids people read out on the telephone: a letter, a hyphen and the commit
// sequence in Crockford base 32 (no I, L, O, U), lower case. They encode where
// the thing is, so no index is needed to find it.
//
//   message       m-4k7        conversation  c-4k7 (its first message)
//   matter        c-4k7.1      lease         a-4k7-2 (message, attempt)
//   job           j-4k7
namespace baton {

std::string MessageId(uint64_t sequence);
std::string ConversationId(uint64_t number);
std::string MatterId(absl::string_view conversation_id, int number);
std::string JobId(uint64_t number);

// INVALID_ARGUMENT when the text is not such an id.
absl::StatusOr<uint64_t> ParseMessageId(absl::string_view id);
absl::StatusOr<uint64_t> ParseConversationId(absl::string_view id);
absl::StatusOr<uint64_t> ParseJobId(absl::string_view id);

struct MatterName {
  uint64_t conversation_number;
  int matter_number;  // From 1.
};
absl::StatusOr<MatterName> ParseMatterId(absl::string_view id);

struct AckId {
  uint64_t sequence;
  int attempt;
};
std::string FormatAckId(const AckId& id);
absl::StatusOr<AckId> ParseAckId(absl::string_view id);

// Hexadecimal with the letters a to p, two a byte: a digest written so never
// looks like an NHS number.
std::string LetterHex(absl::string_view bytes);

}  // namespace baton

#endif  // BATON_SERVICES_COMMON_IDS_H_
