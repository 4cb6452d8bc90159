#ifndef BATON_STORAGE_CRYPTO_H_
#define BATON_STORAGE_CRYPTO_H_

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// The few primitives Baton needs, all from OpenSSL. Algorithm objects are
// fetched once. Thread-safe. A primitive that fails is a broken invariant and
// stops the process, except where a Status says that the input may be bad.
namespace baton {

using Hash = std::array<uint8_t, 32>;

Hash Sha256(absl::string_view data);

// SHA-256 over the concatenation of `parts`, without copying them.
Hash Sha256(std::initializer_list<absl::string_view> parts);

// SHA-256 over bytes that come one piece after the other. Not thread-safe.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(const Sha256Stream&) = delete;
  Sha256Stream& operator=(const Sha256Stream&) = delete;

  void Update(absl::string_view data);
  // The hash of everything. Once, and nothing after it.
  Hash Finish();

 private:
  struct Context;
  const std::unique_ptr<Context> context_;
};

Hash HmacSha256(absl::string_view key, absl::string_view data);

// HKDF-SHA-256 (RFC 5869) with an empty salt, 32 bytes.
std::string Hkdf(absl::string_view key, absl::string_view info);

// A view of a hash's bytes, for keys and protos.
absl::string_view AsBytes(const Hash& hash);

// INVALID_ARGUMENT unless `bytes` has 32 bytes.
absl::StatusOr<Hash> HashFromBytes(absl::string_view bytes);

// AES-256-GCM. `key` has 32 bytes, `nonce` 12; the 16-byte tag follows the
// ciphertext.
std::string GcmSeal(absl::string_view key, absl::string_view nonce,
                    absl::string_view aad, absl::string_view plain);

// DATA_LOSS when key, nonce, `aad` or bytes are not those of GcmSeal.
absl::StatusOr<std::string> GcmOpen(absl::string_view key,
                                    absl::string_view nonce,
                                    absl::string_view aad,
                                    absl::string_view sealed);

}  // namespace baton

#endif  // BATON_STORAGE_CRYPTO_H_
