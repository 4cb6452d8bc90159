#ifndef BATON_SERVICES_BROKER_MATCH_KEYS_H_
#define BATON_SERVICES_BROKER_MATCH_KEYS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "baton/v1/conversation.pb.h"
#include "services/broker/child_part.h"

// What makes two matters a possible match: the same NHS number, pupil number,
// name and birth date, incident, or unborn child. Pure functions.
//
// A key is a keyed digest: on disk nobody can tell what it was made of, nor
// try names against it, without the vault's key. Identifiers whose check fails
// make no key (rule 11).
namespace baton {

struct MatchKey {
  static constexpr size_t kDigestBytes = 16;

  v1::LinkReason reason;
  std::string digest;
};

// Names of one child that make keys: the current one and the first aliases.
inline constexpr int kMaxNameKeys = 3;
// Shorter incident references are counted anew by too many.
inline constexpr size_t kMinReferenceLength = 6;

// The keys of a child, the strongest reason first; at most 4 + kMaxNameKeys,
// none twice. `match_key` is the key of the digests.
std::vector<MatchKey> MatchKeysOf(absl::string_view match_key,
                                  const ChildPart& child);

// How names are compared: lower case, without accents of Latin letters,
// spaces, hyphens or apostrophes.
std::string NormalName(absl::string_view name);

}  // namespace baton

#endif  // BATON_SERVICES_BROKER_MATCH_KEYS_H_
