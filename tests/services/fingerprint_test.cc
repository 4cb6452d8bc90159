#include "services/broker/fingerprint.h"

#include "gtest/gtest.h"

namespace baton {
namespace {

v1::Message Text(const std::string& text) {
  v1::Message message;
  message.set_idempotency_key("01JD0000000000000000000000");
  message.add_payload()->set_content(text);
  return message;
}

v1::Agency Hospital(const std::string& code) {
  v1::Agency agency;
  agency.set_agency_class(v1::AGENCY_CLASS_EMERGENCY);
  agency.set_code(code);
  return agency;
}

TEST(FingerprintTest, SaysWhetherTheContentIsTheSame) {
  const Fingerprint one = FingerprintOf("key", Hospital("RX1RA"), Text("a"));
  const Fingerprint same = FingerprintOf("key", Hospital("RX1RA"), Text("a"));
  const Fingerprint other = FingerprintOf("key", Hospital("RX1RA"), Text("b"));
  EXPECT_EQ(one.content_hmac.size(), Fingerprint::kHmacBytes);
  EXPECT_EQ(one.content_hmac, same.content_hmac);
  EXPECT_NE(one.content_hmac, other.content_hmac);
  EXPECT_EQ(one.key, other.key);
}

// A short text can be guessed from a plain digest, also after its erasure.
TEST(FingerprintTest, CannotBeMadeWithoutTheContentKey) {
  const Fingerprint one = FingerprintOf("key", Hospital("RX1RA"), Text("a"));
  const Fingerprint other = FingerprintOf("KEY", Hospital("RX1RA"), Text("a"));
  EXPECT_NE(one.content_hmac, other.content_hmac);
}

TEST(FingerprintTest, AKeyIsItsSenders) {
  EXPECT_NE(FingerprintOf("key", Hospital("RX1RA"), Text("a")).key,
            FingerprintOf("key", Hospital("RX1RB"), Text("a")).key);
}

}  // namespace
}  // namespace baton
