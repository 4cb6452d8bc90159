#include "storage/checkpoint.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "storage/status.h"

namespace baton {
namespace {

constexpr char kSignaturePrefix[] = "\u2014 ";  // Em dash, space.
constexpr char kEd25519[] = "\x01";             // The note package's number.
constexpr size_t kKeyIdBytes = 4;
constexpr size_t kPublicKeyBytes = 32;
constexpr size_t kSignatureBytes = 64;
// Room for the cosignatures of more witnesses than there will be.
constexpr size_t kMaxNoteBytes = 64 * 1024;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

const unsigned char* Bytes(absl::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

bool IsKeyName(absl::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    return c == '+' || absl::ascii_isspace(c) || absl::ascii_iscntrl(c);
  });
}

std::string KeyId(absl::string_view name, absl::string_view public_key) {
  const Hash hash = Sha256({name, "\n", kEd25519, public_key});
  return std::string(AsBytes(hash).substr(0, kKeyIdBytes));
}

// What is signed: the note without its signatures.
std::string NoteText(const Checkpoint& checkpoint) {
  return absl::StrCat(checkpoint.origin, "\n", checkpoint.tree_size, "\n",
                      absl::Base64Escape(AsBytes(checkpoint.root)), "\n");
}

// Canonical base64 only, so that one key or root has one spelling.
bool Unbase64(absl::string_view text, std::string* bytes) {
  return absl::Base64Unescape(text, bytes) &&
         absl::Base64Escape(*bytes) == text;
}

// Never asks the terminal for a pass phrase.
int NoPassPhrase(char*, int, int, void*) { return -1; }

Key ReadPrivateKey(absl::string_view pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> input(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  Key key(PEM_read_bio_PrivateKey(input.get(), nullptr, NoPassPhrase, nullptr),
          &EVP_PKEY_free);
  // What stays in OpenSSL's queue would be taken for an error of the thread's
  // next TLS connection.
  ERR_clear_error();
  if (key && EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) key.reset();
  return key;
}

bool IsSignatureOf(absl::string_view public_key, absl::string_view signature,
                   absl::string_view text) {
  const Key key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(public_key),
                                  public_key.size()),
      &EVP_PKEY_free);
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const bool holds =
      key && context &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr,
                           key.get()) == 1 &&
      EVP_DigestVerify(context.get(), Bytes(signature), signature.size(),
                       Bytes(text), text.size()) == 1;
  ERR_clear_error();  // As above.
  return holds;
}

// A verifier key taken apart and checked.
struct Verifier {
  std::string name;
  std::string key_id;
  std::string public_key;
};

absl::StatusOr<Verifier> ParseVerifierKey(absl::string_view text) {
  // The base64 may hold further plus signs.
  const std::vector<std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('+', 2));
  std::string key;
  if (parts.size() != 3 || !IsKeyName(parts[0]) || !Unbase64(parts[2], &key) ||
      key.size() != 1 + kPublicKeyBytes || key[0] != kEd25519[0]) {
    return absl::InvalidArgumentError(
        "not a verifier key: expected <origin>+<key id>+<base64 of an Ed25519 "
        "key>");
  }
  Verifier verifier{parts[0], KeyId(parts[0], key.substr(1)), key.substr(1)};
  if (parts[1] != absl::BytesToHexString(verifier.key_id)) {
    return absl::InvalidArgumentError(
        "not a verifier key: its key id is not that of its origin and key");
  }
  return verifier;
}

// A note: its text, which ends in a line feed, and its signature lines.
struct Note {
  absl::string_view text;
  absl::string_view signatures;
};

absl::StatusOr<Note> SplitNote(absl::string_view note) {
  const absl::Status invalid = absl::InvalidArgumentError(
      "not a signed note: expected text, an empty line, signatures");
  const size_t split = note.rfind("\n\n");
  if (note.size() > kMaxNoteBytes || split == absl::string_view::npos ||
      !absl::EndsWith(note, "\n")) {
    return invalid;
  }
  const Note parts{note.substr(0, split + 1), note.substr(split + 2)};
  if (parts.signatures.empty()) return invalid;
  return parts;
}

// The signature bytes in `line` when it is `verifier`'s; empty when it is
// another's.
absl::StatusOr<std::string> TakeSignature(absl::string_view line,
                                          const Verifier& verifier) {
  const absl::Status invalid = absl::InvalidArgumentError(
      "not a signed note: a signature line is malformed");
  if (!absl::ConsumePrefix(&line, kSignaturePrefix)) return invalid;
  const std::vector<absl::string_view> parts = absl::StrSplit(line, ' ');
  std::string bytes;
  if (parts.size() != 2 || !IsKeyName(parts[0]) ||
      !Unbase64(parts[1], &bytes) || bytes.size() <= kKeyIdBytes) {
    return invalid;
  }
  if (parts[0] != verifier.name ||
      bytes.substr(0, kKeyIdBytes) != verifier.key_id) {
    return std::string();
  }
  return bytes.substr(kKeyIdBytes);
}

absl::Status CheckSigned(const Note& note, const Verifier& verifier) {
  bool is_signed = false;
  for (const absl::string_view line :
       absl::StrSplit(absl::StripSuffix(note.signatures, "\n"), '\n')) {
    ASSIGN_OR_RETURN(const std::string signature,
                     TakeSignature(line, verifier));
    if (signature.empty()) continue;
    if (signature.size() != kSignatureBytes ||
        !IsSignatureOf(verifier.public_key, signature, note.text)) {
      return absl::DataLossError(absl::StrCat("checkpoint: the signature of ",
                                              verifier.name, " is false"));
    }
    is_signed = true;
  }
  if (is_signed) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("checkpoint: not signed by ",
                                          verifier.name,
                                          " with the key that is trusted"));
}

absl::StatusOr<Checkpoint> ParseText(absl::string_view text) {
  const absl::Status invalid = absl::InvalidArgumentError(
      "not a checkpoint: expected an origin, a tree size, a root");
  // Lines after the third are extensions, which Baton neither writes nor needs.
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (lines.size() < 4) return invalid;
  Checkpoint checkpoint;
  checkpoint.origin = lines[0];
  std::string root;
  if (checkpoint.origin.empty() ||
      !absl::SimpleAtoi(lines[1], &checkpoint.tree_size) ||
      absl::StrCat(checkpoint.tree_size) != lines[1] ||
      !Unbase64(lines[2], &root) || root.size() != checkpoint.root.size()) {
    return invalid;
  }
  ASSIGN_OR_RETURN(checkpoint.root, HashFromBytes(root));
  return checkpoint;
}

}  // namespace

absl::StatusOr<CheckpointSigner> CheckpointSigner::Create(
    std::string origin, absl::string_view private_key_pem) {
  if (!IsKeyName(origin)) {
    return absl::InvalidArgumentError(
        "a checkpoint's origin must not be empty nor hold white space or '+'");
  }
  Key key = ReadPrivateKey(private_key_pem);
  std::string public_key(kPublicKeyBytes, '\0');
  size_t size = public_key.size();
  if (!key || EVP_PKEY_get_raw_public_key(
                  key.get(), reinterpret_cast<unsigned char*>(&public_key[0]),
                  &size) != 1) {
    return absl::InvalidArgumentError(
        "the checkpoint key is not an unencrypted Ed25519 key in PKCS #8 PEM: "
        "make one with 'openssl genpkey -algorithm ed25519'");
  }
  CheckpointSigner signer;
  signer.origin_ = std::move(origin);
  signer.private_key_ = std::shared_ptr<void>(std::move(key));
  signer.public_key_ = std::move(public_key);
  return signer;
}

std::string CheckpointSigner::Sign(uint64_t tree_size, const Hash& root) const {
  const std::string text = NoteText({origin_, tree_size, root});
  const DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  unsigned char signature[kSignatureBytes];
  size_t size = sizeof(signature);
  if (!context ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr,
                         static_cast<EVP_PKEY*>(private_key_.get())) != 1 ||
      EVP_DigestSign(context.get(), signature, &size, Bytes(text),
                     text.size()) != 1) {
    std::fprintf(stderr, "checkpoint: signing failed\n");
    std::abort();
  }
  const std::string signed_by = absl::StrCat(
      KeyId(origin_, public_key_),
      absl::string_view(reinterpret_cast<const char*>(signature), size));
  return absl::StrCat(text, "\n", kSignaturePrefix, origin_, " ",
                      absl::Base64Escape(signed_by), "\n");
}

std::string CheckpointSigner::verifier_key() const {
  return absl::StrCat(origin_, "+",
                      absl::BytesToHexString(KeyId(origin_, public_key_)), "+",
                      absl::Base64Escape(absl::StrCat(kEd25519, public_key_)));
}

absl::StatusOr<Checkpoint> OpenCheckpoint(absl::string_view note,
                                          absl::string_view verifier_key) {
  ASSIGN_OR_RETURN(const Verifier verifier, ParseVerifierKey(verifier_key));
  ASSIGN_OR_RETURN(const Note parts, SplitNote(note));
  RETURN_IF_ERROR(CheckSigned(parts, verifier));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, ParseText(parts.text));
  if (checkpoint.origin != verifier.name) {
    return absl::DataLossError(
        absl::StrCat("checkpoint: of another log than ", verifier.name));
  }
  return checkpoint;
}

}  // namespace baton
