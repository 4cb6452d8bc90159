#ifndef BATON_TESTS_SUPPORT_TEST_CERTIFICATES_H_
#define BATON_TESTS_SUPPORT_TEST_CERTIFICATES_H_

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "baton/v1/config.pb.h"
#include "gtest/gtest.h"
#include "tests/support/source_file.h"
#include "tests/support/temp_dir.h"

namespace baton {

// What deploy/make-certs makes, in a directory that lives as long as this
// object: the certificates and keys of a small exchange and, in bad/, some that
// must be refused.
class TestCertificates {
 public:
  explicit TestCertificates(const std::string& trust_domain = "baton.test") {
    const std::string make =
        absl::StrCat(SourceFile("deploy/make-certs"), " ", path(),
                     " --bad --trust-domain ", trust_domain, " >/dev/null");
    EXPECT_EQ(std::system(make.c_str()), 0) << make;
  }

  const std::string& path() const { return dir_.path(); }
  std::string operator/(const std::string& name) const { return dir_ / name; }

  // What the agency whose certificate has this name, such as
  // "emergency-RX1RA", configures.
  v1::TlsConfig FilesOf(const std::string& name) const {
    v1::TlsConfig tls;
    tls.set_ca_file(dir_ / "ca.pem");
    tls.set_certificate_file(dir_ / (name + ".pem"));
    tls.set_key_file(dir_ / (name + ".key"));
    return tls;
  }

 private:
  const TempDir dir_;
};

}  // namespace baton

#endif  // BATON_TESTS_SUPPORT_TEST_CERTIFICATES_H_
