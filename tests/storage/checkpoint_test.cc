#include "storage/checkpoint.h"

#include <openssl/err.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

namespace baton {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kDataLoss = absl::StatusCode::kDataLoss;

constexpr char kOrigin[] = "baton.example/broker";

// Ed25519 keys of the seeds 00 01 ... 1f and 01 02 ... 20.
constexpr char kKey[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
    "-----END PRIVATE KEY-----\n";
constexpr char kOtherKey[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g\n"
    "-----END PRIVATE KEY-----\n";

// Made by another implementation of Ed25519 and of the note format.
constexpr char kVerifierKey[] =
    "baton.example/broker+35f298c1+"
    "AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
constexpr char kNote[] =
    "baton.example/broker\n"
    "1234\n"
    "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
    "\n"
    "\xe2\x80\x94 baton.example/broker "
    "NfKYwThJ+DmBBFOeIrkrhdm5VQktW4m7Ta9Yevs5toujHibZvHpFF7EdeyEHSe5icweAcV1r"
    "LO66FA+GMDB5jO74bwY=\n";
constexpr char kNoteWithExtension[] =
    "baton.example/broker\n"
    "1234\n"
    "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
    "extension line\n"
    "\n"
    "\xe2\x80\x94 baton.example/broker "
    "NfKYwXmM6B8zFMk6jGQqzBXLO/UyDCl4A9hl/gZT657h9yfTm6P1+FAvud1Ee4NTkdR0Jgl9"
    "8hIsN8hnUGMmksYHZQg=\n";

CheckpointSigner Signer(const std::string& origin = kOrigin,
                        const std::string& key = kKey) {
  return *CheckpointSigner::Create(origin, key);
}

absl::StatusCode CodeOf(absl::string_view note,
                        absl::string_view key = kVerifierKey) {
  return OpenCheckpoint(note, key).status().code();
}

// `note` with `from`, which it must hold, replaced.
std::string Replaced(const std::string& note, const std::string& from,
                     const std::string& to) {
  EXPECT_TRUE(absl::StrContains(note, from)) << from;
  return absl::StrReplaceAll(note, {{from, to}});
}

std::string SignatureLine(const std::string& note) {
  return note.substr(note.rfind("\n\n") + 2);
}

TEST(CheckpointTest, NoteIsThatOfOtherImplementations) {
  EXPECT_EQ(Signer().Sign(1234, Sha256("root")), kNote);
  EXPECT_EQ(Signer().verifier_key(), kVerifierKey);
}

TEST(CheckpointTest, OpensWhatItSigned) {
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
    const Hash root = Sha256(absl::StrCat("root ", size));
    const auto opened =
        OpenCheckpoint(Signer().Sign(size, root), Signer().verifier_key());
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_EQ(opened->origin, kOrigin);
    EXPECT_EQ(opened->tree_size, size);
    EXPECT_EQ(opened->root, root);
  }
}

TEST(CheckpointTest, ExtensionLinesAreSignedAndSkipped) {
  const auto opened = OpenCheckpoint(kNoteWithExtension, kVerifierKey);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->tree_size, 1234u);
  EXPECT_EQ(CodeOf(Replaced(kNoteWithExtension, "extension", "Extension")),
            kDataLoss);
}

TEST(CheckpointTest, CosignaturesBesideTheLogsAreSkipped) {
  const CheckpointSigner witness = Signer("witness.example", kOtherKey);
  const std::string line = SignatureLine(witness.Sign(1, Sha256("x")));
  EXPECT_EQ(CodeOf(absl::StrCat(kNote, line)), absl::StatusCode::kOk);
  const std::string first = Replaced(kNote, "\n\n", absl::StrCat("\n\n", line));
  EXPECT_EQ(CodeOf(first), absl::StatusCode::kOk);
}

// --- Refusals.

TEST(CheckpointTest, ForeignKeyIsRefused) {
  const std::string foreign = Signer(kOrigin, kOtherKey).verifier_key();
  EXPECT_EQ(CodeOf(kNote, foreign), kDataLoss);
  EXPECT_EQ(CodeOf(Signer(kOrigin, kOtherKey).Sign(1234, Sha256("root"))),
            kDataLoss);
}

// The right name and key id on a signature by another key.
TEST(CheckpointTest, ForgedKeyIdIsRefused) {
  const std::string ours = SignatureLine(kNote);
  const std::string theirs =
      SignatureLine(Signer(kOrigin, kOtherKey).Sign(1234, Sha256("root")));
  const auto bytes = [](const std::string& line) {
    std::string out;
    EXPECT_TRUE(absl::Base64Unescape(line.substr(line.rfind(' ') + 1), &out));
    return out;
  };
  const std::string forged =
      absl::StrCat("\u2014 ", kOrigin, " ",
                   absl::Base64Escape(absl::StrCat(bytes(ours).substr(0, 4),
                                                   bytes(theirs).substr(4))),
                   "\n");
  EXPECT_EQ(CodeOf(Replaced(kNote, ours, forged)), kDataLoss);
}

TEST(CheckpointTest, ChangedTextIsRefused) {
  EXPECT_EQ(CodeOf(Replaced(kNote, "\n1234\n", "\n1235\n")), kDataLoss);
  EXPECT_EQ(CodeOf(Replaced(kNote, "SBNJ", "SBNK")), kDataLoss);
  EXPECT_EQ(CodeOf(Replaced(kNote, "2d7I=\n", "2d7I=\nmore\n")), kDataLoss);
}

TEST(CheckpointTest, EveryDamagedByteIsRefused) {
  const std::string note = kNote;
  for (size_t i = 0; i < note.size(); ++i) {
    std::string damaged = note;
    damaged[i] ^= 1;
    EXPECT_NE(CodeOf(damaged), absl::StatusCode::kOk) << i;
    EXPECT_NE(CodeOf(note.substr(0, i)), absl::StatusCode::kOk) << i;
  }
}

TEST(CheckpointTest, MissingSignatureIsRefused) {
  const std::string text = Replaced(kNote, SignatureLine(kNote), std::string());
  EXPECT_EQ(CodeOf(text), kInvalid);
  const std::string other =
      SignatureLine(Signer("witness.example", kOtherKey).Sign(1, Hash{}));
  EXPECT_EQ(CodeOf(absl::StrCat(text, other)), kDataLoss);
}

// Signed by the right key, but about another log.
TEST(CheckpointTest, OtherOriginIsRefused) {
  const std::string other = "baton.example/other";
  const std::string note = Signer(other).Sign(1234, Sha256("root"));
  EXPECT_EQ(CodeOf(note), kDataLoss);
  EXPECT_EQ(CodeOf(note, Signer(other).verifier_key()), absl::StatusCode::kOk);
}

TEST(CheckpointTest, WhatIsNoNoteIsRefused) {
  for (const std::string& note :
       {std::string(), std::string("\n\n"), std::string("words"),
        std::string(100000, 'x'),
        absl::StrCat(kNote, std::string(100000, '\n')),
        Replaced(kNote, "\u2014 ", "- "),
        Replaced(kNote, "jO74bwY=", "jO74bwY"),
        Replaced(kNote, "baton.example/broker NfKY", "NfKY")}) {
    EXPECT_EQ(CodeOf(note), kInvalid) << note.substr(0, 300);
  }
}

// The trusted key under the text of another log.
TEST(CheckpointTest, OtherOriginIsRefusedEvenWhenSigned) {
  const std::string note =
      "baton.example/other\n1234\n"
      "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n\n"
      "\u2014 baton.example/broker "
      "NfKYwabyiopj1NZ7Ar3qjOXV2552qCVKSLeQCxFhIlgkac2zWB/LXvx5rhroRUaD80KzNp3W"
      "RoD6bIm649kPsgt8dAE=\n";
  EXPECT_EQ(CodeOf(note), kDataLoss);
}

// Signed by the right key: a size with a leading zero, a short root, no root.
TEST(CheckpointTest, MalformedTextIsRefusedEvenWhenSigned) {
  const std::string size =
      "baton.example/broker\n01234\n"
      "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n\n"
      "\u2014 baton.example/broker "
      "NfKYwRlBmzIaFPdlZjrGsUwZyRwb8c7oc5GZikPRrYjYIhdUZfMyLlYjdELvbBScWZcDSCxH"
      "V5eR1T4wKBCNfAt3rgw=\n";
  const std::string short_root =
      "baton.example/broker\n1234\n"
      "TRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n\n"
      "\u2014 baton.example/broker "
      "NfKYweZu/8dhISGcEUzLRosp3gwwQvdXRskx/AFYoPAky9BYzNglCT8BwZsX9RUZIdVAZFAX"
      "2RL7CYIbEZpgQ9xilgs=\n";
  const std::string no_root =
      "baton.example/broker\n1234\n\n"
      "\u2014 baton.example/broker "
      "NfKYwf9+LWk23noC7GjImFa/oI1dg3GsLU+2ugDQuQ4g/LhvywDzqhBSgY7RPznr6evd2CY7"
      "GELDK+XbSqMFQFUrsw8=\n";
  for (const std::string& note : {size, short_root, no_root}) {
    const absl::Status refused = OpenCheckpoint(note, kVerifierKey).status();
    EXPECT_EQ(refused.code(), kInvalid);
    EXPECT_TRUE(absl::StrContains(refused.message(), "not a checkpoint"));
  }
}

TEST(CheckpointTest, WhatIsNoVerifierKeyIsRefused) {
  for (const std::string& key :
       {std::string(), std::string("a+b"), std::string("a+b+c"),
        Replaced(kVerifierKey, "+35f2", "+35f3"),
        Replaced(kVerifierKey, "AQOh", "AgOh"),
        Replaced(kVerifierKey, "TG4", "TG"),
        Replaced(kVerifierKey, "broker+", "brokex+"),
        Replaced(kVerifierKey, "broker+", "bro ker+")}) {
    EXPECT_EQ(CodeOf(kNote, key), kInvalid) << key;
  }
}

TEST(CheckpointTest, OnlyEd25519KeysSign) {
  constexpr char kX25519[] =
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VuBCIEIKgdyOsYTAspM5MoYFSZ36/AotlVzL0m9dVfzv0R+8xF\n"
      "-----END PRIVATE KEY-----\n";
  constexpr char kEncrypted[] =
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
      "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgOsCvy4DvUbgICCAAw\n"
      "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEHn/1gGQigP+I7ZVHIKLmPEEQDlS\n"
      "vT3q1OhSlnMlANHWiAjf68i46ORK+lUutltsJt9nzGAIR3egBojFo1zzgux6h+bK\n"
      "dsdYJJs29gN35HokSOM=\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n";
  for (const char* key : {"", "words", kX25519, kEncrypted}) {
    EXPECT_EQ(CheckpointSigner::Create(kOrigin, key).status().code(), kInvalid);
  }
}

TEST(CheckpointTest, OriginMustBeAKeyName) {
  for (const char* origin : {"", "a b", "a+b", "a\n", "a\tb"}) {
    EXPECT_EQ(CheckpointSigner::Create(origin, kKey).status().code(), kInvalid);
  }
}

// An error left in OpenSSL's queue is taken for one of the next TLS call.
TEST(CheckpointTest, RefusalsLeaveNoErrorBehind) {
  EXPECT_FALSE(CheckpointSigner::Create(kOrigin, "words").ok());
  EXPECT_EQ(CodeOf(Replaced(kNote, "\n1234\n", "\n1235\n")), kDataLoss);
  EXPECT_FALSE(GcmOpen(std::string(32, 'k'), std::string(12, 'n'), "",
                       std::string(20, 's'))
                   .ok());
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace baton
