#include "storage/crypto.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace baton {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;

// Without its primitives nothing that Baton promises holds.
void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "crypto: %s failed\n", what);
  std::abort();
}

const uint8_t* Bytes(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

uint8_t* Bytes(std::string& text) {
  return reinterpret_cast<uint8_t*>(text.data());
}

template <auto free_function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free_function(object);
  }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, Free<EVP_MAC_CTX_free>>;
using CipherContext =
    std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>>;

// Contexts are kept per thread, because making one costs more than hashing a
// short message.

EVP_MD_CTX* ThreadDigest() {
  thread_local const DigestContext context(EVP_MD_CTX_new());
  Require(context != nullptr, "EVP_MD_CTX_new");
  return context.get();
}

MacContext NewHmac() {
  static EVP_MAC* const algorithm = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  Require(algorithm != nullptr, "fetching HMAC");
  MacContext context(EVP_MAC_CTX_new(algorithm));
  Require(context != nullptr, "EVP_MAC_CTX_new");
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  Require(EVP_MAC_CTX_set_params(context.get(), parameters) == 1,
          "choosing SHA-256 for HMAC");
  return context;
}

EVP_MAC_CTX* ThreadHmac() {
  thread_local const MacContext context = NewHmac();
  return context.get();
}

void SetKey(EVP_MAC_CTX* context, absl::string_view key) {
  // A null key would mean "the one of the last call".
  if (key.data() == nullptr) key = "";
  Require(EVP_MAC_init(context, Bytes(key), key.size(), nullptr) == 1,
          "starting HMAC");
}

// To be called once after each start.
Hash Mac(EVP_MAC_CTX* context, absl::string_view data) {
  Require(EVP_MAC_update(context, Bytes(data), data.size()) == 1, "HMAC");
  Hash hash;
  size_t written = 0;
  Require(EVP_MAC_final(context, hash.data(), &written, hash.size()) == 1 &&
              written == hash.size(),
          "ending HMAC");
  return hash;
}

// Started with an empty key, which costs as much as half a kilobyte of text.
EVP_MAC_CTX* ThreadUnsalted() {
  thread_local const MacContext context = [] {
    MacContext made = NewHmac();
    SetKey(made.get(), "");
    return made;
  }();
  Require(EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1,
          "starting HMAC again");
  return context.get();
}

// To be given a key and a nonce, and no algorithm: given one, OpenSSL wipes and
// makes the context anew, which costs as much as sealing 300 bytes.
CipherContext NewAes256Gcm(int encrypts) {
  static EVP_CIPHER* const algorithm =
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  Require(algorithm != nullptr, "fetching AES-256-GCM");
  CipherContext context(EVP_CIPHER_CTX_new());
  Require(context != nullptr &&
              EVP_CipherInit_ex2(context.get(), algorithm, nullptr, nullptr,
                                 encrypts, nullptr) == 1,
          "choosing AES-256-GCM");
  return context;
}

EVP_CIPHER_CTX* ThreadSealer() {
  thread_local const CipherContext context = NewAes256Gcm(/*encrypts=*/1);
  return context.get();
}

EVP_CIPHER_CTX* ThreadOpener() {
  thread_local const CipherContext context = NewAes256Gcm(/*encrypts=*/0);
  return context.get();
}

const EVP_MD* Sha256Algorithm() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  Require(algorithm != nullptr, "fetching SHA-256");
  return algorithm;
}

}  // namespace

Hash Sha256(absl::string_view data) { return Sha256({data}); }

Hash Sha256(std::initializer_list<absl::string_view> parts) {
  EVP_MD_CTX* const context = ThreadDigest();
  Require(EVP_DigestInit_ex2(context, Sha256Algorithm(), nullptr) == 1,
          "starting SHA-256");
  for (const absl::string_view part : parts) {
    Require(EVP_DigestUpdate(context, part.data(), part.size()) == 1,
            "SHA-256");
  }
  Hash hash;
  Require(EVP_DigestFinal_ex(context, hash.data(), nullptr) == 1,
          "ending SHA-256");
  return hash;
}

struct Sha256Stream::Context {
  const DigestContext digest{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : context_(std::make_unique<Context>()) {
  Require(context_->digest != nullptr &&
              EVP_DigestInit_ex2(context_->digest.get(), Sha256Algorithm(),
                                 nullptr) == 1,
          "starting SHA-256");
}

Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::Update(absl::string_view data) {
  Require(
      EVP_DigestUpdate(context_->digest.get(), data.data(), data.size()) == 1,
      "SHA-256");
}

Hash Sha256Stream::Finish() {
  Hash hash;
  Require(EVP_DigestFinal_ex(context_->digest.get(), hash.data(), nullptr) == 1,
          "ending SHA-256");
  return hash;
}

Hash HmacSha256(absl::string_view key, absl::string_view data) {
  EVP_MAC_CTX* const context = ThreadHmac();
  SetKey(context, key);
  return Mac(context, data);
}

std::string Hkdf(absl::string_view key, absl::string_view info) {
  // 32 bytes are one block: HMAC(HMAC(salt, key), info || 0x01). An empty salt
  // and one of zeros are the same HMAC key.
  const Hash extracted = Mac(ThreadUnsalted(), key);
  std::string block(info);
  block.push_back('\x01');
  return std::string(AsBytes(HmacSha256(AsBytes(extracted), block)));
}

absl::string_view AsBytes(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

absl::StatusOr<Hash> HashFromBytes(absl::string_view bytes) {
  Hash hash;
  if (bytes.size() != hash.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a hash has 32 bytes, not ", bytes.size()));
  }
  bytes.copy(reinterpret_cast<char*>(hash.data()), hash.size());
  return hash;
}

std::string GcmSeal(absl::string_view key, absl::string_view nonce,
                    absl::string_view aad, absl::string_view plain) {
  Require(key.size() == kKeyBytes && nonce.size() == kNonceBytes,
          "sealing: key or nonce has the wrong size and so");
  EVP_CIPHER_CTX* const context = ThreadSealer();
  Require(EVP_EncryptInit_ex2(context, nullptr, Bytes(key), Bytes(nonce),
                              nullptr) == 1,
          "starting AES-256-GCM");
  std::string sealed(plain.size() + kTagBytes, '\0');
  uint8_t* const tag = Bytes(sealed) + plain.size();
  int written = 0;
  Require(EVP_EncryptUpdate(context, nullptr, &written, Bytes(aad),
                            aad.size()) == 1 &&
              EVP_EncryptUpdate(context, Bytes(sealed), &written, Bytes(plain),
                                plain.size()) == 1 &&
              EVP_EncryptFinal_ex(context, tag, &written) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                                  tag) == 1,
          "AES-256-GCM");
  return sealed;
}

absl::StatusOr<std::string> GcmOpen(absl::string_view key,
                                    absl::string_view nonce,
                                    absl::string_view aad,
                                    absl::string_view sealed) {
  const absl::Status damaged = absl::DataLossError(
      "sealed bytes do not open: they are damaged, or belong to another key or "
      "place");
  if (key.size() != kKeyBytes || nonce.size() != kNonceBytes ||
      sealed.size() < kTagBytes) {
    return damaged;
  }
  EVP_CIPHER_CTX* const context = ThreadOpener();
  Require(EVP_DecryptInit_ex2(context, nullptr, Bytes(key), Bytes(nonce),
                              nullptr) == 1,
          "starting AES-256-GCM");
  std::string plain(sealed.size() - kTagBytes, '\0');
  std::string tag(sealed.substr(plain.size()));
  int written = 0;
  Require(EVP_DecryptUpdate(context, nullptr, &written, Bytes(aad),
                            aad.size()) == 1 &&
              EVP_DecryptUpdate(context, Bytes(plain), &written, Bytes(sealed),
                                plain.size()) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes,
                                  tag.data()) == 1,
          "AES-256-GCM");
  uint8_t rest[kTagBytes];
  if (EVP_DecryptFinal_ex(context, rest, &written) != 1) {
    // What stays in OpenSSL's queue would be taken for an error of the thread's
    // next TLS connection.
    ERR_clear_error();
    return damaged;
  }
  return plain;
}

}  // namespace baton
