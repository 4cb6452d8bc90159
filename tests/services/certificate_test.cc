#include "services/common/certificate.h"

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/text_config.h"
#include "tests/support/test_certificates.h"

namespace baton {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CertificateTest : public testing::Test {
 protected:
  std::string Pem(const std::string& name) {
    return ReadFile(certs_ / (name + ".pem")).value();
  }
  Certificate Of(const std::string& name) {
    return ReadCertificate(Pem(name)).value();
  }

  const TestCertificates certs_;
};

TEST_F(CertificateTest, SaysWhoseItIsAndFromWhenToWhen) {
  const Certificate hospital = Of("emergency-RX1RA");
  EXPECT_THAT(hospital.spiffe_uris,
              ElementsAre("spiffe://baton.test/agency/emergency/RX1RA"));
  const absl::Time now = absl::Now();
  EXPECT_LT(hospital.not_before, now);
  EXPECT_GT(hospital.not_before, now - absl::Hours(2));
  EXPECT_GT(hospital.not_after, now + absl::Hours(24 * 364));
  EXPECT_LT(hospital.not_after, now + absl::Hours(24 * 366));
  EXPECT_LT(Of("bad/expired").not_after, now);
  EXPECT_THAT(Of("bad/two-uris").spiffe_uris, SizeIs(2));
  EXPECT_THAT(Of("bad/no-uri").spiffe_uris, IsEmpty());
}

TEST_F(CertificateTest, OnlyTheFirstOfAChainIsRead) {
  const std::string chain = Pem("emergency-RX1RA") + Pem("ca");
  EXPECT_THAT(ReadCertificate(chain)->spiffe_uris, SizeIs(1));
  EXPECT_THAT(SpiffeUris(chain), SizeIs(2));
}

TEST_F(CertificateTest, TextThatIsNoneIsRefused) {
  for (const char* text : {"", "not PEM", "-----BEGIN CERTIFICATE-----\nx\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ReadCertificate(text).status()));
    EXPECT_TRUE(absl::IsInvalidArgument(CheckAuthority(text, Pem("ca"))));
    EXPECT_TRUE(absl::IsInvalidArgument(CheckServerName(text, "localhost")));
  }
}

TEST_F(CertificateTest, AnAuthorityVouchesForItsOwnWhateverTheDate) {
  EXPECT_TRUE(CheckAuthority(Pem("emergency-RX1RA"), Pem("ca")).ok());
  EXPECT_TRUE(CheckAuthority(Pem("bad/expired"), Pem("ca")).ok());
  EXPECT_FALSE(CheckAuthority(Pem("bad/foreign"), Pem("ca")).ok());
  EXPECT_FALSE(CheckAuthority(Pem("emergency-RX1RA"), Pem("bad/ca")).ok());
  EXPECT_TRUE(
      CheckAuthority(Pem("bad/foreign"), Pem("ca") + Pem("bad/ca")).ok());
}

TEST_F(CertificateTest, NamesItsHost) {
  const std::string pem = Pem("exchange-baton");
  EXPECT_TRUE(CheckServerName(pem, "localhost").ok());
  EXPECT_TRUE(CheckServerName(pem, "127.0.0.1").ok());
  EXPECT_FALSE(CheckServerName(pem, "elsewhere.example").ok());
  EXPECT_FALSE(CheckServerName(pem, "127.0.0.2").ok());
}

}  // namespace
}  // namespace baton
