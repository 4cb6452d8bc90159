#ifndef BATON_STORAGE_CHECKPOINT_H_
#define BATON_STORAGE_CHECKPOINT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/crypto.h"

// C2SP tlog-checkpoint: a tree head as a signed note (Ed25519).
//
//   <origin>\n<tree size>\n<base64 root>\n\n
//   \u2014 <origin> <base64(4-byte key id, 64-byte signature)>\n
//
// Key id: first 4 bytes of SHA-256(origin || "\n" || 0x01 || public key).
namespace baton {

struct Checkpoint {
  std::string origin;
  uint64_t tree_size = 0;
  Hash root{};
};

// Signs checkpoints of one log. Thread-safe.
class CheckpointSigner {
 public:
  // `private_key_pem`: an Ed25519 key, PKCS #8. INVALID_ARGUMENT otherwise,
  // and when `origin` is empty or holds white space or '+'.
  static absl::StatusOr<CheckpointSigner> Create(
      std::string origin, absl::string_view private_key_pem);

  std::string Sign(uint64_t tree_size, const Hash& root) const;

  // "<origin>+<hex key id>+<base64(0x01 || public key)>", what a verifier
  // pins (the form of Go's note package).
  std::string verifier_key() const;

  const std::string& origin() const { return origin_; }

 private:
  CheckpointSigner() = default;
  std::string origin_;
  std::shared_ptr<void> private_key_;  // EVP_PKEY.
  std::string public_key_;             // 32 bytes.
};

// The checkpoint in `note`, when a signature by `verifier_key` holds. Other
// signatures and extension lines are not looked at.
// INVALID_ARGUMENT: not a note or not a key; DATA_LOSS: no such signature, a
// false one, or another origin.
absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note,
                                          absl::string_view verifier_key);

}  // namespace baton

#endif  // BATON_STORAGE_CHECKPOINT_H_
