#include "storage/crypto.h"

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <random>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/random.h"

namespace baton {
namespace {

std::string Hex(absl::string_view bytes) {
  return absl::BytesToHexString(bytes);
}
std::string Hex(const Hash& hash) { return Hex(AsBytes(hash)); }
std::string Unhex(absl::string_view hex) { return absl::HexStringToBytes(hex); }

// Every copy of `bytes` with one bit turned over.
std::vector<std::string> Damaged(const std::string& bytes) {
  std::vector<std::string> copies;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    copies.push_back(bytes);
    copies.back()[bit / 8] ^= 1 << bit % 8;
  }
  return copies;
}

TEST(CryptoTest, Sha256GivesThePublishedDigests) {
  EXPECT_EQ(Hex(Sha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(
      Hex(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(CryptoTest, Sha256OfAStreamIsThatOfItsPieces) {
  Sha256Stream stream;
  for (const char* piece : {"a", "", "bc"}) stream.Update(piece);
  EXPECT_EQ(stream.Finish(), Sha256("abc"));
  EXPECT_EQ(Sha256Stream().Finish(), Sha256(""));
}

TEST(CryptoTest, Sha256OfPartsIsThatOfTheirConcatenation) {
  EXPECT_EQ(Sha256({"a", "", "bc"}), Sha256("abc"));
  EXPECT_EQ(Sha256(std::initializer_list<absl::string_view>{}), Sha256(""));
}

// RFC 4231, cases 1, 2, 3 and 6 (a key longer than a block).
TEST(CryptoTest, HmacGivesThePublishedCodes) {
  EXPECT_EQ(Hex(HmacSha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(HmacSha256(std::string(20, '\xaa'), std::string(50, '\xdd'))),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(
      Hex(HmacSha256(std::string(131, '\xaa'),
                     "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(CryptoTest, AnEmptyHmacKeyIsNotTheKeyOfTheLastCall) {
  constexpr char kEmptyKeyAndData[] =
      "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad";
  HmacSha256("another key", "data");
  EXPECT_EQ(Hex(HmacSha256("", "")), kEmptyKeyAndData);
  HmacSha256("another key", "data");
  EXPECT_EQ(Hex(HmacSha256(absl::string_view(), absl::string_view())),
            kEmptyKeyAndData);
}

// RFC 5869, case 3: no salt, no info; the first 32 bytes of its output.
TEST(CryptoTest, HkdfGivesThePublishedKey) {
  EXPECT_EQ(Hex(Hkdf(std::string(22, '\x0b'), "")),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

std::string OpenSslHkdf(const std::string& key, const std::string& info) {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr);
  std::string out(32, '\0');
  size_t size = out.size();
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  EXPECT_EQ(EVP_PKEY_derive_init(context), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_hkdf_md(context, EVP_sha256()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set1_hkdf_key(context, bytes(key), key.size()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_add1_hkdf_info(context, bytes(info), info.size()), 1);
  EXPECT_EQ(EVP_PKEY_derive(
                context, reinterpret_cast<unsigned char*>(out.data()), &size),
            1);
  EVP_PKEY_CTX_free(context);
  return out;
}

TEST(CryptoTest, HkdfAgreesWithOpenSsl) {
  SystemRandom random;
  for (const size_t info_size : {0, 1, 31, 64, 200}) {
    const std::string key = random.Bytes(32);
    const std::string info = random.Bytes(info_size);
    EXPECT_EQ(Hex(Hkdf(key, info)), Hex(OpenSslHkdf(key, info)));
  }
}

TEST(CryptoTest, HashFromBytesTakes32Bytes) {
  const Hash hash = Sha256("abc");
  EXPECT_EQ(*HashFromBytes(AsBytes(hash)), hash);
  for (const size_t size : {0, 31, 33}) {
    EXPECT_EQ(HashFromBytes(std::string(size, 'x')).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

// The GCM specification's test cases 13, 14 and 16.
TEST(CryptoTest, GcmGivesThePublishedCiphertexts) {
  const std::string zeros(32, '\0');
  const std::string zero_nonce(12, '\0');
  EXPECT_EQ(Hex(GcmSeal(zeros, zero_nonce, "", "")),
            "530f8afbc74536b9a963b4f1c4cb738b");
  EXPECT_EQ(Hex(GcmSeal(zeros, zero_nonce, "", std::string(16, '\0'))),
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
  EXPECT_EQ(
      Hex(GcmSeal(
          Unhex("feffe9928665731c6d6a8f9467308308"
                "feffe9928665731c6d6a8f9467308308"),
          Unhex("cafebabefacedbaddecaf888"),
          Unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"),
          Unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a"
                "721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"))),
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
}

TEST(CryptoTest, GcmOpensWhatItSealed) {
  SystemRandom random;
  const std::string key = random.Bytes(32);
  const std::string nonce = random.Bytes(12);
  for (const size_t size : {0, 1, 15, 16, 17, 1000, 262144}) {
    const std::string plain = random.Bytes(size);
    const auto opened =
        GcmOpen(key, nonce, "aad", GcmSeal(key, nonce, "aad", plain));
    ASSERT_TRUE(opened.ok()) << size;
    EXPECT_EQ(*opened, plain);
  }
}

TEST(CryptoTest, GcmRefusesEveryDamagedBit) {
  SystemRandom random;
  const std::string key = random.Bytes(32);
  const std::string nonce = random.Bytes(12);
  const std::string aad = "where it belongs";
  const std::string sealed = GcmSeal(key, nonce, aad, "a few words");
  const auto refused = [](const absl::StatusOr<std::string>& opened) {
    return opened.status().code() == absl::StatusCode::kDataLoss;
  };
  for (const std::string& bad : Damaged(sealed)) {
    EXPECT_TRUE(refused(GcmOpen(key, nonce, aad, bad)));
  }
  for (const std::string& bad : Damaged(key)) {
    EXPECT_TRUE(refused(GcmOpen(bad, nonce, aad, sealed)));
  }
  for (const std::string& bad : Damaged(nonce)) {
    EXPECT_TRUE(refused(GcmOpen(key, bad, aad, sealed)));
  }
  for (const std::string& bad : Damaged(aad)) {
    EXPECT_TRUE(refused(GcmOpen(key, nonce, bad, sealed)));
  }
}

TEST(CryptoTest, GcmRefusesWrongSizes) {
  const std::string key(32, 'k');
  const std::string nonce(12, 'n');
  const std::string sealed = GcmSeal(key, nonce, "", "words");
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(GcmOpen(key, nonce, "", sealed.substr(0, size)).ok());
  }
  EXPECT_FALSE(GcmOpen(key, nonce, "", absl::StrCat(sealed, "x")).ok());
  EXPECT_FALSE(GcmOpen(key.substr(1), nonce, "", sealed).ok());
  EXPECT_FALSE(GcmOpen(key, nonce.substr(1), "", sealed).ok());
  // A refusal leaves nothing behind that breaks the next use.
  EXPECT_EQ(*GcmOpen(key, nonce, "", sealed), "words");
}

TEST(CryptoTest, ThreadsDoNotDisturbEachOther) {
  const Hash hash = Sha256("abc");
  const Hash code = HmacSha256("key", "abc");
  const std::string key(32, 'k');
  const std::string nonce(12, 'n');
  const std::string sealed = GcmSeal(key, nonce, "aad", "words");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        EXPECT_EQ(Sha256("abc"), hash);
        EXPECT_EQ(HmacSha256("key", "abc"), code);
        EXPECT_EQ(GcmSeal(key, nonce, "aad", "words"), sealed);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(RandomTest, BytesDiffer) {
  SystemRandom random;
  EXPECT_EQ(random.Bytes(0), "");
  EXPECT_EQ(random.Bytes(33).size(), 33u);
  EXPECT_NE(random.Bytes(32), random.Bytes(32));
}

}  // namespace
}  // namespace baton
